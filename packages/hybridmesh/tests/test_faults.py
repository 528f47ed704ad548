"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.testing import interrupted_faults, unwritable_faults
from hybridmesh.body import BodyModel
from hybridmesh.cli import main
from hybridmesh.config import load_synth
from hybridmesh.data.synthetic import synthesize

LINES = (
    "recover a.jpg --keypoints landmarks.json --preset tiny --body free-lo --out {out}",
    "refine-iuv iuv.png landmarks.json --out {out}.png",
)
# What takes long, what is added to go on, and in which write Ctrl-C is pressed.
LONG = (
    ("synth {out} --preset tiny --count 2,2,2 --body free-lo", "--force", 4),
    ("evaluate mean people --body free-lo --out {out}", "--force", 2),
    (
        "ablate people --test people --preset tiny --body free-lo --inputs iuv --supervisions sparse --out {out}.csv",
        "",
        2,
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    image.write(tmp_path / "a.jpg", np.full((60, 80, 3), 120, np.uint8))
    charts = np.zeros((60, 80, 3), np.uint8)
    charts[10:30, 20:40] = (3, 100, 200)
    image.write(tmp_path / "iuv.png", charts)
    flat = [number for k in range(25) for number in (20.0 + k, 10.0 + k, 0.9)]
    (tmp_path / "landmarks.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": flat}]}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def large_folder(folder: Path, lo: BodyModel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with people, and a clock that stands: the seconds of a training stand in the table."""
    synthesize(lo, [], load_synth("tiny"), count=16, domain="studio", seed=0).save(folder / "people")
    monkeypatch.setattr(time, "process_time", lambda: 0.0)
    return folder


@pytest.mark.parametrize("line", LINES)
def test_ctrl_c_in_the_middle_of_a_write_ends_with_130_and_leaves_nothing(line: str, folder: Path) -> None:
    assert interrupted_faults(main, line) == []


@pytest.mark.parametrize(("line", "more", "write"), LONG)
def test_ctrl_c_in_long_work_leaves_no_halves_and_the_same_command_goes_on(
    line: str, more: str, write: int, large_folder: Path
) -> None:
    assert interrupted_faults(main, line, f"{line} {more}", write=write) == []


@pytest.mark.parametrize("line", LINES)
def test_a_place_where_nothing_can_be_written_is_one_line(line: str, folder: Path) -> None:
    assert unwritable_faults(main, line) == []
