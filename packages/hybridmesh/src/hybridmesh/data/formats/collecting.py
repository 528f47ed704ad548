"""Put together what a reader found out about each person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hr_common.errors import InputError
from hybridmesh.camera import Box
from hybridmesh.data.people import PeopleSet
from hybridmesh.joints import KEYPOINTS

MARGIN = 1.2
"""Side of the square box over the longer side of the tight one, as in SPIN."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person of a foreign data set."""

    box: Box
    imgname: str = ""
    tight: tuple[float, float, float, float] | None = None
    """Left, top, width and height."""
    keypoints: Float[np.ndarray, "25 3"] | None = None
    pose: Float[np.ndarray, "72"] | None = None
    shape: Float[np.ndarray, "10"] | None = None
    gender: str = ""
    maskname: str = ""
    iuv: str = ""
    iuv_refined: str = ""
    dense: Mapping[str, np.ndarray] = field(default_factory=dict)
    """``dp_xy`` with ``dp_vertex`` and ``dp_bary``, or with ``dp_IUV``."""


def box_around(keypoints: Float[np.ndarray, "joint 3"]) -> Box:
    """Enclose the visible keypoints with the usual margin."""
    return Box.around(keypoints[keypoints[:, 2] > 0, :2].astype(np.float64), margin=MARGIN)


def box_from_tight(tight: tuple[float, float, float, float]) -> Box:
    """Enclose a tight box (left, top, width, height) with the usual margin."""
    left, top, width, height = tight
    return Box(left + width / 2, top + height / 2, MARGIN * max(width, height))


def collect(people: Sequence[Person], root: Path, source: str, **manifest: Any) -> PeopleSet:
    """Make columns of what at least one person has.

    Raises:
        InputError: There is nobody.
    """
    if not people:
        raise InputError(f"{root} holds nobody with annotations of {source}")
    columns: dict[str, np.ndarray] = {
        "center": np.array([[each.box.cx, each.box.cy] for each in people]),
        "scale": np.array([each.box.side / 200 for each in people]),
        "source": np.full(len(people), source),
    }
    for name in ("imgname", "gender", "maskname", "iuv", "iuv_refined"):
        texts = [getattr(each, name) for each in people]
        if any(texts):
            columns[name] = np.array(texts)
    if all(each.tight is not None for each in people):
        columns["box"] = np.array([each.tight for each in people], np.float32)
    empty = np.zeros((len(KEYPOINTS), 3))
    if any(each.keypoints is not None for each in people):
        columns["keypoints"] = np.stack([empty if each.keypoints is None else each.keypoints for each in people])
        columns["keypoints"] = columns["keypoints"].astype(np.float32)
    has_smpl = np.array([each.pose is not None and each.shape is not None for each in people])
    if has_smpl.any():
        columns["has_smpl"] = has_smpl.astype(np.uint8)
        for name, size in (("pose", 72), ("shape", 10)):
            rows = [
                getattr(each, name) if known else np.zeros(size) for each, known in zip(people, has_smpl, strict=True)
            ]
            columns[name] = np.array(rows, np.float32)
    forms = {tuple(sorted(each.dense)) for each in people if each.dense}
    if len(forms) > 1:
        raise InputError(f"{root} has dense points of two forms: {', '.join(map(str, sorted(forms)))}")
    if forms:
        names = forms.pop()
        columns["dp_ptr"] = np.append(0, np.cumsum([len(each.dense.get("dp_xy", ())) for each in people]))
        columns |= {name: np.concatenate([each.dense[name] for each in people if each.dense]) for name in names}
    return PeopleSet(columns=columns, root=root, manifest={"name": source, **manifest})


def find_file(folder: Path, *names: str) -> Path:
    """Find the first of some files.

    Raises:
        InputError: None is there.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} has no {' or '.join(names)}")
