"""Variance-stabilising coordinates of Gram matrices: signed square roots, centred and scaled per level.

Entries of Gram matrices are heavy-tailed: their signed square roots halve the error that a linear model of the upper
levels makes. The choice is ours, not the paper's.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def signed_sqrt(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Map ``G`` to ``Y = sign(G) sqrt(|G|)``, entry by entry."""
    return values.sign() * values.abs().sqrt()


def signed_square(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Map ``Y`` back to ``G = sign(Y) Y²``; the inverse of :func:`signed_sqrt`."""
    return values * values.abs()


class Standardisation(nn.Module):
    """Centring and scale of one level's coordinates, learnt from the training rows.

    The mean of every entry is subtracted, and one scalar divides the level so that its mean squared norm is 1: then
    all levels weigh the same in the loss, whatever their width.

    Args:
        channels: Rows and columns of the level's matrices.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, channels))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, coordinates: Float[Tensor, "*batch channel channel"]) -> Float[Tensor, "*batch channel channel"]:
        """Centre and scale signed square roots."""
        centred: Tensor = (coordinates - self.mean) / self.scale
        return centred

    def inverse(self, values: Float[Tensor, "*batch channel channel"]) -> Float[Tensor, "*batch channel channel"]:
        """Go back to signed square roots."""
        return values * self.scale + self.mean
