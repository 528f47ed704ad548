import json
from pathlib import Path

import pytest

from graphfit.data.maryland import read_maryland
from hr_common.errors import InputError


def write(root: Path) -> Path:
    root.mkdir()
    outfits = [
        {"set_id": "119", "name": "a", "items": [
            {"index": 1, "name": "silk blouse", "price": 30.0, "categoryid": 11},
            {"index": 2, "name": "jeans", "price": -1, "categoryid": 27},
            {"index": 4, "name": "thing", "categoryid": 999},
        ]},
        {"set_id": "220", "name": "b", "items": [
            {"index": 1, "name": "shirt", "categoryid": 11}, {"index": 3, "name": "boots", "categoryid": 41},
        ]},
    ]  # fmt: skip
    question = {"question": ["119_1", "119_4"], "answers": ["119_2", "220_1", "220_3", "220_1"], "blank_position": 3}
    (root / "test_no_dup.json").write_text(json.dumps(outfits), encoding="utf-8")
    (root / "fill_in_blank_test.json").write_text(json.dumps([question]), encoding="utf-8")
    (root / "fashion_compatibility_prediction.txt").write_text("1 119_1 119_2 119_4\n0 220_1 119_2\n", encoding="utf-8")
    (root / "category_id.txt").write_text("11 Tops\n27 Jeans\n41 Boots\n", encoding="utf-8")
    return root


def test_outfits_items_and_tasks_are_read(tmp_path: Path) -> None:
    data = read_maryland(write(tmp_path / "maryland"))
    blouse = data.catalogue["119_1"]
    assert (blouse.category, blouse.fine, blouse.title, blouse.price) == ("tops", "tops", "silk blouse", 30.0)
    assert blouse.image == tmp_path / "maryland" / "images" / "119" / "1.jpg"
    assert data.catalogue["119_2"].price is None
    assert data.catalogue["119_4"].category == "unknown"
    assert [outfit.items for outfit in data.outfits["test"]] == [("119_1", "119_2", "119_4"), ("220_1", "220_3")]
    assert data.compatibility["test"].labels.tolist() == [1, 0]


def test_the_right_answer_is_told_by_its_set_although_it_is_the_first_there(tmp_path: Path) -> None:
    task = read_maryland(write(tmp_path / "maryland")).fill["test"]
    assert task.truths.tolist() == [0]
    # The position counts items that were left out of the outfit.
    assert task.blanks.tolist() == [2]


def test_the_later_file_of_categories_alone_is_read_too(tmp_path: Path) -> None:
    root = write(tmp_path / "maryland")
    (root / "test_no_dup.json").unlink()
    rows = [{"set_id": "7", "items_index": [1, 5], "items_category": [11, 41]}]
    (root / "test_no_dup_new_100.json").write_text(json.dumps(rows), encoding="utf-8")
    for name in ("fill_in_blank_test.json", "fashion_compatibility_prediction.txt"):
        (root / name).unlink()
    data = read_maryland(root)
    assert [item.id for item in data.catalogue] == ["7_1", "7_5"]
    assert data.catalogue["7_5"].category == "shoes"


def test_what_is_not_there_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no outfits of Maryland Polyvore"):
        read_maryland(tmp_path)
    root = write(tmp_path / "maryland")
    (root / "test_no_dup.json").write_text('[{"items": [{"index": 1}]}]', encoding="utf-8")
    with pytest.raises(InputError, match="outfit 1 lacks set_id"):
        read_maryland(root)
