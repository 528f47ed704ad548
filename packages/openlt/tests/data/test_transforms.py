import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openlt.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Augmentation,
    Normalisation,
    centre_view,
    normalise,
    train_view,
)

STILL = Augmentation(min_area=1.0, max_aspect=1.0, flip=0.0, jitter=0.0)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 50), st.integers(1, 40))
def test_any_size_becomes_the_wanted_square(height: int, width: int, seed: int, size: int) -> None:
    picture = noise(height, width)
    assert train_view(picture, size, Augmentation(), np.random.default_rng(seed)).shape == (size, size, 3)
    assert centre_view(picture, size).shape == (size, size, 3)


@given(st.integers(0, 200))
def test_one_colour_stays_one_colour_without_jitter(seed: int) -> None:
    picture = np.full((33, 47, 3), (10, 200, 90), np.uint8)
    view = train_view(picture, 16, Augmentation(jitter=0.0), np.random.default_rng(seed))
    assert (view == (10, 200, 90)).all()


def test_no_variation_at_all_is_the_picture_itself() -> None:
    picture = noise(24, 24)
    assert (train_view(picture, 24, STILL, np.random.default_rng(0)) == picture).all()


def test_mirroring_swaps_left_and_right() -> None:
    picture = noise(24, 24)
    mirrored = train_view(
        picture, 24, Augmentation(min_area=1.0, max_aspect=1.0, flip=1.0, jitter=0.0), np.random.default_rng(0)
    )
    assert (mirrored == picture[:, ::-1]).all()


def test_crops_cover_shares_down_to_the_smallest() -> None:
    # Rows hold their own number, so that the spread of a view tells the height of its crop.
    picture = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None], 200, axis=1).repeat(3, axis=2)
    rng = np.random.default_rng(0)
    heights = [np.ptp(train_view(picture, 32, Augmentation(flip=0.0, jitter=0.0), rng)[..., 0]) for _ in range(300)]
    # The smallest crop has 8 % of the area and sides of 3 to 4: 200 * sqrt(0.08 * 3 / 4) = 49 rows high.
    assert 40 < min(heights) < 75
    assert max(heights) > 170


def test_the_middle_is_what_resizing_to_256_and_cutting_224_leaves() -> None:
    # Smooth pictures, as resampling at other places changes fine detail.
    rows, columns = np.mgrid[0:128, 0:192]
    picture = np.stack([rows, columns, (rows + columns) // 2], axis=-1).astype(np.uint8)
    whole = Image.fromarray(picture).resize((192 * 2, 256), Image.Resampling.BILINEAR)
    expected = np.asarray(whole.crop((80, 16, 304, 240)), np.int64)
    assert np.abs(centre_view(picture, 224).astype(np.int64) - expected).max() <= 1


def test_the_whole_square_is_shown_on_request() -> None:
    picture = noise(30, 30)
    assert (centre_view(picture, 30, share=1.0) == picture).all()


def test_normalisation_by_hand() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 1] = (255, 51, 0)
    result = normalise(picture, Normalisation())
    assert result[0, 0, 1] == pytest.approx((1.0 - IMAGENET_MEAN[0]) / IMAGENET_STD[0], rel=1e-5)
    assert result[1, 0, 1] == pytest.approx((0.2 - IMAGENET_MEAN[1]) / IMAGENET_STD[1], rel=1e-5)
    assert result[2, 1, 1] == pytest.approx(-IMAGENET_MEAN[2] / IMAGENET_STD[2], rel=1e-5)


def test_jitter_scales_brightness_within_its_bounds() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    rng = np.random.default_rng(0)
    levels = [train_view(picture, 8, Augmentation(min_area=1.0, flip=0.0, jitter=0.4), rng).mean() for _ in range(200)]
    # Contrast and colour leave a grey picture of one level as it is.
    assert 58 < min(levels) < 70
    assert 130 < max(levels) < 142
