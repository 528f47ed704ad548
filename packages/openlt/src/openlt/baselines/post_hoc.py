"""Classifiers that are changed after training, without gradients: nearest mean, tau-normalisation, prior correction."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from hr_common.errors import InputError
from openlt.losses import log_prior
from openlt.networks.classifiers import NearestMeanClassifier

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
