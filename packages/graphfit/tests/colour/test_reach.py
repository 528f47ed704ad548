"""The look-ahead never rules out what can still be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfit.colour.reach import HueStock, Sector, reach
from graphfit.colour.schemes import STYLES, classify_hues

circle = st.lists(st.integers(0, 359), min_size=2, max_size=6)


def clustered(centres, offsets):
    """Hues near some centres, so that examples of the rarer styles occur."""
    return [(centres[place % len(centres)] + offset) % 360 for place, offset in enumerate(offsets)]


outfits = st.one_of(
    circle,
    st.builds(
        lambda turn, offsets, kind: clustered([turn + step for step in kind], offsets),
        st.integers(0, 359),
        st.lists(st.integers(-22, 22), min_size=2, max_size=6),
        st.sampled_from([(0,), (0, 180), (0, 165), (0, 120, 240), (0, 110, 235)]),
    ),
)


@settings(max_examples=400)
@given(outfits, st.data())
def test_every_part_of_an_outfit_of_a_style_can_reach_it(angles, data):
    hues = np.array(angles, float)
    style = classify_hues(hues).style
    size = data.draw(st.integers(0, len(angles)))
    part, rest = hues[:size], hues[size:]
    found = reach(style, part)
    assert found is not None, (style, part)
    assert found.admits(np.stack([rest, np.full_like(rest, np.nan)], axis=1)).all(), (style, part, rest, found)
    for need in found.needed:
        assert any(sector.holds(rest).any() for sector in need), (style, part, rest, need)


@given(st.lists(st.integers(0, 359), min_size=1, max_size=5))
def test_what_is_out_of_reach_does_not_have_the_style(angles):
    hues = np.array(angles, float)
    for style in set(STYLES) - {"same"}:
        found = reach(style, hues, tight=True)
        if found is None:
            assert classify_hues(hues).style != style


def test_needed_sectors_follow_the_rule():
    assert str(reach("complementary", np.array([0.0]), tight=True).needed[0][0]) == "hue 155–205°"
    sides = reach("triadic", np.array([0.0]), tight=True).needed
    assert [str(sector) for (sector,) in sides] == ["hue 215–265°", "hue 95–145°"]
    assert str(reach("triadic", np.array([0.0, 120]), tight=True).needed[0][0]) == "hue 215–265°"
    assert str(reach("other", np.array([0.0]), tight=True).needed[0][0]) == "hue 90–270°"


def test_two_hues_on_either_side_can_make_it_analogous_together():
    assert classify_hues(np.array([0.0, 2, 341])).style == "analogous"
    (sides,) = reach("analogous", np.array([0.0])).needed
    assert any(side.holds(np.array([341.0])).all() for side in sides)
    (sides,) = reach("analogous", np.array([0.0]), tight=True).needed
    assert not any(side.holds(np.array([341.0])).any() for side in sides)


def test_a_style_can_be_out_of_reach():
    assert reach("monochromatic", np.array([0.0, 21])) is None
    assert reach("analogous", np.array([0.0, 91])) is None
    assert reach("complementary", np.array([0.0, 60])) is None
    assert reach("triadic", np.array([0.0, 90, 180, 270])) is None
    assert reach("triadic", np.array([0.0, 180]), tight=True) is None


@pytest.mark.parametrize("style", STYLES)
def test_grey_garments_are_always_admitted(style):
    assert reach(style, np.array([30.0])).admits(np.full((1, 2), np.nan)).all()


def test_the_stock_knows_which_category_offers_a_hue():
    hues = np.array([[10.0, np.nan], [200.0, 100.0], [300.0, np.nan]])
    stock = HueStock(hues, ["shoes", "bags", "bags"], np.array([True, True, False]))
    assert stock.offers("shoes", [Sector(0.0, 15.0)])
    assert stock.offers("bags", [Sector(100.0, 5.0)])
    assert not stock.offers("bags", [Sector(300.0, 5.0)])
    assert not stock.offers("hats", [Sector(0.0, 180.0)])


@given(circle, st.integers(-360, 720), st.integers(0, 200))
def test_the_stock_offers_a_sector_exactly_if_it_holds_a_hue(hues, centre, half):
    stock = HueStock(np.array([[hue, np.nan] for hue in hues], float), ["bags"] * len(hues), np.ones(len(hues), bool))
    sector = Sector(float(centre), float(half))
    assert stock.offers("bags", [sector]) == sector.holds(np.array(hues, float)).any()


def test_tight_asks_for_a_garment_of_its_own_for_each_group():
    nothing = np.array([np.nan])
    assert len(reach("triadic", nothing, tight=True).needed) == 3
    assert len(reach("complementary", nothing, tight=True).needed) == 2
    assert len(reach("triadic", nothing).needed) == 1
