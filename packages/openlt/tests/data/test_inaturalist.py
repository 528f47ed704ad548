import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from openlt.data import load_data


def write_set(root: Path, test_category: int = 40) -> None:
    train: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for category, count in ((40, 6), (7, 5)):
        train["categories"].append({"id": category, "name": f"Species {category}"})
        for row in range(count):
            number = 100 * category + row
            train["images"].append({"id": number, "file_name": f"train_val2018/{number}.png"})
            train["annotations"].append({"image_id": number, "category_id": category})
    test = {
        "images": [{"id": 1, "file_name": "train_val2018/1.png"}],
        "annotations": [{"image_id": 1, "category_id": test_category}],
    }
    (root / "train_val2018").mkdir(parents=True)
    for each in [*train["images"], *test["images"]]:
        image.write(root / each["file_name"], np.zeros((3, 3, 3), np.uint8))
    (root / "train2018.json").write_text(json.dumps(train))
    (root / "val2018.json").write_text(json.dumps(test))


def test_annotations_become_splits_with_contiguous_labels(tmp_path: Path) -> None:
    write_set(tmp_path / "inat2018")
    data = load_data("inat2018", root=tmp_path)
    assert data.classes == ("Species 7", "Species 40")
    assert data.counts.tolist() == [4, 5]
    assert data.splits["test"].labels.tolist() == [1]
    assert len(data.splits["val"]) == 2
    assert data.splits["test"].paths == (str(tmp_path / "inat2018/train_val2018/1.png"),)


def test_a_species_that_is_only_tested_on_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, test_category=99)
    with pytest.raises(InputError, match="category 99 has no training picture"):
        load_data("inat2018", root=tmp_path)


def test_missing_and_malformed_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no train2018.json, no val2018.json(.|\n)*visipedia"):
        load_data("inat2018", root=tmp_path)
    write_set(tmp_path)
    (tmp_path / "val2018.json").write_text('{"images": []}')
    with pytest.raises(InputError, match=r"val2018.json: expected `images` with id"):
        load_data("inat2018", root=tmp_path)
