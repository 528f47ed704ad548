"""Detectors that look at features and at what a linear classifier makes of them."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.special import logsumexp

from openlt.openset.interface import Reads


class VirtualLogit:
    """Energy less the length of that part of the features which training pictures hardly have (ViM).

    The part is scaled so that on average it is as long as the largest logit. Where the classifier is linear its
    weights, recovered from features and logits, settle the origin as published.

    Args:
        kept: Principal directions that are taken for familiar; half of the features without it.

    References:
        Wang et al., "ViM: Out-Of-Distribution with Virtual-logit Matching", CVPR 2022, section 4.
    """

    reads: ClassVar[Reads] = "direct"
    _origin: Float64[np.ndarray, "feature"]
    _unfamiliar: Float64[np.ndarray, "feature rest"]
    _scale: float

    def __init__(self, kept: int | None = None) -> None:
        self.kept = kept

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        weight, bias = linear_head(features, logits)
        # Where features determine the logits of all classes the origin gives logits of zero.
        self._origin = -np.linalg.pinv(weight.T) @ bias
        centred = features - self._origin
        _, vectors = np.linalg.eigh(centred.T @ centred / len(features))
        kept = features.shape[1] // 2 if self.kept is None else min(self.kept, features.shape[1] - 1)
        self._unfamiliar = vectors[:, : features.shape[1] - kept]
        length = np.linalg.norm(centred @ self._unfamiliar, axis=1).mean()
        self._scale = float(logits.max(axis=1).mean() / max(length, 1e-12))

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        virtual = self._scale * np.linalg.norm((features - self._origin) @ self._unfamiliar, axis=1)
        scores: np.ndarray = logsumexp(logits, axis=1) - virtual
        return scores


class ReAct:
    """Energy of the logits after features have been cut off at a quantile of those of training pictures.

    The classifier is recovered from features and logits, exactly if it is linear, by least squares if not.

    Args:
        quantile: Share of training activations that stay as they are.

    References:
        Sun, Guo and Li, "ReAct: Out-of-distribution Detection With Rectified Activations", NeurIPS 2021, eq. (2).
    """

    reads: ClassVar[Reads] = "direct"
    _weight: Float64[np.ndarray, "feature class"]
    _bias: Float64[np.ndarray, "class"]
    _limit: float

    def __init__(self, quantile: float = 0.9) -> None:
        self.quantile = quantile

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        self._weight, self._bias = linear_head(features, logits)
        self._limit = float(np.quantile(features, self.quantile))

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        cut = np.minimum(features, self._limit) @ self._weight + self._bias
        scores: np.ndarray = logsumexp(cut, axis=1)
        return scores


def linear_head(
    features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
) -> tuple[Float64[np.ndarray, "feature class"], Float64[np.ndarray, "class"]]:
    """Weight and bias of the linear classifier that comes nearest to the given logits, by least squares."""
    mean, level = features.mean(axis=0, dtype=np.float64), logits.mean(axis=0, dtype=np.float64)
    weight = np.linalg.lstsq(features - mean, logits - level, rcond=None)[0]
    return weight, level - mean @ weight
