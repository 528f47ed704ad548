"""Between two covariances: the Wasserstein geometry of symmetric positive semi-definite matrices."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gramtex.descriptors import GramSet

Space = Literal["gram", "bures"]
RIDGE = 1e-4
"""Share of the mean eigenvalue that is added where a matrix has to be inverted."""


def transport(
    source: Float[Tensor, "channel channel"], target: Float[Tensor, "channel channel"], *, ridge: float = RIDGE
) -> Float[Tensor, "channel channel"]:
    """Find the symmetric T with T A T = B: the optimal way from one centred Gaussian to another.

    T = A^{−1/2} (A^{1/2} B A^{1/2})^{1/2} A^{−1/2}, in double precision.

    Args:
        source: A, positive semi-definite.
        target: B, positive semi-definite.
        ridge: Added to the diagonal of A, in shares of its mean.

    References:
        Takatsu, "Wasserstein Geometry of Gaussian Measures", Osaka J. Math. 48, 2011.
    """
    start, end = source.double(), target.double()
    start = start + ridge * start.diagonal().mean() * torch.eye(len(start), dtype=start.dtype, device=start.device)
    values, vectors = torch.linalg.eigh(start)
    roots = values.clamp(min=max(float(values.max()) * 1e-12, 1e-15)).sqrt()
    root, inverse = (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T
    way: Tensor = inverse @ _root(root @ end @ root) @ inverse
    return way


def bures_between(
    start: Float[Tensor, "channel channel"], end: Float[Tensor, "channel channel"], t: float, *, ridge: float = RIDGE
) -> Float[Tensor, "channel channel"]:
    """Return the point of the Wasserstein geodesic from A to B at ``t`` in [0, 1].

    ((1 − t) I + t T) A ((1 − t) I + t T). The result is positive semi-definite and of the dtype of ``start``.
    """
    way = transport(start, end, ridge=ridge)
    step = (1 - t) * torch.eye(len(way), dtype=way.dtype, device=way.device) + t * way
    between = step @ start.double() @ step
    return ((between + between.T) / 2).to(start.dtype)


def interpolate(start: GramSet, end: GramSet, t: float, space: Space = "bures") -> GramSet:
    """Go a share of the way from one texture to another.

    Args:
        start: At ``t`` = 0.
        end: At ``t`` = 1.
        t: Share, from 0 to 1.
        space: ``gram`` mixes the matrices, which is what an image has that shows both textures side by side; ``bures``
            moves along the geodesic, whose points are more like a single texture.

    Raises:
        InputError: The sets are of different encoders.
    """
    start.refuse_other(end)
    if t in (0.0, 1.0):
        return start if t == 0.0 else end
    pairs = zip(start.matrices, end.matrices, strict=True)
    if space == "gram":
        return start.replaced([(1 - t) * own + t * other for own, other in pairs])
    return start.replaced([bures_between(own, other, t) for own, other in pairs])


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root
