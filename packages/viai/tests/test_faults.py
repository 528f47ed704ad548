"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

from pathlib import Path

import numpy as np
import pytest

from hr_common import audio, video
from hr_common.testing import interrupted_faults, unwritable_faults
from viai.cli import main

LINES = (
    "inpaint good.wav --gap 0.1:0.12 --method ar --out {out}.wav",
    "detect good.wav --labels {out}.txt",
    "vocode good.wav --out {out}.wav",
)
# What takes long, what is added to go on, and in which write Ctrl-C is pressed.
LONG = (
    ("prepare videos --preset tiny --no-clean --out {out}", "", 2),
    (
        "evaluate --data clips --weights weights --methods hold --no-sound --gaps {out} --csv {out}.csv",
        "--force",
        2,
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    audio.write(tmp_path / "good.wav", 0.1 * np.sin(np.arange(8_000) / 9)[:, None], 16_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def large_folder(folder: Path, clips_folder: Path, tiny_weights: Path) -> Path:
    """The same with videos, clips and weights."""
    (folder / "clips").symlink_to(clips_folder)
    (folder / "weights").symlink_to(tiny_weights)
    draw = np.random.default_rng(0)
    for name in ("bell", "drum"):
        (folder / "videos" / name).mkdir(parents=True)
        pictures = (draw.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(60))
        sound = 0.1 * draw.standard_normal((16_000 * 5, 1))
        video.write(folder / "videos" / name / "a.mp4", pictures, 12.5, sound=sound, sound_rate=16_000)
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
