"""From the name of a loss to a function of logits and labels."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from openlt import losses
from openlt.config import LossConfig, StageConfig

Objective = Callable[[Tensor, Tensor, float], Tensor]
"""Logits, labels and the share of the epochs that is done, to a loss."""


def logit_objective(stage: StageConfig, constants: LossConfig, counts: Tensor) -> Objective:
    """Make the loss on the logits that a stage names.

    Args:
        stage: Names the loss.
        constants: Its constants.
        counts: Training pictures of each class.
    """
    weights = losses.effective_number_weights(counts, beta=constants.beta)
    margins = losses.ldam_margins(counts, largest=constants.ldam_margin)

    def deferred(logits: Tensor, labels: Tensor, share: float) -> Tensor:
        late = share >= constants.deferred_share
        return losses.ldam(logits, labels, margins, weights if late else None)

    objectives: dict[str, Objective] = {
        "cross-entropy": lambda logits, labels, _: F.cross_entropy(logits.float(), labels),
        "focal": lambda logits, labels, _: losses.focal(logits, labels, gamma=constants.gamma),
        "balanced-softmax": lambda logits, labels, _: losses.balanced_softmax(logits, labels, counts),
        "logit-adjustment": lambda logits, labels, _: losses.logit_adjustment(
            logits, labels, counts, tau=constants.tau
        ),
        "ldam": deferred,
        "class-balanced": lambda logits, labels, _: losses.class_balanced(logits, labels, weights),
        "class-balanced-focal": lambda logits, labels, _: losses.class_balanced(
            logits, labels, weights, gamma=constants.gamma
        ),
    }
    return objectives[stage.loss]


def feature_objective(stage: StageConfig, constants: LossConfig) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Make the loss on the features that a stage names, if it is one without centroids."""
    if stage.feature_loss == "lifted":
        return lambda features, labels: losses.lifted(features, labels, margin=constants.lifted_margin)
    if stage.feature_loss == "range":
        return lambda features, labels: losses.range_loss(features, labels, margin=constants.range_margin)
    return None
