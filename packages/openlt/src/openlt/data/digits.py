"""Handwritten digits made long-tailed: embedded in scikit-learn, so that there is something to train on everywhere.

Eight digits are known; of the other two one is for calibrating thresholds, the other for the open test.
"""

import hashlib

import numpy as np

from openlt.data.profiles import exponential_counts, whole_counts
from openlt.data.splits import OPEN, ImageSplit, LongTailData, SplitName

CALIBRATION_DIGIT, OPEN_DIGIT = 8, 9
TEST_PER_CLASS, VAL_PER_CLASS = 40, 20
LARGEST, IMBALANCE = 115, 23
"""Training pictures of the first class, and the first over the last: 115 to 5, with all three bands."""
_SEED = 1904_05160


def load() -> LongTailData:
    """Cut the set, the same on every machine: 309 training pictures, 8x8, grey, and balanced splits to measure on."""
    # Takes a second to load, which the other data sets need not wait for.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pictures = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    digits = bunch.target.astype(np.int64)
    rng = np.random.default_rng(_SEED)
    known = [digit for digit in range(10) if digit not in (CALIBRATION_DIGIT, OPEN_DIGIT)]
    rows: dict[SplitName, list[int]] = {"train": [], "val": [], "test": [], "open": [], "open_val": []}
    ranks = rng.permutation(len(known))
    for digit, rank in zip(known, ranks.tolist(), strict=True):
        mine = rng.permutation(np.flatnonzero(digits == digit))
        rest = mine[TEST_PER_CLASS + VAL_PER_CLASS :]
        counts = whole_counts(
            exponential_counts(len(known), LARGEST, IMBALANCE), 1, np.full(len(known), len(rest), np.int64)
        )
        rows["test"] += mine[:TEST_PER_CLASS].tolist()
        rows["val"] += mine[TEST_PER_CLASS : TEST_PER_CLASS + VAL_PER_CLASS].tolist()
        rows["train"] += rest[: counts[rank]].tolist()
    rows["open"] = np.flatnonzero(digits == OPEN_DIGIT).tolist()
    rows["open_val"] = np.flatnonzero(digits == CALIBRATION_DIGIT).tolist()
    splits = {
        name: ImageSplit(
            name=name,
            paths=tuple(f"digits/{row:04d}" for row in each),
            labels=np.full(len(each), OPEN, np.int64) if name.startswith("open") else digits[each],
            arrays=pictures[each],
        )
        for name, each in rows.items()
    }
    digests = {
        name: hashlib.sha256(
            "".join(f"{path} {label}\n" for path, label in zip(split.paths, split.labels, strict=True)).encode()
        ).hexdigest()
        for name, split in splits.items()
    }
    return LongTailData("digits-lt", tuple(map(str, known)), splits, digests)
