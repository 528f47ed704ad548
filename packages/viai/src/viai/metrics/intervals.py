"""What a mean over gaps is worth: its interval over the recordings that the gaps come from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: Float[np.ndarray, "item"], groups: list[str] | None = None, *, draws: int = 2_000, seed: int = 0
) -> Interval:
    """Mean and 95 % bootstrap interval.

    Args:
        values: One figure an item.
        groups: Source of each item. Whole sources are drawn again, since windows of one recording are alike;
            without it every item stands for itself.
        draws: Bootstrap samples.
        seed: Of the draws.
    """
    names, member = np.unique(groups if groups is not None else np.arange(len(values)), return_inverse=True)
    count = np.bincount(member).astype(np.float64)
    total = np.bincount(member, weights=values)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean=float(np.mean(values)), low=float(low), high=float(high))
