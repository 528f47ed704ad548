"""All figures of one evaluation, from label, prediction and score of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, Int64

from openlt.metrics.accuracy import band_accuracy, macro_f1
from openlt.metrics.bands import BandRule, band_of
from openlt.metrics.open_set import FVariant, aupr, auroc, decide, f_measure, fpr_at_tpr, oscr


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a report prints. Shares from 0 to 1; None is "not evaluated", never 0.

    The first block is closed: no picture is rejected. The second is thresholded; the third needs no threshold.
    """

    split: str
    n_closed: int
    n_open: int
    """Pictures of known and of unknown classes; F depends on their ratio."""
    shot_rule: BandRule
    f_variant: FVariant
    detector: str
    """Whose scores decide what is unknown."""
    threshold: float

    overall: float | None
    mean_per_class: float | None
    many: float | None
    medium: float | None
    few: float | None
    macro_f1: float
    absent_classes: int
    """Classes without a test picture, left out of band means."""

    open_overall: float | None
    open_many: float | None
    open_medium: float | None
    open_few: float | None
    """Accuracy of known pictures where a rejected one is an error."""
    closed_rejected: float | None
    """Share of known pictures rejected."""
    f_measure: float | None
    open_accuracy: float | None
    """Share of unknown pictures rejected."""
    open_macro_f1: float | None
    """Macro F1 with "unknown" as one more class."""

    auroc: float | None
    aupr_in: float | None
    aupr_out: float | None
    fpr95: float | None
    """Unknown pictures accepted where 95 % of the known ones are."""
    oscr: float | None
    auroc_many: float | None
    auroc_medium: float | None
    auroc_few: float | None
    """Known pictures of one band against all unknown ones."""

    def as_dict(self) -> dict[str, str | int | float | None]:
        """As names and plain values, for JSON."""
        return asdict(self)


def figures(
    predictions: Int64[np.ndarray, "item"],
    scores: Float[np.ndarray, "item"],
    labels: Int64[np.ndarray, "item"],
    counts: Int64[np.ndarray, "class"],
    *,
    split: str,
    detector: str = "msp",
    threshold: float = 0.1,
    shot_rule: BandRule = "paper",
    f_variant: FVariant = "oltr2020",
) -> Figures:
    """Compute every figure.

    Args:
        predictions: Most probable known class of each picture, whether it will be rejected or not.
        scores: How known each picture looks to the detector; what lies below ``threshold`` is rejected.
        labels: True classes, -1 for pictures of unknown classes.
        counts: Training pictures of each class.
        split: Name of what was measured on.
        detector: Name of what the scores are.
        threshold: See ``scores``.
        shot_rule: See :func:`~openlt.metrics.bands.band_of`.
        f_variant: See :func:`~openlt.metrics.open_set.f_measure`.
    """
    known = labels >= 0
    closed = band_accuracy(predictions, labels, counts, shot_rule)
    decided = decide(predictions, scores, threshold)
    opened = band_accuracy(decided, labels, counts, shot_rule)
    has_both = bool(known.any() and (~known).any())
    inside, outside = scores[known], scores[~known]
    bands = band_of(counts, shot_rule)[labels[known]]
    each = [inside[bands == band] for band in range(3)]
    by_band = [auroc(members, outside) if has_both and len(members) else None for members in each]
    return Figures(
        split=split,
        n_closed=int(known.sum()),
        n_open=int((~known).sum()),
        shot_rule=shot_rule,
        f_variant=f_variant,
        detector=detector,
        threshold=threshold,
        overall=closed.overall,
        mean_per_class=closed.mean_per_class,
        many=closed.many,
        medium=closed.medium,
        few=closed.few,
        macro_f1=macro_f1(predictions[known], labels[known]),
        absent_classes=closed.absent_classes,
        open_overall=opened.overall,
        open_many=opened.many,
        open_medium=opened.medium,
        open_few=opened.few,
        closed_rejected=float((decided[known] < 0).mean()) if known.any() else None,
        f_measure=f_measure(decided, labels, f_variant) if has_both else None,
        open_accuracy=float((decided[~known] < 0).mean()) if has_both else None,
        open_macro_f1=macro_f1(decided, labels) if has_both else None,
        auroc=auroc(inside, outside) if has_both else None,
        aupr_in=aupr(inside, outside) if has_both else None,
        aupr_out=aupr(-outside, -inside) if has_both else None,
        fpr95=fpr_at_tpr(inside, outside) if has_both else None,
        oscr=oscr(inside, predictions[known] == labels[known], outside) if has_both else None,
        auroc_many=by_band[0],
        auroc_medium=by_band[1],
        auroc_few=by_band[2],
    )


@dataclass(frozen=True)
class SweepPoint:
    """What one threshold gives."""

    threshold: float
    overall: float | None
    """Accuracy of the known pictures, rejected ones being errors."""
    f_oltr2020: float | None
    f_legacy: float | None
    """F-measure under both formulas; None without unknown pictures."""


def threshold_sweep(
    predictions: Int64[np.ndarray, "item"],
    scores: Float[np.ndarray, "item"],
    labels: Int64[np.ndarray, "item"],
    thresholds: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
) -> list[SweepPoint]:
    """Follow F and accuracy over the threshold; the arguments are those of :func:`figures`."""
    known = labels >= 0
    has_both = bool(known.any() and (~known).any())
    points = []
    for threshold in thresholds:
        decided = decide(predictions, scores, threshold)
        points.append(
            SweepPoint(
                threshold=threshold,
                overall=float((decided[known] == labels[known]).mean()) if known.any() else None,
                f_oltr2020=f_measure(decided, labels, "oltr2020") if has_both else None,
                f_legacy=f_measure(decided, labels, "legacy") if has_both else None,
            )
        )
    return points
