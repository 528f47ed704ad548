"""How near two sets of textures are, how varied and how new one is.

Pure functions of features. The extractor gives a distance its name: with EfficientNet-Lite0 it is FD-ENLite0, and never
"FID", whose extractor is one particular Inception network.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float, Int64
from torch import Tensor

Features = Float[np.ndarray, "_ feature"]
_RIDGE = 1e-6


@dataclass(frozen=True)
class KernelDistance:
    """KID and its spread over subsets."""

    value: float
    """Mean; unbiased, so it can be slightly negative."""
    deviation: float
    """Standard deviation over the subsets."""
    subset: int
    """Size of the subsets."""


def gaussian_frechet_distance(
    mean1: Float[np.ndarray, "feature"],
    covariance1: Float[np.ndarray, "feature feature"],
    mean2: Float[np.ndarray, "feature"],
    covariance2: Float[np.ndarray, "feature feature"],
) -> float:
    """Squared Fréchet distance of two Gaussians, ``|μ1-μ2|² + tr(Σ1 + Σ2 - 2(Σ1Σ2)^½)``.

    The trace of the root is taken from the eigenvalues of ``Σ1^½ Σ2 Σ1^½``, which is symmetric: no complex numbers.

    References:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS
        2017, eq. (6).
    """
    values, vectors = scipy.linalg.eigh(covariance1)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = root @ covariance2 @ root
    cross = np.sqrt(np.clip(scipy.linalg.eigvalsh((product + product.T) / 2), 0, None)).sum()
    return float(((mean1 - mean2) ** 2).sum() + np.trace(covariance1) + np.trace(covariance2) - 2 * cross)


def frechet_distance(features1: Features, features2: Features) -> float:
    """Fréchet distance of two sets of features, in double precision with unbiased covariances.

    With fewer samples than features its bias is large: compare only values with equal numbers of samples. In that case
    ``1e-6`` is added to the diagonal of both covariances.

    Raises:
        ValueError: A set has fewer than two samples.
    """
    if min(len(features1), len(features2)) < 2:
        raise ValueError(f"a Fréchet distance needs two samples on each side, not {len(features1)}, {len(features2)}")
    moments = []
    for features in (features1, features2):
        double = np.asarray(features, dtype=np.float64)
        covariance = np.atleast_2d(np.cov(double, rowvar=False))
        if len(double) <= double.shape[1]:
            covariance = covariance + _RIDGE * np.eye(len(covariance))
        moments.append((double.mean(0), covariance))
    return gaussian_frechet_distance(*moments[0], *moments[1])


def polynomial_mmd(features1: Features, features2: Features) -> float:
    """Unbiased squared MMD with the kernel ``(x·y/d + 1)³``."""
    x, y = np.asarray(features1, dtype=np.float64), np.asarray(features2, dtype=np.float64)

    def kernel(a: Features, b: Features) -> Any:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def without_itself(a: Features) -> float:
        whole = kernel(a, a)
        return float((whole.sum() - np.trace(whole)) / (len(a) * (len(a) - 1)))

    return without_itself(x) + without_itself(y) - 2 * float(kernel(x, y).mean())


def kernel_distance(
    features1: Features, features2: Features, *, generator: np.random.Generator, subsets: int = 100, subset: int = 1000
) -> KernelDistance:
    """KID: the mean of :func:`polynomial_mmd` over random subsets.

    Below 2,500 samples this is the figure to go by; it hardly sees mode collapse, which the Fréchet distance does.

    Args:
        features1: Samples of one set.
        features2: Samples of the other.
        generator: Draws the subsets.
        subsets: How many.
        subset: Their size; at most the smaller set.

    Raises:
        ValueError: A set has fewer than two samples.

    References:
        Bińkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018.
    """
    size = min(subset, len(features1), len(features2))
    if size < 2:
        raise ValueError(f"KID needs two samples on each side, not {len(features1)}, {len(features2)}")
    values = []
    for _ in range(subsets):
        first = generator.choice(len(features1), size, replace=False)
        second = generator.choice(len(features2), size, replace=False)
        values.append(polynomial_mmd(features1[first], features2[second]))
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def mean_pairwise_distance(vectors: Float[np.ndarray, "n feature"]) -> float:
    """Diversity: mean Euclidean distance of all pairs.

    Raises:
        ValueError: There is no pair.
    """
    if len(vectors) < 2:
        raise ValueError(f"a pairwise distance needs two vectors, not {len(vectors)}")
    tensor = torch.from_numpy(np.asarray(vectors, dtype=np.float64))
    return float(torch.pdist(tensor).mean())


def nearest_distances(
    codes: Float[Tensor, "n latent"], training: Float[Tensor, "m latent"]
) -> tuple[Float[Tensor, "n"], Int64[Tensor, "n"]]:
    """Distance of each code to its nearest training code, and which that is."""
    return torch.cdist(codes.float(), training.float()).min(1)


def own_distances(
    training: Float[Tensor, "m latent"], groups: Int64[np.ndarray, "m"] | None = None
) -> Float[Tensor, "m"]:
    """Distance of each training code to its nearest other one; with groups, to the nearest of another group.

    Crops of one garment lie near each other: with groups the yardstick is longer, and copying easier to see.
    """
    between = torch.cdist(training.float(), training.float())
    same = torch.eye(len(training), dtype=torch.bool)
    if groups is not None:
        numbers = torch.from_numpy(groups)
        same = numbers[:, None] == numbers[None]
    return between.masked_fill(same, torch.inf).min(1).values


def typical_distance(training: Float[Tensor, "m latent"], groups: Int64[np.ndarray, "m"] | None = None) -> float:
    """Median of :func:`own_distances`: the yardstick of novelty.

    Raises:
        ValueError: There are no two groups.
    """
    own = own_distances(training, groups)
    own = own[torch.isfinite(own)]
    if not len(own):
        raise ValueError("novelty needs training codes of at least two groups")
    return float(own.median().clamp(min=1e-12))


def novelty(
    codes: Float[Tensor, "n latent"], training: Float[Tensor, "m latent"], groups: Int64[np.ndarray, "m"] | None = None
) -> Float[Tensor, "n"]:
    """Distance to the nearest training code, relative to the median of that among training codes of other groups.

    0 is a copy; a sampler that copies has an excellent Fréchet distance, so this stands beside it.
    """
    return nearest_distances(codes, training)[0] / typical_distance(training, groups)


def relative_gram_errors(
    predictions: Float[Tensor, "n channel channel"], targets: Float[Tensor, "n channel channel"]
) -> Float[Tensor, "n"]:
    """``|Ĝ - G|²_F / |G|²_F`` of each."""
    difference = (predictions - targets).flatten(1).double().square().sum(1)
    return (difference / targets.flatten(1).double().square().sum(1)).float()
