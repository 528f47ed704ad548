"""Classes by how often they were there to learn from: many, medium, few."""

from typing import Literal

import numpy as np
from jaxtyping import Int64

BandRule = Literal["paper", "reference"]
BANDS: tuple[str, ...] = ("many", "medium", "few")
"""Names of the bands; :func:`band_of` gives positions in this tuple."""


def band_of(counts: Int64[np.ndarray, "class"], rule: BandRule = "paper") -> Int64[np.ndarray, "class"]:
    """Sort classes into bands by their training counts: 0 many, 1 medium, 2 few.

    Two rules are in circulation and differ where a class has exactly 20 or exactly 100 pictures, so a table has to
    name the one it was made with.

    Args:
        counts: Training pictures of each class.
        rule: ``paper``: many above 100, few below 20. ``reference``: many from 100 on, few up to 20.

    References:
        Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, section 4; ``reference`` is
        the rule of the authors' published code since August 2019.
    """
    many, few = (counts > 100, counts < 20) if rule == "paper" else (counts >= 100, counts <= 20)
    return np.where(many, 0, np.where(few, 2, 1)).astype(np.int64)
