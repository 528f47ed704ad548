from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphfit.config import NegativeConfig
from graphfit.data.items import Catalogue, Item
from graphfit.data.tasks import OutfitData
from graphfit.negatives import Corrupter, background_groups, places_to_replace, training_groups


@given(st.integers(0, 60))
def test_corruptions_keep_size_and_category_and_are_no_real_outfit(data: OutfitData, seed: int) -> None:
    sets = data.sets("train")
    corrupter = Corrupter.build(data.catalogue, sets)
    groups = training_groups([seed], sets, corrupter, NegativeConfig(), np.random.default_rng(seed))
    real = {frozenset(one) for one in sets}
    items = data.catalogue.items
    for group in groups:
        shown, *corrupted = group.sets
        assert set(shown) <= set(sets[group.outfit])
        assert len(corrupted) == NegativeConfig().per_positive
        for one in corrupted:
            assert len(set(one)) == len(shown)
            assert [items[i].fine for i in one] == [items[i].fine for i in shown]
            assert frozenset(one) not in real


def test_replacements_come_from_the_own_split_only(data: OutfitData) -> None:
    sets = data.sets("valid")
    corrupter = Corrupter.build(data.catalogue, sets)
    groups = training_groups(range(len(sets)), sets, corrupter, NegativeConfig(), np.random.default_rng(0))
    own = {item for one in sets for item in one}
    assert {item for group in groups for one in group.sets for item in one} <= own


def test_no_item_of_the_same_outfit_takes_a_place_in_it() -> None:
    catalogue = Catalogue("shoes", tuple(Item(str(n), category="shoes") for n in range(6)))
    outfit = (0, 1, 2)
    corrupter = Corrupter.build(catalogue, [outfit, (3, 4, 5)])
    for seed in range(30):
        corrupted = corrupter.corrupt(outfit, [True, False, False], np.random.default_rng(seed))
        assert corrupted is not None
        assert corrupted[0] in (3, 4, 5)
        assert corrupted[1:] == (1, 2)


def test_popular_items_are_drawn_in_proportion() -> None:
    catalogue = Catalogue("bags", tuple(Item(str(n), category="bags") for n in range(3)))
    corrupter = Corrupter.build(catalogue, [(0,), (1,), (1,), (1,), (2,)])
    generator = np.random.default_rng(0)
    drawn = np.bincount([corrupter.draw(0, generator) for _ in range(5000)])
    np.testing.assert_allclose(drawn / 5000, [0.2, 0.6, 0.2], atol=0.02)


def test_replacements_match_in_background() -> None:
    catalogue = Catalogue("bags", tuple(Item(str(n), category="bags") for n in range(6)))
    groups = np.array([0, 0, 0, 1, 1, 1])
    corrupter = Corrupter.build(catalogue, [(n,) for n in range(6)], groups)
    generator = np.random.default_rng(0)
    assert {corrupter.draw(0, generator) for _ in range(100)} == {0, 1, 2}


def test_backgrounds_are_alike_if_one_cannot_tell_them_apart() -> None:
    backgrounds = np.array([[96.0, 0.0, 0.0], [96.5, 0.4, -0.3], [84.0, 0.0, 0.0], [96.0, 0.0, 18.0]], dtype=np.float32)
    groups = background_groups(backgrounds, 4)
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3
    assert background_groups(None, 3).tolist() == [0, 0, 0]


def test_an_item_without_alternatives_leaves_nothing_to_corrupt() -> None:
    catalogue = Catalogue("pair", (Item("hat", category="hats"), Item("bag", category="bags")))
    corrupter = Corrupter.build(catalogue, [(0, 1)])
    assert corrupter.corrupt((0, 1), [True, True], np.random.default_rng(0)) is None


def test_all_one_or_some_items_are_replaced_in_the_wanted_shares() -> None:
    config, generator = NegativeConfig(whole=0.4, single=0.3), np.random.default_rng(0)
    counts = np.bincount([sum(places_to_replace(5, config, generator)) for _ in range(4000)], minlength=6) / 4000
    # Of the rest, 30 %, a third each has two, three and four replaced.
    np.testing.assert_allclose(counts, [0, 0.3, 0.1, 0.1, 0.1, 0.4], atol=0.03)


def test_parts_of_outfits_keep_three_items(data: OutfitData) -> None:
    sets = data.sets("train")
    config = replace(NegativeConfig(), subset=1.0)
    corrupter = Corrupter.build(data.catalogue, sets)
    groups = training_groups(range(len(sets)), sets, corrupter, config, np.random.default_rng(0))
    assert all(3 <= len(group.sets[0]) <= len(sets[group.outfit]) for group in groups)
    assert all(group.whole == (len(group.sets[0]) == len(sets[group.outfit])) for group in groups)
    assert any(not group.whole for group in groups)
