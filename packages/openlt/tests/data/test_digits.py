import numpy as np
from sklearn.datasets import load_digits

from openlt.data import load_data
from openlt.metrics import band_of


def test_the_embedded_set_has_all_bands_and_two_open_classes() -> None:
    data = load_data("digits-lt", root=None)
    assert np.sort(data.counts).tolist() == [5, 8, 12, 19, 30, 47, 73, 115]
    assert np.bincount(band_of(data.counts)).tolist() == [1, 3, 4]
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 309, "val": 160, "test": 320, "open": 180, "open_val": 174}
    assert set(np.bincount(data.splits["test"].labels)) == {40}
    assert set(data.splits["open"].labels) == set(data.splits["open_val"].labels) == {-1}


def test_no_picture_is_in_two_splits_and_pixels_are_those_of_scikit_learn() -> None:
    data = load_data("digits-lt", root=None)
    rows = [path for split in data.splits.values() for path in split.paths]
    assert len(rows) == len(set(rows))
    bunch = load_digits()
    for split in data.splits.values():
        assert split.arrays is not None
        numbers = [int(path.removeprefix("digits/")) for path in split.paths]
        np.testing.assert_allclose(split.arrays[..., 0] / 255 * 16, bunch.images[numbers], atol=16 / 255)
        if not split.name.startswith("open"):
            assert [data.classes[label] for label in split.labels] == [str(digit) for digit in bunch.target[numbers]]


def test_the_cut_is_always_the_same() -> None:
    assert load_data("digits-lt", root=None).digests == load_data("digits-lt", root=None).digests
