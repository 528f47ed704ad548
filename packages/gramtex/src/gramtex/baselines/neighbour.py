"""The neighbour sampler: nothing new far from the training codes, but always on the manifold."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

_NEAREST = 3


def neighbour_codes(
    codes: Float[Tensor, "n latent"],
    count: int,
    generator: np.random.Generator,
    *,
    nearest: int = _NEAREST,
    groups: Int64[np.ndarray, "n"] | None = None,
) -> Float[Tensor, "count latent"]:
    """Draw random convex combinations of a training code and its nearest ones.

    Args:
        codes: Training codes.
        count: How many to draw.
        generator: Source of the draws.
        nearest: Neighbours beside the code itself; the weights are uniform on the simplex.
        groups: Sources of the codes; neighbours are then taken of other sources only, as a combination of pieces of
            one garment is that garment.
    """
    if len(codes) < 2:
        raise ValueError(f"neighbours need at least two codes, not {len(codes)}")
    nearest = min(nearest, len(codes) - 1)
    chosen = generator.integers(len(codes), size=count)
    weights = torch.from_numpy(generator.dirichlet(np.ones(nearest + 1), size=count)).to(codes.dtype)
    distances = torch.cdist(codes[chosen], codes)
    if groups is not None:
        distances[torch.from_numpy(groups[chosen][:, None] == groups[None])] = torch.inf
    distances[torch.arange(count), torch.from_numpy(chosen)] = -1.0  # the code itself comes first
    found = distances.topk(nearest + 1, largest=False)
    # Where there are not enough other sources, the code stands in for them.
    order = torch.where(found.values.isinf(), found.indices[:, :1], found.indices)
    return (codes[order] * weights[:, :, None]).sum(1)
