from dataclasses import replace

import numpy as np
import pytest

from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.camera import Box
from hybridmesh.config import FitConfig
from hybridmesh.correspondence import Correspondence
from hybridmesh.dense import sample_dense
from hybridmesh.fitting import BodyState, FitResult, Fitter, Observations, pelvis_relative
from hybridmesh.joints import KEYPOINTS, Keypoints
from hybridmesh.recovery import pose_body

BOX = Box(200.0, 240.0, 480.0)


def pve(body: BodyModel, state: BodyState, truth: BodyState) -> float:
    """Millimetres, pelvis aligned: weak perspective says nothing about the distance."""
    found, true = (pelvis_relative(*pose_body(body, each)) for each in (state, truth))
    return float(1000 * np.linalg.norm(found - true, axis=1).mean())


@pytest.fixture(scope="module")
def seen(scene, lo: BodyModel) -> Observations:  # type: ignore[no-untyped-def]
    _, person, iuv, _, _ = scene
    dense = sample_dense(iuv, Correspondence(lo.require_charts(), lo.faces), np.random.default_rng(0))
    return Observations(box=BOX, keypoints=person.keypoints, dense=dense, mask=iuv.mask)


@pytest.fixture(scope="module")
def fitted(lo: BodyModel, seen: Observations) -> FitResult:
    return Fitter(lo, FitConfig(yaws=4, finalists=2)).fit(seen)


def test_exact_points_give_the_body_back(scene, lo: BodyModel, fitted: FitResult) -> None:  # type: ignore[no-untyped-def]
    assert pve(lo, fitted.state, scene[3]) < 15
    assert fitted.dense_error is not None
    assert fitted.dense_error < 0.5
    assert fitted.keypoint_error is not None
    assert fitted.keypoint_error < 0.5
    assert set(fitted.losses) == {"keypoints", "dense", "mask", "pose", "hinges", "shape"}


def test_what_comes_out_are_rotations(fitted: FitResult) -> None:
    pose = fitted.state.pose
    np.testing.assert_allclose(pose @ pose.transpose(0, 2, 1), np.tile(np.eye(3), (24, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(pose), 1, atol=1e-9)


def test_keypoints_alone_fit_the_picture_but_less_of_the_body(  # type: ignore[no-untyped-def]
    scene, lo: BodyModel, seen: Observations, fitted: FitResult
) -> None:
    sparse = Fitter(lo, FitConfig()).fit(replace(seen, dense=None, mask=None))
    assert sparse.keypoint_error is not None
    assert sparse.keypoint_error < 3
    assert sparse.dense_error is None
    assert pve(lo, fitted.state, scene[3]) < pve(lo, sparse.state, scene[3]) < 250


def test_a_start_is_kept_where_it_is_right(scene, lo: BodyModel, seen: Observations) -> None:  # type: ignore[no-untyped-def]
    truth = scene[3]
    quick = FitConfig(placing_steps=2, posing_steps=3, shaping_steps=3, flipping_steps=2)
    assert pve(lo, Fitter(lo, quick).fit(seen, truth).state, truth) < 5


def test_a_mask_alone_gives_a_body_that_fills_it(lo: BodyModel, seen: Observations) -> None:
    result = Fitter(lo, FitConfig(yaws=2, finalists=1, flipping_steps=2)).fit(Observations(box=BOX, mask=seen.mask))
    assert np.isfinite(result.state.pose).all()
    assert result.keypoint_error is None
    assert result.losses["mask"] < 0.5


def test_the_same_input_gives_the_same_body(lo: BodyModel, seen: Observations) -> None:
    quick = FitConfig(placing_steps=2, posing_steps=2, shaping_steps=2, flipping_steps=1, yaws=2, finalists=1)
    first, second = (Fitter(lo, quick).fit(seen).state for _ in range(2))
    np.testing.assert_array_equal(first.pose, second.pose)
    np.testing.assert_array_equal(first.betas, second.betas)


def test_points_without_confidence_do_not_count(lo: BodyModel, seen: Observations) -> None:
    quick = FitConfig(placing_steps=2, posing_steps=2, shaping_steps=2, flipping_steps=1, yaws=2, finalists=1)
    assert seen.keypoints is not None
    confidence = seen.keypoints.confidence.copy()
    confidence[KEYPOINTS.index("left_wrist")] = 0
    wrong = seen.keypoints.points.copy()
    wrong[KEYPOINTS.index("left_wrist")] = -1e4
    first, second = (
        Fitter(lo, quick).fit(replace(seen, keypoints=Keypoints(points, confidence))).state
        for points in (seen.keypoints.points, wrong)
    )
    np.testing.assert_array_equal(first.pose, second.pose)


def test_seeing_nothing_is_refused(lo: BodyModel) -> None:
    nothing = Keypoints(np.zeros((25, 2)), np.zeros(25))
    with pytest.raises(InputError, match="give keypoints, dense points or a mask"):
        Fitter(lo, FitConfig()).fit(Observations(box=BOX, keypoints=nothing))
    mask = np.zeros((2000, 2000), bool)
    mask[1900:, 1900:] = True
    with pytest.raises(InputError, match="nothing inside the person's box"):
        Fitter(lo, FitConfig()).fit(Observations(box=BOX, mask=mask))
