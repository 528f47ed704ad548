import json
from pathlib import Path
from typing import Any

import pytest

from graphfit.data.polyvore import read_categories, read_polyvore
from hr_common.errors import InputError


def write(root: Path, **changes: Any) -> Path:
    """Two outfits of three, in the layout as it is given out."""
    folder = root / "nondisjoint"
    folder.mkdir(parents=True)
    outfits = [
        {"set_id": set_id, "items": [{"item_id": item_id, "index": index} for item_id, index in items]}
        for set_id, items in {
            "100": [("11", 1), ("12", 2), ("13", 4)],
            "200": [("21", 1), ("12", 2), ("23", 3)],
        }.items()
    ]
    metadata = {
        "11": {"url_name": "silk blouse", "title": "", "category_id": "7", "semantic_category": "tops"},
        "12": {"url_name": "", "title": "Jeans", "category_id": "8", "semantic_category": ""},
    }
    question = {"question": ["100_1", "100_4"], "blank_position": 2, "answers": ["200_1", "200_3", "100_2", "200_2"]}
    files = {
        "polyvore_item_metadata.json": json.dumps(metadata),
        "categories.csv": "7,blouse,tops \r\n8,jeans,bottoms\r\n8,jeans,bottoms\r\n",
        "nondisjoint/test.json": json.dumps(outfits),
        "nondisjoint/compatibility_test.txt": "1 100_1 100_2 100_4\n\n0 200_1 100_2 200_3\n",
        "nondisjoint/fill_in_blank_test.json": json.dumps([question]),
    } | changes
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8", newline="")
    return root


def test_ids_of_questions_are_mapped_to_items(tmp_path: Path) -> None:
    data = read_polyvore(write(tmp_path / "po"))
    ids = [item.id for item in data.catalogue]
    assert [tuple(ids[i] for i in one) for one in data.compatibility["test"].sets] == [
        ("11", "12", "13"),
        ("21", "12", "23"),
    ]
    assert data.compatibility["test"].labels.tolist() == [1, 0]
    task = data.fill["test"]
    assert [ids[i] for i in task.questions[0]] == ["11", "13"]
    assert [ids[i] for i in task.answers[0]] == ["21", "23", "12", "12"]


def test_the_right_answer_is_told_by_its_set_and_not_by_its_place(tmp_path: Path) -> None:
    task = read_polyvore(write(tmp_path / "po")).fill["test"]
    assert task.truths.tolist() == [2]
    assert task.blanks.tolist() == [1]
    # The candidate stands in the blank.
    assert task.filled()[2] == (task.questions[0][0], task.answers[0][2], task.questions[0][1])


def test_categories_and_titles_come_from_whatever_file_has_them(tmp_path: Path) -> None:
    catalogue = read_polyvore(write(tmp_path / "po")).catalogue
    assert (catalogue["11"].category, catalogue["11"].fine, catalogue["11"].title) == ("tops", "blouse", "silk blouse")
    assert (catalogue["12"].category, catalogue["12"].title) == ("bottoms", "Jeans")
    assert catalogue["13"].category == "unknown"
    assert catalogue["11"].image == tmp_path / "po" / "images" / "11.jpg"


def test_blanks_and_repeated_rows_of_categories_do_no_harm(tmp_path: Path) -> None:
    assert read_categories(write(tmp_path / "po") / "categories.csv") == {
        "7": ("blouse", "tops"),
        "8": ("jeans", "bottoms"),
    }


def test_files_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    root = write(tmp_path / "po")
    for name in ("compatibility_test.txt", "fill_in_blank_test.json"):
        (root / "nondisjoint" / name).unlink()
    data = read_polyvore(root)
    assert list(data.outfits) == ["test"]
    assert not data.compatibility
    assert not data.fill


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("nondisjoint/compatibility_test.txt", "2 100_1\n", "line 1: expected 0 or 1 and item ids"),
        ("nondisjoint/compatibility_test.txt", "1 100_1 100_3\n", "line 1: 100_3 is no item of this split's outfits"),
        ("nondisjoint/fill_in_blank_test.json", '[{"question": ["100_1"]}]', "question 1: expected question, answers"),
        (
            "nondisjoint/fill_in_blank_test.json",
            '[{"question": ["100_1"], "blank_position": 1, "answers": ["200_1", "200_2"]}]',
            "question 1: 0 answers belong to the outfit",
        ),
        ("nondisjoint/test.json", '[{"set_id": "1"}]', "outfit 1 is not of the form"),
    ],
)
def test_damaged_files_are_refused_with_the_place(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_polyvore(write(tmp_path / "po", **{name: text}))


def test_a_folder_without_outfits_says_where_they_are_had(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no folder nondisjoint.*available from its authors"):
        read_polyvore(tmp_path)


def test_pickled_type_spaces_are_never_opened(tmp_path: Path) -> None:
    root = write(tmp_path / "po")
    (root / "nondisjoint" / "typespaces.p").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert len(read_polyvore(root).outfits["test"]) == 2
