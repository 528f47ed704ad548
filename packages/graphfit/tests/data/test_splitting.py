from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphfit.data.items import Catalogue, Item, Outfit
from graphfit.data.polyvore import read_polyvore
from graphfit.data.splitting import (
    check_splits,
    distinct_outfits,
    every_blank,
    make_tasks,
    split,
    split_outfits,
    twin_clusters,
    write_polyvore,
)
from graphfit.data.tasks import SPLITS
from graphfit.metrics import compatibility_auc
from hr_common.errors import InputError

many = st.lists(st.sets(st.integers(0, 25), min_size=2, max_size=6), min_size=1, max_size=25)


def named(sets: list[set[int]]) -> list[Outfit]:
    return [Outfit(str(number), tuple(map(str, sorted(one)))) for number, one in enumerate(sets)]


@given(many)
def test_clusters_are_those_of_all_pairs_of_twins(sets: list[set[int]]) -> None:
    outfits = named(sets)
    found = twin_clusters(outfits)
    # Straight from the definition: spread the smallest number along all pairs until nothing changes.
    label = list(range(len(sets)))
    for _ in sets:
        for i, j in combinations(range(len(sets)), 2):
            if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.5:
                label[i] = label[j] = min(label[i], label[j])
    for i, j in combinations(range(len(sets)), 2):
        assert (found[i] == found[j]) == (label[i] == label[j])


def test_repetitions_are_dropped_whatever_their_order() -> None:
    outfits = [Outfit("1", ("a", "b")), Outfit("2", ("b", "a")), Outfit("3", ("a", "c"))]
    assert [outfit.id for outfit in distinct_outfits(outfits)] == ["1", "3"]


@pytest.mark.parametrize("kind", ["nondisjoint", "disjoint"])
def test_nothing_leaks_between_splits(wardrobe: Catalogue, outfits: tuple[Outfit, ...], kind: Any) -> None:
    report = split(wardrobe, outfits, kind, shares=(0.6, 0.2, 0.2))
    assert check_splits(report.data.outfits, kind) == []
    assert all(report.data.outfits[name] for name in SPLITS)
    if kind == "nondisjoint":
        assert sum(map(len, report.data.outfits.values())) == len(outfits) - report.repeated
    else:
        assert all(len(outfit.items) >= 3 for chosen in report.data.outfits.values() for outfit in chosen)


def test_the_seed_settles_the_split(outfits: tuple[Outfit, ...]) -> None:
    shares = (0.6, 0.2, 0.2)
    one, same, other = (split_outfits(list(outfits), "disjoint", shares=shares, seed=seed)[0] for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_leaks_are_found() -> None:
    a, b = Outfit("1", ("a", "b", "c")), Outfit("2", ("a", "b", "d"))
    found = check_splits({"train": (a,), "valid": (Outfit("9", a.items),), "test": (b,)}, "disjoint")
    assert found[0] == "1 outfits are in more than one split"
    assert "1 clusters of near-twins" in found[1]
    assert "3 items are in train and in valid, though the split is disjoint" in found[2]
    assert "2 items are in train and in test" in found[3]


def test_every_item_is_asked_for_beside_others_of_its_kind(wardrobe: Catalogue, outfits: tuple[Outfit, ...]) -> None:
    chosen = distinct_outfits(outfits)[:20]
    task = every_blank(wardrobe, chosen, backgrounds=None, seed=0)
    assert len(task.questions) == sum(len(outfit.items) for outfit in chosen)
    real = {frozenset(map(wardrobe.index, outfit.items)) for outfit in chosen}
    for rest, answers, truth in zip(task.questions, task.answers, task.truths.tolist(), strict=True):
        assert frozenset((*rest, answers[truth])) in real
        assert len(set(answers)) == 4
        assert not set(answers) & set(rest)
        assert len({wardrobe.items[one].fine for one in answers}) == 1
    assert every_blank(wardrobe, chosen, backgrounds=None, seed=0).answers == task.answers


def test_tasks_keep_size_and_category_and_the_own_split(wardrobe: Catalogue, outfits: tuple[Outfit, ...]) -> None:
    chosen = distinct_outfits(outfits)[:60]
    task, fill, missing = make_tasks(wardrobe, chosen, backgrounds=None, seed=0)
    own = {wardrobe.index(item) for outfit in chosen for item in outfit.items}
    fines = [item.fine for item in wardrobe]
    assert missing == 0
    assert (task.labels == 1).sum() == (task.labels == 0).sum() == 60
    assert {item for one in task.sets for item in one} <= own
    # Length tells nothing.
    assert compatibility_auc(np.array([-float(len(one)) for one in task.sets]), task.labels) == 0.5
    for rest, answers, truth in zip(fill.questions, fill.answers, fill.truths.tolist(), strict=True):
        assert len({fines[answer] for answer in answers}) == 1
        assert len(set(answers)) == 4
        assert not set(answers) & set(rest)
        assert any({*rest, answers[truth]} == {wardrobe.index(i) for i in outfit.items} for outfit in chosen)
    assert len(set(fill.truths.tolist())) == 4


def test_tasks_match_the_background() -> None:
    items = tuple(Item(f"{kind}{n}", category=kind, fine=kind) for kind in ("tops", "shoes") for n in range(8))
    catalogue = Catalogue("shop", items)
    groups = np.array([n % 2 for n in range(16)])
    outfits = [Outfit(str(n), (f"tops{n}", f"shoes{n}")) for n in range(8)]
    task, fill, _ = make_tasks(catalogue, outfits, backgrounds=groups, seed=0, answers=3)
    assert all(len({int(groups[item]) for item in one}) == 1 for one in task.sets)
    assert all(len({int(groups[item]) for item in answers}) == 1 for answers in fill.answers)


def test_too_few_outfits_are_refused(wardrobe: Catalogue) -> None:
    one = Outfit("1", ("tops-0-0", "shoes-0-0"))
    with pytest.raises(
        InputError, match=r"1 distinct outfits are too few for a nondisjoint split: nothing is left for"
    ):
        split(wardrobe, [one, one], "nondisjoint")


@pytest.mark.parametrize("kind", ["nondisjoint", "disjoint"])
def test_what_is_written_is_read_again(
    tmp_path: Path, wardrobe: Catalogue, outfits: tuple[Outfit, ...], kind: Any
) -> None:
    made = split(wardrobe, outfits, kind, shares=(0.6, 0.2, 0.2)).data
    write_polyvore(tmp_path, made, kind)
    read = read_polyvore(tmp_path, kind)

    def ids(catalogue: Catalogue, one: tuple[int, ...]) -> list[str]:
        return [catalogue.items[item].id for item in one]

    for name in SPLITS:
        assert read.outfits[name] == made.outfits[name]
        for one, other in ((made, read), (read, made)):
            assert one.compatibility[name].labels.tolist() == other.compatibility[name].labels.tolist()
        mine, theirs = made.compatibility[name].sets, read.compatibility[name].sets
        assert [ids(wardrobe, one) for one in mine] == [ids(read.catalogue, one) for one in theirs]
        asked, answered = made.fill[name], read.fill[name]
        assert answered.truths.tolist() == asked.truths.tolist()
        assert answered.blanks.tolist() == asked.blanks.tolist()
        assert [ids(wardrobe, one) for one in asked.filled()] == [ids(read.catalogue, one) for one in answered.filled()]
    assert read.catalogue["tops-0-0"].category == "tops"
