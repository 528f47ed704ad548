"""What is optimised: losses on logits, and losses on features. All in single precision, under autocast too."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

MIN_DISTANCE = 1e-6


def focal(
    logits: Float[Tensor, "batch class"], labels: Int64[Tensor, " batch"], *, gamma: float = 2.0
) -> Float[Tensor, ""]:
    """Cross-entropy, less for what is right already: -(1 - p)^γ log p.

    References:
        Lin, Goyal, Girshick, He and Dollár, "Focal Loss for Dense Object Detection", ICCV 2017, eq. (4).
    """
    log_p = -F.cross_entropy(logits.float(), labels, reduction="none")
    # 1 - p by expm1 keeps its digits where p is nearly one; the power has no slope at zero for γ < 1.
    return -((-torch.expm1(log_p)).clamp_min(1e-12) ** gamma * log_p).mean()


def balanced_softmax(
    logits: Float[Tensor, "batch class"], labels: Int64[Tensor, " batch"], counts: Int64[Tensor, " class"]
) -> Float[Tensor, ""]:
    """Cross-entropy of the logits plus the log of the classes' training counts.

    References:
        Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020, eq. (4).
    """
    return F.cross_entropy(logits.float() + counts.clamp_min(1).float().log(), labels)


def logit_adjustment(
    logits: Float[Tensor, "batch class"],
    labels: Int64[Tensor, " batch"],
    counts: Int64[Tensor, " class"],
    *,
    tau: float = 1.0,
) -> Float[Tensor, ""]:
    """Cross-entropy of the logits plus τ times the log prior.

    References:
        Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, eq. (10).
    """
    return F.cross_entropy(logits.float() + tau * log_prior(counts), labels)


def log_prior(counts: Int64[Tensor, " class"]) -> Float[Tensor, " class"]:
    """Logarithm of each class's share of the training pictures; a class without any counts as one picture."""
    filled = counts.clamp_min(1).float()
    return (filled / filled.sum()).log()


def ldam_margins(counts: Int64[Tensor, " class"], *, largest: float = 0.5) -> Float[Tensor, " class"]:
    """Margins in proportion to n^(-1/4), ``largest`` for the smallest class."""
    margins = counts.clamp_min(1).float() ** -0.25
    return margins * (largest / margins.max())


def ldam(
    logits: Float[Tensor, "batch class"],
    labels: Int64[Tensor, " batch"],
    margins: Float[Tensor, " class"],
    weights: Float[Tensor, " class"] | None = None,
    *,
    scale: float = 30.0,
) -> Float[Tensor, ""]:
    """Cross-entropy after the true class's cosine was lowered by its margin.

    Args:
        logits: ``scale`` times cosines.
        labels: True classes.
        margins: See :func:`ldam_margins`.
        weights: Of the classes, once re-weighting has begun. The sum is divided by the batch, not by its weights, so
            that a batch split over processes gives the same gradient.
        scale: Factor of the cosines.

    References:
        Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019, eq. (13).
    """
    lowered = logits.float() - scale * F.one_hot(labels, logits.shape[1]) * margins
    return weighted(F.cross_entropy(lowered, labels, reduction="none"), labels, weights)


def effective_number_weights(counts: Int64[Tensor, " class"], *, beta: float = 0.9999) -> Float[Tensor, " class"]:
    """Weights (1 - β)/(1 - β^n), scaled to mean one.

    References:
        Cui, Jia, Lin, Song and Belongie, "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
        eq. (3).
    """
    weights = (1 - beta) / -torch.expm1(counts.clamp_min(1).double() * torch.log(torch.tensor(beta).double()))
    return (weights * (len(counts) / weights.sum())).float()


def weighted(
    each: Float[Tensor, " batch"], labels: Int64[Tensor, " batch"], weights: Float[Tensor, " class"] | None
) -> Float[Tensor, ""]:
    """Mean over the batch, every item times the weight of its class."""
    return (each if weights is None else each * weights[labels]).mean()


def class_balanced(
    logits: Float[Tensor, "batch class"],
    labels: Int64[Tensor, " batch"],
    weights: Float[Tensor, " class"],
    *,
    gamma: float = 0.0,
) -> Float[Tensor, ""]:
    """Cross-entropy, or with γ the focal loss, weighted by class; see :func:`effective_number_weights`."""
    log_p = -F.cross_entropy(logits.float(), labels, reduction="none")
    each = -log_p if gamma == 0 else -((-torch.expm1(log_p)).clamp_min(1e-12) ** gamma * log_p)
    return weighted(each, labels, weights)


def _pairwise(features: Tensor) -> Tensor:
    # Not by the expanded square, which has no digits left for neighbours. The gradient at zero distance is zero.
    return torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")


def lifted(
    features: Float[Tensor, "batch feature"], labels: Int64[Tensor, " batch"], *, margin: float = 5.0
) -> Float[Tensor, ""]:
    """Lifted structured loss: every pair of a class against all strangers of both, zero without pairs or strangers.

    References:
        Oh Song, Xiang, Jegelka and Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding", CVPR 2016,
        eq. (4).
    """
    with torch.autocast(features.device.type, enabled=False):
        distance = _pairwise(features.float())
        same = labels[:, None] == labels
        first, second = torch.nonzero(same.triu(diagonal=1), as_tuple=True)
        if len(first) == 0 or bool(same.all()):
            return features.float().sum() * 0
        strangers = (margin - distance).masked_fill(same, -torch.inf).logsumexp(dim=1)
        each = torch.logaddexp(strangers[first], strangers[second]) + distance[first, second]
        return each.clamp_min(0).square().sum() / (2 * len(first))


def range_loss(
    features: Float[Tensor, "batch feature"],
    labels: Int64[Tensor, " batch"],
    *,
    margin: float = 5.0,
    largest: int = 2,
    intra_weight: float = 1.0,
    inter_weight: float = 1.0,
) -> Float[Tensor, ""]:
    """Range loss: the harmonic mean of each class's largest distances, and a margin between the nearest centres.

    Args:
        features: Direct features.
        labels: Their classes.
        margin: Distance that the two nearest class means of the batch keep.
        largest: How many of the largest distances of a class count.
        intra_weight: Weight of the sum over the classes.
        inter_weight: Weight of the margin.

    References:
        Zhang, Fang, Wen, Li and Qiao, "Range Loss for Deep Face Recognition with Long-Tailed Training Data", ICCV 2017,
        eqs. (5) to (8), with plain in place of squared distances.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        intra = _intra_range(features, labels, largest)
        present, place = torch.unique(labels, return_inverse=True)
        if len(present) < 2:
            return intra_weight * intra
        sums = features.new_zeros(len(present), features.shape[1]).index_add(0, place, features)
        centres = sums / torch.bincount(place, minlength=len(present))[:, None]
        inter = (margin - F.pdist(centres).min()).clamp_min(0)
        return intra_weight * intra + inter_weight * inter


def _intra_range(features: Tensor, labels: Tensor, largest: int) -> Tensor:
    first, second = torch.nonzero((labels[:, None] == labels).triu(diagonal=1), as_tuple=True)
    if len(first) == 0:
        return features.sum() * 0
    distance = _pairwise(features)[first, second]
    # Pairs in the order of their class and, within it, of falling distance; the first few of each class count.
    order = distance.detach().argsort(descending=True)
    order = order[labels[first[order]].argsort(stable=True)]
    _, pairs = torch.unique_consecutive(labels[first[order]], return_counts=True)
    starts = (pairs.cumsum(0) - pairs).repeat_interleave(pairs)
    counted = order[torch.arange(len(order), device=order.device) - starts < largest]
    group = torch.arange(len(pairs), device=order.device).repeat_interleave(pairs.clamp_max(largest))
    reciprocal = 1 / distance[counted].clamp_min(MIN_DISTANCE)
    sums = reciprocal.new_zeros(len(pairs)).index_add(0, group, reciprocal)
    means: Tensor = pairs.clamp_max(largest) / sums
    return means.sum()


class _Attract(torch.autograd.Function):
    """Half the mean squared distance to the own centroid, with a gradient of its own for the centroids."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, centroids: Tensor, labels: Tensor, members: Tensor) -> Tensor:
        difference = features - centroids[labels]
        ctx.save_for_backward(difference, labels, members)
        return difference.square().sum() / (2 * len(features))

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        difference, labels, members = ctx.saved_tensors
        batch = len(difference)
        # The upstream factor is left out on purpose: the weight of the loss shall not slow the centroids.
        share = -difference / (1 + members[labels])[:, None].to(difference.dtype) / batch
        pull = difference.new_zeros(len(members), difference.shape[1]).index_add_(0, labels, share)
        return upstream[0] * difference / batch, pull, None, None


def attract(
    features: Float[Tensor, "batch feature"],
    centroids: Float[Tensor, "class feature"],
    labels: Int64[Tensor, " batch"],
    members: Int64[Tensor, " class"],
) -> Float[Tensor, ""]:
    """Half the mean squared distance to the own centroid.

    The gradient of the features is the true one. That of centroid j is the sum of M_j - f over the batch's pictures of
    class j, divided by one more than there are, and by the batch; a factor on the loss does not change it.

    Args:
        features: Direct features.
        centroids: The memory.
        labels: Own classes.
        members: Pictures of each class in the batch, over all processes.
    """
    value: Tensor = _Attract.apply(features, centroids, labels, members)
    return value


def strangeness(
    features: Float[Tensor, "batch feature"],
    centroids: Float[Tensor, "class feature"],
    labels: Int64[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Sum of the squared distances to all centroids but the own, divided by batch and classes."""
    middle = centroids.mean(dim=0)
    # Σ_j |f - M_j|² = C |f - M̄|² + Σ_j |M_j - M̄|²: no batch × class × feature, and no difference of large sums.
    spread = (centroids - middle).square().sum()
    to_all = len(centroids) * (features - middle).square().sum(dim=1) + spread
    to_own = (features - centroids[labels]).square().sum(dim=1)
    return (to_all - to_own).sum() / (len(features) * len(centroids))


class DiscriminativeCentroidsLoss(nn.Module):
    """Draws features to the centroid of their class and keeps them from the others; holds the centroids.

    In a process group the values and, once the centroids' gradients are averaged over the processes, all gradients are
    those of one process with the whole batch: the members of a class are counted over all processes before anything is
    divided by them.

    Args:
        classes: Number of known classes.
        features: Width of the direct feature.
        form: ``reference`` is that of the published code; ``paper`` the hinge that the paper prints.
        margin: Mean squared distance from which nothing repels (reference), or the margin of the hinge (paper).
        repel_weight: Weight of the repulsion (reference form).

    References:
        Liu et al., CVPR 2019, eq. (7). The published code differs from it, as its authors acknowledge; the gradient of
        the centroids follows Wen, Zhang, Li and Qiao, "A Discriminative Feature Learning Approach for Deep Face
        Recognition", ECCV 2016.
    """

    def __init__(
        self,
        classes: int,
        features: int,
        *,
        form: Literal["reference", "paper"] = "reference",
        margin: float = 10.0,
        repel_weight: float = 0.01,
    ) -> None:
        super().__init__()
        self.form = form
        self.margin = margin
        self.repel_weight = repel_weight
        self.centroids = nn.Parameter(torch.zeros(classes, features))

    def forward(self, features: Float[Tensor, "batch feature"], labels: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Compute the loss of a batch of direct features (not of meta-embeddings), in single precision."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            if self.form == "paper":
                return self._hinge(features, labels)
            members = torch.bincount(labels, minlength=len(self.centroids))
            if torch.distributed.is_initialized():
                torch.distributed.all_reduce(members)
            pull = attract(features, self.centroids, labels, members)
            with torch.no_grad():
                is_far = _over_processes(strangeness(features, self.centroids, labels)) >= self.margin
            if is_far:
                # The usual case. A graph of zeros would hold three more copies of all centroids.
                return pull
            repel = (self.margin - _over_processes(strangeness(features, self.centroids, labels))).clamp(0, 1e6)
            return pull + self.repel_weight * repel

    def _hinge(self, features: Tensor, labels: Tensor) -> Tensor:
        square = (
            features.square().sum(1, keepdim=True) + self.centroids.square().sum(1) - 2 * features @ self.centroids.mT
        )
        distance = square.clamp_min(MIN_DISTANCE**2).sqrt()
        own = distance.gather(1, labels[:, None]).squeeze(1)
        return (2 * own - distance.sum(dim=1) + self.margin).clamp_min(0).mean()


def _over_processes(value: Tensor) -> Tensor:
    """Return the mean over the processes, whose gradient is that of this process's own value.

    Gradients are averaged over the processes afterwards, which makes them those of the mean.
    """
    if not torch.distributed.is_initialized():
        return value
    whole = value.detach().clone()
    torch.distributed.all_reduce(whole)
    return value + (whole / torch.distributed.get_world_size() - value).detach()
