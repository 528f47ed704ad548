"""The neighbour sampler: nothing new far from the training codes, but always on the manifold."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_NEAREST = 3


def neighbour_codes(
    codes: Float[Tensor, "n latent"], count: int, generator: np.random.Generator, *, nearest: int = _NEAREST
) -> Float[Tensor, "count latent"]:
    """Draw random convex combinations of a training code and its nearest ones.

    Args:
        codes: Training codes.
        count: How many to draw.
        generator: Source of the draws.
        nearest: Neighbours beside the code itself; the weights are uniform on the simplex.
    """
    if len(codes) < 2:
        raise ValueError(f"neighbours need at least two codes, not {len(codes)}")
    nearest = min(nearest, len(codes) - 1)
    chosen = generator.integers(len(codes), size=count)
    weights = torch.from_numpy(generator.dirichlet(np.ones(nearest + 1), size=count)).to(codes.dtype)
    order = torch.cdist(codes[chosen], codes).topk(nearest + 1, largest=False).indices
    return (codes[order] * weights[:, :, None]).sum(1)
