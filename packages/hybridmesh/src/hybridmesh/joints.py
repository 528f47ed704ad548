"""Names and orders of joints and keypoints, and how one set is read as another.

``L`` and ``R`` are the person's left and right. The body's skeleton is that of SMPL: 24 joints, the rest pose a T-pose
with y up, facing +z, so that the person's left is at +x.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from hr_common.errors import InputError

SMPL24 = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

COCO17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
FEET6 = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")
COCO23 = COCO17 + FEET6

LSP14 = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip
COCOPLUS19 = (*LSP14, "nose", "left_eye", "right_eye", "left_ear", "right_ear")
"""The 19 keypoints of the paper's code, in its order."""

OPENPOSE25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
    "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe",
    "right_small_toe", "right_heel",
)  # fmt: skip
SPIN24 = (*LSP14, "pelvis", "thorax", "spine", "jaw", "head", "nose", "left_eye", "right_eye", "left_ear", "right_ear")
"""The 24 annotated joints of SPIN's files. Its trunk and head points are no joints of the body's skeleton."""

MEDIAPIPE33 = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_big_toe", "right_big_toe",
)  # fmt: skip
"""MediaPipe's landmarks; what it calls the foot's index is read as the big toe."""

KEYPOINTS = (*COCOPLUS19, *FEET6)
"""What this package fits to: the union of the sets above as far as the body has a regressor for it."""

SETS = {
    "smpl24": SMPL24,
    "coco17": COCO17,
    "coco23": COCO23,
    "lsp14": LSP14,
    "cocoplus19": COCOPLUS19,
    "openpose25": OPENPOSE25,
    "spin24": SPIN24,
    "mediapipe33": MEDIAPIPE33,
    "keypoints25": KEYPOINTS,
}


class Keypoints(NamedTuple):
    """Points of one set, in two or three dimensions, with their confidence; zero means that a point was not seen."""

    points: Float[np.ndarray, "joint axis"]
    confidence: Float[np.ndarray, " joint"]


def mirrored(name: str) -> str:
    """Name the joint of the other side, or the joint itself if it lies in the middle."""
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


def flip_permutation(names: tuple[str, ...]) -> Int[np.ndarray, " joint"]:
    """Say for each point of a set which one takes its place in the mirrored picture."""
    return np.array([names.index(mirrored(name)) for name in names])


def convert_keypoints(
    points: Float[np.ndarray, "joint axis"], confidence: Float[np.ndarray, " joint"], source: str, target: str
) -> Keypoints:
    """Rearrange points by name; what the source lacks gets confidence 0.

    COCO has no neck and OpenPose's is the middle of the shoulders, not the joint at the base of the skull; so it is
    left unseen rather than guessed. The same holds for the hips of OpenPose, whose names agree.

    Raises:
        InputError: A set is unknown, or the number of points is not that of the source.
    """
    for name in (source, target):
        if name not in SETS:
            raise InputError(f"unknown set of keypoints {name!r}; known: {', '.join(SETS)}")
    names = SETS[source]
    if len(points) != len(names):
        raise InputError(f"{source} has {len(names)} points, not {len(points)}")
    moved = np.zeros((len(SETS[target]), points.shape[1]), points.dtype)
    seen = np.zeros(len(SETS[target]), confidence.dtype)
    for index, name in enumerate(SETS[target]):
        if name in names and not (source == "openpose25" and name == "neck"):
            moved[index], seen[index] = points[names.index(name)], confidence[names.index(name)]
    return Keypoints(moved, seen)
