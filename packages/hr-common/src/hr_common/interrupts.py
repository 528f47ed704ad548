"""Ctrl-C and the request to end, taken where nothing is half done."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class Interrupts:
    """Whether Ctrl-C was pressed."""

    requested = False


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Let the first Ctrl-C be noticed between two steps, where the state is whole; the second ends at once.

    Outside the main thread, where no signal arrives, nothing is changed.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    previous = signal.getsignal(signal.SIGINT)

    def notice(number: int, frame: object) -> None:
        interrupts.requested = True
        signal.signal(signal.SIGINT, previous)
        logger.warning("interrupted; saving after this step")

    signal.signal(signal.SIGINT, notice)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous)


def leave_to_parent(_: int = 0) -> None:
    """Let Ctrl-C pass by a worker process, so that its parent can finish the step: a ``worker_init_fn`` of a loader."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def left_to_parent() -> Iterator[None]:
    """Start processes inside that Ctrl-C passes by from their first moment on, so that they finish what they are at.

    A pool has to be made before that: what multiprocessing starts with its first one lets signals through again.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end what runs inside as Ctrl-C does, so that it leaves nothing behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # The shell's code for a process that was ended by a signal.
    previous = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
