"""How often the right class is named."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from openlt.metrics.bands import BandRule, band_of


@dataclass(frozen=True)
class BandAccuracy:
    """Accuracy of the known classes, as shares from 0 to 1; None where nothing could be measured."""

    overall: float | None
    """Over pictures."""
    mean_per_class: float | None
    """Over classes; equals ``overall`` on a balanced test set."""
    many: float | None
    medium: float | None
    few: float | None
    absent_classes: int
    """Classes without a test picture, which no band mean contains."""


def per_class_accuracy(
    predictions: Int64[np.ndarray, "item"], labels: Int64[np.ndarray, "item"], num_classes: int
) -> Float64[np.ndarray, "class"]:
    """Share of each class's pictures that are given their class; NaN for a class without pictures.

    Args:
        predictions: Predicted classes, -1 where the picture was rejected.
        labels: True classes; pictures of unknown classes (-1) are left out.
        num_classes: Known classes.
    """
    known = labels >= 0
    totals = np.bincount(labels[known], minlength=num_classes)
    correct = np.bincount(labels[known & (predictions == labels)], minlength=num_classes)
    shares: np.ndarray = np.divide(correct, totals, out=np.full(num_classes, np.nan), where=totals > 0)
    return shares


def band_accuracy(
    predictions: Int64[np.ndarray, "item"],
    labels: Int64[np.ndarray, "item"],
    counts: Int64[np.ndarray, "class"],
    rule: BandRule = "paper",
) -> BandAccuracy:
    """Measure accuracy overall and in each band; a band's is the mean over its classes, not over its pictures.

    Rejected pictures (-1) of known classes are errors, so that thresholded predictions give the open-set columns.

    Args:
        predictions: Predicted classes, -1 where the picture was rejected.
        labels: True classes; pictures of unknown classes (-1) are left out.
        counts: Training pictures of each class.
        rule: See :func:`~openlt.metrics.bands.band_of`.
    """
    each = per_class_accuracy(predictions, labels, len(counts))
    measured = ~np.isnan(each)
    bands = band_of(counts, rule)
    known = labels >= 0
    many, medium, few = (_mean(each[measured & (bands == band)]) for band in range(3))
    return BandAccuracy(
        overall=_mean(predictions[known] == labels[known]),
        mean_per_class=_mean(each[measured]),
        many=many,
        medium=medium,
        few=few,
        absent_classes=int((~measured).sum()),
    )


def macro_f1(predictions: Int64[np.ndarray, "item"], labels: Int64[np.ndarray, "item"]) -> float:
    """F1 of each class that occurs as label or prediction, averaged over those classes; 0 without pictures.

    With -1 among labels and predictions "unknown" counts as one more class.
    """
    classes, codes = np.unique(np.concatenate([predictions, labels]), return_inverse=True)
    if not len(classes):
        return 0.0
    predicted, true = codes[: len(labels)], codes[len(labels) :]
    hits = np.bincount(true[predicted == true], minlength=len(classes))
    sizes = np.bincount(predicted, minlength=len(classes)) + np.bincount(true, minlength=len(classes))
    return float(np.mean(2 * hits / sizes))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
