"""3DPW: one pickle for each sequence, with every person's body in the world and the moving camera."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError, reader
from hybridmesh.body.unpickling import read_arrays
from hybridmesh.data.formats.collecting import Person, box_around, collect
from hybridmesh.data.people import PeopleSet, convert_many
from hybridmesh.joints import COCO17

_COCO18 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's points of COCO; its neck, the middle of the shoulders, is not used."""
_TO_COCO17 = [_COCO18.index(name) for name in COCO17]
_NEEDED = ("poses", "betas", "poses2d", "cam_poses", "campose_valid", "genders", "sequence")
_FEWEST = 6  # visible keypoints of a frame that is used, our choice


@reader
def read_3dpw(source: Path, split: str = "test") -> PeopleSet:
    """Read every frame in which somebody is seen and the camera is known.

    Args:
        source: The folder with ``sequenceFiles`` and ``imageFiles``.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        InputError: Files are missing or damaged.
    """
    split = split or "test"
    folder = source / "sequenceFiles" / split
    files = sorted(folder.glob("*.pkl"))
    if not files:
        raise InputError(f"{folder} holds no sequences (.pkl); 3DPW has sequenceFiles/train, validation and test")
    people = [person for file in files for person in _read_sequence(file)]
    licence = "terms of 3DPW (non-commercial research) and of SMPL"
    return collect(people, source, "3dpw", licence=licence, body="smpl", body_id="smpl")


def _read_sequence(file: Path) -> list[Person]:
    content = read_arrays(file)
    if missing := set(_NEEDED) - set(content):
        raise InputError(f"{file} holds no {', '.join(sorted(missing))}")
    try:
        return [
            person for number in range(len(content["poses"])) for person in _read_person(content, number)
        ]  # fmt: skip
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{file} is not written as 3DPW does: {type(error).__name__} {error}") from None


def _read_person(content: dict[str, Any], number: int) -> list[Person]:
    poses = np.array(content["poses"][number], float).reshape(-1, 72)
    points = np.array(content["poses2d"][number], float).reshape(len(poses), 3, 18).transpose(0, 2, 1)
    keypoints = convert_many(points[:, _TO_COCO17], "coco17")
    cameras = np.array(content["cam_poses"], float).reshape(-1, 4, 4)[: len(poses), :3, :3]
    roots = Rotation.from_matrix(cameras) * Rotation.from_rotvec(poses[:, :3])
    poses[:, :3] = roots.as_rotvec()
    valid = np.array(content["campose_valid"][number]).ravel()[: len(poses)].astype(bool)
    used = np.flatnonzero(valid & ((keypoints[..., 2] > 0).sum(1) >= _FEWEST))
    shape = np.array(content["betas"][number], float).ravel()[:10]
    return [
        Person(
            box=box_around(keypoints[frame]), imgname=f"imageFiles/{content['sequence']}/image_{frame:05d}.jpg",
            keypoints=keypoints[frame], pose=poses[frame], shape=shape, gender=str(content["genders"][number])[:1],
        )
        for frame in used.tolist()
    ]  # fmt: skip
