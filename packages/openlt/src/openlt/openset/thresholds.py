"""Where to draw the line between known and unknown. Nothing here may see the test pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from hr_common.errors import InputError
from openlt.metrics.open_set import FVariant


def threshold_at_tpr(known: Float[np.ndarray, "known"], tpr: float = 0.95) -> float:
    """Highest threshold that accepts at least ``tpr`` of known validation pictures.

    Raises:
        InputError: There are no pictures, or ``tpr`` is no share.
    """
    if not len(known) or not 0 < tpr <= 1:
        raise InputError(f"a threshold for {tpr:g} of {len(known)} known pictures cannot be found; give val pictures")
    return float(np.sort(known)[::-1][int(np.ceil(tpr * len(known) - 1e-9)) - 1])


def threshold_at_best_f(
    predictions: Int64[np.ndarray, "item"],
    scores: Float[np.ndarray, "item"],
    labels: Int64[np.ndarray, "item"],
    variant: FVariant = "oltr2020",
) -> float:
    """Threshold with the highest F-measure on known validation pictures and ``open_val``, the lowest of several.

    Args:
        predictions: Predicted known classes.
        scores: How known each picture looks.
        labels: True classes, -1 for the pictures of ``open_val``.
        variant: See :func:`~openlt.metrics.open_set.f_measure`.

    Raises:
        InputError: Known or unknown pictures are missing.
    """
    known = labels >= 0
    if known.all() or not known.any():
        raise InputError(
            f"a threshold for the best F needs known and unknown pictures, not {int(known.sum())} and "
            f"{int((~known).sum())}; the unknown ones belong in the split open_val, the test's are not for this"
        )
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    first = np.concatenate([[True], np.diff(ordered) > 0])

    def accepted(mask: np.ndarray) -> np.ndarray:
        """How many of them score at least as high as each picture in order."""
        counts: np.ndarray = np.cumsum(mask[order][::-1])[::-1][first]
        return counts

    right = accepted(known & (predictions == labels))
    wrong = known.sum() - right if variant == "oltr2020" else accepted(known & (predictions != labels))
    values = 2 * right / np.maximum(2 * right + wrong + accepted(~known), 1)
    return float(ordered[first][int(np.argmax(values))])
