"""OpenMax: how extreme is the distance to the mean logits of a class, among the largest distances seen in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.optimize import brentq
from scipy.special import softmax

from openlt.metrics.open_set import FVariant, f_measure
from openlt.openset.interface import Reads, refuse_too_many

TAILS = (3, 5, 10, 20)
ALPHAS = (1, 2, 3, 5, 10)
_SHIFT = 1.0  # libMR moves the smallest kept distance here before fitting
_LEAST = 3  # distances that a fit of two parameters needs


@dataclass(frozen=True)
class Weibull:
    """A two-parameter Weibull law of the largest distances, moved so that the smallest of them lies at 1."""

    shape: float
    scale: float
    smallest: float

    def __call__(self, distances: Float[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
        """Chance, from 0 to 1, that a picture of the class lies nearer."""
        moved = np.maximum(distances + _SHIFT - self.smallest, 0.0)
        return -np.expm1(-((moved / self.scale) ** self.shape))


def fit_weibull(distances: Float[np.ndarray, "item"], tail: int) -> Weibull | None:
    """Fit the ``tail`` largest distances by maximum likelihood.

    Returns:
        None where they are fewer than three or all the same.

    References:
        Scheirer et al., "Meta-Recognition: The Theory and Practice of Recognition Score Analysis", TPAMI 2011.
    """
    kept = np.sort(distances.astype(np.float64))[-tail:]
    if len(kept) < _LEAST or kept[-1] - kept[0] < 1e-9:
        return None
    moved = kept + _SHIFT - kept[0]
    # The shape does not depend on the unit; with the largest at 1 no power overflows.
    logs = np.log(moved / moved[-1])

    def slope(shape: float) -> float:
        powers = np.exp(shape * logs)
        return float((powers * logs).sum() / powers.sum() - 1 / shape - logs.mean())

    high = 1.0
    while slope(high) < 0 and high < 1e12:
        high *= 4
    shape = float(brentq(slope, 1e-3, high, xtol=1e-10))
    scale = float(moved[-1] * np.exp(np.log(np.exp(shape * logs).mean()) / shape))
    return Weibull(shape, scale, float(kept[0]))


class OpenMax:
    """Logits lowered by how unlikely their distances are; what they lose becomes the logit of the unknown.

    Departures, for classes of few pictures: a class that the classifier never gets right is modelled from all of its
    training pictures; one with fewer than three or identical distances uses a fit to the tails of all classes; one
    without pictures is left as it is. Tails are never longer than the class. A negative logit is lowered, too.

    The unknown is given something of ``alpha`` logits. Where a network is not sure and its highest logits are alike,
    ten of them drown every known class; :meth:`settle` finds values that fit the network.

    Args:
        tail: Largest distances of each class that are modelled.
        alpha: Highest-ranked classes whose logits are revised.

    References:
        Bendale and Boult, "Towards Open Set Deep Networks", CVPR 2016, algorithms 1 and 2; the distance, Euclidean
        / 200 plus cosine, is that of their published code.
    """

    reads: ClassVar[Reads] = "direct"
    _means: Float64[np.ndarray, "class class"]
    _distances: list[np.ndarray]
    _models: list[Weibull | None]

    def __init__(self, tail: int = 20, alpha: int = 10) -> None:
        self.tail = tail
        self.alpha = alpha
        self.from_all_pictures = 0
        """Classes modelled from all of their training pictures, none of them being right."""
        self.from_all_classes = 0
        """Classes with the common fit."""
        self.unrevised = 0
        """Classes without a model."""

    def fit(
        self,
        features: Float[np.ndarray, "item feature"],
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
    ) -> None:
        """See :class:`~openlt.openset.interface.Detector`."""
        classes = logits.shape[1]
        refuse_too_many("openmax", classes)
        right = logits.argmax(axis=1) == labels
        usable, has_right = _usable(right, labels, classes)
        order = np.argsort(labels, kind="stable")
        bounds = np.searchsorted(labels[order], np.arange(classes + 1))
        self._means = np.zeros((classes, classes))
        self._distances = []
        for label in range(classes):
            rows = order[bounds[label] : bounds[label + 1]]
            mine = logits[rows[usable[rows]]].astype(np.float64)
            if len(mine):
                self._means[label] = mine.mean(axis=0)
            self._distances.append(_eucos(mine, self._means[label : label + 1])[:, 0])
        self.from_all_pictures = int((~has_right & (np.diff(bounds) > 0)).sum())
        self._model_tails()

    def _model_tails(self) -> None:
        distances = self._distances
        tails = np.concatenate([np.sort(each)[-self.tail :] for each in distances])
        common = fit_weibull(tails, len(tails))
        own = [fit_weibull(each, self.tail) for each in distances]
        self._models = [(model or common) if len(each) else None for model, each in zip(own, distances, strict=True)]
        self.from_all_classes = sum(model is None and len(each) > 0 for model, each in zip(own, distances, strict=True))
        self.unrevised = sum(model is None for model in self._models)

    def settle(
        self,
        logits: Float[np.ndarray, "item class"],
        labels: Int64[np.ndarray, "item"],
        threshold: float,
        variant: FVariant = "oltr2020",
    ) -> None:
        """Choose ``tail`` and ``alpha``, of :data:`TAILS` and :data:`ALPHAS`, for the best F at a threshold.

        Of equal ones the larger are taken, which are nearer to the publication's.

        Args:
            logits: Of validation pictures, ``val`` and ``open_val``; never of those that are tested.
            labels: True classes, -1 for the unknown.
            threshold: On the score.
            variant: See :func:`~openlt.metrics.open_set.f_measure`.
        """
        classes, nothing = logits.argmax(axis=1), np.zeros((len(logits), 0))
        best, chosen = -1.0, (self.tail, self.alpha)
        for self.tail in sorted(TAILS, reverse=True):
            self._model_tails()
            for self.alpha in sorted(ALPHAS, reverse=True):
                accepted = self.score(nothing, logits) >= threshold
                value = f_measure(np.where(accepted, classes, -1), labels, variant)
                if value > best:
                    best, chosen = value, (self.tail, self.alpha)
        self.tail, self.alpha = chosen
        self._model_tails()

    def probabilities(self, logits: Float[np.ndarray, "item class"]) -> Float64[np.ndarray, "item class_and_unknown"]:
        """Probabilities of the known classes and, last, of the unknown."""
        values = logits.astype(np.float64)
        count, classes = values.shape
        ranked = np.argsort(-values, axis=1, kind="stable")[:, : self.alpha]
        distances = np.take_along_axis(_eucos(values, self._means), ranked, axis=1)
        weights = np.zeros_like(distances)
        for label, model in enumerate(self._models):
            if model is not None:
                here = ranked == label
                weights[here] = model(distances[here])
        weights *= (self.alpha - np.arange(ranked.shape[1])) / self.alpha
        lost = np.zeros((count, classes))
        np.put_along_axis(lost, ranked, weights * np.abs(np.take_along_axis(values, ranked, axis=1)), axis=1)
        revised = np.concatenate([values - lost, lost.sum(axis=1, keepdims=True)], axis=1)
        outputs: np.ndarray = softmax(revised, axis=1)
        return outputs

    def score(
        self, features: Float[np.ndarray, "item feature"], logits: Float[np.ndarray, "item class"]
    ) -> Float[np.ndarray, "item"]:
        """Highest revised probability of a known class, less 1 where the unknown has a higher one.

        A threshold from 0 to 1 then rejects what the method rejects: pictures where the unknown wins, and those whose
        best class is less probable than the threshold.
        """
        outputs = self.probabilities(logits)
        best = outputs[:, :-1].max(axis=1)
        scores: np.ndarray = np.where(best < outputs[:, -1], best - 1, best)
        return scores


def _usable(
    right: Bool[np.ndarray, "item"], labels: Int64[np.ndarray, "item"], classes: int
) -> tuple[Bool[np.ndarray, "item"], Bool[np.ndarray, "class"]]:
    """Which pictures model their class, the right ones or all where none is right; which classes have right ones."""
    has_right = np.bincount(labels[right], minlength=classes) > 0
    return right | ~has_right[labels], has_right


def _eucos(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Distance of every point to every mean: Euclidean over 200, plus one minus the cosine."""
    lengths, sizes = np.linalg.norm(points, axis=1), np.linalg.norm(means, axis=1)
    inner = points @ means.T
    square = np.maximum(lengths[:, None] ** 2 + sizes**2 - 2 * inner, 0)
    distances: np.ndarray = np.sqrt(square) / 200 + 1 - inner / np.maximum(lengths[:, None] * sizes, 1e-12)
    return distances
