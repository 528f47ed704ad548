"""In which order training pictures are shown.

A sampler gives the stream of an epoch from (seed, epoch) alone, so that resuming needs no state and every process of a
distributed run computes the same stream and takes its share of it. A stream may be longer than the data set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float64, Int64

from hr_common.errors import InputError


class Sampler(ABC):
    """A stream of indices for each epoch.

    Args:
        labels: Of the training pictures, 0 to classes - 1 without gaps.
        seed: Of all draws.
    """

    block: int = 1
    """Indices that stay together when the stream is shared out."""

    def __init__(self, labels: Int64[np.ndarray, "item"], seed: int = 0) -> None:
        if not len(labels) or labels.min() < 0:
            raise InputError("a sampler needs training pictures with labels from 0 on")
        self.labels = labels
        self.seed = seed
        self.counts = np.bincount(labels)
        if gaps := np.flatnonzero(self.counts == 0).tolist():
            raise InputError(f"labels have gaps: no picture of class {', '.join(map(str, gaps[:5]))}; renumber them")

    @abstractmethod
    def indices(self, epoch: int, count: int) -> Int64[np.ndarray, " item"]:
        """Give the first ``count`` indices of an epoch."""

    def share(self, epoch: int, count: int, rank: int, world_size: int) -> Int64[np.ndarray, " item"]:
        """Give one process its part of the first ``count`` indices: whole blocks in turn, as many for each.

        The parts do not overlap, and blocks taken in turn from all of them are the stream of a single process, up to
        the last blocks if those do not suffice for everybody.
        """
        stream = self.indices(epoch, count)
        turns = len(stream) // (self.block * world_size)
        dealt = stream[: turns * world_size * self.block].reshape(turns, world_size, self.block)
        mine: np.ndarray = dealt[:, rank].reshape(-1)
        return mine

    def _rng(self, epoch: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, epoch))


class ShuffleSampler(Sampler):
    """Every picture once in random order, then again in another."""

    def indices(self, epoch: int, count: int) -> Int64[np.ndarray, " item"]:
        """See :class:`Sampler`."""
        rng, total = self._rng(epoch), len(self.labels)
        stream: np.ndarray = np.concatenate([rng.permutation(total) for _ in range(max(1, -(-count // total)))])
        return stream[:count]


class ClassAwareSampler(Sampler):
    """Classes in turn in random order, each with ``per_class`` pictures from its own endless shuffled cycle.

    Every aligned block has one label, every round of blocks all classes once, and within a class each picture comes
    as often as any other, give or take one. A class with fewer pictures than ``per_class`` repeats them in the block.
    Memory is that of the data set and of the indices asked for.

    Args:
        labels: See :class:`Sampler`.
        per_class: Pictures in a block.
        seed: See :class:`Sampler`.

    References:
        Shen, Lin and Huang, "Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks",
        ECCV 2016, section 3.3, and the published code of Liu et al., CVPR 2019, which shows four at a time.
    """

    def __init__(self, labels: Int64[np.ndarray, "item"], per_class: int = 4, seed: int = 0) -> None:
        super().__init__(labels, seed)
        if per_class < 1:
            raise InputError(f"per_class={per_class}: a block needs a picture at least")
        self.block = per_class
        self._order = np.argsort(labels, kind="stable")
        self._starts = np.cumsum(self.counts) - self.counts

    def indices(self, epoch: int, count: int) -> Int64[np.ndarray, " item"]:
        """See :class:`Sampler`."""
        rng, classes = self._rng(epoch), len(self.counts)
        blocks = -(-count // self.block)
        rounds = [rng.permutation(classes) for _ in range(max(1, -(-blocks // classes)))]
        turns = np.concatenate(rounds)[:blocks]
        stream = np.empty((blocks, self.block), np.int64)
        visits = np.argsort(turns, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(turns, minlength=classes))])
        for label in np.flatnonzero(np.diff(bounds)).tolist():
            mine = visits[bounds[label] : bounds[label + 1]]
            size, wanted = int(self.counts[label]), len(mine) * self.block
            cycle = np.concatenate([rng.permutation(size) for _ in range(-(-wanted // size))])[:wanted]
            stream[mine] = self._order[self._starts[label] + cycle].reshape(-1, self.block)
        return stream.reshape(-1)[:count]


class _WeightedSampler(Sampler):
    """Each picture drawn on its own, with replacement."""

    def indices(self, epoch: int, count: int) -> Int64[np.ndarray, " item"]:
        """See :class:`Sampler`."""
        share = self.class_share(epoch)
        drawn: np.ndarray = self._rng(epoch).choice(len(self.labels), count, p=(share / self.counts)[self.labels])
        return drawn

    @abstractmethod
    def class_share(self, epoch: int) -> Float64[np.ndarray, "class"]:
        """Chance of each class to be drawn."""


class SquareRootSampler(_WeightedSampler):
    """Classes are drawn in proportion to the square root of their counts, between natural and balanced.

    References:
        Mahajan et al., "Exploring the Limits of Weakly Supervised Pretraining", ECCV 2018; Kang et al., "Decoupling
        Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 3.
    """

    def class_share(self, epoch: int) -> Float64[np.ndarray, "class"]:
        """See :class:`Sampler`; the same in all epochs."""
        root = np.sqrt(self.counts)
        share: np.ndarray = root / root.sum()
        return share


class ProgressiveSampler(_WeightedSampler):
    """Natural at the first epoch, class-balanced at the last, a mixture between.

    Args:
        labels: See :class:`Sampler`.
        epochs: Length of the training.
        seed: See :class:`Sampler`.

    References:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, eq. (2).
    """

    def __init__(self, labels: Int64[np.ndarray, "item"], epochs: int, seed: int = 0) -> None:
        super().__init__(labels, seed)
        if epochs < 1:
            raise InputError(f"epochs={epochs}: progressive sampling needs to know how long the training lasts")
        self.epochs = epochs

    def class_share(self, epoch: int) -> Float64[np.ndarray, "class"]:
        """See :class:`Sampler`."""
        progress = min(1.0, epoch / max(1, self.epochs - 1))
        natural = self.counts / len(self.labels)
        return (1 - progress) * natural + progress / len(self.counts)
