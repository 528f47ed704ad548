"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

from pathlib import Path

import numpy as np
import pytest

from gramtex.cli import main
from hr_common import image
from hr_common.testing import interrupted_faults, unwritable_faults

LINES = (
    "synthesize cloth.png --encoder random-wide --iterations 1 --out {out}.png",
    "tile cloth.png --encoder random-wide --iterations 1 --out {out}.png",
    "prepare photo.png --out {out}",
)
# What takes long, what is added to go on, and in which write Ctrl-C is pressed.
LONG = (("extract photos --encoder random-wide --levels wide3 --out {out}", "", 1),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    image.write(tmp_path / "cloth.png", pixels)
    image.write(tmp_path / "photo.png", np.tile(pixels, (3, 3, 1)))
    (tmp_path / "photos").mkdir()
    for number in range(3):
        image.write(tmp_path / "photos" / f"{number}.png", pixels[:, 10 * number :])
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
