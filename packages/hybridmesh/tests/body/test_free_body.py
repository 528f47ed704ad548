import numpy as np
import pytest
import torch
import trimesh

from hybridmesh.body import BodyModel, load_arrays
from hybridmesh.body.registry import DIGESTS
from hybridmesh.joints import SMPL24


@pytest.mark.parametrize(("name", "vertices"), [("free", 13_380), ("free-lo", 3_296)])
def test_it_is_one_watertight_symmetric_surface(name: str, vertices: int) -> None:
    body = load_arrays(name)
    assert len(body.template) == vertices
    mesh = trimesh.Trimesh(body.template, body.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.volume > 0.05
    mirror = body.mirror
    assert mirror is not None
    np.testing.assert_array_equal(mirror[mirror], np.arange(vertices))
    np.testing.assert_allclose(body.template[mirror] * [-1, 1, 1], body.template, atol=1e-6)
    faces = {tuple(sorted(face)) for face in body.faces.tolist()}
    assert {tuple(sorted(face)) for face in mirror[body.faces].tolist()} == faces


@pytest.mark.parametrize("name", ["free", "free-lo"])
def test_it_is_what_was_released(name: str) -> None:
    assert load_arrays(name).digest == DIGESTS[name]
    assert "MakeHuman" in load_arrays(name).provenance
    assert "CC0" in load_arrays(name).license


def test_it_stands_in_a_t_pose_and_faces_forward(free: BodyModel) -> None:
    joints = free(torch.zeros(1, 10), torch.zeros(1, 24, 3)).joints[0]
    at = {name: joints[index].numpy() for index, name in enumerate(SMPL24)}
    np.testing.assert_allclose(at["pelvis"], 0, atol=5e-3)
    assert at["left_wrist"][0] > at["left_elbow"][0] > at["left_shoulder"][0] > 0
    assert abs(at["left_wrist"][1] - at["left_shoulder"][1]) < 0.02
    assert at["head"][1] > at["neck"][1] > 0 > at["left_knee"][1] > at["left_ankle"][1]
    assert at["left_foot"][2] > at["left_ankle"][2] + 0.05


def test_its_shape_is_in_standard_deviations_and_the_first_is_height(free: BodyModel) -> None:
    heights = []
    for value in (-2.0, 0.0, 2.0):
        betas = torch.zeros(1, 10)
        betas[0, 0] = value
        heights.append(float(np.ptp(free(betas, torch.zeros(1, 24, 3)).vertices[0, :, 1].numpy())))
    assert 1.3 < heights[0] < heights[1] < heights[2] < 2.4


def test_its_24_charts_fill_their_squares(free: BodyModel) -> None:
    charts = free.require_charts()
    edges = charts.corners[:, 1:] - charts.corners[:, :1]
    area = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    filled = np.bincount(charts.index, area, 25)
    assert (filled[1:] > 0.3).all()
    assert (filled[1:] < 1).all()


def test_both_levels_are_one_body(free: BodyModel, lo: BodyModel) -> None:
    betas, pose = torch.randn(1, 10), 0.4 * torch.randn(1, 24, 3)
    fine, coarse = free(betas, pose), lo(betas, pose)
    torch.testing.assert_close(coarse.joints, fine.joints)
    torch.testing.assert_close(coarse.vertices, fine.vertices[:, free.levels["free-lo"]], atol=1e-5, rtol=0)
    assert lo.require_charts().family == free.require_charts().family


def test_keypoints_of_both_levels_agree_to_centimetres_in_any_pose(free: BodyModel, lo: BodyModel) -> None:
    betas, pose = torch.randn(2, 10), 0.3 * torch.randn(2, 24, 3)
    fine = free.keypoints(free(betas, pose).vertices, "keypoints25")
    coarse = lo.keypoints(lo(betas, pose).vertices, "keypoints25")
    assert float((fine - coarse).norm(dim=2).max()) < 0.03
