import signal
import subprocess
import sys
import threading

import pytest

from hr_common.interrupts import ended_by_sigterm, interruptible, leave_to_parent, left_to_parent


def test_the_first_ctrl_c_is_only_noticed_and_the_second_one_ends() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with interruptible() as interrupts:
            assert not interrupts.requested
            signal.raise_signal(signal.SIGINT)
            assert interrupts.requested
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_no_handler_is_touched() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    seen = []

    def work() -> None:
        with interruptible() as interrupts, ended_by_sigterm():
            seen.append((interrupts.requested, (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_worker_does_not_hear_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        leave_to_parent(0)
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_passes_by_a_process_from_its_first_moment_on() -> None:
    strike = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('went on')"
    with left_to_parent():
        child = subprocess.run([sys.executable, "-c", strike], capture_output=True, text=True, check=True)
    assert child.stdout == "went on\n"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
