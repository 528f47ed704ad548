"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from graphfit.cli import main
from hr_common import image
from hr_common.testing import signal_in_write

LINES = (
    "embed pictures --out {out}.npz",
    "score pictures/0.png,pictures/1.png --out {out}.png",
    "style pictures/0.png,pictures/1.png --out {out}.png",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    (tmp_path / "pictures").mkdir()
    for number, colour in enumerate([(200, 30, 30), (20, 20, 120)]):
        picture = np.full((20, 16, 3), 255, np.uint8)
        picture[4:16, 4:12] = colour
        image.write(tmp_path / "pictures" / f"{number}.png", picture)
    (tmp_path / "file.txt").write_text("a file, not a folder")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("line", LINES)
def test_ctrl_c_in_the_middle_of_a_write_ends_with_130_and_leaves_nothing(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, handler = files(folder), signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(os, "fsync", os.fsync)  # put back at the end
    try:
        signal_in_write(1, signal.SIGINT)
        result = CliRunner().invoke(main, line.format(out="out").split())
    finally:
        signal.signal(signal.SIGINT, handler)
    assert result.exit_code == 130, result.output
    assert result.output.splitlines()[-1] == "Interrupted."
    assert files(folder) == before


@pytest.mark.parametrize("line", LINES)
def test_a_place_where_nothing_can_be_written_is_one_line(line: str, folder: Path) -> None:
    before = files(folder)
    result = CliRunner().invoke(main, line.format(out="file.txt/out").split())
    assert result.exit_code in (1, 2), result.output
    assert len([each for each in result.output.splitlines() if each.startswith("Error: ")]) == 1, result.output
    assert "mistake of the program" not in result.output
    assert files(folder) == before
