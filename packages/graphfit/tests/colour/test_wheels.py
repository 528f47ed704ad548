"""Hue circles: where well-known colours stand, and that angles can be turned back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab

from graphfit.colour.wheels import WHEELS, from_hsv, hues, is_achromatic, to_hsv
from hr_common.errors import InputError

RED, YELLOW, GREEN, CYAN, BLUE = (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255)


def lab(*colours):
    return rgb2lab(np.array([colours]) / 255)[0]


def apart(one, other):
    return np.abs((np.asarray(one) - other + 180) % 360 - 180)


def test_red_yellow_and_blue_are_a_third_of_the_painters_wheel_apart():
    assert apart(hues(lab(RED, YELLOW, BLUE)), [0, 120, 240]).max() < 0.5
    assert apart(hues(lab(GREEN)), 180).max() < 0.5


def test_red_yellow_green_and_blue_stand_in_hsv_as_everywhere():
    assert apart(hues(lab(RED, YELLOW, GREEN, CYAN, BLUE), "hsv"), [0, 60, 120, 180, 240]).max() < 0.5


def test_oklch_hues_are_those_of_its_author():
    # Ottosson's own table: red 29.2°, green 142.5°, blue 264.1°.
    assert apart(hues(lab(RED, GREEN, BLUE), "oklch"), [29.23, 142.5, 264.05]).max() < 0.2


@given(st.floats(0, 359.9))
def test_the_painters_wheel_and_hsv_are_each_others_inverse(angle):
    assert apart(to_hsv(from_hsv(np.array(angle))), angle) < 1e-9


@given(st.lists(st.integers(0, 359), min_size=2, max_size=9, unique=True))
def test_the_painters_wheel_keeps_the_order_of_hues(angles):
    turned = from_hsv(np.sort(np.array(angles, float)))
    assert (np.diff(turned) > 0).all()


@pytest.mark.parametrize("colour", [(0, 0, 0), (20, 14, 14), (128, 128, 128), (255, 255, 255), (250, 248, 244)])
def test_black_grey_and_off_white_have_no_hue(colour):
    assert is_achromatic(lab(colour)).all()


@pytest.mark.parametrize("colour", [RED, (30, 42, 82), (106, 70, 46), (236, 226, 180), (226, 140, 160)])
def test_navy_brown_straw_and_pink_have_one(colour):
    assert not is_achromatic(lab(colour)).any()


def test_an_unknown_circle_is_refused():
    with pytest.raises(InputError, match="choose ryb, hsv, oklch"):
        hues(lab(RED), "munsell")
    assert WHEELS == ("ryb", "hsv", "oklch")
