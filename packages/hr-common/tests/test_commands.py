import errno
import logging
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from hr_common.commands import CommandGroup
from hr_common.errors import InputError

PROGRAM = """
import errno, os, sys, time, click
from hr_common.commands import CommandGroup
from hr_common.errors import InputError

@click.group(cls=CommandGroup)
def main():
    pass

@main.command()
@click.argument("what")
def fail(what):
    if what == "input":
        raise InputError("song.wav is too short:\\nfour samples")
    if what == "bug":
        raise KeyError("betas")
    if what == "disk":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/out.wav")
    if what == "wait":
        print("ready", flush=True)
        time.sleep(60)
    if what == "pipe":
        for _ in range(100_000):
            click.echo("a line")

main()
"""


@click.group(cls=CommandGroup)
def group() -> None:
    pass


@group.command()
@click.option("--number", type=int)
@click.option("--what", default="")
def fail(number: int | None, what: str) -> None:
    errors = {
        "input": InputError("bad\nvalue"),
        "lines": InputError("bad value\n  in two lines", keep_lines=True),
        "bug": KeyError("betas"),
        "disk": OSError(errno.ENOSPC, "No space left on device", "/data/out.wav"),
        "abort": click.Abort(),
        "plain": OSError("the download ended early"),
    }
    if what in errors:
        raise errors[what]
    if what == "log":
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger("a.package").log(level, "said")
        logging.getLogger("matplotlib").warning("chatter")
    if what == "term":
        os.kill(os.getpid(), signal.SIGTERM)
    if what == "exit":
        raise click.exceptions.Exit(7)
    click.echo("fine")


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("input", 2, "Error: bad value\n"),
        ("lines", 2, "Error: bad value\n  in two lines\n"),
        ("disk", 1, "Error: No space left on device: /data/out.wav\n"),
        ("plain", 1, "Error: the download ended early\n"),
        ("abort", 130, "Interrupted.\n"),
        ("exit", 7, ""),
        ("", 0, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(what: str, code: int, message: str) -> None:
    result = CliRunner().invoke(group, ["fail", "--what", what])
    assert (result.exit_code, result.stderr) == (code, message)


def test_wrong_usage_exits_with_two() -> None:
    assert CliRunner().invoke(group, ["fail", "--number", "three"]).exit_code == 2
    assert CliRunner().invoke(group, ["nothing"]).exit_code == 2


def test_an_unexpected_error_is_named_in_one_line_that_tells_how_to_see_more() -> None:
    result = CliRunner().invoke(group, ["fail", "--what", "bug"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: unexpected KeyError: 'betas'")
    assert "--debug" in result.stderr
    assert result.stderr.count("\n") == 1


def test_debug_lets_the_traceback_through() -> None:
    result = CliRunner().invoke(group, ["--debug", "fail", "--what", "bug"])
    assert isinstance(result.exception, KeyError)


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        (["-q"], ["ERROR"]),
        ([], ["WARNING", "ERROR"]),
        (["--verbose"], ["INFO", "WARNING", "ERROR"]),
        (["-vv"], ["DEBUG", "INFO", "WARNING", "ERROR"]),
    ],
)
def test_verbosity_settles_what_is_logged(
    options: list[str], levels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a fresh process: pytest's own handlers are taken away.
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    result = CliRunner().invoke(group, [*options, "fail", "--what", "log"])
    assert result.stderr.splitlines() == [f"{level}: said" for level in levels]


def test_sigterm_ends_a_command_and_the_old_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(group, ["fail", "--what", "term"]).exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_debug_of_the_outer_group_holds_in_an_inner_one() -> None:
    @click.group(cls=CommandGroup)
    def outer() -> None:
        pass

    outer.add_command(group, "inner")
    assert isinstance(CliRunner().invoke(outer, ["--debug", "inner", "fail", "--what", "bug"]).exception, KeyError)
    assert CliRunner().invoke(outer, ["inner", "fail", "--what", "input"]).exit_code == 2


def test_an_option_of_the_group_itself_may_refuse_its_value() -> None:
    def refuse(*_: object) -> None:
        raise InputError("no such folder")

    @click.group(cls=CommandGroup)
    @click.option("--root", callback=refuse)
    def strict(root: str) -> None:
        pass

    strict.add_command(fail)
    result = CliRunner().invoke(strict, ["--root", "x", "fail"])
    assert (result.exit_code, result.stderr) == (2, "Error: no such folder\n")


@pytest.mark.parametrize(("what", "code"), [("input", 2), ("bug", 1), ("disk", 1)])
def test_a_script_never_shows_a_traceback(what: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, "fail", what], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_in_a_script_exits_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "fail", "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "Interrupted.\n")


def test_a_closed_pipe_is_silent() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "fail", "pipe"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.stderr == ""


def test_light_modules_load_nothing_heavy() -> None:
    code = (
        "import sys, hr_common, hr_common.errors, hr_common.files, hr_common.config\n"
        "heavy = {'torch', 'av', 'soundfile', 'soxr', 'PIL', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
