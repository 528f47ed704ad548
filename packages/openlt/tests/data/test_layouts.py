from pathlib import Path

import numpy as np
import pytest

from openlt.data.layouts import class_folders, resolve
from openlt.data.splits import SplitName

CLASSES = ("airfield", "apartment_building-outdoor")
OFFICIAL = ("data_256/a/airfield/1.jpg", "data_256/a/apartment_building/outdoor/2.jpg")
EASY = ("train/airfield/1.jpg", "train/apartment_building-outdoor/2.jpg")
OFFICIAL_TEST = ("val_256/V_1.jpg", "val_256/V_2.jpg")
EASY_TEST = ("val/airfield/V_1.jpg", "val/apartment_building-outdoor/V_2.jpg")
LABELS = np.array([0, 1], np.int64)


def on_disk(root: Path, paths: tuple[str, ...]) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize("written", [OFFICIAL, EASY])
def test_both_forms_of_the_list_name_the_same_classes(written: tuple[str, ...]) -> None:
    assert tuple(class_folders(written, LABELS, 2)) == CLASSES


@pytest.mark.parametrize("written", [OFFICIAL, EASY])
@pytest.mark.parametrize("unpacked", [OFFICIAL, EASY, tuple(f"data_256_standard{path[8:]}" for path in OFFICIAL)])
def test_either_training_list_finds_either_layout(
    tmp_path: Path, written: tuple[str, ...], unpacked: tuple[str, ...]
) -> None:
    on_disk(tmp_path, unpacked)
    found = resolve(
        written, LABELS, split="train", layout="places", folders=class_folders(written, LABELS, 2), roots=[tmp_path]
    )
    assert found.is_found
    assert found.paths == tuple(str(tmp_path / path) for path in unpacked)


@pytest.mark.parametrize("written", [OFFICIAL_TEST, EASY_TEST])
@pytest.mark.parametrize("unpacked", [OFFICIAL_TEST, EASY_TEST, ("val/V_1.jpg", "val/V_2.jpg")])
def test_either_test_list_finds_either_layout(
    tmp_path: Path, written: tuple[str, ...], unpacked: tuple[str, ...]
) -> None:
    on_disk(tmp_path, unpacked)
    found = resolve(written, LABELS, split="test", layout="places", folders=CLASSES, roots=[tmp_path])
    assert found.paths == tuple(str(tmp_path / path) for path in unpacked)


@pytest.mark.parametrize("written", [("val/n01/a.JPEG", "val/n02/b.JPEG"), ("val/a.JPEG", "val/b.JPEG")])
@pytest.mark.parametrize(
    "unpacked",
    [
        ("val/n01/a.JPEG", "val/n02/b.JPEG"),
        ("val/a.JPEG", "val/b.JPEG"),
        ("ILSVRC/Data/CLS-LOC/val/a.JPEG", "ILSVRC/Data/CLS-LOC/val/b.JPEG"),
    ],
)
def test_validation_pictures_of_imagenet_are_found_in_one_folder_or_in_one_a_class(
    tmp_path: Path, written: tuple[str, ...], unpacked: tuple[str, ...]
) -> None:
    on_disk(tmp_path, unpacked)
    found = resolve(written, LABELS, split="test", layout="imagenet", folders=("n01", "n02"), roots=[tmp_path])
    assert found.paths == tuple(str(tmp_path / path) for path in unpacked)


def test_a_missing_picture_stays_in_the_list(tmp_path: Path) -> None:
    on_disk(tmp_path, EASY[1:])
    found = resolve(OFFICIAL, LABELS, split="train", layout="places", folders=CLASSES, roots=[tmp_path])
    assert found.paths == tuple(str(tmp_path / path) for path in EASY)


@pytest.mark.parametrize("split", ["open", "open_val"])
def test_open_pictures_are_found_in_the_first_root_that_has_them(tmp_path: Path, split: SplitName) -> None:
    on_disk(tmp_path / "second", ("x.jpg", "y.jpg"))
    found = resolve(
        ("x.jpg", "y.jpg"),
        np.array([-1, -1], np.int64),
        split=split,
        layout="places",
        folders=CLASSES,
        roots=[tmp_path / "first", tmp_path / "second"],
    )
    assert found.paths[0] == str(tmp_path / "second" / "x.jpg")


def test_nothing_on_disk_is_said_so(tmp_path: Path) -> None:
    assert not resolve(EASY, LABELS, split="train", layout="places", folders=CLASSES, roots=[tmp_path]).is_found
