import csv
from pathlib import Path

import numpy as np
import pytest

from gramtex.data.exemplars import list_exemplars
from gramtex.data.procedural import draw
from gramtex.data.stationarity import find_crops, prepare, stationarity
from hr_common import image
from hr_common.errors import InputError


def photograph() -> np.ndarray:
    """Cloth to the right, a bare wall to the left, and something else below."""
    picture = np.full((320, 400, 3), 200, np.uint8)
    picture[:192, 176:] = draw("leopard", (192, 224))
    picture[192:, ::2] = 90
    picture[230:260, 40:300] = (250, 30, 30)
    return picture


def test_cloth_scores_higher_than_cloth_with_an_edge_in_it() -> None:
    cloth = draw("leopard", (128, 128))
    broken = cloth.copy()
    broken[:, 64:] = 180
    assert stationarity(cloth) > stationarity(broken) + 0.5


def test_the_crops_are_where_the_cloth_is() -> None:
    best, *_ = find_crops(photograph(), sides=[128], count=3)
    assert best.left >= 160
    assert best.top + best.side <= 208


def test_crops_hardly_overlap() -> None:
    crops = find_crops(draw("dots", (256, 256)), sides=[128], count=4)
    assert len(crops) == 4
    for index, one in enumerate(crops):
        for other in crops[:index]:
            width = 128 - abs(one.left - other.left)
            height = 128 - abs(one.top - other.top)
            assert max(width, 0) * max(height, 0) <= 0.25 * 128**2


def test_prepare_writes_crops_whose_groups_are_the_photographs(tmp_path: Path) -> None:
    for name in ("a/photo.png", "b/photo.png", "b/tiny.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.write(tmp_path / name, photograph()[: 40 if "tiny" in name else None])
    paths = sorted(tmp_path.rglob("*.png"))
    count, refused = prepare(paths, tmp_path / "out", size=96, per_image=2)
    assert count == 4
    assert list(refused) == [tmp_path / "b/tiny.png"]
    found = list_exemplars(tmp_path / "out")
    assert len({each.group for each in found}) == 2
    assert all(image.read(each.path).shape == (96, 96, 3) for each in found)
    with (tmp_path / "out/manifest.csv").open() as file:
        assert {"crop_x", "crop_y", "crop_size", "score"} <= set(next(csv.DictReader(file)))


def test_photographs_without_a_crop_are_refused(tmp_path: Path) -> None:
    image.write(tmp_path / "tiny.png", photograph()[:40])
    with pytest.raises(InputError, match="no photograph gave a crop; the first: 400 x 40 pixels"):
        prepare([tmp_path / "tiny.png"], tmp_path / "out")
    with pytest.raises(InputError, match="--size 32 is too small"):
        prepare([], tmp_path / "out", size=32)
