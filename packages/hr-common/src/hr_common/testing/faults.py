"""What goes wrong while trainings and commands write: they are killed or interrupted, or nothing can be written."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hr_common.testing.processes import in_child, signal_in_write

if TYPE_CHECKING:
    import click


def training_faults(
    train: Callable[[Path, bool], object], folder: Path, model: str = "model.safetensors", *, writes: Iterable[int]
) -> list[str]:
    """Kill a training in some of its atomic writes, go on, and list what is not as in a run that nothing disturbed.

    Afterwards the disk is full when a run that was cut off goes on: that has to end with an error of the system, leave
    the last state as it was, and be gone on from with room again.

    Args:
        train: Trains into a folder, from the beginning or going on. It is called in forks of this process.
        folder: Where to work.
        model: The weights that a run leaves, in its folder.
        writes: Numbers of the writes that are disturbed, counted from 1.
    """
    from hr_common import weights

    def result(run: Path) -> dict[str, bytes]:
        return {name: each.numpy().tobytes() for name, each in weights.load(run / model)[0].items()}

    whole = in_child(lambda: train(folder / "whole", False))
    if whole.code:
        return [f"undisturbed: {whole.code}: {whole.said}"]
    expected = result(folder / "whole")
    found: list[str] = []
    cut_off: Path | None = None
    for number in writes:
        run = folder / f"killed-{number}"

        def disturbed(run: Path = run, number: int = number) -> None:
            signal_in_write(number, signal.SIGKILL)
            train(run, False)

        ended = in_child(disturbed)
        if ended.code != -signal.SIGKILL:
            found.append(f"killed in write {number}: {ended.code}: {ended.said}")
            continue
        going_on = bool(_states(run))
        if going_on and cut_off is None:
            cut_off = run
            found += _full_disk(train, run)
        ended = in_child(lambda run=run, going_on=going_on: train(run, going_on))  # type: ignore[misc]
        if ended.code:
            found.append(f"killed in write {number}, gone on: {ended.code}: {ended.said}")
        elif result(run) != expected:
            found.append(f"killed in write {number}, gone on: other weights")
        if left := sorted(path.name for path in run.rglob(".*")):
            found.append(f"killed in write {number}, gone on: {', '.join(left)} was left")
    return found if cut_off else [*found, "no state was there to go on from"]


def _states(run: Path) -> list[Path]:
    """List the states to go on from; a kill leaves hidden files beside them."""
    return [path for path in run.rglob("*.pt") if not path.name.startswith(".")]


def _full_disk(train: Callable[[Path, bool], object], run: Path) -> Iterator[str]:
    before = {path.name for path in run.rglob("*")}
    states = {path: path.read_bytes() for path in _states(run)}
    ended = in_child(lambda: train(run, True), largest_file=min(map(len, states.values())) // 2)
    if not (ended.code == 1 and ended.said.splitlines()[-1].startswith("OSError")):
        yield f"full disk: {ended.code}: {json.dumps(ended.said[-300:])}"
    if any(path.read_bytes() != raw for path, raw in states.items()):
        yield "full disk: the last state has changed"
    if left := {path.name for path in run.rglob(".*")} - before:
        yield f"full disk: {', '.join(sorted(left))} was left"


def interrupted_faults(main: click.Command, line: str, again: str | None = None, *, write: int = 1) -> list[str]:
    """Press Ctrl-C when a command has half of a file on the disk, and list what is not as it has to be.

    The command has to end with 130 and say so, and leave no half of a file. Without ``again`` it has to leave nothing
    at all; with it, that command has to go on, and to leave the same files as one that nobody interrupted.

    Args:
        main: The group of commands.
        line: What is typed after its name, with ``{out}`` for what the command shall write. It works in the current
            folder, where everything is looked for that it leaves.
        again: What is typed to go on.
        write: In which of the command's atomic writes, counted from 1.
    """
    before = _files()
    handler, sync = signal.signal(signal.SIGINT, signal.default_int_handler), os.fsync
    try:
        signal_in_write(write, signal.SIGINT)
        code, said = _typed(main, line.format(out="broken-off"))
    finally:
        os.fsync = sync
        signal.signal(signal.SIGINT, handler)
    found = [] if code == 130 and said[-1:] == ["Interrupted."] else [f"interrupted: {code}: {said}"]
    left = _files()
    if again is None:
        return found + [f"{name} was left or changed" for name in _differing(before, left)]
    found += [f"{name} was left" for name in left.keys() - before.keys() if Path(name).name.startswith(".")]
    for words in (line.format(out="undisturbed"), again.format(out="broken-off")):
        code, said = _typed(main, words)
        if code:
            found.append(f"{words}: {code}: {said}")
    whole, mended = (
        {name.replace(out, "{out}"): raw for name, raw in _files().items() if out in name}
        for out in ("undisturbed", "broken-off")
    )
    return found + [f"{name} is not as in a run that nobody interrupted" for name in _differing(whole, mended)]


def unwritable_faults(main: click.Command, line: str) -> list[str]:
    """Let a command write where a file stands in the way, and list what is not as it has to be: one line, nothing left.

    Args:
        main: The group of commands.
        line: What is typed after its name, with ``{out}`` for what the command shall write.
    """
    Path("a-file").write_text("no folder", encoding="utf-8")
    before = _files()
    code, said = _typed(main, line.format(out="a-file/out"))
    errors = [each for each in said if each.startswith("Error: ")]
    found = []
    if code not in (1, 2) or len(errors) != 1 or "mistake of the program" in errors[0]:
        found.append(f"{code}: {said}")
    return found + [f"{name} was left or changed" for name in _differing(before, _files())]


def _typed(main: click.Command, line: str) -> tuple[int, list[str]]:
    from click.testing import CliRunner

    result = CliRunner().invoke(main, shlex.split(line))
    return result.exit_code, result.output.splitlines()


def _files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def _differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
