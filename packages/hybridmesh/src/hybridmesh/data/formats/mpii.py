"""Two sets with keypoints alone, in MATLAB's form: Leeds Sports Pose (and its extension), and MPII Human Pose."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from hr_common.errors import InputError, reader
from hybridmesh.data.formats.collecting import Person, box_around, collect, find_file
from hybridmesh.data.people import PeopleSet, convert_many

_MPII_TO_SPIN = (0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11)
"""Places of MPII's 16 joints among SPIN's 24: both ankles to hips, pelvis, thorax, neck, head top, wrists, …"""


@reader
def read_lsp(source: Path, split: str = "") -> PeopleSet:
    """Read Leeds Sports Pose: ``joints.mat`` (3×14×N, or 14×3×N in the extension) and ``images/im0001.jpg`` and on.

    Args:
        source: The folder.
        split: ``train`` (the first half) or ``test`` of the first set; everything without it.

    Raises:
        InputError: Files are missing or damaged, or the split is another one.
    """
    file = find_file(source, "joints.mat")
    joints = np.asarray(_load(file).get("joints", ()), float)
    if joints.ndim != 3 or sorted(joints.shape[:2]) != [3, 14]:
        raise InputError(f"{file} has joints of the shape {joints.shape}, not (3, 14, N) or (14, 3, N)")
    extension = joints.shape[0] == 14
    rows = joints.transpose(2, 0, 1) if extension else joints.transpose(2, 1, 0)
    if not extension:
        # The third number says whether a joint is hidden; all were placed by a person.
        rows[..., 2] = 1
    every = np.arange(len(rows))
    halves = {"": every, "train": every[: len(rows) // 2], "test": every[len(rows) // 2 :]}
    if split not in halves:
        raise InputError(f"LSP has the splits train and test, not {split!r}")
    keypoints = convert_many(rows, "lsp14")
    name = "images/im{:05d}.jpg" if extension else "images/im{:04d}.jpg"
    people = [
        Person(box=box_around(keypoints[row]), imgname=name.format(row + 1), keypoints=keypoints[row])
        for row in halves[split].tolist()
        if (keypoints[row, :, 2] > 0).any()
    ]
    return collect(people, source, "lspet" if extension else "lsp", licence="terms of Leeds Sports Pose")


@reader
def read_mpii(source: Path, split: str = "train") -> PeopleSet:
    """Read MPII Human Pose: ``mpii_human_pose_v1_u12_1.mat`` and ``images``; only its training part has joints.

    Raises:
        InputError: Files are missing or damaged, or the split is another one.
    """
    if split not in ("", "train"):
        raise InputError(f"MPII has joints for the split train only, not for {split!r}")
    file = source if source.is_file() else find_file(source, "mpii_human_pose_v1_u12_1.mat")
    release = _load(file).get("RELEASE")
    people = []
    try:
        assert release is not None
        for entry in np.atleast_1d(release.annolist):
            for person in np.atleast_1d(entry.annorect):
                people += _mpii_person(person, f"images/{entry.image.name}")
    except (AssertionError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{file} is not written as MPII does: {type(error).__name__} {error}") from None
    return collect(people, file.parent, "mpii", licence="terms of MPII Human Pose")


def _mpii_person(person: Any, imgname: str) -> list[Person]:
    points: Any = getattr(person, "annopoints", None)
    if not hasattr(points, "point"):
        return []
    spin = np.zeros((1, 24, 3))
    for point in np.atleast_1d(points.point):
        # Those that are hidden have their place too; "visible" may be missing or empty.
        spin[0, _MPII_TO_SPIN[int(point.id)]] = float(point.x), float(point.y), 1
    keypoints = convert_many(spin, "spin24")[0]
    if not (keypoints[:, 2] > 0).any():
        return []
    return [Person(box=box_around(keypoints), imgname=imgname, keypoints=keypoints)]


def _load(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = scipy.io.loadmat(file, struct_as_record=False, squeeze_me=True)
    except NotImplementedError:
        # SciPy's word for MATLAB 7.3, which is HDF5.
        raise InputError(f"{file} was saved as MATLAB 7.3; save it again with -v7") from None
    except Exception as error:  # SciPy and zlib raise many kinds for damaged bytes
        raise InputError(f"{file} is no MATLAB file that can be read: {error}") from error
    return content
