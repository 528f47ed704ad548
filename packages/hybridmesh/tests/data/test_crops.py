import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmesh.camera import Box
from hybridmesh.data.crops import Crop

NUMBERS = st.floats(-300, 300)


@settings(max_examples=50, deadline=None)
@given(NUMBERS, NUMBERS, st.floats(1, 500), st.floats(-3, 3), NUMBERS, NUMBERS)
def test_points_go_to_the_crop_and_back(cx: float, cy: float, side: float, angle: float, x: float, y: float) -> None:
    crop, points = Crop(Box(cx, cy, side), angle), np.array([[x, y]])
    np.testing.assert_allclose(crop.to_pixels(crop.normalise(points)), points, atol=1e-8)


@pytest.mark.parametrize("angle", [0.0, np.pi / 2, np.pi])
def test_a_bright_pixel_appears_where_its_centre_is_mapped(angle: float) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[12, 31] = 255
    crop = Crop(Box(30.0, 20.0, 40.0), angle)
    for size in (40, 80):
        x, y = (crop.normalise(np.array([31.5, 12.5])) + 1) * size / 2
        for cut in (crop.cut, crop.cut_labels):
            small = cut(picture, size)[..., 0].astype(float)
            rows, columns = np.mgrid[:size, :size] + 0.5
            centre = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
            np.testing.assert_allclose(centre, [x, y], atol=1e-6)


def test_turning_the_content_by_a_right_angle_turns_the_picture_clockwise() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    turned = Crop(Box(8.0, 8.0, 16.0), np.pi / 2).cut_labels(picture, 16)
    np.testing.assert_array_equal(turned, np.rot90(picture, -1))


def test_labels_are_never_mixed_and_outside_is_black() -> None:
    picture = np.random.default_rng(0).choice(np.array([0, 7, 200], np.uint8), (20, 30, 3))
    small = Crop(Box(14.3, 9.1, 37.0), 0.3).cut_labels(picture, 50)
    assert set(np.unique(small)) <= {0, 7, 200}
    assert not Crop(Box(-100.0, 0.0, 20.0)).cut(picture, 8).any()


def test_a_photo_that_shrinks_is_averaged_not_sampled() -> None:
    checkers = np.indices((128, 128)).sum(0)[..., None].repeat(3, 2) % 2 * 200
    small = Crop(Box(64.0, 64.0, 128.0)).cut(checkers.astype(np.uint8), 16)
    assert np.abs(small.astype(int) - 100).max() <= 2


def test_the_whole_picture_is_padded_to_a_square_around_its_middle() -> None:
    picture = np.full((10, 20, 3), 9, np.uint8)
    padded = Crop.whole(10, 20).cut(picture, 20)
    assert (padded[5:15] == 9).all()
    assert not padded[:5].any()
    assert not padded[15:].any()
    scaled = Crop.whole(10, 20).changed(scale=2.0, angle=0.1)
    assert scaled.box.side == 40
    assert scaled.angle == 0.1
