"""The loss calculator of the paper's figure: from predicted bodies and annotations to one number each."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hybridmesh.body.keypoints import FoldedKeypoints
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import project
from hybridmesh.config import TrainingConfig
from hybridmesh.joints import SETS
from hybridmesh.losses import dense_loss, dense_weights, joints3d_loss, keypoint_loss, smpl_loss
from hybridmesh.networks.parameters import Parameters
from hybridmesh.training.supervision import dense_weight

FLAG_OF = {"keypoints": "keypoints", "dense": "dense", "smpl": "smpl", "shape": "smpl", "joints3d": "smpl"}
"""Whose annotation each loss needs."""


class Objective(nn.Module):
    """Weighted losses of each sample; nothing is skinned but the corners of the dense points' triangles."""

    def __init__(self, body: BodyModel, config: TrainingConfig) -> None:
        super().__init__()
        self.body, self.config = body, config
        # The larger set begins with the smaller one.
        self.keypoints = FoldedKeypoints(body, "keypoints25", count=len(SETS[config.keypoints]))
        self.weights = {
            "keypoints": config.keypoint_weight,
            "dense": dense_weight(config),
            "smpl": config.smpl_weight,
            "shape": config.shape_weight,
            "joints3d": config.joints_weight,
        }

    def forward(self, found: Parameters, batch: Mapping[str, Tensor], flags: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Say for each loss and sample what it weighs; zero where the annotation is missing.

        Args:
            found: Predictions.
            batch: As :class:`~hybridmesh.data.batches.PeopleDataset` makes it.
            flags: For each loss who has the annotation, 0 or 1.
        """
        config = self.config
        wants_dense = bool(flags["dense"].any())
        corners = batch["dense_vertex"].flatten(1)
        out = self.body(found.betas, found.pose, vertex_ids=corners if wants_dense else corners[:, :0])
        points = project(self.keypoints(found.betas, found.pose, out.transforms), found.camera)
        labels = batch["keypoints"][:, : points.shape[1]]
        losses = {
            "keypoints": keypoint_loss(points, labels[..., :2], labels[..., 2]),
            "smpl": smpl_loss(
                found.pose, batch["pose"], found.betas, batch["betas"], norm=config.loss_3d,
                include_root=config.include_root,
            ),
        }  # fmt: skip
        if wants_dense:
            # Means of positions in space and of positions in the picture are the same under weak perspective.
            weights = batch["dense_bary"]
            surface = (out.vertices.unflatten(1, weights.shape[1:]) * weights[..., None]).sum(2)
            # Whoever lacks the annotation pulls at nothing.
            valid = dense_weights(batch["dense_valid"]) * flags["dense"][:, None]
            losses["dense"] = dense_loss(project(surface, found.camera), batch["dense_xy"], valid)
        if config.shape_weight:
            apart = found.betas - batch["betas"]
            losses["shape"] = (apart.abs() if config.loss_3d == "l1" else apart.square()).mean(1)
        if config.joints_weight:
            losses["joints3d"] = joints3d_loss(out.joints, batch["joints3d"], norm=config.loss_3d)
        return {name: self.weights[name] * value * flags[FLAG_OF[name]] for name, value in losses.items()}


def count_annotated(flags: Mapping[str, Tensor], *, shared: bool) -> dict[str, Tensor]:
    """Count the samples that have each annotation, among all processes."""
    counts = torch.stack([each.sum() for each in flags.values()])
    if shared:
        torch.distributed.all_reduce(counts)
    return dict(zip(flags, counts, strict=True))


def total_loss(losses: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> Tensor:
    """Average each loss over the samples that have the annotation, and add up.

    Args:
        losses: From :class:`Objective`, of the samples of this process.
        counts: From :func:`count_annotated`; where nobody has an annotation, its loss is zero.

    Returns:
        This process's share; the shares of all processes add up to the loss.
    """
    shares = [value.sum() / (counts[FLAG_OF[name]] + 1e-8) for name, value in losses.items()]
    return torch.stack(shares).sum()
