import numpy as np
import pytest

from hr_common.errors import InputError
from hybridmesh.joints import (
    COCO17,
    COCOPLUS19,
    KEYPOINTS,
    OPENPOSE25,
    SETS,
    SMPL24,
    convert_keypoints,
    flip_permutation,
)


def test_the_flip_of_the_papers_joints_is_the_published_one() -> None:
    expected = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 16, 15, 18, 17]
    np.testing.assert_array_equal(flip_permutation(COCOPLUS19), expected)


@pytest.mark.parametrize("name", SETS)
def test_flipping_twice_changes_nothing(name: str) -> None:
    flip = flip_permutation(SETS[name])
    np.testing.assert_array_equal(flip[flip], np.arange(len(SETS[name])))


def test_the_skeleton_is_smpls() -> None:
    assert SMPL24[0] == "pelvis"
    assert SMPL24[16:24] == tuple(
        f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hand") for side in ("left", "right")
    )


def test_points_find_their_place_by_name_and_the_rest_is_unseen() -> None:
    points = np.arange(34.0).reshape(17, 2)
    moved, confidence = convert_keypoints(points, np.full(17, 0.5), "coco17", "keypoints25")
    np.testing.assert_array_equal(moved[KEYPOINTS.index("right_knee")], points[COCO17.index("right_knee")])
    assert confidence[KEYPOINTS.index("neck")] == 0
    assert confidence[KEYPOINTS.index("left_heel")] == 0
    assert confidence.sum() == pytest.approx(17 * 0.5)


def test_openposes_neck_is_the_middle_of_the_shoulders_and_no_neck() -> None:
    points = np.ones((25, 2))
    _, confidence = convert_keypoints(points, np.ones(25), "openpose25", "keypoints25")
    assert OPENPOSE25[1] == "neck"
    assert confidence[KEYPOINTS.index("neck")] == 0
    assert confidence[KEYPOINTS.index("left_heel")] == 1


def test_unknown_sets_and_wrong_numbers_are_named() -> None:
    with pytest.raises(InputError, match="unknown set of keypoints 'coco18'"):
        convert_keypoints(np.zeros((18, 2)), np.zeros(18), "coco18", "keypoints25")
    with pytest.raises(InputError, match="coco17 has 17 points, not 16"):
        convert_keypoints(np.zeros((16, 2)), np.zeros(16), "coco17", "keypoints25")
