from dataclasses import replace

import numpy as np

from hybridmesh.config import SynthConfig
from hybridmesh.data.noise import spoil_keypoints, spoil_map
from hybridmesh.iuv import MIRRORED_CHART, IUVMap

QUIET = SynthConfig(keypoint_noise=0.0, keypoint_drop=0.0, part_drop=0.0, limb_swap=0.0, erosion=0.0)


def test_without_any_error_nothing_changes(scene) -> None:  # type: ignore[no-untyped-def]
    dense: IUVMap = scene[2]
    same = spoil_map(np.random.default_rng(0), dense, QUIET)
    np.testing.assert_array_equal(same.index, dense.index)
    points = np.random.default_rng(0).uniform(0, 64, (25, 3))
    np.testing.assert_array_equal(spoil_keypoints(np.random.default_rng(0), points, 64, QUIET), points)


def test_swapped_limbs_are_those_of_the_other_side(scene) -> None:  # type: ignore[no-untyped-def]
    dense: IUVMap = scene[2]
    swapped = spoil_map(np.random.default_rng(0), dense, replace(QUIET, limb_swap=1.0))
    limb = (dense.index > 2) & (dense.index < 23)
    np.testing.assert_array_equal(swapped.index[limb], MIRRORED_CHART[dense.index[limb]])
    np.testing.assert_array_equal(swapped.index[~limb], dense.index[~limb])


def test_parts_are_lost_whole_and_the_outline_shrinks(scene) -> None:  # type: ignore[no-untyped-def]
    dense: IUVMap = scene[2]
    lost = spoil_map(np.random.default_rng(1), dense, replace(QUIET, part_drop=0.4))
    for part in range(1, 15):
        share = (lost.parts[dense.parts == part] > 0).mean()
        assert share in (0, 1)
    assert 0 < lost.mask.sum() < dense.mask.sum()
    eroded = spoil_map(np.random.default_rng(1), dense, replace(QUIET, erosion=1.0))
    assert eroded.mask.sum() < dense.mask.sum()
    assert not (eroded.mask & ~dense.mask).any()


def test_keypoints_shake_by_pixels_of_224_and_get_lost() -> None:
    points = np.column_stack([np.zeros((25, 2)), np.ones(25)])
    moved = np.stack([
        spoil_keypoints(np.random.default_rng(seed), points, 112, replace(QUIET, keypoint_noise=2.0, keypoint_drop=0.2))
        for seed in range(40)
    ])  # fmt: skip
    assert abs(moved[..., :2].std() - 1) < 0.1
    assert abs((moved[..., 2] == 0).mean() - 0.2) < 0.05
