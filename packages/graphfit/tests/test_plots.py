"""The hue circle: which colour stands where."""

import colorsys

import numpy as np
import pytest

from graphfit.colour.schemes import classify_hues
from graphfit.plots import hue_wheel, wheel_colours


def hue_at(picture, degrees, share=0.93):
    """HSV hue in degrees of the pixel at an angle, clockwise from the top, and a share of the radius."""
    middle = (picture.shape[0] - 1) / 2
    turn = np.radians(degrees)
    x, y = middle * (1 + share * np.sin(turn)), middle * (1 - share * np.cos(turn))
    return 360 * colorsys.rgb_to_hsv(*(picture[round(y), round(x)] / 255))[0]


@pytest.mark.parametrize(
    ("wheel", "hues"),
    [("ryb", {0: 0, 120: 60, 180: 120, 240: 240}), ("hsv", {0: 0, 60: 60, 180: 180, 300: 300})],
)
def test_colours_stand_at_their_angle(wheel, hues):
    picture = hue_wheel(classify_hues(np.array([30.0]), wheel=wheel), 240)
    for angle, hue in hues.items():
        assert abs((hue_at(picture, angle) - hue + 180) % 360 - 180) < 6


def test_a_dot_has_the_colour_of_its_hue_and_a_rim():
    plain, marked = (hue_wheel(classify_hues(np.array(hues)), 240) for hues in ([30.0], [30.0, 200.0]))
    changed = np.abs(plain.astype(int) - marked).sum(2) > 60
    y, x = np.argwhere(changed).mean(0) - 119.5
    # The new dot and its line lie around 200 degrees.
    assert abs(np.degrees(np.arctan2(x, -y)) % 360 - 200) < 8
    assert abs((hue_at(marked, 200, 0.85) - hue_at(plain, 200, 0.85) + 180) % 360 - 180) < 8


def test_an_outfit_without_hues_is_a_grey_dot_in_the_middle():
    picture = hue_wheel(classify_hues(np.array([np.nan])), 120, (247, 245, 241))
    assert picture[60, 60].tolist() == pytest.approx([150, 150, 150], abs=3)
    assert picture[0, 0].tolist() == [247, 245, 241]


@pytest.mark.parametrize("wheel", ["ryb", "hsv", "oklch"])
def test_every_angle_of_every_circle_has_a_colour(wheel):
    colours = wheel_colours(np.arange(0.0, 360), wheel)
    assert colours.shape == (360, 3)
    assert (colours.max(1) - colours.min(1)).min() > 0.3
