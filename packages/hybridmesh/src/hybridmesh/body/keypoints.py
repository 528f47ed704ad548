"""Keypoints and 3D joints of many bodies without skinning a vertex.

A keypoint is a weighted sum of posed vertices, and a posed vertex a weighted sum over joints, so the regressor can be
folded into the skeleton once: what remains is one point for each pair of keypoint and joint. That is exact, and a
hundred times less work than skinning a few hundred vertices.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hybridmesh.body.model import BodyModel


class FoldedKeypoints(nn.Module):
    """A set of keypoints of one body.

    Args:
        body: Its weights, shape and pose directions are folded in.
        name: The set of keypoints, one of ``body.regressors``.
        count: How many of them, from the first; all by default.
    """

    points: Tensor
    shares: Tensor

    def __init__(self, body: BodyModel, name: str, *, count: int | None = None) -> None:
        super().__init__()
        regressor = body.regressors[name][:count].double()
        # What each keypoint takes from each vertex by way of each joint.
        taken = regressor[:, None] * body.weights.double()  # keypoint joint vertex
        blended = torch.cat([body.template[None], body.directions]).double()  # direction axis vertex
        points = torch.einsum("kjv,dav->dkja", taken, blended)
        self.register_buffer("points", points.to(body.template.dtype), persistent=False)
        self.register_buffer("shares", taken.sum(2).to(body.template.dtype), persistent=False)
        self.has_pose_directions = body.has_pose_directions

    def forward(
        self,
        betas: Float[Tensor, "batch beta"],
        pose: Float[Tensor, "batch 24 3 3"],
        transforms: Float[Tensor, "batch 24 4 4"],
    ) -> Float[Tensor, "batch keypoint 3"]:
        """Place the keypoints.

        Args:
            betas: All the numbers that the body has.
            pose: Rotations against the parents.
            transforms: What the body made of both.
        """
        strengths = betas
        if self.has_pose_directions:
            bends = pose[:, 1:] - torch.eye(3, dtype=pose.dtype, device=pose.device)
            strengths = torch.cat([betas, bends.flatten(1)], 1)
        _, keypoints, joints, _ = self.points.shape
        rest = torch.addmm(self.points[0].flatten(), strengths, self.points[1:].flatten(1))
        rest = rest.view(-1, keypoints, joints * 3)
        turned = rest @ transforms[:, :, :3, :3].permute(0, 1, 3, 2).flatten(1, 2)
        return turned + self.shares @ transforms[:, :, :3, 3]
