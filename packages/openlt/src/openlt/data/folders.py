"""A data set that is folders alone: ``train/<class>/…``, so for ``val`` and ``test``, ``open/…`` and ``open_val/…``."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from openlt.data.holdout import with_validation
from openlt.data.inspection import Inspection
from openlt.data.lists import SPLIT_NAMES
from openlt.data.registry import DatasetInfo
from openlt.data.splits import OPEN, ImageSplit, LongTailData, SplitName, Verify

logger = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
"""Endings of files that are taken for pictures, in any case."""


def load(info: DatasetInfo, *, root: Path | None, verify: Verify = "sample", need_open: bool = False) -> LongTailData:
    """Read a folder; see :func:`openlt.data.splits.load_data`."""
    inspection = Inspection(info, root)
    data = inspect(inspection, verify, need_open)
    inspection.finish()
    for line in inspection.warnings:
        logger.warning("%s: %s", info.name, line)
    if data is None:
        raise RuntimeError("nothing was read and no problem was noted")
    return with_validation(data)


def inspect(inspection: Inspection, level: Verify, need_open: bool) -> LongTailData | None:
    """Look into the folders and note what is right and what is not."""
    if inspection.root is None:
        inspection.problems.append("no folder was given for its data")
        inspection.sought.append(("images", "--data-root DIR, or OPENLT_DATA_ROOT in the environment"))
        return None
    root = inspection.root.absolute()
    inspection.sought += [("training pictures", f"{root}/train/<class>/")]
    classes = class_names(root / "train")
    if not classes:
        inspection.problems.append("train/ has no class folders" if (root / "train").is_dir() else "no folder train/")
        inspection.describe(root)
        if root.is_dir() and class_names(root):
            inspection.sought.append(
                ("one long-tailed set of your folders", f"openlt make-lt --source {root} --out DIR")
            )
        return None
    splits: dict[SplitName, ImageSplit] = {}
    for name in SPLIT_NAMES:
        split = _read(inspection, root / name, name, classes)
        if split is not None:
            splits[name] = split
            inspection.check_pictures(split, level)
    if (
        "train" in splits
        and (empty := np.flatnonzero(np.bincount(splits["train"].labels, minlength=len(classes)) == 0)).size
    ):
        names = ", ".join(classes[label] for label in empty[:5].tolist())
        inspection.problems.append(f"{empty.size} folders of {root}/train hold no pictures: {names}")
    if need_open and "open" not in splits:
        inspection.problems.append(f"open-set evaluation was asked for, but {root}/open holds no pictures")
    if "train" not in splits:
        inspection.problems.append(f"{root}/train holds no pictures ({', '.join(SUFFIXES[:4])} …)")
        return None
    inspection.passed += [f"{name}: {len(split):,} pictures" for name, split in splits.items()]
    return LongTailData(
        inspection.info.name, classes, splits, {name: _digest(split, root) for name, split in splits.items()}
    )


def class_names(folder: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted by code point; hidden ones are none."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(each.name for each in os.scandir(folder) if each.is_dir() and not each.name.startswith(".")))


def pictures_in(folder: Path) -> list[str]:
    """Absolute paths of the pictures anywhere below a folder, sorted by code point; hidden files are none."""
    found = [
        os.path.join(place, name)  # noqa: PTH118 - a Path for each of a million files is slow
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    return sorted(found)


def _read(inspection: Inspection, folder: Path, name: SplitName, classes: tuple[str, ...]) -> ImageSplit | None:
    paths: list[str] = []
    labels: list[int] = []
    if name.startswith("open"):
        paths = pictures_in(folder)
        labels = [OPEN] * len(paths)
    else:
        if strangers := set(class_names(folder)) - set(classes):
            shown = ", ".join(sorted(strangers)[:5])
            inspection.problems.append(
                f"{folder} has {len(strangers)} classes that train/ does not have ({shown}); strangers belong in open/"
            )
        for label, each in enumerate(classes):
            mine = pictures_in(folder / each)
            paths += mine
            labels += [label] * len(mine)
    return ImageSplit(name=name, paths=tuple(paths), labels=np.array(labels, np.int64)) if paths else None


def _digest(split: ImageSplit, root: Path) -> str:
    names = (f"{os.path.relpath(path, root)} {label}\n" for path, label in zip(split.paths, split.labels, strict=True))
    return hashlib.sha256("".join(names).encode("utf-8", "surrogateescape")).hexdigest()
