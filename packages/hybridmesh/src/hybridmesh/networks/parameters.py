"""What a network predicts as one row of numbers: camera, pose, shape."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from hybridmesh.joints import SMPL24
from hybridmesh.priors import mean_pose
from hybridmesh.rotations import axis_angle_to_matrix, matrix_to_sixd, sixd_to_matrix

PoseForm = Literal["axis_angle", "rot6d"]
CAMERA = 3
MEAN_SCALE = 0.9
"""Of the mean camera, as in the paper's code."""


@dataclass(frozen=True)
class Parameters:
    """Bodies in their crops."""

    pose: Float[Tensor, "batch 24 3 3"]
    """Rotations against the parents; the root's turns the body, which is y up, into the camera's axes, y down."""
    betas: Float[Tensor, "batch beta"]
    camera: Float[Tensor, "batch 3"]
    """Scale and translation, see :func:`hybridmesh.camera.project`."""

    def detach(self) -> "Parameters":
        """The same without gradients."""
        return Parameters(self.pose.detach(), self.betas.detach(), self.camera.detach())


def pose_numbers(form: PoseForm) -> int:
    """How many numbers a pose takes: 72 as axis-angles, 144 as the first two columns of each matrix."""
    return len(SMPL24) * (3 if form == "axis_angle" else 6)


def mean_parameters(form: PoseForm, num_betas: int) -> Float[Tensor, " number"]:
    """Make the row that predictions are added to: arms lowered, mean shape, facing the viewer, camera (0.9, 0, 0).

    The paper's code takes pose and shape from a collection that cannot be passed on; ours are those of
    :func:`hybridmesh.priors.mean_pose`.
    """
    pose = torch.from_numpy(mean_pose()).float()
    pose[0] = torch.tensor([torch.pi, 0.0, 0.0])
    rows = pose if form == "axis_angle" else matrix_to_sixd(axis_angle_to_matrix(pose))
    return torch.cat([torch.tensor([MEAN_SCALE, 0.0, 0.0]), rows.flatten(), torch.zeros(num_betas)])


def mean_body(batch: int, num_betas: int) -> Parameters:
    """What one says without looking: the mean body, for the row that every table of results has."""
    return split_parameters(mean_parameters("axis_angle", num_betas).expand(batch, -1), "axis_angle")


def split_parameters(numbers: Float[Tensor, "batch number"], form: PoseForm) -> Parameters:
    """Take a row apart.

    Args:
        numbers: Camera (3), pose (72 or 144, joint by joint; of six numbers the first column comes first), shape.
        form: How the pose is written.
    """
    pose = numbers[:, CAMERA : CAMERA + pose_numbers(form)].reshape(len(numbers), len(SMPL24), -1)
    matrices = axis_angle_to_matrix(pose) if form == "axis_angle" else sixd_to_matrix(pose)
    return Parameters(matrices, numbers[:, CAMERA + pose_numbers(form) :], numbers[:, :CAMERA])
