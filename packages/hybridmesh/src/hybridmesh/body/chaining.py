"""Follow the skeleton from the pelvis outwards; compiled, since products of many small matrices are slow in torch."""

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hybridmesh.compiled import compile_loops


class CompiledChain(Function):
    """Rotations against the parents, and joints at rest, to what takes points of the rest pose along with each joint.

    Joints are numbered so that a parent comes before its children.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rotations: Float[Tensor, "batch joint 3 3"],
        rest: Float[Tensor, "batch joint 3"],
        parents: np.ndarray,
    ) -> Float[Tensor, "batch joint 3 4"]:
        """Multiply outwards."""
        rotations, rest = rotations.detach().contiguous(), rest.detach().contiguous()
        transforms = rotations.new_empty(*rest.shape, 4)
        _forward(rotations.numpy(), rest.numpy(), parents, transforms.numpy())
        ctx.save_for_backward(rotations, rest, transforms)
        ctx.parents = parents
        return transforms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch joint 3 4"]) -> tuple[Tensor, Tensor, None]:
        """Gather inwards."""
        rotations, rest, transforms = ctx.saved_tensors
        grad_rotations, grad_rest = rotations.new_empty(rotations.shape), rest.new_empty(rest.shape)
        _backward(
            grad.contiguous().numpy(), rotations.numpy(), rest.numpy(), ctx.parents, transforms.numpy(),
            grad_rotations.numpy(), grad_rest.numpy(),
        )  # fmt: skip
        return grad_rotations, grad_rest, None


@compile_loops()
def _forward(rotations: np.ndarray, rest: np.ndarray, parents: np.ndarray, transforms: np.ndarray) -> None:
    places = np.empty(rest.shape[1:], rest.dtype)
    for b in range(rest.shape[0]):
        for j in range(rest.shape[1]):
            parent = parents[j]
            for c in range(3):
                if parent < 0:
                    places[j, c] = rest[b, j, c]
                    for a in range(3):
                        transforms[b, j, c, a] = rotations[b, j, c, a]
                else:
                    place = places[parent, c]
                    for a in range(3):
                        place += transforms[b, parent, c, a] * (rest[b, j, a] - rest[b, parent, a])
                    places[j, c] = place
                    for a in range(3):
                        transforms[b, j, c, a] = (
                            transforms[b, parent, c, 0] * rotations[b, j, 0, a]
                            + transforms[b, parent, c, 1] * rotations[b, j, 1, a]
                            + transforms[b, parent, c, 2] * rotations[b, j, 2, a]
                        )
                shift = places[j, c]
                for a in range(3):
                    shift -= transforms[b, j, c, a] * rest[b, j, a]
                transforms[b, j, c, 3] = shift


@compile_loops()
def _backward(
    grad: np.ndarray,
    rotations: np.ndarray,
    rest: np.ndarray,
    parents: np.ndarray,
    transforms: np.ndarray,
    grad_rotations: np.ndarray,
    grad_rest: np.ndarray,
) -> None:
    turns = np.empty((rest.shape[1], 3, 3), rest.dtype)  # gradients of the rotations against the world
    places = np.empty(rest.shape[1:], rest.dtype)
    for b in range(rest.shape[0]):
        for j in range(rest.shape[1]):
            for c in range(3):
                places[j, c] = grad[b, j, c, 3]
                grad_rest[b, j, c] = rest[b, j, c] * 0
            for c in range(3):
                for a in range(3):
                    turns[j, c, a] = grad[b, j, c, a] - grad[b, j, c, 3] * rest[b, j, a]
                    grad_rest[b, j, a] -= transforms[b, j, c, a] * grad[b, j, c, 3]
        for j in range(rest.shape[1] - 1, -1, -1):
            parent = parents[j]
            if parent < 0:
                for c in range(3):
                    grad_rest[b, j, c] += places[j, c]
                    for a in range(3):
                        grad_rotations[b, j, c, a] = turns[j, c, a]
                continue
            for c in range(3):
                places[parent, c] += places[j, c]
                for a in range(3):
                    pull = transforms[b, parent, a, c]
                    grad_rotations[b, j, c, a] = (
                        transforms[b, parent, 0, c] * turns[j, 0, a]
                        + transforms[b, parent, 1, c] * turns[j, 1, a]
                        + transforms[b, parent, 2, c] * turns[j, 2, a]
                    )
                    grad_rest[b, j, c] += pull * places[j, a]
                    grad_rest[b, parent, c] -= pull * places[j, a]
                    turns[parent, c, a] += (
                        places[j, c] * (rest[b, j, a] - rest[b, parent, a])
                        + turns[j, c, 0] * rotations[b, j, a, 0]
                        + turns[j, c, 1] * rotations[b, j, a, 1]
                        + turns[j, c, 2] * rotations[b, j, a, 2]
                    )
