import pytest

from graphfit.data.items import CATEGORIES, Catalogue, Item, category_of, known_category
from hr_common.errors import InputError


@pytest.mark.parametrize(
    ("word", "category"),
    [
        ("tops", "tops"), ("Leather Jackets", "outerwear"), ("trench coat", "outerwear"), ("dress", "all-body"),
        ("sneakers", "shoes"), ("trousers", "bottoms"), ("handbag", "bags"), ("ALL_BODY", "all-body"),
        ("spaceship", None),
    ],
)  # fmt: skip
def test_words_are_sorted_into_categories(word: str, category: str | None) -> None:
    assert category_of(word) == category


def test_every_category_is_its_own_word() -> None:
    assert all(known_category(category) == category for category in CATEGORIES)


def test_an_unknown_category_is_refused_and_the_valid_ones_are_listed() -> None:
    with pytest.raises(InputError, match=r"unknown category 'toys'; choose one of tops, bottoms"):
        known_category("toys")


def test_an_unknown_id_names_the_nearest() -> None:
    catalogue = Catalogue("shop", (Item("red-dress-1"), Item("red-dress-2"), Item("hat")))
    with pytest.raises(InputError, match=r"shop has no item 'red-dres-1'; the nearest ids are red-dress-1"):
        catalogue["red-dres-1"]
    assert catalogue["hat"].id == "hat"
    assert "hat" in catalogue
    assert "cap" not in catalogue


def test_ids_occur_once() -> None:
    with pytest.raises(InputError, match="1 ids occur more than once, such as 'a'"):
        Catalogue("shop", (Item("a"), Item("a"), Item("b")))


def test_positions_are_listed_by_category() -> None:
    catalogue = Catalogue("shop", (Item("a", category="hats"), Item("b", category="tops"), Item("c", category="hats")))
    assert catalogue.by_category() == {"tops": (1,), "hats": (0, 2)}
