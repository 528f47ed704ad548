from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hybridmesh.body import BodyModel, NoChartsError, load_body
from hybridmesh.body.gathering import GatheredPoints, gather_in_torch, make_rows
from hybridmesh.rotations import mirror_pose

from ..conftest import smpl_like


def random_pose(seed: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    betas = torch.randn(batch, 10, generator=generator, dtype=torch.double)
    return betas, 0.5 * torch.randn(batch, 24, 3, generator=generator, dtype=torch.double)


def test_it_agrees_with_smplx_on_a_file_with_pose_directions(smpl_file: Path) -> None:
    ours, theirs = load_body(smpl_file), load_body(f"smplx:{smpl_file}")
    for batch in (1, 7):
        betas, pose = (each.float() for each in random_pose(batch, batch))
        shift = torch.randn(batch, 3)
        expected, actual = theirs(betas, pose, shift), ours(betas, pose, shift)
        # Single precision on numbers of about one metre.
        torch.testing.assert_close(actual.vertices, expected.vertices, atol=1e-5, rtol=0)
        torch.testing.assert_close(actual.joints, expected.joints, atol=1e-5, rtol=0)


def test_it_agrees_in_double_precision_with_a_loop_over_vertices_and_joints() -> None:
    arrays = smpl_like(40)
    body = BodyModel(arrays).double()
    betas, pose = random_pose(3, 1)
    rotations = Rotation.from_rotvec(pose[0].numpy()).as_matrix()
    shaped = arrays.template + arrays.shape_directions @ betas[0].numpy()
    bends = (rotations[1:] - np.eye(3)).reshape(-1)
    joints = arrays.regressors["smpl24"] @ shaped
    world = []
    for joint, parent in enumerate(body.parents):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[joint], joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    expected = []
    for vertex in range(40):
        place = np.append(shaped[vertex] + arrays.pose_directions[vertex] @ bends, 1)  # type: ignore[index]
        total = np.zeros(4)
        for joint in range(24):
            from_rest = np.eye(4)
            from_rest[:3, 3] = -joints[joint]
            total += arrays.weights[vertex, joint] * (world[joint] @ from_rest @ place)
        expected.append(total[:3])
    # The buffers were stored in single precision.
    np.testing.assert_allclose(body(betas, pose).vertices[0].numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(body(betas, pose).joints[0].numpy(), [each[:3, 3] for each in world], atol=1e-6)


@pytest.mark.parametrize("used", [10, 4])
def test_gathered_vertices_are_those_of_the_whole_body(used: int) -> None:
    body = BodyModel(smpl_like()).double()
    betas, pose = random_pose(0)
    ids = torch.randint(0, 300, (2, 50), generator=torch.Generator().manual_seed(0))
    whole = body(betas[:, :used], pose).vertices
    some = body(betas[:, :used], pose, vertex_ids=ids).vertices
    torch.testing.assert_close(some, torch.stack([each[rows] for each, rows in zip(whole, ids, strict=True)]))


@pytest.mark.parametrize("corners", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float, torch.double])
def test_the_compiled_gathering_equals_its_fallback_in_values_and_gradients(corners: int, dtype: torch.dtype) -> None:
    body = BodyModel(smpl_like()).to(dtype)
    rows = make_rows(body.template, body.directions, body.weights)
    generator = torch.Generator().manual_seed(1)
    factors = torch.randn(2, 218, generator=generator, dtype=dtype, requires_grad=True)
    transforms = torch.randn(2, 24, 3, 4, generator=generator, dtype=dtype, requires_grad=True)
    ids = torch.randint(0, 300, (2, 30, corners), generator=generator)
    shares = torch.rand(2, 30, corners, generator=generator, dtype=dtype)
    grads = []
    for function in (GatheredPoints.apply, gather_in_torch):
        out = function(factors, transforms, ids, shares, rows)
        grads.append((out, *torch.autograd.grad(out.square().mean(), (factors, transforms))))
    for compiled, plain in zip(*grads, strict=True):
        torch.testing.assert_close(compiled, plain, atol=1e-5 if dtype == torch.float else 1e-12, rtol=1e-5)


def test_points_without_weight_pull_at_nothing_and_are_no_division() -> None:
    body = BodyModel(smpl_like(20))
    shares = torch.zeros(1, 3, 3)
    betas, pose = (each.float().requires_grad_() for each in random_pose(0, 1))
    points = body.surface(betas, pose, torch.zeros(1, 3, 3, dtype=torch.int64), shares)
    points.sum().backward()
    assert not points.any()
    assert betas.grad is not None
    assert pose.grad is not None
    assert not betas.grad.any()
    assert not pose.grad.any()


@pytest.mark.parametrize("wrong", [-1, 20])
def test_a_vertex_that_does_not_exist_is_refused(wrong: int) -> None:
    body = BodyModel(smpl_like(20))
    with pytest.raises(IndexError, match=r"from 0 to 19|out of (bounds|range)"):
        body(torch.zeros(1, 10), torch.zeros(1, 24, 3), vertex_ids=torch.tensor([[0, wrong]]))


def test_shares_of_a_point_have_a_gradient_too() -> None:
    body = BodyModel(smpl_like(20)).double()
    betas, pose = random_pose(1, 1)
    ids = torch.tensor([[[0, 1, 2], [3, 4, 5]]])
    shares = torch.rand(1, 2, 3, dtype=torch.double, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda each: body.surface(betas, pose, ids, each), (shares,))


@pytest.mark.parametrize("gathered", [False, True])
def test_gradients_are_right_also_in_the_rest_pose(gathered: bool) -> None:
    body = BodyModel(smpl_like(6)).double()
    ids = torch.tensor([[0, 3, 3, 5]]) if gathered else None

    def vertices(betas: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
        return body(betas, pose, vertex_ids=ids).vertices  # type: ignore[no-any-return]

    for pose in (torch.zeros(1, 24, 3, dtype=torch.double), random_pose(5, 1)[1]):
        betas = random_pose(5, 1)[0].requires_grad_()
        assert torch.autograd.gradcheck(vertices, (betas, pose.clone().requires_grad_()))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_turning_the_root_turns_the_whole_body_about_its_pelvis(seed: int) -> None:
    body = BodyModel(smpl_like())
    body.double()
    betas, pose = random_pose(seed, 1)
    upright = pose.clone()
    upright[:, 0] = 0
    still, turned = body(betas, upright), body(betas, pose)
    turn = torch.from_numpy(Rotation.from_rotvec(pose[0, 0].numpy()).as_matrix())
    pelvis = still.joints[:, :1]
    torch.testing.assert_close(turned.vertices, (still.vertices - pelvis) @ turn.T + pelvis)


def test_the_mirrored_pose_gives_the_mirrored_body(free: BodyModel) -> None:
    betas, pose = (each.float() for each in random_pose(2, 1))
    matrices = torch.from_numpy(Rotation.from_rotvec(pose[0].numpy()).as_matrix()).float()[None]
    assert free.mirror is not None
    flip = torch.tensor([-1.0, 1.0, 1.0])
    expected = free(betas, matrices).vertices[:, free.mirror[0]] * flip
    torch.testing.assert_close(free(betas, mirror_pose(matrices)).vertices, expected, atol=1e-5, rtol=0)


def test_gradients_of_surface_points_are_right() -> None:
    body = BodyModel(smpl_like(12)).double()
    ids = torch.tensor([[[0, 5, 5], [11, 3, 7]]])
    shares = torch.tensor([[[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]], dtype=torch.double)
    betas, pose = (each.requires_grad_() for each in random_pose(6, 1))
    assert torch.autograd.gradcheck(lambda *given: body.surface(*given, ids, shares), (betas, pose))


def test_surface_points_are_barycentric_means_of_their_corners(lo: BodyModel) -> None:
    betas, pose = (each.float() for each in random_pose(4, 1))
    ids = torch.from_numpy(lo.faces[:5])[None]
    weights = torch.full((1, 5, 3), 1 / 3)
    expected = lo(betas, pose).vertices[:, ids[0]].mean(2)
    torch.testing.assert_close(lo.surface(betas, pose, ids, weights), expected, atol=1e-6, rtol=0)


def test_a_body_without_charts_says_so(smpl_file: Path) -> None:
    body = load_body(smpl_file)
    assert isinstance(body, BodyModel)
    with pytest.raises(NoChartsError, match="import-densepose"):
        body.require_charts()


def test_keypoints_that_a_body_does_not_know_are_marked(smpl_file: Path, free: BodyModel) -> None:
    body = load_body(smpl_file)
    assert isinstance(body, BodyModel)
    assert free.keypoint_available.all()
    assert body.keypoint_available[:13].all()
    assert not body.keypoint_available[14:].any()
