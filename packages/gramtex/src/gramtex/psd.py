"""Back to valid Gram matrices: eigenvalue clipping, and the score of how much there was to clip."""

import torch
from jaxtyping import Float
from torch import Tensor


def clip_eigenvalues(
    matrices: Float[Tensor, "*batch channel channel"],
) -> tuple[Float[Tensor, "*batch channel channel"], Float[Tensor, "*batch"]]:
    """Project symmetric matrices onto the positive semi-definite ones.

    Args:
        matrices: Symmetric; only their symmetric part is used.

    Returns:
        The nearest positive semi-definite matrices in Frobenius norm, and for each ν = Σ|λ<0| / Σ λ>0, the share of
        what was clipped: 0 for a Gram matrix, at most about 0.06 for decoded real ones, above 0.12 off the manifold.
        A matrix without positive eigenvalues has ν = inf, the zero matrix ν = 0.
    """
    symmetric = (matrices + matrices.mT) / 2
    values, vectors = torch.linalg.eigh(symmetric.double())
    negative, positive = (-values).clamp(min=0).sum(-1), values.clamp(min=0).sum(-1)
    nu = torch.where(negative > 0, negative / positive, torch.zeros_like(negative))
    clipped = (vectors * values.clamp(min=0).unsqueeze(-2)) @ vectors.mT
    return ((clipped + clipped.mT) / 2).to(matrices.dtype), nu.to(matrices.dtype)
