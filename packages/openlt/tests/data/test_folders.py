from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from openlt.data import load_data


def drawn(root: Path, names: dict[str, int]) -> None:
    for name, count in names.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for row in range(count):
            image.write(root / name / f"{row:02d}.png", np.full((4, 4, 3), row, np.uint8))


def test_folders_become_splits_with_classes_in_sorted_order(tmp_path: Path) -> None:
    drawn(tmp_path, {"train/zebra": 3, "train/Äffle": 6, "val/zebra": 1, "test/Äffle": 2, "open/x/y": 2, "open_val": 1})
    (tmp_path / "train/zebra/notes.txt").touch()
    (tmp_path / "train/.hidden").mkdir()
    data = load_data("folder", root=tmp_path, verify="full")
    assert data.classes == ("zebra", "Äffle")
    assert data.counts.tolist() == [3, 6]
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 9, "val": 1, "test": 2, "open": 2, "open_val": 1}
    assert data.splits["open"].labels.tolist() == [-1, -1]
    assert data.splits["test"].labels.tolist() == [1, 1]


def test_digests_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    for place in ("here", "there"):
        drawn(tmp_path / place, {"train/a": 3, "train/b": 3, "val/a": 1})
    assert load_data("folder", root=tmp_path / "here").digests == load_data("folder", root=tmp_path / "there").digests


def test_without_validation_a_fifth_of_each_class_is_held_out(tmp_path: Path) -> None:
    drawn(tmp_path, {"train/a": 10, "train/b": 4, "train/c": 5})
    data = load_data("folder", root=tmp_path)
    assert np.bincount(data.splits["val"].labels, minlength=3).tolist() == [2, 0, 1]
    assert data.counts.tolist() == [8, 4, 4]
    assert len({*data.splits["val"].paths, *data.splits["train"].paths}) == 19
    assert load_data("folder", root=tmp_path).splits["val"].paths == data.splits["val"].paths


def test_classes_without_a_split_are_led_to_make_lt(tmp_path: Path) -> None:
    drawn(tmp_path, {"cat": 2, "dog": 2})
    with pytest.raises(InputError, match=r"no folder train/(.|\n)*openlt make-lt --source"):
        load_data("folder", root=tmp_path)


def test_an_empty_class_and_a_stranger_among_the_test_classes_are_named(tmp_path: Path) -> None:
    drawn(tmp_path, {"train/a": 2, "train/b": 0, "test/c": 1})
    with pytest.raises(InputError) as caught:
        load_data("folder", root=tmp_path)
    assert "1 folders of" in str(caught.value)
    assert "hold no pictures: b" in str(caught.value)
    assert "1 classes that train/ does not have (c); strangers belong in open/" in str(caught.value)


def test_one_class_is_too_few(tmp_path: Path) -> None:
    drawn(tmp_path, {"train/a": 2})
    with pytest.raises(InputError, match="has 1 class; a classifier needs two"):
        load_data("folder", root=tmp_path)


def test_no_folder_and_no_open_pictures_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder was given"):
        load_data("folder", root=None)
    drawn(tmp_path, {"train/a": 2, "train/b": 2})
    with pytest.raises(InputError, match="open-set evaluation was asked for"):
        load_data("folder", root=tmp_path, need_open=True)
