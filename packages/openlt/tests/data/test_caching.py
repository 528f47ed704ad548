from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from openlt.data import load_data
from openlt.data.caching import cache_data


def photos(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 1), ("test", 2), ("open", 1)):
        for label in range(2):
            (root / split / f"class {label}").mkdir(parents=True)
            for row in range(count):
                level = rng.integers(60, 200, 3, dtype=np.uint8)
                size = (40, 60) if row else (10, 12)
                image.write(root / split / f"class {label}" / f"{row}.png", np.full((*size, 3), level, np.uint8))
    return root


def test_copies_are_smaller_and_everything_else_is_the_same(tmp_path: Path) -> None:
    data = load_data("folder", root=photos(tmp_path / "photos"))
    name = cache_data(data, tmp_path / "small", 20, workers=2)
    copy = load_data(name, root=tmp_path / "small", verify="full")
    assert copy.classes == data.classes
    assert set(copy.splits) == set(data.splits)
    for split, original in data.splits.items():
        assert copy.splits[split].labels.tolist() == original.labels.tolist()
        for path, before in zip(copy.splits[split].paths, original.paths, strict=True):
            pixels = image.read(path)
            assert pixels.shape in ((20, 30, 3), (10, 12, 3))
            np.testing.assert_allclose(pixels.mean((0, 1)), image.read(before).mean((0, 1)), atol=3)


def test_a_broken_off_run_goes_on_and_leaves_whole_copies_alone(tmp_path: Path) -> None:
    data = load_data("folder", root=photos(tmp_path / "photos"))
    cache_data(data, tmp_path / "small", 20)
    files = sorted((tmp_path / "small").rglob("*.jpg"))
    files[0].unlink()
    stamp = files[1].stat().st_mtime_ns
    cache_data(data, tmp_path / "small", 20)
    assert files[0].exists()
    assert files[1].stat().st_mtime_ns == stamp


def test_another_size_or_another_folder_is_not_mixed_in(tmp_path: Path) -> None:
    data = load_data("folder", root=photos(tmp_path / "photos"))
    cache_data(data, tmp_path / "small", 20)
    with pytest.raises(InputError, match="holds something else than copies of this set at this size"):
        cache_data(data, tmp_path / "small", 10)
    with pytest.raises(InputError, match="holds something else"):
        cache_data(data, tmp_path / "photos", 20)


def test_embedded_sets_have_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="digits-lt is held in memory"):
        cache_data(load_data("digits-lt", root=None), tmp_path / "out", 20)
