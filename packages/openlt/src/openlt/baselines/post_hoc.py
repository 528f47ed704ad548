"""Classifiers that are made after training, without gradients."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from hr_common.errors import InputError
from openlt.losses import log_prior
from openlt.networks.classifiers import NearestMeanClassifier, WhitenedMemoryClassifier

SHRINKAGE = 0.2
"""Share of the mean variance in the covariance of the whitening."""
TAUS = tuple(round(0.1 * step, 1) for step in range(21))


def require_linear(classifier: nn.Module, method: str) -> nn.Linear:
    """Return the classifier if it is a linear one.

    Raises:
        InputError: If it is not.
    """
    if not isinstance(classifier, nn.Linear):
        raise InputError(f"post_hoc={method} changes a linear classifier, not a {type(classifier).__name__}")
    return classifier


def nearest_mean(
    features: Float[Tensor, "item feature"], labels: Int64[Tensor, " item"], classes: int
) -> NearestMeanClassifier:
    """Build the classifier from the features of all training pictures.

    References:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 4.1.
    """
    classifier = NearestMeanClassifier(features.shape[1], classes)
    classifier.centre.copy_(features.mean(dim=0))
    sums = torch.zeros(classes, features.shape[1]).index_add_(0, labels, classifier.directions(features))
    classifier.means.copy_(sums / torch.bincount(labels, minlength=classes).clamp_min(1)[:, None])
    return classifier


def whitened_memory(
    features: Float[Tensor, "item feature"],
    labels: Int64[Tensor, " item"],
    counts: Int64[Tensor, " class"],
    *,
    tau: float,
    scale: float,
    shrinkage: float = SHRINKAGE,
) -> WhitenedMemoryClassifier:
    """Build the classifier from the features of all training pictures.

    Args:
        features: Direct features.
        labels: Their classes.
        counts: Training pictures of each class.
        tau: Share of the log prior that is subtracted. Means are fair to small classes by themselves; their noise
            is not, so a little of the correction remains to be done.
        scale: Factor of the cosine.
        shrinkage: How far the covariance within classes, shared by all, is drawn towards a multiple of the identity.
    """
    classes = len(counts)
    classifier = WhitenedMemoryClassifier(features.shape[1], classes, scale=scale)
    x = features.double()
    seen = torch.bincount(labels, minlength=classes).clamp_min(1)[:, None]
    means = torch.zeros(classes, x.shape[1], dtype=x.dtype).index_add_(0, labels, x) / seen
    rest = x - means[labels]
    covariance = rest.mT @ rest / len(x)
    variance = covariance.diagonal().mean().clamp_min(1e-12)
    covariance = (1 - shrinkage) * covariance + shrinkage * variance * torch.eye(len(covariance), dtype=x.dtype)
    # For covariance = L L^T, rows times L^-T have the identity for their covariance.
    lower = torch.linalg.cholesky(covariance)
    inverse = torch.linalg.solve_triangular(lower, torch.eye(len(lower), dtype=x.dtype), upper=False)
    classifier.centre.copy_(x.mean(dim=0))
    classifier.whitening.copy_(inverse.mT)
    sums = torch.zeros(classes, x.shape[1]).index_add_(0, labels, classifier.directions(features))
    classifier.memory.copy_(F.normalize(sums, dim=1))
    classifier.shift.copy_(tau * log_prior(counts))
    return classifier


def tau_normalised(linear: nn.Linear, tau: float) -> nn.Linear:
    """Divide every class's weight by its norm to the power of ``tau``, and drop the bias.

    References:
        Kang et al., ICLR 2020, eq. (3).
    """
    result = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        norm = linear.weight.norm(dim=1, keepdim=True).clamp_min(1e-12)
        result.weight.copy_(linear.weight / norm**tau)
        result.bias.zero_()
    return result


def choose_tau(
    linear: nn.Linear, features: Float[Tensor, "item feature"], labels: Int64[Tensor, " item"]
) -> tuple[float, nn.Linear]:
    """Try powers from 0 to 2 on the validation pictures and take the one with the best overall accuracy."""
    accuracies = []
    with torch.no_grad():
        for tau in TAUS:
            predicted = F.linear(features, tau_normalised(linear, tau).weight).argmax(dim=1)
            accuracies.append(float((predicted == labels).float().mean()))
    tau = TAUS[int(np.argmax(accuracies))]
    return tau, tau_normalised(linear, tau)


def prior_corrected(linear: nn.Linear, counts: Int64[Tensor, " class"], tau: float) -> nn.Linear:
    """Subtract ``tau`` times the log prior from the logits, by way of the bias.

    References:
        Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, eq. (9).
    """
    result = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        result.weight.copy_(linear.weight)
        result.bias.copy_(linear.bias - tau * log_prior(counts))
    return result
