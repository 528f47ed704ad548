"""COCO's person keypoints, and DensePose's annotations on top: one JSON file for a split.

DensePose's points are given in a box of 256 × 256 pixels laid over the person's; its tools divide by 255, and so does
this. A person without dense points just lacks the keys.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from hr_common.errors import InputError, reader
from hr_common.files import read_json
from hybridmesh.data.formats.collecting import Person, box_from_tight, collect
from hybridmesh.data.people import PeopleSet, convert_many

_STEPS = 255.0
_FOLDERS = ("train2014", "val2014", "train2017", "val2017", "images", "")
_logger = logging.getLogger(__name__)


@reader
def read_coco(source: Path, split: str = "") -> PeopleSet:
    """Read people with keypoints or dense points.

    Args:
        source: The JSON file, or a folder with one for the split (``*keypoints*{split}*.json``,
            ``densepose_coco_2014_{split}.json``), maybe in ``annotations``. Pictures are looked for beside it in
            ``train2014`` and so on.
        split: Which file of a folder.

    Raises:
        InputError: There is no such file, or it is not of this format.
    """
    file = source if source.is_file() else _find(source, split)
    content = read_json(file)
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        raise InputError(f"{file} has no 'images' and 'annotations', as COCO's files do")
    root = file.parent.parent if file.parent.name == "annotations" else file.parent
    people = []
    try:
        names = {each["id"]: _locate(root, str(each["file_name"])) for each in content["images"]}
        for each in content["annotations"]:
            if not each.get("iscrowd"):
                people += _person(each, names[each["image_id"]], file)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: a person is not written as COCO does: {type(error).__name__} {error}") from None
    dense = any(each.dense for each in people)
    facts = {"charts": "densepose", "body": "smpl", "body_id": "smpl"} if dense else {}
    licence = "annotations of COCO: CC BY 4.0" + ("; of DensePose-COCO: non-commercial" if dense else "")
    return collect(people, root, "densepose" if dense else "coco", licence=licence, **facts)


def _find(folder: Path, split: str) -> Path:
    patterns = (f"densepose_coco_2014_{split}.json", f"*keypoints*{split}*.json")
    for place in (folder, folder / "annotations"):
        for pattern in patterns:
            if found := sorted(place.glob(pattern)):
                return found[0]
    raise InputError(f"{folder} has no {' or '.join(patterns)}; name the split with --split, or the file itself")


def _locate(root: Path, name: str) -> str:
    return next((f"{folder}/{name}" for folder in _FOLDERS[:-1] if (root / folder / name).is_file()), name)


def _person(each: dict[str, Any], imgname: str, file: Path) -> list[Person]:
    left, top, width, height = (float(number) for number in each["bbox"])
    keypoints, dense = None, {}
    if any(each.get("keypoints", ())):
        points = np.array(each["keypoints"], float).reshape(1, 17, 3)
        points[..., 2] = points[..., 2] > 0  # hidden ones too were placed by a person
        keypoints = convert_many(points, "coco17")[0]
    if each.get("dp_I"):
        table = np.array([each[f"dp_{name}"] for name in ("I", "U", "V", "x", "y")], float).T
        if table[:, 1:3].max() > 1:
            _logger.warning("%s: U and V reach %.3g, so they were divided by 255", file, table[:, 1:3].max())
            table[:, 1:3] /= 255
        if table[:, 0].min() < 1 or table[:, 0].max() > 24 or table[:, 1:].min() < 0:
            raise InputError(f"{file}: the dense points of annotation {each.get('id')} have charts outside 1 to 24")
        xy = np.array([left, top]) + table[:, 3:] / _STEPS * np.array([width, height])
        dense = {"dp_xy": xy.astype(np.float32), "dp_IUV": table[:, :3].astype(np.float32)}
    if (keypoints is None and not dense) or max(width, height) <= 0:
        return []
    tight = (left, top, width, height)
    return [Person(box=box_from_tight(tight), imgname=imgname, tight=tight, keypoints=keypoints, dense=dense)]
