"""Detectors that look at the logits alone."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.special import log_softmax, logsumexp, softmax

from openlt.openset.interface import Detector, Reads, refuse_too_many

_TINY = 1e-12  # keeps the logarithm of a probability finite


class _Untrained:
    """A detector with nothing to learn."""

    reads: ClassVar[Reads] = "direct"

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`; does nothing."""


class MaxProbability(_Untrained):
    """Largest softmax probability (MSP), from 1 / classes to 1.

    References:
        Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
        Networks", ICLR 2017.
    """

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        highest: np.ndarray = np.exp(log_softmax(logits, axis=1).max(axis=1))
        return highest


class MaxLogit(_Untrained):
    """Largest logit.

    References:
        Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", ICML 2022, section 3.
    """

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        highest: np.ndarray = logits.max(axis=1)
        return highest


class Energy(_Untrained):
    """Negative free energy: ``T log sum exp(logits / T)``.

    Args:
        temperature: T.

    References:
        Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020, eq. (4).
    """

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        energy: np.ndarray = self.temperature * logsumexp(logits / self.temperature, axis=1)
        return energy


class Entropy(_Untrained):
    """Negative entropy of the softmax, in nats, from -log(classes) to 0."""

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        logs = log_softmax(logits, axis=1)
        negative: np.ndarray = np.einsum("ij,ij->i", np.exp(logs), logs)
        return negative


class KLMatching:
    """Negative Kullback-Leibler divergence to the nearest of the typical softmax outputs, one for each class.

    The typical output of a class is the mean over the training pictures that are predicted as it, or, where there are
    none, that belong to it. Needs memory for classes times classes.

    References:
        Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", ICML 2022, section 3.
    """

    reads: ClassVar[Reads] = "direct"
    _log_typical: Float64[np.ndarray, "class class"]

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        classes = logits.shape[1]
        refuse_too_many("kl-matching", classes)
        outputs = softmax(logits.astype(np.float64), axis=1)
        by_prediction, predicted = _sums(outputs, logits.argmax(axis=1), classes)
        by_label, labelled = _sums(outputs, labels, classes)
        use_label = predicted == 0
        sums = np.where(use_label[:, None], by_label, by_prediction)
        counts = np.where(use_label, labelled, predicted)
        typical = np.divide(sums, counts[:, None], out=np.full_like(sums, 1 / classes), where=counts[:, None] > 0)
        self._log_typical = np.log(np.maximum(typical, _TINY))

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        logs = log_softmax(logits.astype(np.float64), axis=1)
        outputs = np.exp(logs)
        divergence = np.einsum("ij,ij->i", outputs, logs)[:, None] - outputs @ self._log_typical.T
        nearest: np.ndarray = -divergence.min(axis=1)
        return nearest


class PriorCorrected:
    """Another detector on logits from which the log of the training frequencies has been taken.

    A softmax trained on long-tailed data gives a rare class low confidence for being rare, and so takes it for unknown.

    Args:
        inner: Detector that looks at logits.
        strength: Factor of the log frequencies.

    References:
        Menon et al., "Long-tail Learning via Logit Adjustment", ICLR 2021, section 4.2, for the correction.
    """

    reads: ClassVar[Reads] = "direct"
    _log_prior: Float64[np.ndarray, "class"]

    def __init__(self, inner: Detector, strength: float = 1.0) -> None:
        self.inner = inner
        self.strength = strength

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        counts = np.maximum(np.bincount(labels, minlength=logits.shape[1]), 1)
        self._log_prior = self.strength * np.log(counts / counts.sum())
        self.inner.fit(features, logits - self._log_prior, labels)

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """See :class:`~openlt.openset.interface.Detector`."""
        return self.inner.score(features, logits - self._log_prior)


def _sums(values: np.ndarray, groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums, np.bincount(groups, minlength=count)
