import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.metrics import (
    PROTOCOLS,
    BodyBatch,
    Geodesics,
    align_similarity,
    aligned_error,
    area_weights,
    correct_keypoints,
    evaluate_bodies,
    mask_iou,
    part_iou,
    per_vertex_error,
    point_similarity,
    sum_of_squares,
    summarise,
)

from .conftest import smpl_like


def bodies(count: int = 3, seed: int = 0, spread: float = 0.3) -> BodyBatch:
    rng = np.random.default_rng(seed)
    pose = Rotation.from_rotvec(rng.normal(0, spread, (count * 24, 3))).as_matrix().reshape(count, 24, 3, 3)
    return BodyBatch(torch.from_numpy(pose).float(), torch.from_numpy(rng.normal(size=(count, 10))).float())


def test_a_shift_of_three_and_four_is_five() -> None:
    target = torch.rand(2, 7, 3, dtype=torch.float64)
    shifted = target + torch.tensor([3.0, 4.0, 0.0])
    torch.testing.assert_close(per_vertex_error(shifted, target), torch.full((2,), 5.0).double())
    torch.testing.assert_close(sum_of_squares(shifted, target), torch.full((2,), 7 * 25.0).double())
    one = target.clone()
    one[:, 0, 0] += 7
    torch.testing.assert_close(per_vertex_error(one, target), torch.ones(2).double())
    weights = torch.tensor([3.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    torch.testing.assert_close(per_vertex_error(one, target, weights), torch.full((2,), 3.0).double())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_any_similarity_is_undone_by_the_alignment(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(1, 14, 3))
    moved = scale * points @ Rotation.random(random_state=seed).as_matrix().T + rng.normal(size=3)
    error = aligned_error(torch.from_numpy(moved), torch.from_numpy(points))
    assert float(error) < 1e-6


def test_alignment_equals_scipys_rotation_with_the_best_scale() -> None:
    rng = np.random.default_rng(3)
    prediction, target = rng.normal(size=(2, 5, 24, 3))
    aligned = align_similarity(torch.from_numpy(prediction), torch.from_numpy(target)).numpy()
    for row in range(5):
        a, b = (each[row] - each[row].mean(0) for each in (prediction, target))
        turn, _ = Rotation.align_vectors(b, a)
        turned = turn.apply(a)
        # The scale that is best for a given rotation; its denominator is the variance of the prediction.
        scale = (turned * b).sum() / (a**2).sum()
        np.testing.assert_allclose(aligned[row], scale * turned + target[row].mean(0), atol=1e-9)


def test_a_mirror_image_is_not_aligned_by_a_reflection() -> None:
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 20, 3)))
    assert float(aligned_error(points * torch.tensor([-1.0, 1.0, 1.0]), points)) > 0.3


def test_alignment_never_increases_the_squared_distance() -> None:
    prediction, target = torch.rand(2, 30, 24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert (sum_of_squares(align_similarity(prediction, target), target) <= sum_of_squares(prediction, target)).all()


def test_vertices_weigh_by_the_area_around_them() -> None:
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    weights = area_weights(square, np.array([[0, 1, 2], [0, 2, 3]]))
    torch.testing.assert_close(weights, torch.tensor([1 / 3, 1 / 6, 1 / 3, 1 / 6]).double())


def test_pck_counts_visible_keypoints_near_their_place() -> None:
    target = torch.zeros(2, 4, 2)
    prediction = torch.zeros(2, 4, 2)
    prediction[0, :, 0] = torch.tensor([0.0, 0.09, 0.11, 5.0])  # a side is 2
    confidence = torch.tensor([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    found = correct_keypoints(prediction, target, confidence, threshold=0.05)
    assert float(found[0]) == pytest.approx(2 / 3)
    assert torch.isnan(found[1])


def test_overlaps_are_shares_of_the_union() -> None:
    a, b = np.zeros((2, 4), int), np.zeros((2, 4), int)
    a[0, :2], b[0, 1:3] = 1, 1
    assert mask_iou(a > 0, b > 0) == pytest.approx(1 / 3)
    assert mask_iou(a > 5, b > 5) == 1
    b[1, 0] = 2
    assert part_iou(a, b) == pytest.approx((1 / 3 + 0) / 2)
    assert np.isnan(part_iou(a, np.zeros_like(a)))


def test_distances_run_along_the_surface() -> None:
    # A strip of three unit squares, folded at its middle so that its ends meet in space.
    x, z = np.array([0.0, 1, 1, 0]), np.array([0.0, 0, 0.01, 0.01])
    vertices = np.array([(a, y, b) for a, b in zip(x, z, strict=True) for y in (0.0, 1.0)])
    faces = np.array([face for k in (0, 2, 4) for face in ((k, k + 2, k + 1), (k + 1, k + 2, k + 3))])
    surface = Geodesics(vertices, faces)
    found = surface.between(np.array([0, 0, 6]), np.array([6, 0, 0]), limit=5.0)
    np.testing.assert_allclose(found, [2.01, 0, 2.01])
    assert np.isinf(surface.between(np.array([0]), np.array([6]), limit=1.0)).all()
    assert point_similarity(np.array([0.0, np.inf])) == 0.5
    assert point_similarity(np.array([0.255])) == pytest.approx(np.exp(-0.5))
    assert np.isnan(point_similarity(np.zeros(0)))


def test_the_truth_has_no_error_under_any_protocol(lo: BodyModel) -> None:
    truth = bodies()
    for protocol in PROTOCOLS:
        for name, values in evaluate_bodies(truth, truth, lo, protocol).items():
            assert float(values.max()) < 1e-4, (protocol, name)


def test_only_dct_ignores_the_root(lo: BodyModel) -> None:
    truth = bodies()
    turned = BodyBatch(truth.pose.clone(), truth.betas)
    turned.pose[:, 0] = turned.pose[:, 0] @ torch.from_numpy(Rotation.from_euler("y", 1.0).as_matrix()).float()
    figures = {protocol: evaluate_bodies(turned, truth, lo, protocol) for protocol in PROTOCOLS}
    assert float(figures["dct"]["mpjpe"].max()) < 1e-3
    for protocol in ("spin", "smpl24"):
        assert float(figures[protocol]["mpjpe"].min()) > 50
        assert float(figures[protocol]["pa_mpjpe"].max()) < 1e-2


def test_joints_under_smpl24_are_compared_from_the_pelvis(lo: BodyModel) -> None:
    truth, other = bodies(), bodies(seed=1)
    found = evaluate_bodies(other, truth, lo, "smpl24")["mpjpe"]
    joints = [lo(each.betas, each.pose).joints for each in (other, truth)]
    relative = [each - each[:, :1] for each in joints]
    expected = 1000 * (relative[0] - relative[1]).norm(dim=2).mean(1).double()
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_pve_t_sees_nothing_but_shape(lo: BodyModel) -> None:
    truth, other = bodies(), bodies(seed=1)
    same_shape = evaluate_bodies(BodyBatch(other.pose, truth.betas), truth, lo)
    assert float(same_shape["pve_t"].max()) == 0
    other_shape = evaluate_bodies(BodyBatch(truth.pose, other.betas), truth, lo)
    rest = torch.eye(3).expand(3, 24, 3, 3)
    expected = 1000 * (lo(other.betas, rest).vertices - lo(truth.betas, rest).vertices).norm(dim=2).mean(1).double()
    torch.testing.assert_close(other_shape["pve_t"], expected, atol=1e-3, rtol=0)


def test_spin_takes_its_joints_from_the_regressor_of_human36m(lo: BodyModel) -> None:
    truth, other = bodies(), bodies(seed=1)
    # A regressor that picks vertices: 14 of its 17 joints, less the first, are compared.
    picked = torch.arange(17) * 150
    h36m = torch.zeros(17, lo.num_vertices).scatter_(1, picked[:, None], 1.0)
    found = evaluate_bodies(other, truth, lo, "spin", h36m=h36m)["mpjpe"]
    points = [lo(each.betas, each.pose).vertices[:, picked] for each in (other, truth)]
    relative = [(each - each[:, :1])[:, [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]] for each in points]
    expected = 1000 * (relative[0] - relative[1]).norm(dim=2).mean(1).double()
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_figures_of_a_person_do_not_depend_on_the_others(lo: BodyModel) -> None:
    truth, other = bodies(66), bodies(66, seed=1)  # more than are posed at once
    together = evaluate_bodies(other, truth, lo)
    alone = evaluate_bodies(
        BodyBatch(other.pose[65:], other.betas[65:]), BodyBatch(truth.pose[65:], truth.betas[65:]), lo
    )
    assert len(together["pve"]) == 66
    for name, values in alone.items():
        torch.testing.assert_close(together[name][65:], values, atol=1e-3, rtol=1e-5)


def test_the_truth_may_be_of_another_gender(lo: BodyModel) -> None:
    arrays = [smpl_like(80), smpl_like(80, seed=1)]
    neutral, male = (BodyModel(each) for each in arrays)
    truth = bodies(2)
    found = evaluate_bodies(truth, truth, neutral, target_body=male)["pve_t"]
    rest = torch.eye(3).expand(2, 24, 3, 3)
    expected = 1000 * (neutral(truth.betas, rest).vertices - male(truth.betas, rest).vertices).norm(dim=2).mean(1)
    torch.testing.assert_close(found.float(), expected, atol=1e-3, rtol=1e-5)


def test_what_cannot_be_compared_is_refused(lo: BodyModel) -> None:
    with pytest.raises(InputError, match="unknown protocol 'mpi'; known: dct, spin, smpl24"):
        evaluate_bodies(bodies(), bodies(), lo, "mpi")
    bare = BodyModel(smpl_like(80))
    with pytest.raises(InputError, match=r"no regressor for the 14 joints of LSP; give Human3\.6M's"):
        evaluate_bodies(bodies(1), bodies(1), bare, "spin")


def test_summaries_leave_out_what_a_sample_does_not_have() -> None:
    summary = summarise({"pck": np.array([0.5, np.nan, 1.0]), "none": np.array([np.nan])})
    assert summary == {"pck": {"mean": 0.75, "median": 0.75, "std": 0.25, "n": 2}}
