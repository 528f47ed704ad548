"""Rotations of joints: axis-angles to store, matrices to compare, six numbers to predict.

All arithmetic on rotations is RoMa's, which is exact at and near the identity, in values and in gradients. Gradients
of the reference code's formula are not: it adds 1e-8 to the axis-angle before taking the norm.
"""

import roma  # type: ignore[import-untyped]
import torch
from jaxtyping import Float
from torch import Tensor

from hybridmesh.joints import SMPL24, flip_permutation

_FLIP = flip_permutation(SMPL24)


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Turn axis-angles (radians) into rotation matrices."""
    matrices: Tensor = roma.rotvec_to_rotmat(axis_angle)
    return matrices


def matrix_to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Turn rotation matrices into axis-angles of at most π; for storage only, compare matrices."""
    axis_angle: Tensor = roma.rotmat_to_rotvec(matrix)
    return axis_angle


def sixd_to_matrix(sixd: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Turn six numbers, the first column and then the second one, into a rotation matrix by Gram and Schmidt.

    References:
        Zhou, Barnes, Lu, Yang and Li, "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019,
        eq. (15). SPIN stores the same numbers interleaved; see :func:`interleaved_to_sixd`.
    """
    columns = sixd.reshape(*sixd.shape[:-1], 2, 3).mT
    matrix: Tensor = roma.special_gramschmidt(columns)
    return matrix


def matrix_to_sixd(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Take the first two columns of rotation matrices."""
    return matrix[..., :2].mT.flatten(-2)


def interleaved_to_sixd(numbers: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 6"]:
    """Reorder SPIN's six numbers, a 3×2 block row by row, into ours, column by column."""
    return numbers.reshape(*numbers.shape[:-1], 3, 2).mT.flatten(-2)


def mirror_pose(matrices: Float[Tensor, "*batch 24 3 3"]) -> Float[Tensor, "*batch 24 3 3"]:
    """Give the pose of the mirrored person: left and right change places, R becomes M R M with M = diag(-1, 1, 1)."""
    flip = matrices.new_tensor([-1.0, 1.0, 1.0])
    return matrices[..., torch.as_tensor(_FLIP, device=matrices.device), :, :] * flip[:, None] * flip
