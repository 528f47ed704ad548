"""Principal components of Gram sets: the linear model beside the auto-encoder, and the space of Gram-FD."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gramtex.coordinates import signed_sqrt, signed_square
from gramtex.descriptors import unvech, vech

Matrices = Sequence[Float[Tensor, "n _ _"]]


def principal_components(
    features: Sequence[Float[Tensor, "row _"]], count: int
) -> tuple[list[Float[Tensor, "_ component"]], Float[Tensor, "component"]]:
    """Joint principal components of centred levels.

    Args:
        features: Rows of every level; their mean is taken as zero.
        count: Components wanted. Where there are fewer, the rest is zero.

    Returns:
        Loadings of every level, together orthonormal, and the standard deviations of the scores.
    """
    rows = len(features[0])
    products = torch.stack([level.double() @ level.double().mT for level in features]).sum(0)
    values, vectors = torch.linalg.eigh(products)
    kept = min(count, rows)
    values, vectors = values.flip(0)[:kept], vectors.flip(1)[:, :kept]
    real = values > values[0] * 1e-10
    inverse = torch.where(real, values.clamp(min=1e-300).rsqrt(), torch.zeros_like(values))
    loadings = []
    for level in features:
        loading = level.new_zeros(level.shape[1], count)
        loading[:, :kept] = (level.double().mT @ (vectors * inverse)).to(level.dtype)
        loadings.append(loading)
    deviations = features[0].new_zeros(count)
    deviations[:kept] = torch.where(real, values.clamp(min=0) / rows, torch.zeros_like(values)).sqrt()
    return loadings, deviations


@dataclass(frozen=True, eq=False)
class GramSpace:
    """Joint principal components of the standardised signed square roots of all levels."""

    means: list[Tensor]
    """Of every level's isometric upper triangle."""
    scales: list[Tensor]
    """That give every level a mean squared norm of 1."""
    loadings: list[Tensor]
    """``(entry, component)`` for every level, together orthonormal."""

    @classmethod
    def fit(cls, matrices: Matrices, components: int = 64) -> "GramSpace":
        """Fit to Gram matrices, one batch for each level.

        Raises:
            ValueError: There are fewer than two sets.
        """
        if len(matrices[0]) < 2:
            raise ValueError(f"principal components need two Gram sets, not {len(matrices[0])}")
        levels = [vech(signed_sqrt(level), isometric=True) for level in matrices]
        means = [level.mean(0) for level in levels]
        centred = [level - mean for level, mean in zip(levels, means, strict=True)]
        scales = [level.square().sum(1).mean().sqrt().clamp(min=1e-12) for level in centred]
        standard = [level / scale for level, scale in zip(centred, scales, strict=True)]
        return cls(means, scales, principal_components(standard, min(components, len(levels[0]) - 1))[0])

    def project(self, matrices: Matrices) -> Float[Tensor, "n component"]:
        """Scores of Gram sets."""
        scores = [
            (vech(signed_sqrt(level), isometric=True) - mean) / scale @ loading
            for level, mean, scale, loading in zip(matrices, self.means, self.scales, self.loadings, strict=True)
        ]
        return torch.stack(scores).sum(0)

    def reconstruct(self, scores: Float[Tensor, "n component"]) -> list[Float[Tensor, "n _ _"]]:
        """Gram matrices of scores; symmetric, not necessarily positive semi-definite."""
        return [
            signed_square(unvech(scores @ loading.mT * scale + mean, isometric=True))
            for mean, scale, loading in zip(self.means, self.scales, self.loadings, strict=True)
        ]
