"""List files: one picture a line, ``<path> <label>``; open lists have the label -1.

Paths may hold spaces and any letters: a line is split once, from the right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from hr_common.errors import InputError
from hr_common.files import atomic_path, file_digest, read_json, read_lines
from openlt.data.splits import OPEN, SplitName

SPLIT_NAMES: tuple[SplitName, ...] = ("train", "val", "test", "open", "open_val")
_MOST_CLASSES = 10_000_000  # a table of counts is as long as the largest label


@dataclass(frozen=True, eq=False)
class ListFile:
    """A list as it was written."""

    file: Path
    paths: tuple[str, ...]
    labels: Int64[np.ndarray, "item"]
    digest: str
    """SHA-256 of the file."""


def read_list(file: Path, *, is_open: bool) -> ListFile:
    """Read a list file.

    Args:
        file: Text in UTF-8; blank lines are passed over.
        is_open: Whether every label has to be -1, or none may be.

    Raises:
        InputError: The file is missing or empty, or a line has no path or no whole number as its label.
    """
    paths, labels = [], []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            path, label = line.rsplit(maxsplit=1)
            value = int(label)
        except ValueError:
            raise InputError(
                f"{file}, line {number}: {line.strip()!r} is no path and label; expected `<path> <label>`"
            ) from None
        if (value != OPEN) if is_open else (value < 0):
            allowed = "the label of an open list is -1" if is_open else "labels of known classes begin at 0"
            raise InputError(f"{file}, line {number}: label {value}; {allowed}")
        if value >= _MOST_CLASSES:
            raise InputError(f"{file}, line {number}: label {value}; labels number the classes from 0")
        paths.append(path.lstrip())
        labels.append(value)
    if not paths:
        raise InputError(f"{file} is empty: it lists no picture")
    return ListFile(file, tuple(paths), np.array(labels, np.int64), file_digest(file))


def write_list(file: Path, paths: Sequence[str], labels: Sequence[int]) -> str:
    """Write a list file, atomically, the same bytes on any platform.

    Returns:
        SHA-256 of the file.
    """
    with atomic_path(file) as temporary:
        lines = (f"{path} {label}\n" for path, label in zip(paths, labels, strict=True))
        temporary.write_bytes("".join(lines).encode())
    return file_digest(file)


def find_lists(folder: Path, prefix: str | None) -> dict[SplitName, Path]:
    """Find the list files of a data set in a folder.

    Args:
        folder: Where to look; it need not exist.
        prefix: Of the names, as in ``Places_LT_train.txt``; None for whichever single prefix, or none, is there.

    Raises:
        InputError: There are several training lists to choose from.
    """
    if prefix is None:
        training = sorted([*folder.glob("*_train.txt"), *folder.glob("train.txt")])
        if len(training) > 1:
            names = ", ".join(each.name for each in training)
            raise InputError(f"{folder} holds several training lists ({names}); put each data set in its own folder")
        if not training:
            return {}
        stem = training[0].name.removesuffix("train.txt")
    else:
        stem = f"{prefix}_"
    files = {split: folder / f"{stem}{split}.txt" for split in SPLIT_NAMES}
    return {split: file for split, file in files.items() if file.is_file()}


def check_labels(lists: Mapping[SplitName, ListFile]) -> int:
    """Check that the training labels run from 0 without gaps and that the other splits use no others.

    Returns:
        The number of classes.

    Raises:
        InputError: A label has no training picture; the message names the list and the labels.
    """
    train = lists["train"]
    counts = np.bincount(train.labels)
    if gaps := np.flatnonzero(counts == 0).tolist():
        shown = ", ".join(map(str, gaps[:5])) + (", …" if len(gaps) > 5 else "")
        raise InputError(
            f"{train.file}: labels run from 0 to {len(counts) - 1}, but {len(gaps)} of them ({shown}) have no picture; "
            "number the classes without gaps"
        )
    for split in ("val", "test"):
        if split in lists and (highest := int(lists[split].labels.max())) >= len(counts):
            file = lists[split].file
            raise InputError(
                f"{file}: label {highest} does not occur in {train.file.name}, whose labels end at {len(counts) - 1}"
            )
    return len(counts)


def class_names(train: ListFile, num_classes: int) -> tuple[str, ...]:
    """Name the classes: by a ``classes.json`` beside the list, by their folders, or by their numbers.

    ``classes.json`` is a list of objects with ``label`` and ``name``, or holds one under ``closed`` or ``classes``.

    Raises:
        InputError: ``classes.json`` does not name every class.
    """
    file = train.file.with_name("classes.json")
    if file.is_file():
        table = read_json(file)
        if isinstance(table, dict):
            table = table.get("closed", table.get("classes"))
        try:
            named = {int(row["label"]): str(row["name"]) for row in table if int(row["label"]) >= 0}
        except (KeyError, TypeError, ValueError, OverflowError):
            raise InputError(f"{file}: expected a list of objects with `label` and `name`") from None
        if sorted(named) != list(range(num_classes)):
            raise InputError(f"{file} names {len(named)} classes; {train.file.name} has {num_classes}")
        return tuple(named[label] for label in range(num_classes))
    folders: dict[int, set[str]] = {}
    for path, label in zip(train.paths, train.labels.tolist(), strict=True):
        folders.setdefault(label, set()).add(path.rpartition("/")[0].rpartition("/")[2])
    names = [next(iter(folders[label])) if len(folders[label]) == 1 else "" for label in range(num_classes)]
    if all(names) and len(set(names)) == num_classes:
        return tuple(names)
    return tuple(map(str, range(num_classes)))
