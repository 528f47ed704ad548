"""Skin a few vertices of each body: what dense points need, a tenth of the work of skinning all.

Each vertex is moved by at most six joints or so; the loop goes over those only.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from hybridmesh.compiled import compile_loops


class Rows(NamedTuple):
    """What belongs to a vertex, one row each, so that fetching it touches one place in memory."""

    blended: Float[Tensor, "vertex 3 one_plus_direction"]
    """Template, then the directions of shape and pose."""
    joints: Int[Tensor, "vertex influence"]
    weights: Float[Tensor, "vertex influence"]


def make_rows(
    template: Float[Tensor, "3 vertex"],
    directions: Float[Tensor, "direction 3 vertex"],
    weights: Float[Tensor, "24 vertex"],
) -> Rows:
    """Rearrange a body's buffers."""
    influences = int((weights > 0).sum(0).max())
    top = weights.T.topk(influences, dim=1)
    blended = torch.cat([template[None], directions]).permute(2, 1, 0).contiguous()
    return Rows(blended, top.indices.contiguous(), top.values.contiguous())


class GatheredSkinning(torch.autograd.Function):
    """The compiled form, for a CPU."""

    @staticmethod
    def forward(
        ctx: Any,
        factors: Float[Tensor, "batch one_plus_direction"],
        transforms: Float[Tensor, "batch 24 3 4"],
        vertex_ids: Int[Tensor, "batch picked"],
        rows: Rows,
    ) -> Float[Tensor, "batch picked 3"]:
        """Place the vertices."""
        factors, transforms = factors.contiguous(), transforms.contiguous()
        out = factors.new_empty(*vertex_ids.shape, 3)
        _forward(
            factors.detach().numpy(), transforms.detach().numpy(), vertex_ids.numpy(), rows.blended.numpy(),
            rows.joints.numpy(), rows.weights.numpy(), out.numpy(),
        )  # fmt: skip
        ctx.save_for_backward(factors, transforms, vertex_ids)
        ctx.rows = rows
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch picked 3"]) -> tuple[Tensor, Tensor, None, None]:
        """Pull at factors and transforms."""
        factors, transforms, vertex_ids = ctx.saved_tensors
        rows = ctx.rows
        grad_factors, grad_transforms = torch.zeros_like(factors), torch.zeros_like(transforms)
        _backward(
            grad.contiguous().numpy(), factors.detach().numpy(), transforms.detach().numpy(), vertex_ids.numpy(),
            rows.blended.numpy(), rows.joints.numpy(), rows.weights.numpy(), grad_factors.numpy(),
            grad_transforms.numpy(),
        )  # fmt: skip
        return grad_factors, grad_transforms, None, None


def gather_in_torch(
    factors: Float[Tensor, "batch one_plus_direction"],
    transforms: Float[Tensor, "batch 24 3 4"],
    vertex_ids: Int[Tensor, "batch picked"],
    rows: Rows,
) -> Float[Tensor, "batch picked 3"]:
    """The same in torch, for a GPU or where numba is missing."""
    rest = torch.einsum("bnck,bk->bnc", rows.blended[vertex_ids], factors)
    dense = transforms.new_zeros(*vertex_ids.shape, transforms.shape[1])
    dense = dense.scatter(2, rows.joints[vertex_ids], rows.weights[vertex_ids])
    mixed = torch.einsum("bnj,bjac->bnac", dense, transforms)
    return (mixed[..., :3] * rest[..., None, :]).sum(-1) + mixed[..., 3]


@compile_loops()
def _forward(
    factors: np.ndarray,
    transforms: np.ndarray,
    vertex_ids: np.ndarray,
    blended: np.ndarray,
    joints: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
) -> None:
    for b in range(vertex_ids.shape[0]):
        for n in range(vertex_ids.shape[1]):
            vertex = vertex_ids[b, n]
            for a in range(3):
                out[b, n, a] = 0
            x = y = z = factors[b, 0] * 0
            for k in range(factors.shape[1]):
                x += blended[vertex, 0, k] * factors[b, k]
                y += blended[vertex, 1, k] * factors[b, k]
                z += blended[vertex, 2, k] * factors[b, k]
            for i in range(joints.shape[1]):
                weight = weights[vertex, i]
                if weight == 0:
                    break
                joint = joints[vertex, i]
                for a in range(3):
                    out[b, n, a] += weight * (
                        transforms[b, joint, a, 0] * x
                        + transforms[b, joint, a, 1] * y
                        + transforms[b, joint, a, 2] * z
                        + transforms[b, joint, a, 3]
                    )


@compile_loops()
def _backward(
    grad: np.ndarray,
    factors: np.ndarray,
    transforms: np.ndarray,
    vertex_ids: np.ndarray,
    blended: np.ndarray,
    joints: np.ndarray,
    weights: np.ndarray,
    grad_factors: np.ndarray,
    grad_transforms: np.ndarray,
) -> None:
    for b in range(vertex_ids.shape[0]):
        for n in range(vertex_ids.shape[1]):
            vertex = vertex_ids[b, n]
            if grad[b, n, 0] == 0 and grad[b, n, 1] == 0 and grad[b, n, 2] == 0:
                continue  # points without weight pull at nothing
            x = y = z = factors[b, 0] * 0
            for k in range(factors.shape[1]):
                x += blended[vertex, 0, k] * factors[b, k]
                y += blended[vertex, 1, k] * factors[b, k]
                z += blended[vertex, 2, k] * factors[b, k]
            gx = gy = gz = factors[b, 0] * 0
            for i in range(joints.shape[1]):
                weight = weights[vertex, i]
                if weight == 0:
                    break
                joint = joints[vertex, i]
                for a in range(3):
                    pull = weight * grad[b, n, a]
                    grad_transforms[b, joint, a, 0] += pull * x
                    grad_transforms[b, joint, a, 1] += pull * y
                    grad_transforms[b, joint, a, 2] += pull * z
                    grad_transforms[b, joint, a, 3] += pull
                    gx += pull * transforms[b, joint, a, 0]
                    gy += pull * transforms[b, joint, a, 1]
                    gz += pull * transforms[b, joint, a, 2]
            for k in range(factors.shape[1]):
                grad_factors[b, k] += (
                    gx * blended[vertex, 0, k] + gy * blended[vertex, 1, k] + gz * blended[vertex, 2, k]
                )
