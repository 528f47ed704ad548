"""How many training pictures the class of each rank gets in a set that is made long-tailed."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Float64, Int64

Profile = Literal["pareto", "exp", "step", "natural"]


def pareto_counts(num_classes: int, largest: float | int, alpha: float | int = 6.0) -> Float64[np.ndarray, "class"]:
    """Counts of a shifted Pareto (Lomax) law, whose order statistics the sorted counts of ImageNet-LT follow.

    ``s (u^(-1 / alpha) - 1)`` at ``u = (rank - 1/2) / classes``, with ``s`` such that the first class has ``largest``.
    """
    share = (np.arange(num_classes) + 0.5) / num_classes
    shape = share ** (-1 / alpha) - 1
    counts: np.ndarray = largest * shape / shape[0]
    return counts


def exponential_counts(num_classes: int, largest: float | int, imbalance: float | int) -> Float64[np.ndarray, "class"]:
    """Counts that fall from ``largest`` to ``largest / imbalance`` by the same factor from class to class.

    References:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, section 4.
    """
    exponents = -np.arange(num_classes) / max(1, num_classes - 1)
    counts: np.ndarray = largest * np.power(imbalance, exponents)
    return counts


def step_counts(num_classes: int, largest: float | int, imbalance: float | int) -> Float64[np.ndarray, "class"]:
    """Counts of ``largest`` for the first half of the classes and of ``largest / imbalance`` for the others."""
    return np.where(np.arange(num_classes) < (num_classes + 1) // 2, largest, largest / imbalance)


def whole_counts(
    counts: Float[np.ndarray, "class"], least: int, available: Int64[np.ndarray, "class"]
) -> Int64[np.ndarray, "class"]:
    """Round to whole pictures, at least ``least`` and never more than there are."""
    whole: np.ndarray = np.minimum(np.maximum(np.rint(counts), least), available).astype(np.int64)
    return whole


def gini(counts: Int64[np.ndarray, "class"]) -> float:
    """Gini coefficient: 0 where all classes are equal, near 1 where one has everything."""
    ordered = np.sort(counts).astype(np.float64)
    ranks = np.arange(1, len(ordered) + 1)
    return float(2 * (ranks * ordered).sum() / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def head_share(counts: Int64[np.ndarray, "class"], share: float = 0.2) -> float:
    """Share of the pictures in the largest ``share`` of the classes."""
    return float(np.sort(counts)[::-1][: max(1, round(share * len(counts)))].sum() / counts.sum())
