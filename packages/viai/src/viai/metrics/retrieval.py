"""Does a picture find its own sound among others?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hr_common.errors import InputError


@dataclass(frozen=True)
class Retrieval:
    """Where, among all sounds, the right one comes for each picture."""

    windows: int
    """Pictures, and sounds; chance finds the right one first in one of so many."""
    recall_1: float
    """Share of pictures whose own sound comes first; chance is ``1 / windows``."""
    recall_5: float
    recall_10: float
    median_rank: float
    """1 is best; chance is half the windows."""


def retrieve(pictures: Float[np.ndarray, "window code"], sounds: Float[np.ndarray, "window code"]) -> Retrieval:
    """Rank sounds by their distance to each picture.

    Args:
        pictures: Visual codes, one a window, of any length; they are brought to length one.
        sounds: Codes of the intact sounds, in the same order.

    Returns:
        Shares in [0, 1]. A sound as near as the right one counts as nearer: a code that never changes finds nothing.

    Raises:
        InputError: If there are fewer than two windows.
    """
    if len(pictures) < 2:
        raise InputError(f"retrieve needs at least two windows to choose from, found {len(pictures)}")
    seen, heard = (
        codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)
        for codes in (pictures.astype(np.float64), sounds.astype(np.float64))
    )
    likeness = seen @ heard.T
    ranks = (likeness >= np.diag(likeness)[:, np.newaxis]).sum(axis=1)
    return Retrieval(
        windows=len(ranks),
        recall_1=float((ranks <= 1).mean()),
        recall_5=float((ranks <= 5).mean()),
        recall_10=float((ranks <= 10).mean()),
        median_rank=float(np.median(ranks)),
    )
