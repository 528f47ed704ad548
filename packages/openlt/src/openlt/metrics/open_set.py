"""How well the unknown is told from the known.

Scores are higher for what looks more known. Known pictures are the positive class.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

FVariant = Literal["oltr2020", "legacy"]


def f_measure(
    predictions: Int64[np.ndarray, "item"], labels: Int64[np.ndarray, "item"], variant: FVariant = "oltr2020"
) -> float:
    """Open-set F-measure over known and unknown pictures together.

    True positives are known pictures with the right class; false positives known pictures with a wrong one; false
    negatives unknown pictures that were accepted. The value depends on how many unknown pictures there are, so both
    numbers belong beside it.

    Args:
        predictions: Predicted classes, -1 where the picture was rejected.
        labels: True classes, -1 for pictures of unknown classes.
        variant: ``oltr2020`` counts a rejected known picture as a false positive. ``legacy`` lets it off; it is the
            formula behind every F-measure printed in the paper, which its authors corrected in January 2020.

    Returns:
        From 0 to 1; 0 where nothing was predicted right.

    References:
        Bendale and Boult, "Towards Open Set Deep Networks", CVPR 2016, for the naming; the published code of Liu et
        al., CVPR 2019, for both variants.
    """
    known = labels >= 0
    right = int((known & (predictions == labels)).sum())
    wrong = known & (predictions != labels)
    if variant == "legacy":
        wrong &= predictions >= 0
    accepted = ~known & (predictions >= 0)
    return 2 * right / (2 * right + int(wrong.sum()) + int(accepted.sum())) if right else 0.0


def auroc(known: Float[np.ndarray, "known"], unknown: Float[np.ndarray, "unknown"]) -> float:
    """Chance that a known picture scores higher than an unknown one, ties counting half.

    Raises:
        ValueError: One of the two is empty.
    """
    curve = _curve(known, unknown)
    return float(np.trapezoid(curve.true_rate, curve.false_rate))


def aupr(positive: Float[np.ndarray, "positive"], negative: Float[np.ndarray, "negative"]) -> float:
    """Area under precision against recall, as average precision (no interpolation).

    AUPR-in is ``aupr(known, unknown)``, AUPR-out ``aupr(-unknown, -known)``.

    Raises:
        ValueError: One of the two is empty.
    """
    curve = _curve(positive, negative)
    hits, misses = curve.true_rate[1:] * len(positive), curve.false_rate[1:] * len(negative)
    return float(np.sum(np.diff(curve.true_rate) * hits / (hits + misses)))


def fpr_at_tpr(known: Float[np.ndarray, "known"], unknown: Float[np.ndarray, "unknown"], tpr: float = 0.95) -> float:
    """Share of unknown pictures accepted at the highest threshold that accepts at least ``tpr`` of the known ones.

    Raises:
        ValueError: One of the two is empty.
    """
    curve = _curve(known, unknown)
    # Rates are quotients of integers: without a margin 0.95 of 20 would miss 19 / 20.
    return float(curve.false_rate[np.argmax(curve.true_rate >= tpr - 1e-12)])


def oscr(
    known: Float[np.ndarray, "known"], is_correct: Bool[np.ndarray, "known"], unknown: Float[np.ndarray, "unknown"]
) -> float:
    """Area under the correct classification rate against the rate of accepted unknown pictures.

    Args:
        known: Scores of known pictures.
        is_correct: Whether each of them was given its class.
        unknown: Scores of unknown pictures.

    Returns:
        At most the closed-set accuracy, which it reaches where every unknown picture scores below the correct ones.

    Raises:
        ValueError: One of the two sets is empty.

    References:
        Dhamija, Günther and Boult, "Reducing Network Agnostophobia", NeurIPS 2018, section 3.
    """
    curve = oscr_curve(known, is_correct, unknown)
    return float(np.trapezoid(curve.true_rate, curve.false_rate))


@dataclass(frozen=True)
class Curve:
    """Rates at every threshold, from the strictest (0, 0) on."""

    false_rate: Float64[np.ndarray, "point"]
    """Share of unknown pictures accepted."""
    true_rate: Float64[np.ndarray, "point"]
    """Share of known pictures accepted, or accepted and right."""


def roc_curve(known: Float[np.ndarray, "known"], unknown: Float[np.ndarray, "unknown"]) -> Curve:
    """Rates of acceptance at every threshold.

    Raises:
        ValueError: One of the two is empty.
    """
    return _curve(known, unknown)


def oscr_curve(
    known: Float[np.ndarray, "known"], is_correct: Bool[np.ndarray, "known"], unknown: Float[np.ndarray, "unknown"]
) -> Curve:
    """Correct classification rate and rate of accepted unknown pictures at every threshold.

    Raises:
        ValueError: One of the two sets is empty.
    """
    return _curve(known, unknown, weights=is_correct.astype(np.float64))


def decide(
    predictions: Int64[np.ndarray, "item"], scores: Float[np.ndarray, "item"], threshold: float
) -> Int64[np.ndarray, "item"]:
    """Reject (-1) what scores below the threshold; what equals it stays."""
    return np.where(scores < threshold, -1, predictions).astype(np.int64)


def _curve(known: np.ndarray, unknown: np.ndarray, weights: np.ndarray | None = None) -> Curve:
    if not len(known) or not len(unknown):
        raise ValueError(f"there are {len(known)} known and {len(unknown)} unknown pictures; both have to be there")
    scores = np.concatenate([known, unknown])
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN")
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([np.ones(len(known)) if weights is None else weights, np.zeros(len(unknown))])[order]
    is_unknown = order >= len(known)
    # Equal scores fall together: only the last of a run is a threshold.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    return Curve(
        false_rate=np.concatenate([[0.0], np.cumsum(is_unknown)[last] / len(unknown)]),
        true_rate=np.concatenate([[0.0], np.cumsum(hits)[last] / len(known)]),
    )
