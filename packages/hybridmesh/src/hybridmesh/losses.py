"""Losses of the paper and its code, one value for each sample of a batch; images are in [-1, 1], lengths in metres.

Every loss is averaged over the points that a sample has, never summed over padding, and is zero with zero gradient
where it has none. :func:`over_annotated` then averages over the samples that have the annotation.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Norm = Literal["l1", "l2"]
MAX_DENSE = 400
"""Dense points of a person, at most."""
MIN_DENSE = 10
"""With fewer dense points a person has none."""


def keypoint_loss(
    prediction: Float[Tensor, "batch joint 2"],
    target: Float[Tensor, "batch joint 2"],
    confidence: Float[Tensor, "batch joint"],
) -> Float[Tensor, " batch"]:
    """Mean absolute distance of the keypoints that are visible.

    Confidences other than 0 and 1 weigh; the paper's code, which divides by the number of visible points, fails where
    there is none.
    """
    distance = (prediction - target).abs().mean(-1)
    seen = confidence.sum(1)
    return (distance * confidence).sum(1) / torch.where(seen > 0, seen, 1.0)


def dense_weights(valid: Bool[Tensor, "batch point"]) -> Float[Tensor, "batch point"]:
    """Weights of dense points: padding 0, the others such that their mean is 1; fewer than 10 are dropped."""
    count = valid.sum(1, keepdim=True)
    weights = valid.float() * valid.shape[1] / count.clamp(min=1)
    return torch.where(count >= MIN_DENSE, weights, 0.0)


def dense_loss(
    prediction: Float[Tensor, "batch point 2"],
    target: Float[Tensor, "batch point 2"],
    weights: Float[Tensor, "batch point"],
) -> Float[Tensor, " batch"]:
    """Mean weighted absolute distance between where surface points are predicted and where they are seen.

    Args:
        prediction: Barycentric means of the projected corners of each point's triangle. That is exact under weak
            perspective; under a strong pinhole take the mean in space and project it.
        target: Positions in the picture.
        weights: From :func:`dense_weights`.
    """
    return ((prediction - target).abs().sum(-1) * weights).mean(1)


def smpl_loss(
    pose: Float[Tensor, "batch 24 3 3"],
    target_pose: Float[Tensor, "batch 24 3 3"],
    betas: Float[Tensor, "batch beta"],
    target_betas: Float[Tensor, "batch beta"],
    *,
    norm: Norm = "l2",
    include_root: bool = False,
) -> Float[Tensor, " batch"]:
    """Distance of parameters, on rotation matrices and never on axis-angles.

    The defaults are those of the paper's code: squared, averaged over the 23·9 + 10 numbers, without the root. The
    paper writes the sum of absolute differences.
    """
    first = 0 if include_root else 1
    difference = torch.cat([(pose - target_pose)[:, first:].flatten(1), betas - target_betas], 1)
    return difference.abs().mean(1) if norm == "l1" else difference.square().mean(1)


def joints3d_loss(
    prediction: Float[Tensor, "batch joint 3"],
    target: Float[Tensor, "batch joint 3"],
    *,
    norm: Norm = "l1",
    root_relative: bool = True,
) -> Float[Tensor, " batch"]:
    """Distance of 3D joints; the paper names this term, its code declares and never computes it.

    With ``root_relative`` the first joint, the pelvis, is subtracted on both sides.
    """
    if root_relative:
        prediction, target = prediction - prediction[:, :1], target - target[:, :1]
    difference = (prediction - target).flatten(1)
    return difference.abs().mean(1) if norm == "l1" else difference.square().mean(1)


def over_annotated(losses: Float[Tensor, " batch"], flags: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Average over the samples whose flag is 1; zero if there are none."""
    return (losses * flags).mean() * len(losses) / (flags.sum() + 1e-8)
