import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hybridmesh.joints import SMPL24
from hybridmesh.rotations import (
    axis_angle_to_matrix,
    interleaved_to_sixd,
    matrix_to_axis_angle,
    matrix_to_sixd,
    mirror_pose,
    sixd_to_matrix,
)

seeds = st.integers(0, 10_000)


@settings(deadline=None)
@given(seeds, st.sampled_from([1e-12, 1e-6, 1e-3, 1.0, 3.0]))
def test_axis_angles_turn_as_scipy_says(seed: int, size: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(4, 3)) * size
    actual = axis_angle_to_matrix(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(actual, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


@settings(deadline=None)
@given(seeds)
def test_six_numbers_and_axis_angles_give_the_matrix_back(seed: int) -> None:
    matrices = torch.from_numpy(Rotation.random(5, rng=seed).as_matrix())
    torch.testing.assert_close(sixd_to_matrix(matrix_to_sixd(matrices)), matrices)
    torch.testing.assert_close(axis_angle_to_matrix(matrix_to_axis_angle(matrices)), matrices)


def test_six_numbers_are_the_columns_one_after_the_other() -> None:
    # Of a quarter turn about z the columns are (0, 1, 0) and (-1, 0, 0); lengths do not matter.
    turned = sixd_to_matrix(torch.tensor([0.0, 2, 0, -3, 0, 0]))
    torch.testing.assert_close(turned, torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    spin = torch.tensor([0.0, -3, 2, 0, 0, 0])  # the same two columns, row by row
    torch.testing.assert_close(sixd_to_matrix(interleaved_to_sixd(spin)), turned)


def test_gradients_at_and_near_zero_are_right() -> None:
    for size in (0.0, 1e-9, 1e-4):
        vector = (size * torch.ones(1, 3, dtype=torch.double)).requires_grad_()
        assert torch.autograd.gradcheck(axis_angle_to_matrix, (vector,))


def test_single_precision_gradients_at_zero_are_finite() -> None:
    vector = torch.zeros(1, 24, 3, requires_grad=True)
    axis_angle_to_matrix(vector)[..., 0, 1].sum().backward()  # type: ignore[no-untyped-call]
    assert vector.grad is not None
    # Of R_xy the derivative is minus one about z, and zero otherwise.
    torch.testing.assert_close(vector.grad, torch.tensor([0.0, 0.0, -1.0]).expand(1, 24, 3))


def test_mirroring_swaps_sides_and_negates_y_and_z() -> None:
    pose = torch.zeros(1, 24, 3)
    left, right = SMPL24.index("left_elbow"), SMPL24.index("right_elbow")
    pose[0, left] = torch.tensor([0.1, 0.2, 0.3])
    mirrored = matrix_to_axis_angle(mirror_pose(axis_angle_to_matrix(pose)))
    torch.testing.assert_close(mirrored[0, right], torch.tensor([0.1, -0.2, -0.3]))
    torch.testing.assert_close(mirrored[0, left], torch.zeros(3))


@pytest.mark.parametrize("seed", range(3))
def test_mirroring_twice_changes_nothing(seed: int) -> None:
    matrices = torch.from_numpy(Rotation.random(24, rng=seed).as_matrix())[None]
    torch.testing.assert_close(mirror_pose(mirror_pose(matrices)), matrices)
