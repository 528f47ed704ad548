"""Pictures of textures: single ones, and folders of them with groups."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gramtex.synthesis import refuse_small
from hr_common import image
from hr_common.errors import InputError, refusing
from hr_common.files import read_lines

MANIFEST = "manifest.csv"
"""Table beside the pictures: ``file,group`` and, if there are fixed splits, ``split``; other columns are left alone."""


@dataclass(frozen=True)
class Exemplar:
    """One picture of a data set."""

    path: Path
    """File."""
    name: str
    """Path below the data folder, as the manifest has it."""
    group: str
    """Physical source: pictures of one garment have the same, and never lie in different splits."""
    split: str | None = None
    """``train``, ``val`` or ``test``, where the manifest says so."""


def read_exemplar(path: str | Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture as RGB: turned as its EXIF says, transparency laid over white, 16 bits made 8.

    Raises:
        InputError: It cannot be read, or a side is shorter than 32 pixels.
    """
    picture = image.read(path)
    try:
        refuse_small(picture.shape[1], picture.shape[0])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return picture


def list_exemplars(folder: str | Path) -> list[Exemplar]:
    """List the pictures of a data folder: those of its ``manifest.csv`` or, without one, each as a group of its own.

    Raises:
        InputError: The folder holds no pictures, or the manifest lacks a column or names files that are not there.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"cannot read {root}: no such folder")
    table = root / MANIFEST
    if not table.exists():
        return [Exemplar(path, path.relative_to(root).as_posix(), path.stem) for path in image.find([root])]
    return list(_listed(root, table))


def _listed(root: Path, table: Path) -> Iterator[Exemplar]:
    lines = read_lines(table)
    with refusing(str(table)):
        rows = csv.DictReader(lines)
        if missing := {"file", "group"} - set(rows.fieldnames or ()):
            raise InputError(f"{table} has no column {', '.join(sorted(missing))}; expected file,group[,split]")
        found = 0
        for number, row in enumerate(rows, start=2):
            path = root / (row["file"] or "")
            if not path.is_file():
                raise InputError(f"{table}, line {number}: {row['file']} is not there")
            split = row.get("split") or None
            if split not in (None, "train", "val", "test"):
                raise InputError(f"{table}, line {number}: split {split!r} is none of train, val, test")
            found += 1
            yield Exemplar(path, row["file"], row["group"] or "", split)
        if not found:
            raise InputError(f"{table} lists no pictures")
