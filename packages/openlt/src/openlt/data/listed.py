"""Data sets that are list files beside folders of pictures: Places-LT, ImageNet-LT, MS1M-LT, and your own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hr_common.errors import InputError
from openlt.data.holdout import with_validation
from openlt.data.inspection import Inspection, contents, locate
from openlt.data.layouts import class_folders, resolve
from openlt.data.lists import ListFile, check_labels, class_names, find_lists, read_list
from openlt.data.registry import DatasetInfo
from openlt.data.splits import ImageSplit, LongTailData, SplitName, Verify
from openlt.metrics.bands import band_of

logger = logging.getLogger(__name__)

_TOPS = ("train", "val", "data_256", "val_256", "data_256_standard", "data_large", "ILSVRC")


def load(
    info: DatasetInfo, *, root: Path | None, lists: Path | None, verify: Verify = "sample", need_open: bool = False
) -> LongTailData:
    """Read a listed data set; see :func:`openlt.data.splits.load_data`."""
    inspection = Inspection(info, root, lists)
    data = inspect(inspection, verify, need_open)
    inspection.finish()
    for line in inspection.warnings:
        logger.warning("%s: %s", info.name, line)
    if data is None:
        raise RuntimeError(f"{info.name}: nothing was read and no problem was noted")
    return with_validation(data)


def inspect(inspection: Inspection, level: Verify, need_open: bool) -> LongTailData | None:
    """Look for lists and pictures and note what is right and what is not.

    Returns:
        The data set, or None where it cannot be put together; the inspection has the reasons.
    """
    info = inspection.info
    named = f"{info.prefix or '<Set>'}_{{train,val,test,open}}.txt"
    given = inspection.root if info.prefix is not None else inspection.root or inspection.lists
    if given is None:
        inspection.problems.append("no folder was given for its data")
        inspection.sought += [
            ("images", "--data-root DIR, or OPENLT_DATA_ROOT in the environment"),
            ("lists", f"{named} in --lists DIR, or in the folder of the images"),
        ]
        return None
    signs = (*_TOPS, f"{info.prefix}_train.txt", info.prefix) if info.prefix else ("train.txt", "train")
    root = locate(info, given, signs)
    listed, folder = _read_lists(inspection, root, named)
    if listed is None:
        return None
    try:
        num_classes = check_labels(listed)
        classes = class_names(listed["train"], num_classes)
        folders = class_folders(listed["train"].paths, listed["train"].labels, num_classes)
        if info.layout != "literal" and all(folders) and not (folder / "classes.json").is_file():
            classes = tuple(folders)
    except InputError as error:
        inspection.problems.append(str(error))
        return None
    _check_figures(inspection, listed)
    splits = _find_pictures(inspection, listed, folders, root, folder, level, need_open)
    if need_open and "open" not in splits and not inspection.problems:
        inspection.problems.append("open-set evaluation was asked for, but there is no open list")
        inspection.sought.append(("open list", f"{folder}/{named.replace('{train,val,test,open}', 'open')}"))
    return LongTailData(info.name, classes, splits, {split: each.digest for split, each in listed.items()})


def _read_lists(inspection: Inspection, root: Path, named: str) -> tuple[dict[SplitName, ListFile] | None, Path]:
    info = inspection.info
    places = [root] if inspection.lists is None else [inspection.lists.absolute()]
    if inspection.lists is None and info.prefix is not None:
        places = list(dict.fromkeys([root / info.prefix, root, root.parent / info.prefix]))
    inspection.sought += [("images", str(root)), ("lists", f"{named} in {' or '.join(map(str, places))}")]
    try:
        options = {place: find_lists(place, info.prefix) for place in places}
        folder, files = max(options.items(), key=lambda item: len(item[1]))
        listed = {split: read_list(file, is_open=split.startswith("open")) for split, file in files.items()}
    except InputError as error:
        inspection.problems.append(str(error))
        return None, places[0]
    absent = [split for split in info.required if split not in listed]
    if not absent:
        return listed, folder
    stem = f"{info.prefix}_" if info.prefix else ""
    inspection.problems.append(f"no {', no '.join(f'{stem}{split}.txt' for split in absent)}")
    for place in dict.fromkeys([root, *(each for each in places if each.is_dir())]):
        inspection.describe(place)
    return None, folder


def _check_figures(inspection: Inspection, listed: Mapping[SplitName, ListFile]) -> None:
    """Compare lists with what is known of them: the digest if it is a known copy, the counts in any case."""
    info = inspection.info
    counts = np.bincount(listed["train"].labels)
    for split, each in listed.items():
        known = info.digests.get(each.digest)
        lines = f"{split}: {len(each.paths):,} lines"
        if (expected := info.sizes.get(split)) not in (None, len(each.paths)):
            inspection.problems.append(f"{each.file} has {len(each.paths):,} lines; {info.title} has {expected:,}")
        elif known or not info.digests:
            inspection.passed.append(f"{lines}, sha256 {each.digest[:12]}…" + (f" ({known})" if known else ""))
        else:
            inspection.passed.append(lines)
            if any(name.split(",")[0].endswith(split) for name in info.digests.values()):
                inspection.warnings.append(
                    f"{each.file.name} is no known copy (sha256 {each.digest}); its number of lines is right"
                )
        if doubles := len(each.paths) - len(set(each.paths)):
            inspection.warnings.append(f"{each.file.name} lists {doubles:,} pictures more than once")
    trained = set(listed["train"].paths)
    for split in ("val", "test"):
        if split in listed and (shared := len(trained.intersection(listed[split].paths))):
            inspection.warnings.append(f"{shared:,} {split} pictures are trained on too: figures on {split} flatter")
    bands = {rule: np.bincount(band_of(counts, rule), minlength=3).tolist() for rule in ("paper", "reference")}
    for rule, wanted in info.bands.items():
        if tuple(bands[rule]) != wanted:
            inspection.problems.append(
                f"{listed['train'].file}: bands of {' / '.join(map(str, bands[rule]))} classes by the rule {rule!r}; "
                f"{info.title} has {' / '.join(map(str, wanted))}"
            )
    if info.num_classes not in (None, len(counts)):
        inspection.problems.append(f"{listed['train'].file} has {len(counts)} classes, not {info.num_classes}")
    if info.extremes not in (None, (counts.max(), counts.min())):
        inspection.problems.append(
            f"{listed['train'].file}: {counts.max()} to {counts.min()} pictures a class, "
            f"not {' to '.join(map(str, info.extremes or ()))}"
        )
    inspection.passed.append(
        f"train: {len(counts):,} classes of {counts.max():,} to {counts.min():,} pictures; many / medium / few: "
        + ", ".join(f"{' / '.join(map(str, triple))} (rule {rule})" for rule, triple in bands.items())
    )


def _find_pictures(
    inspection: Inspection,
    listed: Mapping[SplitName, ListFile],
    folders: Sequence[str],
    root: Path,
    lists: Path,
    level: Verify,
    need_open: bool,
) -> dict[SplitName, ImageSplit]:
    info = inspection.info
    splits: dict[SplitName, ImageSplit] = {}
    for split, each in listed.items():
        roots = [root] if lists == root else [root, lists]
        if split.startswith("open"):
            stem = each.file.name.removesuffix(f"{split}.txt")
            inner = [place / f"{stem}{split}" for place in roots]
            roots = [*inner, *roots, root / split]
            inspection.sought.append((f"{split} pictures", str(inner[0])))
        where = resolve(each.paths, each.labels, split=split, layout=info.layout, folders=folders, roots=roots)
        if split.startswith("open") and not where.is_found and not need_open:
            inspection.warnings.append(f"the {split} pictures are not there: what needs them is not evaluated")
            continue
        if where.is_found:
            inspection.passed.append(f"{split}: layout {where.layout}")
        splits[split] = ImageSplit(name=split, paths=where.paths, labels=each.labels)
        inspection.check_pictures(splits[split], level)
    if inspection.missing:
        inspection.found += contents(root) if root.is_dir() else [f"{root} does not exist"]
    return splits
