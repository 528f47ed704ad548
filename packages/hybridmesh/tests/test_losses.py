import pytest
import torch

from hybridmesh.body import BodyModel
from hybridmesh.camera import project
from hybridmesh.losses import (
    MIN_DENSE,
    dense_loss,
    dense_weights,
    joints3d_loss,
    keypoint_loss,
    over_annotated,
    smpl_loss,
)
from hybridmesh.rotations import axis_angle_to_matrix


def test_the_keypoint_loss_by_hand() -> None:
    prediction = torch.zeros(1, 3, 2)
    target = torch.tensor([[[0.1, 0.3], [0.5, 0.5], [9.0, 9.0]]])
    # Means over x and y are 0.2 and 0.5; the third point is not seen.
    loss = keypoint_loss(prediction, target, torch.tensor([[1.0, 1.0, 0.0]]))
    torch.testing.assert_close(loss, torch.tensor([0.35]))


def test_where_nothing_is_seen_loss_and_gradient_are_zero() -> None:
    prediction = torch.randn(2, 5, 2, requires_grad=True)
    loss = keypoint_loss(prediction, torch.randn(2, 5, 2), torch.zeros(2, 5)).sum()
    loss.backward()
    assert loss == 0
    assert prediction.grad is not None
    assert not prediction.grad.any()


def test_padding_of_dense_points_weighs_nothing_and_the_rest_one() -> None:
    valid = torch.zeros(2, 40, dtype=torch.bool)
    valid[0, :MIN_DENSE] = True
    valid[1, : MIN_DENSE - 1] = True
    weights = dense_weights(valid)
    torch.testing.assert_close(weights[0], torch.where(valid[0], 4.0, 0.0))  # 40 / 10
    assert not weights[1].any()


def test_the_pull_of_a_dense_point_is_shared_by_its_corners() -> None:
    corners = torch.randn(1, 1, 3, 2, dtype=torch.float64, requires_grad=True)
    shares = torch.tensor([[[0.2, 0.3, 0.5]]], dtype=torch.float64)
    place = (corners * shares[..., None]).sum(2)
    target = place.detach() + torch.tensor([0.4, -0.1])
    dense_loss(place, target, torch.full((1, 1), 2.0, dtype=torch.float64)).sum().backward()
    # weight · share · sign of what is left: minus in x, plus in y.
    expected = 2 * shares[..., None] * torch.tensor([-1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(corners.grad, expected)


def test_truth_costs_nothing_through_the_whole_body(lo: BodyModel) -> None:
    pose = (torch.randn(1, 24, 3) * 0.2).requires_grad_()
    ids = torch.randint(0, lo.num_vertices, (1, 12, 3))
    shares = torch.full((1, 12, 3), 1 / 3)
    camera = torch.tensor([[0.9, 0.0, 0.0]])
    seen = project(lo.surface(torch.zeros(1, 10), pose, ids, shares), camera)
    loss = dense_loss(seen, seen.detach(), dense_weights(torch.ones(1, 12, dtype=torch.bool))).sum()
    loss.backward()
    assert loss == 0
    assert pose.grad is not None
    assert not pose.grad.any()


def test_parameters_are_compared_as_matrices_without_the_root() -> None:
    # A full turn more is the same rotation.
    axis = torch.nn.functional.normalize(torch.randn(1, 24, 3, dtype=torch.float64), dim=-1)
    pose, same = axis_angle_to_matrix(axis * 0.5), axis_angle_to_matrix(axis * (0.5 + 2 * torch.pi))
    betas = torch.zeros(1, 10, dtype=torch.float64)
    assert smpl_loss(pose, same, betas, betas).item() == pytest.approx(0, abs=1e-20)
    other = pose.clone()
    other[:, 0] = torch.eye(3, dtype=torch.float64)
    assert smpl_loss(other, pose, betas, betas) == 0
    assert smpl_loss(other, pose, betas, betas, include_root=True) > 0
    # One shape number off by 2: 4 / (23 · 9 + 10) squared, 2 / 217 absolute.
    torch.testing.assert_close(
        smpl_loss(pose, pose, betas, betas + 2 * torch.eye(10)[:1]), torch.tensor([4 / 217]).double()
    )
    torch.testing.assert_close(
        smpl_loss(pose, pose, betas, betas + 2 * torch.eye(10)[:1], norm="l1"), torch.tensor([2 / 217]).double()
    )


def test_joints_are_compared_from_the_pelvis() -> None:
    joints = torch.randn(2, 24, 3)
    torch.testing.assert_close(joints3d_loss(joints + 1, joints), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(joints3d_loss(joints + 1, joints, root_relative=False), torch.ones(2))
    torch.testing.assert_close(joints3d_loss(joints + 2, joints, norm="l2", root_relative=False), torch.full((2,), 4.0))


def test_only_annotated_samples_are_averaged() -> None:
    losses = torch.tensor([1.0, 3.0, 100.0])
    torch.testing.assert_close(over_annotated(losses, torch.tensor([1.0, 1.0, 0.0])), torch.tensor(2.0))
    assert over_annotated(losses, torch.zeros(3)) == 0
