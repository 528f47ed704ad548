"""From a listed path to the file on disk, whichever way the archive was unpacked.

The lists of Places-LT are in circulation in two forms (``data_256/<letter>/<class>/…`` and ``train/<class>/…``), and so
are the pictures; ImageNet's validation pictures lie in one folder or in one a class. Any list is matched with any
layout: each path is reduced to class and file, and these are looked for in all known places. What is found for a
handful of lines is taken for the whole list, so that no line is ever left out: a missing picture shows as missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from openlt.data.registry import Layout
from openlt.data.splits import SplitName

_PROBES = 48  # lines that settle the layout of a list


@dataclass(frozen=True)
class Resolved:
    """Where the pictures of a list are expected."""

    paths: tuple[str, ...]
    """Absolute, one for each line."""
    layout: str
    """The pattern that fits the disk, relative to the root."""
    is_found: bool
    """Whether at least one of the probed lines is there."""


def resolve(
    paths: Sequence[str],
    labels: Int64[np.ndarray, "item"],
    *,
    split: SplitName,
    layout: Layout,
    folders: Sequence[str],
    roots: Sequence[Path],
) -> Resolved:
    """Find the layout on disk under which a list's pictures exist.

    Args:
        paths: As listed.
        labels: Of the same lines.
        split: Which list it is.
        layout: The family of layouts to try; the listed path itself is always tried first.
        folders: Folder name of each class, as :func:`class_folders` gives it; for layouts with a folder for each class.
        roots: Folders that the paths may be relative to.
    """
    known = patterns(layout, split)
    probes = np.unique(np.linspace(0, len(paths) - 1, _PROBES).astype(int)).tolist()

    def expected(root: Path, pattern: str, lines: Iterable[int]) -> list[str]:
        if pattern == "{path}":
            return [os.path.join(root, paths[line]) for line in lines]  # noqa: PTH118 - a Path for each line is slow
        return [
            f"{root}/{pattern.format_map(_parts(paths[line], split, folders, int(labels[line])))}" for line in lines
        ]

    options = [(root, pattern) for root in roots for pattern in known]
    hits = [sum(map(os.path.isfile, expected(root, pattern, probes))) for root, pattern in options]
    root, pattern = options[int(np.argmax(hits))]
    spelled = pattern.format(path="as listed", joined="<class>", nested="<class>", letter="<letter>", file="<file>")
    return Resolved(tuple(expected(root, pattern, range(len(paths)))), spelled, max(hits) > 0)


def class_folders(paths: Sequence[str], labels: Int64[np.ndarray, "item"], num_classes: int) -> list[str]:
    """Read off the folder of each class from a training list, two levels joined with ``-``; "" where there is none."""
    folders = [""] * num_classes
    for label, line in zip(*np.unique(labels, return_index=True), strict=True):
        folders[int(label)] = _class_of(paths[int(line)])
    return folders


def patterns(layout: Layout, split: SplitName) -> list[str]:
    """Where a picture of a split may lie below the root, as format strings, the listed path first."""
    if split in ("open", "open_val") or layout == "literal":
        return ["{path}"]
    if layout == "places":
        if split == "test":
            return ["{path}", "val_256/{file}", "val/{joined}/{file}", "val/{file}", "val_large/{file}"]
        archives = ("data_256", "data_256_standard", "data_large", "data_large_standard")
        return ["{path}", "train/{joined}/{file}", *(f"{each}/{{letter}}/{{nested}}/{{file}}" for each in archives)]
    tops = ("", "ILSVRC/Data/CLS-LOC/")
    if split == "test":
        return ["{path}", *(f"{top}{rest}" for top in tops for rest in ("val/{joined}/{file}", "val/{file}"))]
    return ["{path}", *(f"{top}train/{{joined}}/{{file}}" for top in tops)]


def _class_of(path: str) -> str:
    parts = path.removeprefix("./").split("/")[:-1]
    if len(parts) > 2 and len(parts[1]) == 1 and parts[0].startswith("data_"):
        return "-".join(parts[2:])
    return "-".join(parts[1:]) if len(parts) > 1 else "-".join(parts)


def _parts(path: str, split: SplitName, folders: Sequence[str], label: int) -> dict[str, str]:
    # The test list of one form has no classes in its paths: those of the training list stand in.
    joined = folders[label] if split == "test" else _class_of(path)
    return {
        "file": path.rpartition("/")[2],
        "joined": joined,
        "nested": joined.replace("-", "/"),
        "letter": joined[:1],
    }
