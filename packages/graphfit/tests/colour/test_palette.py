"""Palettes: the garment's colours, not the backdrop's; merged, dropped, in order."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from graphfit.colour.palette import Palette, garment_palette, palettes_from_rows
from graphfit.config import ColourConfig


def garment(*stripes, ground=(235, 233, 228), size=(160, 120)):
    """A garment of horizontal stripes, given as colour and share of its height."""
    picture = np.empty((*size, 3), np.uint8)
    picture[:] = ground
    top, height = size[0] // 8, 3 * size[0] // 4
    start = 0.0
    for colour, share in stripes:
        rows = slice(top + round(start * height), top + round((start + share) * height))
        picture[rows, size[1] // 5 : -size[1] // 5] = colour
        start += share
    return picture


def lab(colour):
    return rgb2lab(np.array([[colour]]) / 255)[0, 0]


@pytest.mark.parametrize("ground", [(255, 255, 255), (205, 190, 170), (120, 124, 128)])
def test_the_backdrop_is_no_colour_of_the_garment(ground):
    palette = garment_palette(garment(((30, 90, 160), 1.0), ground=ground))
    assert len(palette.weights) == 1
    assert deltaE_ciede2000(palette.colours[0], lab((30, 90, 160))) < 2


def test_colours_come_by_weight_and_the_weights_are_shares():
    palette = garment_palette(garment(((200, 30, 40), 0.25), ((30, 40, 90), 0.6), ((230, 200, 60), 0.15)))
    assert palette.weights == pytest.approx([0.6, 0.25, 0.15], abs=0.03)
    assert palette.weights.sum() == pytest.approx(1)
    for found, colour in zip(palette.colours, [(30, 40, 90), (200, 30, 40), (230, 200, 60)], strict=True):
        assert deltaE_ciede2000(found, lab(colour)) < 2


def test_near_colours_become_one_and_small_ones_none():
    near = garment_palette(garment(((30, 40, 90), 0.5), ((36, 46, 98), 0.5)))
    assert len(near.weights) == 1
    assert len(garment_palette(garment(((30, 40, 90), 0.95), ((230, 200, 60), 0.05))).weights) == 1
    kept = garment_palette(garment(((30, 40, 90), 0.95), ((230, 200, 60), 0.05)), ColourConfig(least_weight=0.02))
    assert len(kept.weights) == 2


def test_no_palette_has_more_colours_than_set():
    stripes = [((20 * n, 255 - 25 * n, (90 * n) % 256), 0.1) for n in range(10)]
    assert len(garment_palette(garment(*stripes)).weights) <= 4


def test_the_same_picture_gives_the_same_palette():
    picture = np.random.default_rng(0).integers(0, 256, (90, 70, 3)).astype(np.uint8)
    one, other = garment_palette(picture), garment_palette(picture)
    np.testing.assert_array_equal(one.colours, other.colours)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_what_is_transparent_does_not_count():
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[..., 0] = 255
    picture[10:30, 10:30] = (0, 0, 255, 255)
    assert deltaE_ciede2000(garment_palette(picture).colours[0], lab((0, 0, 255))) < 2


@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 1, 3)])
def test_one_colour_fills_a_tiny_picture(shape):
    palette = garment_palette(np.full(shape, 90, np.uint8))
    assert palette.weights.tolist() == [1.0]


def test_rows_of_features_become_palettes_again():
    rows = np.zeros((2, 4, 4), np.float32)
    rows[0, :2] = [[50, 10, 20, 0.7], [20, 0, 0, 0.3]]
    rows[1, 0] = [90, 0, 0, 1]
    first, second = palettes_from_rows(rows)
    assert isinstance(first, Palette)
    assert first.colours.tolist() == [[50, 10, 20], [20, 0, 0]]
    assert first.weights == pytest.approx([0.7, 0.3])
    assert second.weights.tolist() == [1]
