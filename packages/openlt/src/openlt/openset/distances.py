"""Detectors that measure how far features lie from those of the training pictures."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float64, Int64

from openlt.openset.interface import Reads

_CHUNK = 1024  # pictures whose distances to everything are held at a time


class Mahalanobis:
    """Negative squared Mahalanobis distance to the nearest class mean, under one covariance for all classes.

    Classes of five pictures have no covariance of their own; the shared one is shrunk towards a multiple of the
    identity by as much as the number of pictures asks for.

    References:
        Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
        NeurIPS 2018, section 2.1; Chen et al., "Shrinkage Algorithms for MMSE Covariance Estimation", IEEE TSP 2010,
        eq. (23), for the shrinkage.
    """

    reads: ClassVar[Reads] = "direct"
    _whitener: Float64[np.ndarray, "feature feature"]
    _means: Float64[np.ndarray, "class feature"]

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        means, present = class_means(features, labels, logits.shape[1])
        self._whitener = _whitener(shrunk_covariance(features - means[labels]))
        self._means = means[present] @ self._whitener

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        return -nearest_squared(features @ self._whitener, self._means)


class RelativeMahalanobis(Mahalanobis):
    """Mahalanobis distance less the distance to one Gaussian around all training pictures.

    What is far from everything in directions that say nothing about classes is no longer taken for unknown.

    References:
        Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection", 2021, arXiv 2106.09022.
    """

    _all_whitener: Float64[np.ndarray, "feature feature"]
    _all_mean: Float64[np.ndarray, "1 feature"]

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        super().fit(features, logits, labels)
        mean = features.mean(axis=0, keepdims=True, dtype=np.float64)
        self._all_whitener = _whitener(shrunk_covariance(features - mean))
        self._all_mean = mean @ self._all_whitener

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        background = nearest_squared(features @ self._all_whitener, self._all_mean)
        scores: np.ndarray = super().score(features, logits) + background
        return scores


class NearestNeighbours:
    """Negative distance to the k-th nearest training picture, features scaled to length 1.

    ``k`` is lowered to the size of the smallest class, so that a picture amid a class of five is not judged by
    neighbours of other classes.

    Args:
        k: Which neighbour.

    References:
        Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022, section 3.
    """

    reads: ClassVar[Reads] = "direct"
    _bank: Float[np.ndarray, "item feature"]

    def __init__(self, k: int = 5) -> None:
        self.k = k
        self._used = k

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        counts = np.bincount(labels)
        self._used = min(self.k, int(counts[counts > 0].min()))
        self._bank = _unit(features)

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        queries = _unit(features)
        scores = np.empty(len(queries))
        for start in range(0, len(queries), _CHUNK // 4):
            chunk = slice(start, start + _CHUNK // 4)
            nearness = queries[chunk] @ self._bank.T
            kth = -np.partition(-nearness, self._used - 1, axis=1)[:, self._used - 1]
            scores[chunk] = -np.sqrt(np.maximum(2 - 2 * kth, 0))
        return scores


class Reachability:
    """Negative distance to the nearest centroid.

    Args:
        centroids: The learnt memory; without it the mean features of the classes.

    References:
        Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, section 3.2: the reachability is
        the inverse of this distance.
    """

    reads: ClassVar[Reads] = "direct"

    def __init__(self, centroids: Float[np.ndarray, "class feature"] | None = None) -> None:
        self.centroids = centroids

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`; with centroids given it does nothing."""
        if self.centroids is None:
            means, present = class_means(features, labels, logits.shape[1])
            self.centroids = means[present]

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        if self.centroids is None:
            raise ValueError("reachability has no centroids: give them, or fit it")
        scores: np.ndarray = -np.sqrt(nearest_squared(features, self.centroids))
        return scores


class MetaNorm:
    """Length of the meta-embedding, which grows with reachability."""

    reads: ClassVar[Reads] = "meta"

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`; does nothing."""

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        length: np.ndarray = np.linalg.norm(features, axis=1)
        return length


def class_means(
    features: Float[np.ndarray, "item feature"], labels: Int64[np.ndarray, "item"], num_classes: int
) -> tuple[Float64[np.ndarray, "class feature"], np.ndarray]:
    """Mean feature of each class, and which classes have any picture; the others have a mean of zero."""
    sums = np.zeros((num_classes, features.shape[1]))
    np.add.at(sums, labels, features)
    counts = np.bincount(labels, minlength=num_classes)
    return sums / np.maximum(counts, 1)[:, None], counts > 0


def shrunk_covariance(residuals: Float[np.ndarray, "item feature"]) -> Float64[np.ndarray, "feature feature"]:
    """Covariance of values with mean zero, drawn towards a multiple of the identity; see :class:`Mahalanobis`."""
    count, size = residuals.shape
    centred = residuals.astype(np.float64)
    covariance = centred.T @ centred / count
    level = np.trace(covariance) / size
    power = np.mean(covariance**2)
    spread = (count + 1) * (power - level**2 / size)
    share = 1.0 if spread <= 0 else min(1.0, (power + level**2) / spread)
    shrunk: np.ndarray = (1 - share) * covariance + share * level * np.eye(size)
    return shrunk


def nearest_squared(
    points: Float[np.ndarray, "item feature"], centres: Float[np.ndarray, "centre feature"]
) -> Float64[np.ndarray, "item"]:
    """Squared Euclidean distance to the nearest centre, without an array of items times centres times features."""
    lengths = np.einsum("ij,ij->i", centres, centres)
    nearest = np.empty(len(points))
    for start in range(0, len(points), _CHUNK):
        chunk = points[start : start + _CHUNK]
        square = (lengths - 2 * chunk @ centres.T).min(axis=1) + np.einsum("ij,ij->i", chunk, chunk)
        nearest[start : start + _CHUNK] = square
    return np.maximum(nearest, 0)


def _whitener(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    # A constant feature has variance 0; it must not divide by it.
    whitener: np.ndarray = vectors / np.sqrt(np.maximum(values, max(values[-1], 1e-12) * 1e-9))
    return whitener


def _unit(features: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return scaled
