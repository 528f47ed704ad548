"""Work in another process, and signals in the middle of a write."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass


def modules_after(statements: str) -> set[str]:
    """Name the top-level modules that a fresh interpreter has loaded after some statements."""
    report = f"import sys\n{statements}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(run.stderr.splitlines()[-1].split())


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Exit code; the negative number of the signal that killed it."""
    said: str
    """What it wrote to standard error."""


def in_child(work: Callable[[], object], *, largest_file: int | None = None) -> Ended:
    """Run something in a fork of this process, which must not have trained yet: torch cannot do that after a fork.

    Args:
        work: What to do. An exception ends the child with code 1 and its type and message as last line.
        largest_file: Bytes that a file may have there, which stands for a full disk.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            os.dup2(writer, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
            signal.signal(signal.SIGINT, signal.default_int_handler)
            work()
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException as error:  # noqa: BLE001 - the parent says what it was
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said)


def signal_in_write(number: int, signal_number: int) -> None:
    """Send this process a signal when half of its ``number``-th atomic write, counted from 1, is on the disk.

    A write of another thread than the main one, where signals do not arrive, is whole.
    """
    sync, written = os.fsync, 0

    def strike(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written == number:
            if threading.current_thread() is threading.main_thread():
                os.truncate(f"/proc/self/fd/{descriptor}", os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal_number)
        sync(descriptor)

    os.fsync = strike  # type: ignore[assignment]
