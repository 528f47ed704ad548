"""A validation set for data that come without one."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from openlt.data.splits import ImageSplit, LongTailData

logger = logging.getLogger(__name__)

PER_CLASS = 20
"""Validation pictures of a class, as in the benchmarks; a fifth of the class where that is less."""


def with_validation(data: LongTailData, seed: int = 0) -> LongTailData:
    """Move some training pictures of each class to a split ``val`` if there is none.

    A class with fewer than five pictures keeps all of them. The draw depends on the seed and the order of the pictures.
    """
    if "val" in data.splits:
        return data
    train = data.splits["train"]
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(train))
    by_class = shuffled[np.argsort(train.labels[shuffled], kind="stable")]
    counts = np.bincount(train.labels, minlength=data.num_classes)
    rank = np.arange(len(train)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = by_class[rank < np.repeat(np.minimum(PER_CLASS, counts // 5), counts)]
    if not len(chosen):
        return data
    is_val = np.zeros(len(train), bool)
    is_val[chosen] = True
    logger.warning(
        "%s has no validation set: %d of its %d training pictures are held out", data.name, len(chosen), len(train)
    )
    splits = {**data.splits, "train": _part(train, ~is_val), "val": replace(_part(train, is_val), name="val")}
    return replace(data, splits=splits)


def _part(split: ImageSplit, mask: np.ndarray) -> ImageSplit:
    rows = np.flatnonzero(mask)
    return ImageSplit(
        name=split.name,
        paths=tuple(split.paths[row] for row in rows.tolist()),
        labels=split.labels[rows],
        arrays=None if split.arrays is None else split.arrays[rows],
    )
