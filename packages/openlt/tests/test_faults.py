"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.testing import interrupted_faults, unwritable_faults
from openlt.cli import main

LINES = ("predict --run run pictures/train/a/0.png --out {out}.json",)
# What takes long, what is added to go on, and in which write Ctrl-C is pressed.
LONG = (
    ("cache --dataset folder --data-root pictures --size 4 --out {out}", "", 4),
    ("make-lt --source pictures/train --val-per-class 1 --test-per-class 1 --min 1 --mode copy --out {out}", "", 3),
    ("evaluate --run runs/{out} --save-logits", "", 3),
)


@pytest.fixture
def folder(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    for number, name in enumerate("abcd"):
        (tmp_path / "pictures" / "train" / name).mkdir(parents=True)
        for row in range(6):
            pixels = np.full((8, 8, 3), 60 * number + 10 * row, np.uint8)
            image.write(tmp_path / "pictures" / "train" / name / f"{row}.png", pixels)
    for place in ("run", "runs/undisturbed", "runs/broken-off"):
        shutil.copytree(run, tmp_path / place)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_ctrl_c_in_the_middle_of_a_write_ends_with_130_and_leaves_nothing(line: str, folder: Path) -> None:
    assert interrupted_faults(main, line) == []


@pytest.mark.parametrize(("line", "more", "write"), LONG)
def test_ctrl_c_in_long_work_leaves_no_halves_and_the_same_command_goes_on(
    line: str, more: str, write: int, folder: Path
) -> None:
    assert interrupted_faults(main, line, f"{line} {more}", write=write) == []


@pytest.mark.parametrize("line", LINES)
def test_a_place_where_nothing_can_be_written_is_one_line(line: str, folder: Path) -> None:
    assert unwritable_faults(main, line) == []
