"""CIFAR-10-LT and CIFAR-100-LT, cut on loading from the binary version of CIFAR.

The binary version is bytes: label, then 32x32 red, green and blue. The "python version" is a
pickle and never read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from hr_common.errors import InputError
from hr_common.files import read_lines
from openlt.data.holdout import PER_CLASS
from openlt.data.inspection import Inspection
from openlt.data.profiles import exponential_counts, whole_counts
from openlt.data.registry import DatasetInfo
from openlt.data.splits import ImageSplit, LongTailData, SplitName

_PIXELS = 3 * 32 * 32
_SEED = 0


def load(info: DatasetInfo, *, root: Path | None, imbalance: float = 100.0, need_open: bool = False) -> LongTailData:
    """Cut counts that fall exponentially in the order of the labels, as the literature does.

    Twenty training pictures of each class are held out for validation first, which the published cut does not do; with
    the usual factors this costs the first class alone up to 20 of its pictures.

    Args:
        info: Which of the two.
        root: Folder with the ``.bin`` files, or one that holds it.
        imbalance: Largest over smallest training count.
        need_open: Has to be false: the set has no open pictures.

    Raises:
        InputError: Files are missing or of the wrong size, or the factor lies below 1.
    """
    inspection = Inspection(info, root)
    fine = info.name == "cifar100-lt"
    names = ["train.bin"] if fine else [f"data_batch_{number}.bin" for number in range(1, 6)]
    test, meta = ("test.bin", "fine_label_names.txt") if fine else ("test_batch.bin", "batches.meta.txt")
    classes_expected = 100 if fine else 10
    if imbalance < 1:
        raise InputError(f"an imbalance of {imbalance:g} is no long tail; give largest over smallest count, at least 1")
    folder = _folder(inspection, [*names, test, meta])
    if need_open:
        inspection.problems.append("it has no open set; evaluate without --open, or cut one with `openlt make-lt`")
    inspection.finish()
    skip = 2 if fine else 1  # CIFAR-100 has a coarse label first
    train_pictures, train_labels = _read([folder / name for name in names], skip, classes_expected)
    test_pictures, test_labels = _read([folder / test], skip, classes_expected)
    classes = tuple(line.strip() for line in read_lines(folder / meta) if line.strip())
    if len(classes) != classes_expected:
        raise InputError(f"{folder / meta} names {len(classes)} classes; expected {classes_expected}")
    rng = np.random.default_rng(_SEED)
    available = np.bincount(train_labels, minlength=len(classes)) - PER_CLASS
    counts = whole_counts(
        np.floor(exponential_counts(len(classes), int(available.max()) + PER_CLASS, imbalance)), 1, available
    )
    chosen, held = [], []
    for label in range(len(classes)):
        mine = rng.permutation(np.flatnonzero(train_labels == label))
        held += mine[:PER_CLASS].tolist()
        chosen += mine[PER_CLASS : PER_CLASS + counts[label]].tolist()
    splits: dict[SplitName, ImageSplit] = {
        "train": _split("train", train_pictures, train_labels, sorted(chosen)),
        "val": _split("val", train_pictures, train_labels, sorted(held)),
        "test": _split("test", test_pictures, test_labels, list(range(len(test_labels)))),
    }
    digests = {
        name: hashlib.sha256(split.arrays.tobytes() + split.labels.tobytes()).hexdigest()
        for name, split in splits.items()
        if split.arrays is not None
    }
    return LongTailData(info.name, classes, splits, digests)


def _folder(inspection: Inspection, files: list[str]) -> Path:
    info, root = inspection.info, inspection.root
    inspection.sought.append(("files", f"{', '.join(files[:3])} …"))
    if root is None:
        inspection.problems.append("no folder was given for its data")
        inspection.sought.append(("in", "--data-root DIR, or OPENLT_DATA_ROOT in the environment"))
        return Path()
    options = [root.absolute(), *(root.absolute() / name for name in info.folders)]
    inspection.sought.append(("in", " or ".join(map(str, options))))
    folder = next((each for each in options if (each / files[0]).is_file()), options[0])
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        inspection.problems.append(f"{len(missing)} of its {len(files)} files are missing")
        inspection.missing += [str(folder / name) for name in missing[:5]]
        inspection.describe(folder)
        pickled = [
            each for each in options for name in ("cifar-10-batches-py", "cifar-100-python") if (each / name).is_dir()
        ]
        if pickled:
            inspection.problems.append(
                "the python version is there, but it is a pickle and not read: get the binary one"
            )
    return folder


def _read(
    files: list[Path], skip: int, num_classes: int
) -> tuple[UInt8[np.ndarray, "item 32 32 3"], Int64[np.ndarray, "item"]]:
    rows = []
    for file in files:
        raw = np.frombuffer(file.read_bytes(), np.uint8)
        if not len(raw) or len(raw) % (skip + _PIXELS):
            raise InputError(f"{file} has {len(raw):,} bytes, no multiple of {skip + _PIXELS}; unpack it again")
        rows.append(raw.reshape(-1, skip + _PIXELS))
    table = np.concatenate(rows)
    labels = table[:, skip - 1].astype(np.int64)
    if labels.max() >= num_classes:
        raise InputError(f"{files[0].parent} holds label {labels.max()}; expected 0 to {num_classes - 1}")
    return np.ascontiguousarray(table[:, skip:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels


def _split(name: SplitName, pictures: np.ndarray, labels: np.ndarray, rows: list[int]) -> ImageSplit:
    return ImageSplit(
        name=name,
        paths=tuple(f"{name}/{row:05d}" for row in rows),
        labels=labels[rows],
        arrays=pictures[rows],
    )
