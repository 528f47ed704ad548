"""Annotated people, one row each: the plain form that every data set is converted to, and its files.

On disk a set is a folder with ``people.npz`` and ``manifest.json``. The archive has SPIN's keys (``imgname``,
``center``, ``scale``, ``part``, ``openpose``, ``pose``, ``shape``, ``has_smpl``, ``S``, ``gender``, ``maskname``,
``partname``), so that either program reads the other's files, and ours on top: names of IUV maps, dense points as one
ragged array, tight boxes, where each person comes from, and for rendered people their crops themselves.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path, file_digest, read_json, write_json
from hybridmesh.body.arrays import read_archive
from hybridmesh.camera import Box
from hybridmesh.joints import KEYPOINTS, OPENPOSE25, SPIN24, convert_keypoints

FORMAT, VERSION = "hybridmesh-people", 1
ARCHIVE, MANIFEST = "people.npz", "manifest.json"

_FILES = ("imgname", "maskname", "partname", "iuv", "iuv_refined")
_TEXT = (*_FILES, "gender", "source")
_NUMBERS: dict[str, tuple[int, ...]] = {
    "center": (2,), "scale": (), "keypoints": (len(KEYPOINTS), 3), "pose": (72,), "shape": (10,), "has_smpl": (),
    "S": (len(SPIN24), 4), "camera": (3,), "box": (4,),
}  # fmt: skip
_PICTURES = ("crops", "iuv_crops")
_POINTS: dict[str, tuple[int, ...]] = {
    "dp_xy": (2,), "dp_vertex": (3,), "dp_face": (), "dp_bary": (3,), "dp_IUV": (3,),
}  # fmt: skip
"""Of the dense points, in one row each: pixels of the picture, and a place of the surface in one of three forms."""


@dataclass(frozen=True, kw_only=True)
class PeopleSet:
    """People with what is known of each.

    ``columns`` holds, as far as known, with one row a person and coordinates in pixels of the picture:

    - ``imgname``, ``iuv``, ``iuv_refined``, ``maskname``: files, relative to ``root``; or ``crops`` and ``iuv_crops``,
      (person, size, size, 3) of 8 bits, which then are the pictures that coordinates refer to
    - ``center`` and ``scale``: the square box, of side 200 · scale; ``box``: left, top, width, height of the tight one
    - ``keypoints``: x, y and confidence of the set ``keypoints25``
    - ``pose`` (72 axis-angles, the root in camera axes, y down), ``shape`` (10), ``has_smpl`` (0 or 1), ``gender``
    - ``camera``: (s, tx, ty) in the box; ``S``: x, y, z and confidence of SPIN's 24 joints in metres
    - ``dp_ptr`` (people + 1), and from ``dp_ptr[i]`` to ``dp_ptr[i + 1]`` the dense points of person i: ``dp_xy``, and
      ``dp_bary`` with ``dp_vertex`` or ``dp_face``, or ``dp_IUV``
    - ``source``: which set, or which domain of a rendered one, somebody belongs to
    """

    columns: dict[str, np.ndarray]
    root: Path = Path()
    manifest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that columns fit each other.

        Raises:
            InputError: A column has another shape or length, or numbers that are not finite.
        """
        if "center" not in self.columns or "scale" not in self.columns:
            raise InputError("people need the columns center and scale: the box of each")
        for name, value in self.columns.items():
            self._check(name, value)

    def _check(self, name: str, value: np.ndarray) -> None:
        people = len(self.columns["center"])
        if name == "dp_ptr":
            if value.shape != (people + 1,) or value[0] != 0 or (np.diff(value) < 0).any():
                raise InputError(f"dp_ptr has to rise from 0 over {people + 1} entries; it has the shape {value.shape}")
            return
        if name in _POINTS:
            rows, shape = int(self.columns["dp_ptr"][-1]) if "dp_ptr" in self.columns else -1, _POINTS[name]
        elif name in _PICTURES:
            rows, shape = people, (*value.shape[1:3], 3)
        elif name in _TEXT:
            rows, shape = people, ()
        elif name in _NUMBERS:
            rows, shape = people, _NUMBERS[name]
        else:
            raise InputError(f"unknown column {name!r} of people")
        if value.shape != (rows, *shape):
            raise InputError(f"column {name} of {people} people has the shape {value.shape}, not {(rows, *shape)}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InputError(f"column {name} holds numbers that are not finite")

    def __len__(self) -> int:
        return len(self.columns["center"])

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> np.ndarray:
        """Give a column.

        Raises:
            InputError: The set has none of that name.
        """
        if name not in self.columns:
            raise InputError(f"these people have no column {name!r}; known: {', '.join(sorted(self.columns))}")
        return self.columns[name]

    def box(self, row: int) -> Box:
        """Give the square box of somebody."""
        x, y = self.columns["center"][row]
        return Box.from_scale((float(x), float(y)), float(self.columns["scale"][row]))

    @property
    def has_smpl(self) -> Int[np.ndarray, " person"]:
        """Who has pose and shape."""
        return np.asarray(self.columns.get("has_smpl", np.zeros(len(self))), int)

    @property
    def dense_counts(self) -> Int[np.ndarray, " person"]:
        """How many dense points each has."""
        return np.diff(self.columns["dp_ptr"]) if "dp_ptr" in self.columns else np.zeros(len(self), int)

    def take(self, rows: Int[np.ndarray, " row"]) -> "PeopleSet":
        """Give some of the people, in that order."""
        rows = np.asarray(rows, int)
        columns = {name: each[rows] for name, each in self.columns.items() if not name.startswith("dp_")}
        if "dp_ptr" in self.columns:
            counts = self.dense_counts[rows]
            ends = np.cumsum(counts)
            points = np.repeat(self.columns["dp_ptr"][rows] - (ends - counts), counts) + np.arange(counts.sum())
            columns["dp_ptr"] = np.append(0, ends)
            columns |= {name: self.columns[name][points] for name in _POINTS if name in self.columns}
        return PeopleSet(columns=columns, root=self.root, manifest=self.manifest)

    @classmethod
    def concatenate(cls, parts: "Sequence[PeopleSet]") -> "PeopleSet":
        """Put sets one after another.

        Raises:
            InputError: They have different columns, sizes of crops, or bodies.
        """
        first = parts[0]
        for each in parts[1:]:
            if differing := set(first.columns) ^ set(each.columns):
                raise InputError(f"sets with different columns cannot be joined; differing: {', '.join(differing)}")
            if each.manifest.get("body_id") != first.manifest.get("body_id"):
                raise InputError("sets of different bodies cannot be joined")
            for name in _PICTURES:
                if name in first and first[name].shape[1:] != each[name].shape[1:]:
                    raise InputError(f"sets whose {name} have different sizes cannot be joined")
        columns = {}
        for name in first.columns:
            if name == "dp_ptr":
                columns[name] = np.append(0, np.cumsum(np.concatenate([each.dense_counts for each in parts])))
            else:
                columns[name] = np.concatenate([each.columns[name] for each in parts])
        roots = {each.root for each in parts}
        if len(roots) > 1:  # names of files are made whole
            for name in _FILES:
                if name in columns:
                    whole = [str(each.root / text) if text else "" for each in parts for text in each[name].tolist()]
                    columns[name] = np.array(whole)
        return cls(columns=columns, root=first.root if len(roots) == 1 else Path(), manifest=first.manifest)

    @classmethod
    def load(cls, path: str | Path) -> "PeopleSet":
        """Read a folder that :meth:`save` wrote, or an archive, ours or SPIN's.

        Raises:
            InputError: It is missing or damaged, columns do not fit, or the archive is not the manifest's.
        """
        path = Path(path)
        archive = path / ARCHIVE if path.is_dir() else path
        manifest_file = archive.with_name(MANIFEST)
        manifest: dict[str, Any] = {}
        if archive.name == ARCHIVE and manifest_file.is_file():
            content: Any = read_json(manifest_file)
            if not isinstance(content, dict) or content.get("format") != FORMAT:
                raise InputError(f"{manifest_file} is no manifest of people")
            manifest = content
            if manifest.get("version") != VERSION:
                raise InputError(
                    f"{manifest_file} is of version {manifest.get('version')}; this program reads {VERSION}"
                )
            if manifest.get("sha256") != file_digest(archive):
                raise InputError(f"{archive} is not the file that {manifest_file} describes; make or copy it again")
        elif path.is_dir():
            raise InputError(f"{path} is no set of people: it has no {MANIFEST}; make one with: hybridmesh convert")
        arrays = read_archive(archive)
        if "body_id" in arrays:
            manifest.setdefault("body_id", str(arrays.pop("body_id")))
        elif "pose" in arrays and not manifest:
            manifest["body_id"] = manifest["body"] = "smpl"  # such archives know no other
        try:
            with refusing("a column"):
                return cls(columns=_from_archive(arrays), root=archive.parent, manifest=manifest)
        except InputError as error:
            raise InputError(f"{archive}: {error}") from None

    def save(self, folder: str | Path) -> None:
        """Write ``people.npz`` and ``manifest.json`` into a folder, which is made if need be."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        root, target = self.root.resolve(), folder.resolve()
        arrays: dict[str, Any] = {name: value for name, value in self.columns.items() if name != "keypoints"}
        if "keypoints" in self.columns:
            arrays |= _to_spin(self.columns["keypoints"])
        for name in _FILES if root != target else ():
            if name in arrays:  # as seen from the new place
                arrays[name] = np.array(
                    [text and os.path.relpath(root / text, target) for text in arrays[name].tolist()]
                )
        if "body_id" in self.manifest:
            arrays["body_id"] = np.array(self.manifest["body_id"])
        # While the new pair is written, neither half of it may stand beside the old other half.
        (folder / MANIFEST).unlink(missing_ok=True)
        with atomic_path(folder / ARCHIVE) as temporary:
            np.savez_compressed(temporary, **arrays)
        write_json(folder / MANIFEST, self.manifest | self.summary() | {"sha256": file_digest(folder / ARCHIVE)})

    def summary(self) -> dict[str, Any]:
        """Count what there is."""
        sources, counts = np.unique(self.columns.get("source", np.zeros(0, str)), return_counts=True)
        return {
            "format": FORMAT,
            "version": VERSION,
            "people": len(self),
            "sources": dict(zip(sources.tolist(), counts.tolist(), strict=True)),
            "with_smpl": int(self.has_smpl.sum()),
            "with_dense": int((self.dense_counts > 0).sum()),
            "dense_points": int(self.dense_counts.sum()),
        }


def _from_archive(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn an archive's arrays into columns; what this package has no use for is left out."""
    columns: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        if name in _TEXT:
            columns[name] = np.char.decode(value, "utf-8") if value.dtype.kind == "S" else value.astype(str)
        elif name in _PICTURES:
            columns[name] = value
        elif name == "dp_ptr" or name in ("dp_vertex", "dp_face"):
            columns[name] = value.astype(np.int64)
        elif name in _NUMBERS or name in _POINTS:
            shape = (_NUMBERS | _POINTS)[name]
            kind = np.float64 if name in ("center", "scale") else np.float32
            rows = value.reshape(len(value), *shape) if value.size == len(value) * int(np.prod(shape)) else value
            columns[name] = rows.astype(np.uint8 if name == "has_smpl" else kind)
    if {"part", "openpose"} & set(arrays):
        columns["keypoints"] = _from_spin(arrays.get("part"), arrays.get("openpose"))
    if "pose" in columns and "has_smpl" not in columns:  # SPIN leaves it out where everybody has it
        columns["has_smpl"] = np.ones(len(columns["pose"]), np.uint8)
    return columns


def _from_spin(part: np.ndarray | None, openpose: np.ndarray | None) -> Float[np.ndarray, "person 25 3"]:
    """Join annotated and detected keypoints; the annotated ones come first."""
    joined: np.ndarray | None = None
    for rows, source in ((part, "spin24"), (openpose, "openpose25")):
        if rows is None:
            continue
        if rows.ndim != 3 or rows.shape[2] != 3:
            raise InputError(f"keypoints have the shape {rows.shape}, not (people, points, 3)")
        moved = convert_many(rows.astype(np.float32), source)
        if joined is None:
            joined = moved
        else:
            unset = (joined == 0).all(2, keepdims=True) | ((joined[..., 2:] == 0) & (moved[..., 2:] > 0))
            joined = np.where(unset, moved, joined)
    assert joined is not None
    return joined


def _to_spin(keypoints: Float[np.ndarray, "person 25 3"]) -> dict[str, np.ndarray]:
    """Spread keypoints over SPIN's two arrays; the neck of OpenPose is another point, and is not given."""
    out = {}
    for key, names in (("part", SPIN24), ("openpose", OPENPOSE25)):
        out[key] = np.zeros((len(keypoints), len(names), 3), np.float32)
        for place, name in enumerate(names):
            if name in KEYPOINTS and not (key == "openpose" and name == "neck"):
                out[key][:, place] = keypoints[:, KEYPOINTS.index(name)]
    return out


def convert_many(points: Float[np.ndarray, "person joint 3"], source: str) -> Float[np.ndarray, "person 25 3"]:
    """Rearrange x, y and confidence of many people into the set ``keypoints25``.

    Raises:
        InputError: The number of points is not that of the source.
    """
    people, joints, _ = points.shape
    across = points.transpose(1, 0, 2).reshape(joints, -1)
    seen = convert_keypoints(across, np.ones(joints, points.dtype), source, "keypoints25")
    return np.ascontiguousarray(seen.points.reshape(len(KEYPOINTS), people, 3).transpose(1, 0, 2))
