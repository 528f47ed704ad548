"""Skin all vertices of a body."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_AT_ONCE = 4  # bodies whose mixed transforms stay in a processor's cache


class Skinning(torch.autograd.Function):
    """Blend the joints' transforms for each vertex and apply them.

    The blended transforms, twelve numbers a vertex, are made again where they are needed: keeping them takes longer on
    a CPU, since they do not fit into its caches.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rest: Float[Tensor, "batch 3 vertex"],
        transforms: Float[Tensor, "batch 24 3 4"],
        weights: Float[Tensor, "24 vertex"],
    ) -> Float[Tensor, "batch 3 vertex"]:
        """Blend and apply."""
        out = torch.empty_like(rest)
        for part, mixed in _mix(transforms, weights):
            torch.addcmul(mixed[:, :, 3], mixed[:, :, 0], rest[part, None, 0], out=out[part])
            for axis in (1, 2):
                out[part].addcmul_(mixed[:, :, axis], rest[part, None, axis])
        ctx.save_for_backward(rest, transforms, weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch 3 vertex"]) -> tuple[Tensor, Tensor, None]:
        """Pull at vertices and transforms."""
        rest, transforms, weights = ctx.saved_tensors
        grad_rest, grad_transforms = torch.empty_like(rest), transforms.new_empty(transforms.shape)
        for part, mixed in _mix(transforms, weights):
            torch.mul(mixed[:, 0, :3], grad[part, :1], out=grad_rest[part])
            for axis in (1, 2):
                grad_rest[part].addcmul_(mixed[:, axis, :3], grad[part, axis : axis + 1])
            torch.mul(grad[part, :, None], rest[part, None], out=mixed[:, :, :3])
            mixed[:, :, 3] = grad[part]
            flat = mixed.view(-1, mixed.shape[-1]) @ weights.T
            grad_transforms[part] = flat.view(*mixed.shape[:3], -1).permute(0, 3, 1, 2)
        return grad_rest, grad_transforms, None


def _mix(
    transforms: Float[Tensor, "batch 24 3 4"], weights: Float[Tensor, "24 vertex"]
) -> Iterator[tuple[slice, Float[Tensor, "part 3 4 vertex"]]]:
    """Blend for a few bodies at a time; a GPU takes all at once."""
    step = _AT_ONCE if transforms.device.type == "cpu" else max(len(transforms), 1)
    rows = transforms.permute(0, 2, 3, 1).reshape(-1, len(weights))
    for first in range(0, len(transforms), step):
        part = slice(first, min(first + step, len(transforms)))
        yield part, (rows[12 * part.start : 12 * part.stop] @ weights).view(-1, 3, 4, weights.shape[1])
