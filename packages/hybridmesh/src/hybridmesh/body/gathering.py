"""Place a few points of each body's surface: what dense points need, a small part of the work of skinning all vertices.

A point is a weighted mean of vertices, and each vertex is moved by six joints at most, mostly by one; the loops go over
those only, and values and gradients take one pass each.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from hybridmesh.compiled import compile_loops, prefetch

_LINE = 64  # bytes of a cache line; rows begin with one
_AHEAD = 8  # points whose rows are on their way while one is computed


class Rows(NamedTuple):
    """What belongs to a vertex, one row each, so that fetching it touches one place in memory."""

    table: Float[Tensor, "vertex column"]
    """Template and then the directions of shape and pose, three numbers each; weights; their joints; padding."""
    influences: int
    """Weights of a vertex, the largest first; the last ones may be zero."""


def make_rows(
    template: Float[Tensor, "3 vertex"],
    directions: Float[Tensor, "direction 3 vertex"],
    weights: Float[Tensor, "24 vertex"],
) -> Rows:
    """Rearrange a body's buffers."""
    influences = int((weights > 0).sum(0).max())
    top = weights.T.topk(influences, dim=1)
    blended = torch.cat([template[None], directions]).permute(2, 0, 1).flatten(1)
    table = torch.cat([blended, top.values, top.indices.to(blended.dtype)], 1)
    return Rows(torch.nn.functional.pad(table, (0, -table.shape[1] % (_LINE // table.element_size()))), influences)


class GatheredPoints(torch.autograd.Function):
    """The compiled form, for a CPU."""

    @staticmethod
    def forward(
        ctx: Any,
        factors: Float[Tensor, "batch one_plus_direction"],
        transforms: Float[Tensor, "batch 24 3 4"],
        vertex_ids: Int[Tensor, "batch point corner"],
        shares: Float[Tensor, "batch point corner"],
        rows: Rows,
    ) -> Float[Tensor, "batch point 3"]:
        """Place the points; there is no gradient of the shares."""
        factors, transforms = factors.detach().contiguous(), transforms.detach().contiguous()
        vertex_ids, shares = vertex_ids.contiguous(), shares.detach().contiguous()
        if vertex_ids.numel() and not (vertex_ids.min() >= 0 and vertex_ids.max() < len(rows.table)):
            raise IndexError(f"vertices are numbered from 0 to {len(rows.table) - 1}")
        out, rest = shares.new_empty(*shares.shape[:2], 3), shares.new_empty(*shares.shape, 3)
        _forward(
            factors.numpy(), transforms.numpy(), vertex_ids.numpy(), shares.numpy(), rows.table.numpy(),
            rows.influences, out.numpy(), rest.numpy(),
        )  # fmt: skip
        ctx.save_for_backward(transforms, vertex_ids, shares, rest)
        ctx.rows, ctx.factors = rows, factors.shape
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch point 3"]) -> tuple[Tensor, Tensor, None, None, None]:
        """Pull at factors and transforms."""
        transforms, vertex_ids, shares, rest = ctx.saved_tensors
        grad_factors, grad_transforms = grad.new_zeros(ctx.factors), torch.zeros_like(transforms)
        _backward(
            grad.contiguous().numpy(), transforms.numpy(), vertex_ids.numpy(), shares.numpy(), rest.numpy(),
            ctx.rows.table.numpy(), ctx.rows.influences, grad_factors.numpy(), grad_transforms.numpy(),
        )  # fmt: skip
        return grad_factors, grad_transforms, None, None, None


def gather_in_torch(
    factors: Float[Tensor, "batch one_plus_direction"],
    transforms: Float[Tensor, "batch 24 3 4"],
    vertex_ids: Int[Tensor, "batch point corner"],
    shares: Float[Tensor, "batch point corner"],
    rows: Rows,
) -> Float[Tensor, "batch point 3"]:
    """The same in torch: for a GPU, where numba is missing, and for gradients of the shares."""
    first, count = 3 * factors.shape[1], rows.influences
    picked = rows.table[vertex_ids]
    blended, weights, joints = picked[..., :first], picked[..., first : first + count], picked[..., first + count :]
    rest = torch.einsum("bpckx,bk->bpcx", blended.view(*blended.shape[:3], -1, 3), factors)
    dense = transforms.new_zeros(*vertex_ids.shape, transforms.shape[1]).scatter(3, joints[..., :count].long(), weights)
    mixed = torch.einsum("bpcj,bjxy->bpcxy", dense * shares[..., None], transforms)
    return ((mixed[..., :3] * rest[..., None, :]).sum(-1) + mixed[..., 3]).sum(2)


@compile_loops(reorder=True)
def _forward(
    factors: np.ndarray,
    transforms: np.ndarray,
    vertex_ids: np.ndarray,
    shares: np.ndarray,
    table: np.ndarray,
    influences: int,
    out: np.ndarray,
    rest: np.ndarray,
) -> None:
    count = factors.shape[1]
    first, start = 3 * count, table.ctypes.data
    for b in range(vertex_ids.shape[0]):
        strengths, own = factors[b], transforms[b]
        for p in range(vertex_ids.shape[1]):
            if p + _AHEAD < vertex_ids.shape[1]:
                for c in range(vertex_ids.shape[2]):
                    place = start + vertex_ids[b, p + _AHEAD, c] * table.strides[0]
                    for byte in range(0, table.strides[0], _LINE):
                        prefetch(place + byte)
            px = py = pz = strengths[0] * 0
            for c in range(vertex_ids.shape[2]):
                row, share = table[np.uint32(vertex_ids[b, p, c])], shares[b, p, c]
                x = y = z = strengths[0] * 0
                for k in range(count):
                    x += row[3 * k] * strengths[k]
                    y += row[3 * k + 1] * strengths[k]
                    z += row[3 * k + 2] * strengths[k]
                rest[b, p, c, 0], rest[b, p, c, 1], rest[b, p, c, 2] = x, y, z
                for i in range(first, first + influences):
                    weight = row[i] * share
                    if weight == 0:
                        break
                    t = own[np.uint32(row[i + influences])]
                    px += weight * (t[0, 0] * x + t[0, 1] * y + t[0, 2] * z + t[0, 3])
                    py += weight * (t[1, 0] * x + t[1, 1] * y + t[1, 2] * z + t[1, 3])
                    pz += weight * (t[2, 0] * x + t[2, 1] * y + t[2, 2] * z + t[2, 3])
            out[b, p, 0], out[b, p, 1], out[b, p, 2] = px, py, pz


@compile_loops(reorder=True)
def _backward(
    grad: np.ndarray,
    transforms: np.ndarray,
    vertex_ids: np.ndarray,
    shares: np.ndarray,
    rest: np.ndarray,
    table: np.ndarray,
    influences: int,
    grad_factors: np.ndarray,
    grad_transforms: np.ndarray,
) -> None:
    count = grad_factors.shape[1]
    first, start = 3 * count, table.ctypes.data
    for b in range(vertex_ids.shape[0]):
        pulls, own, pulled = grad_factors[b], transforms[b], grad_transforms[b]
        for p in range(vertex_ids.shape[1]):
            if p + _AHEAD < vertex_ids.shape[1]:
                for c in range(vertex_ids.shape[2]):
                    place = start + vertex_ids[b, p + _AHEAD, c] * table.strides[0]
                    for byte in range(0, table.strides[0], _LINE):
                        prefetch(place + byte)
            px, py, pz = grad[b, p, 0], grad[b, p, 1], grad[b, p, 2]
            if px == 0 and py == 0 and pz == 0:
                continue  # points without weight pull at nothing
            for c in range(vertex_ids.shape[2]):
                row, share = table[np.uint32(vertex_ids[b, p, c])], shares[b, p, c]
                x, y, z = rest[b, p, c, 0], rest[b, p, c, 1], rest[b, p, c, 2]
                gx = gy = gz = px * 0
                for i in range(first, first + influences):
                    weight = row[i] * share
                    if weight == 0:
                        break
                    joint = np.uint32(row[i + influences])
                    t, g = own[joint], pulled[joint]
                    wx, wy, wz = weight * px, weight * py, weight * pz
                    g[0, 0] += wx * x
                    g[0, 1] += wx * y
                    g[0, 2] += wx * z
                    g[0, 3] += wx
                    g[1, 0] += wy * x
                    g[1, 1] += wy * y
                    g[1, 2] += wy * z
                    g[1, 3] += wy
                    g[2, 0] += wz * x
                    g[2, 1] += wz * y
                    g[2, 2] += wz * z
                    g[2, 3] += wz
                    gx += wx * t[0, 0] + wy * t[1, 0] + wz * t[2, 0]
                    gy += wx * t[0, 1] + wy * t[1, 1] + wz * t[2, 1]
                    gz += wx * t[0, 2] + wy * t[1, 2] + wz * t[2, 2]
                for k in range(count):
                    pulls[k] += gx * row[3 * k] + gy * row[3 * k + 1] + gz * row[3 * k + 2]
