from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hr_common import image
from hybridmesh.body import BodyModel, NoChartsError
from hybridmesh.camera import project
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import contact_sheet, split_motions, synthesize
from hybridmesh.joints import KEYPOINTS
from hybridmesh.motion import Motion

from ..conftest import smpl_like
from .conftest import SMALL


def posed(people: PeopleSet, body: BodyModel) -> torch.Tensor:
    pose = torch.from_numpy(people["pose"]).reshape(-1, 24, 3)
    vertices: torch.Tensor = body(torch.from_numpy(people["shape"]), pose).vertices
    return vertices


def pixels(points: torch.Tensor, people: PeopleSet) -> np.ndarray:
    half = people["crops"].shape[1] / 2
    return np.asarray(half + half * project(points, torch.from_numpy(people["camera"])).numpy())


def test_keypoints_and_dense_points_lie_where_the_body_is_seen(wild: PeopleSet, lo: BodyModel) -> None:
    vertices = posed(wild, lo)
    keypoints = pixels(lo.keypoints(vertices, "keypoints25"), wild)
    np.testing.assert_allclose(wild["keypoints"][..., :2], keypoints, atol=1e-3)
    owner = np.repeat(np.arange(len(wild)), wild.dense_counts)
    corners = vertices.numpy()[owner[:, None], lo.faces[wild["dp_face"]]]
    points = torch.from_numpy(np.einsum("pk,pkc->pc", wild["dp_bary"], corners))
    for row in range(len(wild)):
        seen = pixels(points[owner == row][None], wild.take(np.array([row])))[0]
        np.testing.assert_allclose(wild["dp_xy"][owner == row], seen, atol=1e-3)


def test_the_map_shows_the_charts_of_the_dense_points(wild: PeopleSet, lo: BodyModel) -> None:
    owner = np.repeat(np.arange(len(wild)), wild.dense_counts)
    columns, rows = np.floor(wild["dp_xy"]).astype(int).T
    np.testing.assert_array_equal(wild["dp_xy"] % 1, 0.5)
    shown = wild["iuv_crops"][owner, rows, columns, 0]
    np.testing.assert_array_equal(shown, lo.require_charts().index[wild["dp_face"]])


def test_the_studio_is_frontal_and_has_no_dense_points(studio: PeopleSet) -> None:
    forward = Rotation.from_rotvec(studio["pose"][:, :3]).as_matrix()[:, :, 2]
    assert (forward[:, 2] < -np.cos(np.deg2rad(45))).all()  # towards the camera, which looks along z
    assert not studio.dense_counts.any()
    assert (studio["source"] == "studio").all()


def test_poses_of_the_studio_vary_less(studio: PeopleSet, wild: PeopleSet) -> None:
    assert studio["pose"][:, 3:].std(0).mean() < 0.7 * wild["pose"][:, 3:].std(0).mean()


def test_neither_threads_nor_a_second_run_change_anybody(lo: BodyModel) -> None:
    config = replace(SMALL, size=24)
    one, two = (synthesize(lo, [], config, count=40, domain="wild", seed=5, jobs=jobs) for jobs in (1, 3))
    for name in one.columns:
        np.testing.assert_array_equal(one[name], two[name])
    other = synthesize(lo, [], config, count=2, domain="wild", seed=6)
    assert not np.allclose(other["pose"], one["pose"][:2])


def test_people_of_the_test_are_others_and_without_noise(lo: BodyModel, wild: PeopleSet) -> None:
    noisy = replace(SMALL, noise=True)
    exact = synthesize(lo, [], SMALL, count=3, domain="wild", seed=0, test=True)
    again = synthesize(lo, [], noisy, count=3, domain="wild", seed=0, test=True)
    np.testing.assert_array_equal(exact["keypoints"], again["keypoints"])
    assert not np.allclose(exact["shape"], wild["shape"][:3])


def test_noise_moves_keypoints_but_not_the_truth(lo: BodyModel, wild: PeopleSet) -> None:
    noisy = synthesize(lo, [], replace(SMALL, noise=True, part_drop=0.3), count=8, domain="wild", seed=0)
    np.testing.assert_array_equal(noisy["pose"], wild["pose"])
    moved = np.abs(noisy["keypoints"] - wild["keypoints"])[..., :2]
    assert 0.1 < moved.mean() < 1.5  # two pixels of 224, in a crop of 48
    assert (noisy["iuv_crops"][..., 0] > 0).sum() < (wild["iuv_crops"][..., 0] > 0).sum()
    assert noisy.dense_counts.min() >= 0


def test_what_the_body_itself_hides_is_unseen_where_there_is_noise(lo: BodyModel) -> None:
    config = replace(SMALL, size=32, noise=True, keypoint_drop=0.0, keypoint_noise=0.0, occlusion=0.0)
    people = synthesize(lo, [], config, count=40, domain="wild", seed=3)
    open_ = synthesize(lo, [], replace(config, self_hidden=False), count=40, domain="wild", seed=3)
    facing = Rotation.from_rotvec(people["pose"][:, :3]).as_matrix()[:, 2, 2]  # -1 towards the camera
    nose, seen = KEYPOINTS.index("nose"), people["keypoints"][..., 2]
    assert open_["keypoints"][:, nose, 2].all()
    assert (facing > 0.7).sum() >= 4
    assert seen[facing > 0.7, nose].mean() < 0.2  # heads are turned, too
    assert seen[facing < -0.7, nose].mean() > 0.7
    assert 0.6 < seen.mean() < open_["keypoints"][..., 2].mean()
    np.testing.assert_array_equal(people["keypoints"][..., :2], open_["keypoints"][..., :2])


def test_what_an_occluder_hides_is_marked(lo: BodyModel) -> None:
    people = synthesize(lo, [], replace(SMALL, occlusion=1.0), count=12, domain="wild", seed=1)
    points, seen = people["keypoints"][..., :2], people["keypoints"][..., 2] > 0
    inside = ((points >= 0) & (points < 48)).all(2)
    assert not seen[~inside].any()
    assert (inside & ~seen).any()
    free = synthesize(lo, [], replace(SMALL, occlusion=0.0), count=12, domain="wild", seed=1)
    shown = (people["iuv_crops"][..., 0] > 0).sum((1, 2)) / (free["iuv_crops"][..., 0] > 0).sum((1, 2))
    assert shown.min() >= 0.35
    assert shown.max() == 1


def test_the_framing_box_fills_the_crop(lo: BodyModel) -> None:
    people = synthesize(lo, [], replace(SMALL, framing="box", occlusion=0.0), count=6, domain="wild", seed=2)
    points = pixels(posed(people, lo), people)
    extent = (points.max(1) - points.min(1)).max(1) / 48
    assert (extent > 0.7).all()
    assert (extent < 0.95).all()


def test_recorded_poses_are_used_and_lose_their_heading(lo: BodyModel) -> None:
    frame = np.tile(np.eye(3), (1, 24, 1, 1))
    frame[0, 0] = Rotation.from_euler("y", 2.0).as_matrix()
    frame[0, 4] = Rotation.from_euler("x", 1.0).as_matrix()
    config = replace(SMALL, jittered=0.0, jitter=0.0, studio_yaw=0.0, pitch=0.0, studio_variance=1.0)
    people = synthesize(lo, [Motion("m", frame, np.zeros((1, 3)), 1.0)], config, count=2, domain="studio", seed=0)
    np.testing.assert_allclose(people["pose"][:, 12:15], [[1, 0, 0]] * 2, atol=1e-6)
    upright = Rotation.from_rotvec(people["pose"][:, :3]).as_matrix()
    np.testing.assert_allclose(upright, [np.diag([1, -1, -1])] * 2, atol=1e-6)
    assert people.manifest["motions"] == ["m"]


def test_clips_are_divided_by_name() -> None:
    clips = [Motion(name, np.zeros((1, 24, 3, 3)), np.zeros((1, 3)), 1.0) for name in ("02_01", "02_03", "cmu_12_01")]
    train, test = split_motions(clips, ("02_03", "12_01"))
    assert [each.name for each in train] == ["02_01"]
    assert [each.name for each in test] == ["02_03", "cmu_12_01"]


def test_backgrounds_are_taken_from_pictures(lo: BodyModel, tmp_path: Path) -> None:
    image.write(tmp_path / "red.png", np.tile(np.array([255, 0, 0], np.uint8), (100, 120, 1)))
    config = replace(SMALL, occlusion=0.0)
    people = synthesize(lo, [], config, count=2, domain="wild", seed=0, backgrounds=[tmp_path / "red.png"])
    corner = people["crops"][:, 0, 0].astype(int)
    assert (corner[:, 0] > 180).all()
    assert (corner[:, 1:] < 30).all()


def test_less_contrast_calms_the_background_and_moves_nobody(lo: BodyModel) -> None:
    loud, calm, flat = (
        synthesize(lo, [], replace(SMALL, contrast=each, occlusion=0.0), count=3, domain="wild", seed=0)
        for each in (1.0, 0.3, 0.0)
    )
    nobody = np.broadcast_to(loud["iuv_crops"][..., :1] == 0, loud["crops"].shape)
    spread = [each["crops"][nobody].reshape(-1).std() for each in (loud, calm, flat)]
    assert spread[0] > spread[1] > spread[2]
    for name in ("keypoints", "pose", "iuv_crops"):
        np.testing.assert_array_equal(loud[name], calm[name])


def test_a_body_without_charts_is_refused() -> None:
    with pytest.raises(NoChartsError, match="no dense correspondence"):
        synthesize(BodyModel(smpl_like(50)), [], SMALL, count=1, domain="wild", seed=0)


def test_the_sheet_shows_people_of_each_set(studio: PeopleSet, wild: PeopleSet) -> None:
    sheet = contact_sheet([studio, wild], 4, height=48)
    assert sheet.shape[1] > 4 * 3 * 48
    assert sheet.shape[0] < 2 * 60


def test_the_studio_has_few_subjects(lo: BodyModel) -> None:
    config = replace(SMALL, size=16, studio_subjects=3)
    shapes = synthesize(lo, [], config, count=7, domain="studio", seed=0)["shape"]
    assert len(np.unique(shapes, axis=0)) == 3
    every = synthesize(lo, [], replace(config, studio_subjects=0), count=7, domain="studio", seed=0)["shape"]
    assert len(np.unique(every, axis=0)) == 7
