"""What goes wrong while a command writes: Ctrl-C in the middle of it, and a place where nothing can be written."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from graphfit.cli import main
from graphfit.data.catalogue import read_catalogue
from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from graphfit.features import Features, embed
from hr_common import image
from hr_common.testing import interrupted_faults, unwritable_faults

LINES = (
    "embed pictures --out {out}.npz",
    "score pictures/0.png,pictures/1.png --out {out}.png",
    "style pictures/0.png,pictures/1.png --out {out}.png",
)
# What takes long, what is added to go on, and in which write Ctrl-C is pressed.
LONG = (
    ("index items.npz --catalogue pictures --contexts 10 --steps 2 --out {out}", "--force", 2),
    (
        "evaluate run --data polyvore:data --features data.npz --task compat --baselines none --out {out}.html",
        "",
        1,
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands need."""
    (tmp_path / "pictures").mkdir()
    for number, colour in enumerate([(200, 30, 30), (20, 20, 120)]):
        picture = np.full((20, 16, 3), 255, np.uint8)
        picture[4:16, 4:12] = colour
        image.write(tmp_path / "pictures" / f"{number}.png", picture)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-cache")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def large_folder(folder: Path, run: Path, data: OutfitData, features: Features) -> Path:
    """The same with features, outfits and a run."""
    embed(read_catalogue(folder / "pictures")).save(folder / "items.npz")
    write_polyvore(folder / "data", data, "nondisjoint")
    features.save(folder / "data.npz")
    shutil.copytree(run, folder / "run")
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
