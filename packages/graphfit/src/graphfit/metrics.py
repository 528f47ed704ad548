"""Figures of outfit models: pure functions of scores, labels and questions."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy import stats


def compatibility_auc(scores: Float[np.ndarray, " set"], labels: Int64[np.ndarray, " set"]) -> float:
    """Area under the ROC curve by ranks; a tie counts one half.

    Returns:
        The chance that a real outfit scores higher than a corrupted one; NaN if either kind is missing.
    """
    ranks = stats.rankdata(scores)
    real = labels == 1
    count, rest = int(real.sum()), int((~real).sum())
    if not count or not rest:
        return float("nan")
    return float((ranks[real].sum() - count * (count + 1) / 2) / (count * rest))


def average_precision(scores: Float[np.ndarray, " set"], labels: Int64[np.ndarray, " set"]) -> float:
    """Area under the precision-recall curve, as a sum over the distinct scores; NaN without a real outfit."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores)) if (labels == 1).any() else float("nan")


def fitb_credits(
    scores: Float[np.ndarray, "question candidate"],
    truths: Int64[np.ndarray, " question"],
    exists: Bool[np.ndarray, "question candidate"] | None = None,
) -> Float[np.ndarray, " question"]:
    """Expected credit of each fill-in-the-blank question.

    One if the true candidate alone has the highest score, 1/k if it is one of k that share it, else zero: whoever gives
    all candidates the same score gets what guessing gets, wherever the truth stands.

    Args:
        scores: Of the outfit completed by each candidate.
        truths: Which candidate is true.
        exists: Which candidates a question has; all by default.
    """
    known = scores if exists is None else np.where(exists, scores, -np.inf)
    best = known == known.max(axis=1, keepdims=True)
    true: np.ndarray = best[np.arange(len(truths)), truths] / best.sum(axis=1)
    return true


def expected_calibration_error(
    probabilities: Float[np.ndarray, " set"], labels: Int64[np.ndarray, " set"], bins: int = 10
) -> float:
    """Mean distance between what was promised and what came true, over bins of equal width, weighted by their size.

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. (3).
    """
    places = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    sizes = np.bincount(places, minlength=bins)
    promised = np.bincount(places, weights=probabilities, minlength=bins)
    came = np.bincount(places, weights=(labels == 1).astype(np.float64), minlength=bins)
    return float(np.abs(promised - came).sum() / max(1, sizes.sum()))


def macro_f1(predicted: Int64[np.ndarray, " outfit"], target: Int64[np.ndarray, " outfit"], classes: int) -> float:
    """Mean F1 over the classes that occur in either; NaN without outfits."""
    scores = []
    for each in range(classes):
        hits = int(((predicted == each) & (target == each)).sum())
        either = int((predicted == each).sum() + (target == each).sum())
        if either:
            scores.append(2 * hits / either)
    return float(np.mean(scores)) if scores else float("nan")


def bootstrap_interval(
    figure: Callable[[Int64[np.ndarray, " draw"]], float],
    count: int,
    *,
    generator: np.random.Generator,
    repetitions: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a figure.

    Args:
        figure: Computes the figure from the numbers of the cases drawn.
        count: Number of cases.
        generator: Draws the cases.
        repetitions: Draws of ``count`` cases.
        level: Share of the draws inside the interval.
    """
    if count == 0:
        return float("nan"), float("nan")
    values = [figure(generator.integers(0, count, count)) for _ in range(repetitions)]
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
