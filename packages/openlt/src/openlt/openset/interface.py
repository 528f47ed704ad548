"""What every detector of the unknown can do."""

from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from hr_common.errors import InputError

Reads = Literal["direct", "meta"]
MOST_SQUARED = 20_000
"""Classes for which an array of classes times classes still fits into memory: 3 GiB."""


@runtime_checkable
class Detector(Protocol):
    """Says how known a picture looks, from its features and logits."""

    reads: ClassVar[Reads]
    """Which features it is for: those of the network, or the meta-embedding made of them."""

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """Learn from training pictures, seen without augmentation.

        Args:
            features: Of the kind that ``reads`` says.
            logits: Of the known classes.
            labels: True classes.
        """

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """Score pictures; higher is more known."""


def refuse_too_many(detector: str, classes: int) -> None:
    """Refuse before an array of classes times classes is made that does not fit.

    Raises:
        InputError: There are more than :data:`MOST_SQUARED` classes.
    """
    if classes > MOST_SQUARED:
        raise InputError(
            f"{detector} needs memory for {classes:,} times {classes:,} numbers; with more than {MOST_SQUARED:,} "
            "classes use energy, knn or reachability"
        )
