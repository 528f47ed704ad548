"""Slot plans: lengths, what is given, what cannot be worn together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphfit.data.items import CATEGORIES, Catalogue, Item, Outfit
from graphfit.plans import SlotPlans, is_dressed, is_wearable

ALL = [category for category in CATEGORIES if category != "unknown"]


@given(st.sampled_from(CATEGORIES), st.integers(2, 5), st.integers(0, 3), st.integers(1, 12))
def test_plans_keep_length_and_query_and_can_be_worn(category, fewest, more, count):
    plans = SlotPlans.usual().around([category], (fewest, fewest + more), available=ALL, count=count)
    assert len(plans) == len(set(plans)) <= count
    for plan in plans:
        assert fewest <= len(plan) + 1 <= fewest + more
        assert is_wearable([category, *plan])


@pytest.mark.parametrize(
    "plan",
    [("all-body", "tops"), ("all-body", "bottoms"), ("shoes", "shoes"), ("bags", "bags"), ("jewellery",) * 4],
)
def test_what_excludes_each_other_is_not_worn_together(plan):
    assert not is_wearable(plan)
    assert is_wearable(plan[:1])


def test_the_shortest_outfits_keep_what_is_needed_most():
    assert SlotPlans.usual().around(["tops"], (3, 3), available=ALL, count=1) == [("bottoms", "shoes")]
    assert SlotPlans.usual().around(["all-body"], (3, 3), available=ALL, count=1) == [("shoes", "bags")]


@pytest.mark.parametrize("category", ALL)
def test_three_garments_can_clothe_a_person_around_anything(category):
    plans = SlotPlans.usual().around([category], (3, 3), available=ALL, dressed=True)
    assert plans
    assert all(is_dressed([category, *plan]) for plan in plans)


def test_a_bag_with_top_and_skirt_is_no_whole_outfit():
    assert not is_dressed(["bags", "tops", "bottoms"])
    assert not is_dressed(["bags", "tops", "shoes"])
    assert is_dressed(["bags", "all-body", "shoes"])
    assert is_dressed(["tops", "bottoms", "shoes"])


def test_lengths_take_turns():
    plans = SlotPlans.usual().around(["tops"], (3, 6), available=ALL, count=4)
    assert sorted(len(plan) for plan in plans) == [2, 3, 4, 5]


def test_kept_categories_are_in_every_plan():
    for plan in SlotPlans.usual().around(["tops"], (3, 5), available=ALL, keep=["hats"], count=8):
        assert "hats" in plan


def test_categories_that_are_not_there_are_left_out():
    plans = SlotPlans.usual().around(["tops"], (3, 4), available=["bottoms", "shoes", "hats"], count=20)
    assert plans
    assert {slot for plan in plans for slot in plan} <= {"bottoms", "shoes", "hats"}


def test_there_is_no_plan_for_what_cannot_be():
    assert SlotPlans.usual().around(["shoes", "shoes"], (3, 6), available=ALL) == []
    assert SlotPlans.usual().around(["tops"], (3, 3), available=ALL, keep=["shoes", "bags", "hats"]) == []


def test_plans_are_counted_from_outfits_and_drawn_by_frequency():
    items = tuple(Item(f"{category}{number}", category=category) for category in ALL for number in range(2))
    shop = Catalogue("shop", items)
    often = Outfit("a", ("tops0", "bottoms0", "shoes0"))
    rare = Outfit("b", ("tops1", "bottoms1", "hats0"))
    unwearable = Outfit("c", ("all-body0", "bottoms1", "hats0"))
    plans = SlotPlans.from_outfits([often, often, often, rare, unwearable], shop)
    assert dict(plans.counts) == {("tops", "bottoms", "shoes"): 3, ("tops", "bottoms", "hats"): 1}
    firsts = [
        plans.around(["tops"], (3, 3), available=ALL, count=1, generator=np.random.default_rng(seed))[0]
        for seed in range(200)
    ]
    assert 0.6 < firsts.count(("bottoms", "shoes")) / 200 < 0.88
