import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridmesh.camera import Box, FullCamera, mirror_camera, project, weak_perspective_pixels


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 2000), st.floats(-50, 1500), st.floats(-50, 1500))
def test_pixels_and_normalised_coordinates_are_inverse(cx: float, cy: float, side: float, x: float, y: float) -> None:
    box, point = Box(cx, cy, side), np.array([[x, y]])
    np.testing.assert_allclose(box.to_pixels(box.normalise(point)), point, atol=1e-9)


def test_the_first_pixel_of_a_crop_of_224_has_its_centre_at_half_a_pixel() -> None:
    box = Box(112.0, 112.0, 224.0)
    # The centre of the first pixel is 0.5; the reference's p / 224 · 2 - 1 of it is 1 / 224 - 1.
    np.testing.assert_allclose(box.normalise(np.array([[0.5, 0.5]])), [[1 / 224 - 1, 1 / 224 - 1]])
    np.testing.assert_allclose(box.normalise(np.array([[0.0, 224.0]])), [[-1, 1]])


def test_the_translation_is_added_before_scaling() -> None:
    points, camera = torch.tensor([[[0.5, -0.25, 7.0]]]), torch.tensor([[0.8, 0.1, 0.05]])
    # 0.8 · (0.5 + 0.1) = 0.48 and 0.8 · (-0.25 + 0.05) = -0.16; depth does not matter.
    torch.testing.assert_close(project(points, camera), torch.tensor([[[0.48, -0.16]]]))


def test_crop_and_picture_agree_about_where_a_point_is() -> None:
    box, camera = Box(300.0, 200.0, 150.0), np.array([0.9, 0.03, -0.02])
    points = np.random.default_rng(0).normal(size=(6, 3)) * 0.4
    in_crop = project(torch.from_numpy(points)[None], torch.from_numpy(camera)[None])[0].numpy()
    np.testing.assert_allclose(weak_perspective_pixels(points, camera, box)[:, :2], box.to_pixels(in_crop))


def test_a_long_pinhole_camera_sees_what_the_crop_sees() -> None:
    box, camera = Box(300.0, 200.0, 150.0), np.array([0.9, 0.03, -0.02])
    points = np.random.default_rng(1).normal(size=(6, 3)) * 0.4
    full = FullCamera(focal=1e7, width=640, height=480)
    seen = full.project(points + full.translation(camera, box))
    np.testing.assert_allclose(seen, weak_perspective_pixels(points, camera, box)[:, :2], atol=1e-2)


def test_in_the_crop_itself_the_depth_is_spins() -> None:
    # SPIN: tz = 2 · 5000 / (224 · s).
    full = FullCamera(focal=5000.0, width=224, height=224)
    translation = full.translation(np.array([0.8, 0.1, 0.2]), Box(112.0, 112.0, 224.0))
    np.testing.assert_allclose(translation, [0.1, 0.2, 2 * 5000 / (224 * 0.8)])


def test_boxes_enclose_points_with_a_margin_and_read_spins_scale() -> None:
    box = Box.around(np.array([[10.0, 20.0], [30.0, 120.0]]), margin=1.2)
    assert (box.cx, box.cy, box.side) == pytest.approx((20.0, 70.0, 120.0))
    assert Box.from_scale((5.0, 6.0), 1.5).side == 300


def test_the_mirrored_camera_mirrors_the_picture() -> None:
    points, camera = torch.randn(1, 5, 3), torch.tensor([[0.9, 0.2, 0.1]])
    flip = torch.tensor([-1.0, 1.0])
    mirrored = project(points * torch.tensor([-1.0, 1.0, 1.0]), mirror_camera(camera))
    torch.testing.assert_close(mirrored, project(points, camera) * flip)
