"""The annotation pickles of the paper's code: a list of dictionaries, or a dictionary of lists.

Boxes are whole pictures, padded to squares. A dense point counts only where the refined map, if there is one, shows the
person too. Mirrored annotations, which these files hold as well, are not read: here flips go through the surface.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from hr_common.errors import InputError, reader
from hybridmesh import iuv
from hybridmesh.body.unpickling import read_plain
from hybridmesh.data.crops import Crop
from hybridmesh.data.formats.collecting import Person, collect
from hybridmesh.data.people import PeopleSet, convert_many


@reader
def read_reference(source: Path, _: str = "") -> PeopleSet:
    """Read a pickle; names of pictures are relative to its folder.

    Raises:
        InputError: The file is damaged, names anything but arrays, or pictures are missing.
    """
    content = read_plain(source)
    if isinstance(content, dict):
        try:
            content = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
        except (TypeError, ValueError):
            raise InputError(f"{source}: the lists of the dictionary have different lengths") from None
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise InputError(f"{source} holds neither a list of dictionaries nor a dictionary of lists")
    people = []
    for number, each in enumerate(content):
        try:
            people.append(_person(each, source.parent))
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{source}, person {number}: {type(error).__name__} {error}") from None
    licence = "terms of the data set and of SMPL"
    return collect(people, source.parent, source.stem, licence=licence, body="smpl", body_id="smpl")


def _person(each: dict[str, Any], root: Path) -> Person:
    name = str(each["image_path"])
    try:
        with Image.open(root / name) as picture:
            width, height = picture.size
    except (OSError, UnidentifiedImageError):
        raise InputError(f"{root / name} is missing or no picture") from None
    points = np.array(each["joints_2d"], float).reshape(3, 19).T
    found, refined = (str(each.get(key) or "") for key in ("IUV_path", "IUV_refined_path"))
    pose, shape = each.get("smpl_pose"), each.get("smpl_shape")
    return Person(
        box=Crop.whole(height, width).box, imgname=name, keypoints=convert_many(points[None], "cocoplus19")[0],
        pose=None if pose is None else np.array(pose, float).reshape(72),
        shape=None if shape is None else np.array(shape, float).ravel()[:10],
        dense=_dense(each, root / refined if refined else None), iuv=found, iuv_refined=refined,
    )  # fmt: skip


def _dense(each: dict[str, Any], refined: Path | None) -> dict[str, np.ndarray]:
    if each.get("dp_x") is None or not len(each["dp_x"]):
        return {}
    xy = np.column_stack([np.array(each[name], float).ravel() for name in ("dp_x", "dp_y")])
    vertex = np.array(each["smpl_vert_indices"], np.int64).reshape(len(xy), 3)
    weights = np.array(each["barycentric_coords"], float).reshape(len(xy), 3)
    if refined is not None:
        mask = iuv.read(refined).mask
        columns, rows = np.floor(xy).astype(int).clip(0, np.array(mask.shape[::-1]) - 1).T
        kept = mask[rows, columns]
        xy, vertex, weights = xy[kept], vertex[kept], weights[kept]
    return {"dp_xy": xy.astype(np.float32), "dp_vertex": vertex, "dp_bary": weights.astype(np.float32)}
