import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from openlt.data import dataset_info, load_data
from openlt.data.listed import load
from openlt.data.registry import DatasetInfo


def picture(path: Path, level: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.write(path, np.full((6, 5, 3), level, np.uint8))


def small_places(root: Path) -> DatasetInfo:
    """Draw a set of two classes in the form of Places-LT: the list of one form beside the pictures of the other."""
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": [], "open": []}
    for label, (name, nested) in enumerate([("airfield", "airfield"), ("pub-indoor", "pub/indoor")]):
        for row in range(12 - 6 * label):
            split = "val" if row == 0 else "train"
            picture(root / "train" / name / f"{row}.jpg")
            lines[split].append(f"data_256/{name[0]}/{nested}/{row}.jpg {label}")
        picture(root / "val" / name / f"V_{label}.jpg")
        lines["test"].append(f"val_256/V_{label}.jpg {label}")
    picture(root / "Places_LT_open" / "extra 1.jpg")
    lines["open"].append("extra 1.jpg -1")
    (root / "Places_LT").mkdir()
    for split, each in lines.items():
        (root / "Places_LT" / f"Places_LT_{split}.txt").write_text("\n".join(each) + "\n")
    return replace(
        dataset_info("places-lt"),
        num_classes=2,
        sizes={"train": 16, "val": 2, "test": 2, "open": 1},
        extremes=(11, 5),
        bands={"paper": (0, 0, 2), "reference": (0, 0, 2)},
    )


def test_a_set_in_the_form_of_places_is_read_from_the_other_layout(tmp_path: Path) -> None:
    info = small_places(tmp_path)
    data = load(info, root=tmp_path, lists=None)
    assert data.classes == ("airfield", "pub-indoor")
    assert data.counts.tolist() == [11, 5]
    assert data.splits["train"].paths[-1] == str(tmp_path / "train/pub-indoor/5.jpg")
    assert data.splits["test"].paths == (
        str(tmp_path / "val/airfield/V_0.jpg"),
        str(tmp_path / "val/pub-indoor/V_1.jpg"),
    )
    assert data.splits["open"].paths == (str(tmp_path / "Places_LT_open/extra 1.jpg"),)
    assert data.splits["open"].labels.tolist() == [-1]
    assert set(data.digests) == {"train", "val", "test", "open"}


def test_the_root_may_hold_several_sets_and_the_lists_may_lie_elsewhere(tmp_path: Path) -> None:
    info = small_places(tmp_path / "all" / "places365_standard")
    (tmp_path / "all/places365_standard/Places_LT").rename(tmp_path / "lists")
    (tmp_path / "all/places365_standard/Places_LT_open").rename(tmp_path / "lists/Places_LT_open")
    data = load(info, root=tmp_path / "all", lists=tmp_path / "lists")
    assert data.splits["train"].paths[0].startswith(str(tmp_path / "all/places365_standard/train/"))
    assert data.has_open


def test_without_open_pictures_the_rest_is_read_and_only_asking_for_them_is_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    info = small_places(tmp_path)
    (tmp_path / "Places_LT_open/extra 1.jpg").unlink()
    with caplog.at_level(logging.WARNING):
        data = load(info, root=tmp_path, lists=None)
    assert not data.has_open
    assert "open pictures are not there" in caplog.text
    with pytest.raises(InputError, match="1 of the 1 open pictures are missing"):
        load(info, root=tmp_path, lists=None, need_open=True)


def test_nothing_given_says_what_to_give_where_to_get_it_and_how_to_check() -> None:
    with pytest.raises(InputError) as caught:
        load_data("places-lt", root=None)
    message = str(caught.value)
    for part in (
        "Places-LT cannot be used",
        "no folder was given",
        "--data-root DIR",
        "OPENLT_DATA_ROOT",
        "Places_LT_{train,val,test,open}.txt",
        "http://places2.csail.mit.edu",
        "https://github.com/zhmiao/OpenLongTailRecognition-OLTR",
        "DIR/train/<class>/*.jpg",
        "openlt datasets verify places-lt --data-root DIR",
    ):
        assert part in message


def test_pictures_without_lists_are_told_apart_from_nothing_at_all(tmp_path: Path) -> None:
    for label in range(3):
        picture(tmp_path / "train" / f"class{label}" / "1.jpg")
    with pytest.raises(InputError) as caught:
        load_data("places-lt", root=tmp_path)
    message = str(caught.value)
    assert "no Places_LT_train.txt" in message
    assert f"{tmp_path}/train/ with 3 folders" in message
    assert f"openlt datasets verify places-lt --data-root {tmp_path}" in message


def test_a_folder_that_is_not_there_an_empty_one_and_a_packed_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        load_data("places-lt", root=tmp_path / "nowhere")
    with pytest.raises(InputError, match=f"{tmp_path} is empty"):
        load_data("places-lt", root=tmp_path)
    (tmp_path / "places365standard_easyformat.tar").touch()
    with pytest.raises(InputError, match=r"easyformat.tar, which is not unpacked"):
        load_data("places-lt", root=tmp_path)


def test_lists_without_pictures_name_the_first_five_and_the_total(tmp_path: Path) -> None:
    info = small_places(tmp_path)
    for file in (tmp_path / "train" / "airfield").iterdir():
        file.unlink()
    with pytest.raises(InputError) as caught:
        load(info, root=tmp_path, lists=None)
    message = str(caught.value)
    assert "11 of the 16 train pictures are missing" in message
    assert "1 of the 2 val pictures are missing" in message
    assert message.count("  train: ") == 5
    assert f"train: {tmp_path}/train/airfield/1.jpg" in message


def test_a_picture_that_does_not_decode_is_named(tmp_path: Path) -> None:
    info = small_places(tmp_path)
    (tmp_path / "train/airfield/3.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(InputError, match=r"1 of 16 train pictures cannot be decoded(.|\n)*airfield/3.jpg"):
        load(info, root=tmp_path, lists=None)
    assert len(load(info, root=tmp_path, lists=None, verify="off").splits["train"]) == 16


def test_lists_of_another_size_are_refused(tmp_path: Path) -> None:
    small_places(tmp_path)
    with pytest.raises(InputError) as caught:
        load_data("places-lt", root=tmp_path)
    message = str(caught.value)
    assert "Places_LT_train.txt has 16 lines; Places-LT has 62,500" in message
    assert "has 2 classes, not 365" in message
    assert "bands of 0 / 0 / 2 classes by the rule 'paper'; Places-LT has 131 / 163 / 71" in message
    assert "11 to 5 pictures a class, not 4980 to 5" in message


def test_an_unknown_copy_with_the_right_counts_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    info = small_places(tmp_path)
    with caplog.at_level(logging.WARNING):
        load(info, root=tmp_path, lists=None)
    assert "Places_LT_train.txt is no known copy" in caplog.text


def test_own_lists_are_read_with_pictures_listed_twice_and_without_validation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for row in range(10):
        picture(tmp_path / "bilder" / "ä b" / f"{row}.png")
    rows = [f"bilder/ä b/{row}.png {row % 2}" for row in range(10)]
    (tmp_path / "mine_train.txt").write_text("\n".join([*rows, rows[0]]) + "\n", encoding="utf-8")
    (tmp_path / "mine_test.txt").write_text(rows[1] + "\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        data = load_data("lists", root=tmp_path)
    assert "mine_train.txt lists 1 pictures more than once" in caplog.text
    assert "1 test pictures are trained on too" in caplog.text
    assert "2 of its 11 training pictures are held out" in caplog.text
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 9, "test": 1, "val": 2}
    assert not set(data.splits["val"].paths) & set(data.splits["train"].paths) - {str(tmp_path / "bilder/ä b/0.png")}


def test_a_wrong_name_gets_the_nearest_one() -> None:
    with pytest.raises(InputError, match="no data set 'Places_LT'; did you mean places-lt"):
        load_data("Places_LT", root=None)


def test_a_set_of_faces_needs_nothing_but_its_training_list(tmp_path: Path) -> None:
    for identity in ("m.01", "m.02"):
        for row in range(5):
            picture(tmp_path / "faces" / identity / f"{row}.jpg")
    lines = [f"faces/m.0{label + 1}/{row}.jpg {label}" for label in range(2) for row in range(5)]
    (tmp_path / "MS1M_LT").mkdir()
    (tmp_path / "MS1M_LT/MS1M_LT_train.txt").write_text("\n".join(lines) + "\n")
    data = load_data("ms1m-lt", root=tmp_path)
    assert data.classes == ("m.01", "m.02")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 8, "val": 2}


def test_a_list_with_a_bad_line_is_named_within_the_message(tmp_path: Path) -> None:
    info = small_places(tmp_path)
    file = tmp_path / "Places_LT/Places_LT_val.txt"
    file.write_text(file.read_text() + "no label here\n")
    with pytest.raises(InputError, match=r"Places_LT_val.txt, line 3: 'no label here' is no path and label"):
        load(info, root=tmp_path, lists=None)
