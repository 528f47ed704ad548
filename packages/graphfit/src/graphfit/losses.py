"""What is optimised: pure functions of logits."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def compatibility_loss(logits: Float[Tensor, "group member"]) -> Float[Tensor, ""]:
    """Binary cross-entropy of groups whose first member is a real outfit and whose others are corrupted ones.

    Real and corrupted outfits weigh the same, however many corrupted ones there are.
    """
    real, corrupted = F.softplus(-logits[:, 0]).mean(), F.softplus(logits[:, 1:]).mean()
    return (real + corrupted) / 2


def ranking_loss(logits: Float[Tensor, "group member"]) -> Float[Tensor, ""]:
    """Mean of ``softplus(s⁻ - s⁺)`` over the corrupted outfits of each group; the first member is the real one."""
    return F.softplus(logits[:, 1:] - logits[:, :1]).mean()


def focal_loss(
    logits: Float[Tensor, "batch class"],
    targets: Int64[Tensor, " batch"],
    *,
    gamma: float = 2.0,
    alpha: Float[Tensor, " class"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy that looks away from what is easy: ``-α_c (1 - p_c)^γ log p_c``, averaged.

    γ = 0 without α is cross-entropy. The paper trains the style head with it, since styles are heavily imbalanced.

    Args:
        logits: Before the softmax.
        targets: Right classes; negative ones are left out. If all are, the loss is zero.
        gamma: Exponent γ.
        alpha: Weights of the classes.

    References:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. (5).
    """
    known = targets >= 0
    log_p = logits[known].log_softmax(dim=-1).gather(-1, targets[known, None]).squeeze(-1)
    # 1 - p from log p without cancellation. At p = 1 the power has no finite derivative for γ < 1, hence the clamp.
    rest = -torch.expm1(log_p)
    each = -(rest.clamp_min(torch.finfo(rest.dtype).tiny) ** gamma) * log_p
    if alpha is not None:
        each = each * alpha[targets[known]]
    return each.sum() / known.sum().clamp_min(1)


def class_weights(counts: Int64[Tensor, " class"]) -> Float[Tensor, " class"]:
    """Weights α by the inverse square root of the class counts, with mean 1 over the classes that occur.

    Classes that never occur get 0: nothing can be learnt of them.
    """
    occurs = counts > 0
    weights = torch.where(occurs, counts.clamp_min(1).double().rsqrt(), 0.0)
    return (weights * occurs.sum() / weights.sum().clamp_min(torch.finfo(torch.float64).tiny)).float()


def focal_binary_loss(logits: Float[Tensor, "group member"], *, gamma: float = 2.0) -> Float[Tensor, ""]:
    """Focal form of :func:`compatibility_loss`, for the row "Imbalanced Collocation Handling" of the paper's table."""
    signed = torch.cat([logits[:, :1], -logits[:, 1:]], dim=1)
    each = torch.sigmoid(-signed) ** gamma * F.softplus(-signed)
    return (each[:, 0].mean() + each[:, 1:].mean()) / 2


def triplet_loss(
    positive: Float[Tensor, " triplet"], negative: Float[Tensor, "triplet *negative"], *, margin: float
) -> Float[Tensor, ""]:
    """Hinge on distances: the negative shall be farther than the positive by a margin."""
    own = positive.view(-1, *[1] * (negative.ndim - 1))
    return F.relu(own - negative + margin).mean()
