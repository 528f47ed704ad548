"""UP-3D: for each picture ``NNNNN_image.png``, 14 joints, a fitted body, and a rendering that tells the box."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hr_common import image
from hr_common.errors import InputError, reader
from hr_common.files import read_array, read_lines
from hybridmesh.body.unpickling import read_arrays
from hybridmesh.data.formats.collecting import Person, box_from_tight, collect, find_file
from hybridmesh.data.people import PeopleSet, convert_many

_WHITE = 255


@reader
def read_up3d(source: Path, split: str = "") -> PeopleSet:
    """Read the people of a split.

    Args:
        source: The folder with the pictures and the lists ``train.txt``, ``val.txt``, ``test.txt``, ``trainval.txt``.
        split: Which list; without one all pictures are read.

    Raises:
        InputError: Files are missing or damaged.
    """
    if split:
        lines = [line.split()[0] for line in read_lines(find_file(source, f"{split}.txt")) if line.strip()]
        stems = [Path(line).name.partition("_")[0] for line in lines]
    else:
        stems = sorted(each.name.partition("_")[0] for each in source.glob("*_image.png"))
    people = [_person(source, stem) for stem in stems]
    return collect(people, source, "up3d", licence="terms of UP-3D and of SMPL", body="smpl", body_id="smpl")


def _person(folder: Path, stem: str) -> Person:
    picture = find_file(folder, f"{stem}_image.png")
    rendering = image.read(find_file(folder, f"{stem}_render_light.png"))
    rows, columns = np.nonzero(rendering.min(2) < _WHITE)
    if not len(rows):
        raise InputError(f"{folder}/{stem}_render_light.png is white all over; it has to show the body")
    left, top = float(columns.min()), float(rows.min())
    tight = (left, top, float(columns.max()) + 1 - left, float(rows.max()) + 1 - top)
    file = find_file(folder, f"{stem}_joints.npy")
    joints = read_array(file)
    if joints.shape != (3, 14):
        raise InputError(f"{file} has the shape {joints.shape}, not (3, 14)")
    file = find_file(folder, f"{stem}_body.pkl")
    body = read_arrays(file)
    if missing := {"pose", "betas"} - set(body):
        raise InputError(f"{file} holds no {', '.join(sorted(missing))}")
    pose = np.array(body["pose"], float).reshape(72)
    # The body stands before a camera that may be turned.
    camera = Rotation.from_rotvec(np.array(body.get("rt", np.zeros(3)), float).reshape(3))
    pose[:3] = (camera * Rotation.from_rotvec(pose[:3])).as_rotvec()
    mask = next((name for name in (f"{stem}_mask.png", f"{stem}_segmentation.png") if (folder / name).is_file()), "")
    keypoints = convert_many(joints.T[None].astype(float), "lsp14")[0]
    return Person(
        box=box_from_tight(tight), tight=tight, imgname=picture.name, maskname=mask, pose=pose,
        shape=np.array(body["betas"], float).ravel()[:10], keypoints=keypoints,
    )  # fmt: skip
