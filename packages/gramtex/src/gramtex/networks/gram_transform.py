"""Gram transformation: from a symmetric matrix to a short vector and back, with few parameters.

The paper names two dedicated modules that shrink the model from 184 M to 10.8 M parameters; their form here is ours:
a bilinear map to a small symmetric matrix, then one linear layer on its upper triangle. ``Fc…`` are the fully connected
layers that the paper compares with.

Every module splits in two: a projection that needs no vector, and the linear layer behind it. While the projection is
fixed (stage A of training) it is done once for all Gram sets.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.descriptors import unvech, vech

Matrices = Float[Tensor, "batch channel channel"]
Features = Float[Tensor, "batch feature"]
Vectors = Float[Tensor, "batch width"]


class GramEncoder(nn.Module):
    """``v = A vech(Uᵀ Y U) + b``.

    With ``Y`` the Gram matrix itself, ``Uᵀ Y U`` would be that of 1×1-convolved features.

    Args:
        channels: Rows of the matrix (C).
        rank: Rows of the small one (r).
        width: Numbers in the vector (d).
    """

    def __init__(self, channels: int, rank: int, width: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(_orthonormal(channels, rank))
        self.linear = nn.Linear(rank * (rank + 1) // 2, width)

    def project(self, matrices: Matrices) -> Features:
        """Isometric upper triangle of the small matrix."""
        return vech(self.basis.mT @ matrices @ self.basis, isometric=True)

    def code(self, features: Features) -> Vectors:
        """Vector of a projected matrix."""
        vectors: Tensor = self.linear(features)
        return vectors

    def forward(self, matrices: Matrices) -> Vectors:
        """Vectors of symmetric matrices."""
        return self.code(self.project(matrices))


class GramDecoder(nn.Module):
    """``Ŷ = V unvech(A' v + b') Vᵀ``, symmetric by construction; the mean is added by the standardisation.

    Args:
        channels: Rows of the matrix (C).
        rank: Rows of the small one (r).
        width: Numbers in the vector (d).
    """

    def __init__(self, channels: int, rank: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, rank * (rank + 1) // 2)
        self.basis = nn.Parameter(_orthonormal(channels, rank))

    def features(self, vectors: Vectors) -> Features:
        """Isometric upper triangle of the small matrix."""
        features: Tensor = self.linear(vectors)
        return features

    def expand(self, features: Features) -> Matrices:
        """Whole matrix of a small one."""
        return self.basis @ unvech(features, isometric=True) @ self.basis.mT

    def forward(self, vectors: Vectors) -> Matrices:
        """Symmetric matrices of vectors."""
        return self.expand(self.features(vectors))


class FcEncoder(nn.Module):
    """``v = A vec(Y) + b``, the ablation without a Gram transformation."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels * channels, width)

    def project(self, matrices: Matrices) -> Features:
        """All entries of the matrix."""
        return matrices.flatten(1)

    def code(self, features: Features) -> Vectors:
        """Vector of a flattened matrix."""
        vectors: Tensor = self.linear(features)
        return vectors

    def forward(self, matrices: Matrices) -> Vectors:
        """Vectors of matrices."""
        return self.code(self.project(matrices))


class FcDecoder(nn.Module):
    """``Ŷ = unvec(A' v + b')``, made symmetric."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        self.linear = nn.Linear(width, channels * channels)

    def features(self, vectors: Vectors) -> Features:
        """All entries of the matrix."""
        features: Tensor = self.linear(vectors)
        return features

    def expand(self, features: Features) -> Matrices:
        """Symmetric matrix of its entries."""
        matrices = features.reshape(-1, self.channels, self.channels)
        return (matrices + matrices.mT) / 2

    def forward(self, vectors: Vectors) -> Matrices:
        """Symmetric matrices of vectors."""
        return self.expand(self.features(vectors))


def _orthonormal(channels: int, rank: int) -> Tensor:
    return nn.init.orthogonal_(torch.empty(channels, rank))
