"""Finding the garment: backdrops of all kinds, transparency, and pictures without a plain backdrop."""

import numpy as np
import pytest

from graphfit.colour.foreground import find_foreground


def photo(garment, ground=(232, 230, 226), gradient=0.0, size=(120, 90), noise=1.0):
    """A rectangle in the middle of a backdrop that darkens downwards."""
    height, width = size
    y = np.linspace(0, 1, height)[:, None, None]
    picture = np.array(ground) * (1 - gradient * y) + np.zeros((height, width, 3))
    picture[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = garment
    picture += np.random.default_rng(0).normal(0, noise, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def overlap(mask):
    height, width = mask.shape
    true = np.zeros_like(mask)
    true[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
    return (mask & true).sum() / (mask | true).sum()


@pytest.mark.parametrize("ground", [(255, 255, 255), (232, 230, 226), (140, 140, 144), (215, 200, 180)])
@pytest.mark.parametrize("gradient", [0.0, 0.25])
def test_a_garment_is_found_on_plain_and_shaded_backdrops(ground, gradient):
    found = find_foreground(photo((30, 60, 130), ground, gradient))
    assert found.is_plain
    assert overlap(found.mask) > 0.95


def test_the_backdrop_is_followed_under_the_garment():
    found = find_foreground(photo((30, 60, 130), (220, 220, 220), 0.25, noise=0))
    # Lightness of the grey 220 · (1 - 0.25 / 2) in the middle of the picture: 192 of 255, L* 77.7.
    assert found.backdrop[60, 45, 0] == pytest.approx(77.7, abs=0.6)


def test_a_garment_that_touches_the_border_does_not_become_backdrop():
    picture = photo((150, 30, 40))
    picture[60:, 35:55] = (150, 30, 40)
    mask = find_foreground(picture).mask
    assert mask[80:118, 38:52].mean() > 0.95
    assert mask[:20].mean() < 0.05


def test_a_white_shirt_on_white_is_found_by_its_shading():
    picture = photo((241, 241, 241), (254, 254, 254), noise=0.3)
    picture[30:90:8, 22:67] = 225  # folds
    assert overlap(find_foreground(picture).mask) > 0.8


def test_transparency_is_believed():
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[10:20, 5:15] = (255, 255, 255, 255)
    found = find_foreground(picture)
    assert found.backdrop is None
    assert found.box == (5, 10, 15, 20)


def test_without_a_plain_backdrop_the_middle_is_taken():
    picture = np.random.default_rng(0).integers(0, 256, (80, 60, 3)).astype(np.uint8)
    found = find_foreground(picture)
    assert not found.is_plain
    assert found.mask[40, 30]
    assert not found.mask[:5].any()


@pytest.mark.parametrize("shape", [(8, 8, 3), (16, 16, 3), (300, 20, 3)])
def test_an_empty_picture_still_gives_a_mask(shape):
    assert find_foreground(np.full(shape, 200, np.uint8)).mask.any()


def test_specks_of_dust_are_dropped():
    picture = photo((30, 60, 130), noise=0)
    picture[5, 5] = 0
    assert not find_foreground(picture).mask[3:8, 3:8].any()
