"""iNaturalist 2018: pictures with annotations in the JSON form of COCO. Its validation pictures are the test set."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from hr_common.errors import InputError
from hr_common.files import file_digest, read_json
from openlt.data.holdout import with_validation
from openlt.data.inspection import Inspection, locate
from openlt.data.registry import DatasetInfo
from openlt.data.splits import ImageSplit, LongTailData, SplitName, Verify

logger = logging.getLogger(__name__)

FILES: dict[SplitName, str] = {"train": "train2018.json", "test": "val2018.json"}


def load(info: DatasetInfo, *, root: Path | None, verify: Verify = "sample", need_open: bool = False) -> LongTailData:
    """Read the annotations; see :func:`openlt.data.splits.load_data`.

    Twenty training pictures of a species, or a fifth of them, become the validation set: the published validation
    pictures are what the literature reports on, so that nothing may be chosen by them.
    """
    inspection = Inspection(info, root)
    data = inspect(inspection, verify, need_open)
    inspection.finish()
    for line in inspection.warnings:
        logger.warning("%s: %s", info.name, line)
    if data is None:
        raise RuntimeError("nothing was read and no problem was noted")
    return with_validation(data)


def inspect(inspection: Inspection, level: Verify, need_open: bool) -> LongTailData | None:
    """Read both files and note what is right and what is not."""
    info = inspection.info
    inspection.sought.append(("lists", " and ".join(FILES.values())))
    if inspection.root is None:
        inspection.problems.append("no folder was given for its data")
        inspection.sought.append(("in", "--data-root DIR, or OPENLT_DATA_ROOT in the environment"))
        return None
    root = locate(info, inspection.root, tuple(FILES.values()))
    inspection.sought.append(("in", str(root)))
    if need_open:
        inspection.problems.append("it has no open set; evaluate without --open, or cut one with `openlt make-lt`")
    missing = [name for name in FILES.values() if not (root / name).is_file()]
    if missing:
        inspection.problems.append(f"no {', no '.join(missing)}")
        inspection.describe(root)
        return None
    try:
        splits, classes = _read(root)
    except InputError as error:
        inspection.problems.append(str(error))
        return None
    for split in splits.values():
        expected = info.sizes[split.name]
        if len(split) == expected:
            inspection.passed.append(f"{split.name}: {expected:,} pictures")
        else:
            inspection.warnings.append(
                f"{FILES[split.name]} lists {len(split):,} pictures; the full set has {expected:,}"
            )
        inspection.check_pictures(split, level)
    digests = {name: file_digest(root / file) for name, file in FILES.items()}
    return LongTailData(info.name, classes, splits, digests)


def _read(root: Path) -> tuple[dict[SplitName, ImageSplit], tuple[str, ...]]:
    tables = {split: _annotations(root / name) for split, name in FILES.items()}
    species = sorted({category for _, category in tables["train"][0]})
    label_of = {category: label for label, category in enumerate(species)}
    splits: dict[SplitName, ImageSplit] = {}
    for split, (pairs, _) in tables.items():
        if strangers := {category for _, category in pairs} - set(label_of):
            raise InputError(f"{root / FILES[split]}: category {min(strangers)} has no training picture")
        splits[split] = ImageSplit(
            name=split,
            paths=tuple(str(root / name) for name, _ in pairs),
            labels=np.array([label_of[category] for _, category in pairs], np.int64),
        )
    names = tables["train"][1]
    return splits, tuple(names.get(category, str(category)) for category in species)


def _annotations(file: Path) -> tuple[list[tuple[str, int]], dict[int, str]]:
    table: Any = read_json(file)
    try:
        files = {int(each["id"]): str(each["file_name"]) for each in table["images"]}
        pairs = [(files[int(each["image_id"])], int(each["category_id"])) for each in table["annotations"]]
        names = {int(each["id"]): str(each["name"]) for each in table.get("categories", [])}
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(
            f"{file}: expected `images` with id and file_name and `annotations` with image_id and category_id "
            f"({type(error).__name__}: {error})"
        ) from None
    if not pairs:
        raise InputError(f"{file} holds no annotations")
    return pairs, names
