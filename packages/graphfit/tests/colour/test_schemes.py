"""The rule that names colour styles: cases worked by hand, and what must not change a name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import hsv2rgb, rgb2lab

from graphfit.colour.palette import Palette
from graphfit.colour.schemes import STYLES, Swatches, classify, classify_hues, label_sets, swatches
from graphfit.colour.wheels import to_hsv
from graphfit.config import ColourConfig
from hr_common.errors import InputError

WORKED = {
    (0, 180): "complementary",
    (0, 120, 240): "triadic",
    (10, 350): "monochromatic",
    (0, 30, 60): "analogous",
    (0, 90): "analogous",
    (0, 91): "other",
    (0, 155): "complementary",
    (0, 150): "other",
    (0, 120): "other",
    (350, 170, 5): "complementary",
    (0, 95, 215): "triadic",
    (0, 94, 214): "other",
    (345, 15, 100, 130, 230): "triadic",
    (0, 90, 180, 270): "other",
    (0, 30, 60, 90, 120): "other",
    (): "monochromatic",
}
grid = st.lists(st.integers(0, 359), min_size=1, max_size=8)


def plain(*colours):
    """A palette of one colour each, from RGB 0 to 255."""
    return [Palette(rgb2lab(np.array([[colour]]) / 255)[0], np.ones(1)) for colour in colours]


def saturated(angles):
    """Palettes whose hues on the painters' wheel are these angles, light and dark in turn."""
    hsv = [(to_hsv(np.array(float(angle))) / 360, 1.0, (1.0, 0.5)[turn % 2]) for turn, angle in enumerate(angles)]
    return plain(*(255 * hsv2rgb(np.array([[one]]))[0, 0] for one in hsv))


@pytest.mark.parametrize(("angles", "style"), WORKED.items())
def test_the_worked_cases_have_their_style(angles, style):
    assert classify_hues(np.array(angles, float)).style == style


@pytest.mark.parametrize(("angles", "style"), [case for case in WORKED.items() if case[0]])
def test_the_worked_cases_hold_for_colours_too(angles, style):
    found = classify(saturated(angles), ["tops"] * len(angles))
    assert found.style == style, found
    off = (np.sort(np.round(found.hues, 6) % 360) - np.sort(angles)) % 360
    assert np.allclose(off, 0)


def test_red_black_and_white_are_monochromatic():
    assert classify(plain((200, 20, 30), (10, 10, 10), (250, 250, 250)), ["tops", "bottoms", "shoes"]).style == (
        "monochromatic"
    )


def test_three_navy_pieces_are_the_same():
    found = classify(plain((20, 30, 70), (22, 33, 74), (25, 30, 66)), ["tops", "bottoms", "shoes"])
    assert found.style == "same"
    assert found.margin_unit == "delta_e"
    assert 8 < found.margin < 12


def test_red_faces_green_on_the_painters_wheel_and_not_in_hsv():
    pair = plain((255, 0, 0), (0, 255, 0))
    assert classify(pair, ["tops", "bottoms"], wheel="ryb").style == "complementary"
    assert classify(pair, ["tops", "bottoms"], wheel="hsv").style == "other"


@given(grid, st.floats(0, 360))
def test_turning_all_hues_changes_nothing(angles, turn):
    hues = np.array(angles, float)
    assert classify_hues(hues + turn).style == classify_hues(hues).style
    assert classify_hues(hues + turn).margin == pytest.approx(classify_hues(hues).margin, abs=1e-5)


@given(grid, st.randoms(use_true_random=False))
def test_the_order_of_the_garments_does_not_matter(angles, random):
    shuffled = list(angles)
    random.shuffle(shuffled)
    assert classify_hues(np.array(shuffled, float)).style == classify_hues(np.array(angles, float)).style


@given(st.lists(st.integers(0, 359), min_size=1, max_size=5), st.sampled_from([5, 120, 252]))
def test_a_grey_garment_changes_nothing_but_same(angles, grey):
    before = classify(saturated(angles), ["tops"] * len(angles))
    after = classify([*saturated(angles), *plain((grey,) * 3)], ["tops"] * len(angles) + ["all-body"])
    assert after.style == before.style or "same" in (before.style, after.style)


@given(st.lists(grid, min_size=1, max_size=6))
def test_many_sets_at_once_are_named_as_one_by_one(outfits):
    pieces = [saturated(angles) for angles in outfits]
    flat = swatches([one for outfit in pieces for one in outfit], ["tops"] * sum(map(len, outfits)))
    members, start = np.full((len(outfits), 8), -1), 0
    for row, outfit in enumerate(pieces):
        members[row, : len(outfit)] = np.arange(start, start + len(outfit))
        start += len(outfit)
    labels = [STYLES[label] for label in label_sets(flat.sets(members))]
    assert labels == [classify(outfit, ["tops"] * len(outfit)).style for outfit in pieces]


def test_the_margin_is_the_way_to_the_nearest_boundary():
    margins = {(10, 350): 0, (0, 5): 15, (0, 30): 10, (0, 80): 10, (0, 91): 1, (0, 180): 25, (0, 160): 5, (0, 150): 5}
    for angles, margin in margins.items():
        assert classify_hues(np.array(angles, float)).margin == pytest.approx(margin, abs=1e-6), angles


def test_groups_say_centre_and_arc():
    groups = classify_hues(np.array([345.0, 15, 100, 130, 230])).groups
    assert sorted((round(group.centre) % 360, round(group.arc)) for group in groups) == [(0, 30), (115, 30), (230, 0)]


def test_the_second_colour_counts_from_its_weight_on():
    both = rgb2lab(np.array([[[200, 20, 30], [30, 160, 60]]]) / 255)[0]
    for weight, style in ((0.34, "same"), (0.36, "complementary")):
        assert classify([Palette(both, np.array([1 - weight, weight]))], ["tops"]).style == style


def test_a_tiny_colour_is_ignored():
    # A belt weighs 0.5: beside six dresses that is 0.5 / 12.5, under 5 %; beside two 0.5 / 4.5.
    for dresses, style in ((6, "monochromatic"), (2, "other")):
        palettes = saturated([0] * dresses + [150])
        assert classify(palettes, ["all-body"] * dresses + ["accessories"]).style == style


def test_every_threshold_is_a_setting():
    assert classify_hues(np.array([0.0, 95]), config=ColourConfig(analogous_arc=100.0)).style == "analogous"
    assert classify_hues(np.array([0.0, 150]), config=ColourConfig(opposite_tolerance=30.0)).style == "complementary"


def test_wrong_input_is_named():
    with pytest.raises(InputError, match="without garments"):
        classify([], [])
    with pytest.raises(InputError, match="choose ryb, hsv, oklch"):
        classify(plain((1, 2, 3)), ["tops"], wheel="pantone")
    with pytest.raises(InputError, match="one category a garment"):
        swatches(plain((1, 2, 3)), [])
    assert isinstance(swatches(plain((1, 2, 3)), ["tops"]), Swatches)
