"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hr_common import image
from hr_common.testing import signal_in_write
from hybridmesh.cli import main

LINES = (
    "recover a.jpg --keypoints landmarks.json --out {out}",
    "refine-iuv iuv.png landmarks.json --out {out}.png",
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
