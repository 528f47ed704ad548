import numpy as np
import pytest

from hybridmesh.body import BodyModel
from hybridmesh.correspondence import Correspondence
from hybridmesh.dense import sample_dense
from hybridmesh.iuv import MIRRORED_CHART, PARTS, IUVMap
from hybridmesh.joints import KEYPOINTS, Keypoints
from hybridmesh.refinement import refine


@pytest.fixture
def keypoints(scene):  # type: ignore[no-untyped-def]
    return scene[1].keypoints


def swapped(iuv: IUVMap, *parts: int) -> IUVMap:
    """The same map with the sides of some parts exchanged."""
    wrong = np.isin(PARTS[iuv.index], parts)
    return IUVMap(np.where(wrong, MIRRORED_CHART[iuv.index], iuv.index).astype(np.uint8), iuv.uv, iuv.family)


def test_a_perfect_map_stays_as_it_is(scene, keypoints: Keypoints) -> None:  # type: ignore[no-untyped-def]
    result = refine(scene[2], keypoints, box_side=480.0)
    np.testing.assert_array_equal(result.map.index, scene[2].index)
    assert result.log == []


@pytest.mark.parametrize("pair", [(6, 7), (8, 9), (10, 11), (12, 13)])
def test_swapped_limbs_go(scene, keypoints: Keypoints, pair: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    iuv = scene[2]
    wrong = np.isin(iuv.parts, pair)
    result = refine(swapped(iuv, *pair), keypoints, box_side=480.0)
    assert result.map.mask[wrong].mean() <= 0.05
    assert result.map.mask[iuv.mask & ~wrong].all()
    assert sum(each.pixels for each in result.log) == wrong.sum() - result.map.mask[wrong].sum()
    again = refine(result.map, keypoints, box_side=480.0)
    np.testing.assert_array_equal(again.map.index, result.map.index)


def test_specks_go(scene, keypoints: Keypoints) -> None:  # type: ignore[no-untyped-def]
    index = scene[2].index.copy()
    index[5:8, 5:8] = 1
    result = refine(IUVMap(index, scene[2].uv, scene[2].family), keypoints, box_side=480.0)
    np.testing.assert_array_equal(result.map.index, scene[2].index)
    (removal,) = result.log
    assert (removal.part, removal.pixels, removal.reason) == ("torso", 9, "speck")


def test_parts_of_somebody_else_go(scene, keypoints: Keypoints) -> None:  # type: ignore[no-untyped-def]
    away = Keypoints(keypoints.points + np.array([400.0, 0]), keypoints.confidence)
    result = refine(scene[2], away, box_side=480.0)
    assert not result.map.mask.any()


def test_without_keypoints_only_specks_are_judged(scene) -> None:  # type: ignore[no-untyped-def]
    nothing = Keypoints(np.zeros((len(KEYPOINTS), 2)), np.zeros(len(KEYPOINTS)))
    result = refine(swapped(scene[2], 6, 7), nothing, box_side=480.0)
    assert {each.reason for each in result.log} <= {"speck"}
    assert result.map.mask.sum() > 0.99 * scene[2].mask.sum()


def test_dense_points_lie_where_their_places_are_seen(scene, lo: BodyModel) -> None:  # type: ignore[no-untyped-def]
    _, _, iuv, truth, _ = scene
    from hybridmesh.camera import Box, weak_perspective_pixels
    from hybridmesh.recovery import pose_body

    phi = Correspondence(lo.require_charts(), lo.faces)
    points = sample_dense(iuv, phi, np.random.default_rng(0), count=200)
    assert len(points) == 200
    assert len(np.unique(points.positions, axis=0)) == 200
    np.testing.assert_array_equal(points.positions % 1, 0.5)
    vertices, _ = pose_body(lo, truth)
    places = np.einsum("pk,pkc->pc", points.barycentrics, vertices[points.vertex_ids])
    height, width = iuv.index.shape
    pixels = weak_perspective_pixels(places, truth.camera, Box(width / 2, height / 2, float(height)))[:, :2]
    away = np.linalg.norm(pixels - points.positions, axis=1)
    # Where a pixel shows the very edge of a chart, its neighbour's coordinates may be a hair outside.
    assert np.quantile(away, 0.98) < 1e-3
    assert away.max() < 2


def test_every_part_gets_its_share_of_dense_points(scene, lo: BodyModel) -> None:  # type: ignore[no-untyped-def]
    phi = Correspondence(lo.require_charts(), lo.faces)
    iuv = scene[2]

    def counts(draw: str) -> np.ndarray:
        points = sample_dense(iuv, phi, np.random.default_rng(0), count=280, draw=draw)  # type: ignore[arg-type]
        rows, columns = (points.positions[:, ::-1] - 0.5).astype(int).T
        return np.bincount(iuv.parts[rows, columns], minlength=15)[1:]

    pixels = np.bincount(iuv.parts.ravel(), minlength=15)[1:]
    seen = pixels >= 20
    assert counts("stratified")[seen].min() >= 20 - 1
    assert counts("uniform").argmax() == pixels.argmax()
