"""How well the levels of a gap were painted. Every figure is named with the region it is taken over.

Arguments come in the order prediction, target. Figures over the gap look at unknown frames only: over a whole window
even silence in the gap scores well.
"""

import numpy as np
from jaxtyping import Bool, Float
from skimage.metrics import structural_similarity

SILENT = 1e-12
"""Squared error under which two pictures count as equal, so that ratios stay finite."""


def l1_gap(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
) -> float:
    """Mean absolute error of the levels in the unknown frames; levels lie in [0, 1]."""
    return float(np.abs(prediction[:, unknown] - target[:, unknown]).mean())


def psnr_gap(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
) -> float:
    """Peak signal-to-noise ratio in dB of the levels in the unknown frames: ``10 log10(1 / MSE)``.

    References:
        Zhou et al., "Vision-Infused Deep Audio Inpainting", ICCV 2019, table 1; the region is ours to name.
    """
    error = float(np.square(prediction[:, unknown] - target[:, unknown], dtype=np.float64).mean())
    return 10 * float(np.log10(1 / max(error, SILENT)))


def psnr_full(prediction: Float[np.ndarray, "band frame"], target: Float[np.ndarray, "band frame"]) -> float:
    """Peak signal-to-noise ratio in dB over the whole window; says little about the gap."""
    return psnr_gap(prediction, target, np.ones(target.shape[1], dtype=bool))


def ssim_gap(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
) -> float:
    """Structural similarity (7x7 windows, data range one) averaged over the unknown frames.

    The map is computed on the whole picture, so that windows at the edges of the gap see its surroundings.
    """
    _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
        prediction.astype(np.float64), target.astype(np.float64), data_range=1.0, full=True
    )
    return float(similarity[:, unknown].mean())


def ssim_full(prediction: Float[np.ndarray, "band frame"], target: Float[np.ndarray, "band frame"]) -> float:
    """Structural similarity over the whole window; says little about the gap."""
    return ssim_gap(prediction, target, np.ones(target.shape[1], dtype=bool))


def log_spectral_distance(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
    *,
    range_db: float = 100.0,
) -> float:
    """Root mean square over bands, averaged over unknown frames, of the level difference in dB.

    Args:
        prediction: Levels of the repaired sound, analysed again.
        target: Levels of the intact sound.
        unknown: Frames that touch the gap.
        range_db: Decibels that one unit of level stands for.
    """
    difference = range_db * (prediction[:, unknown].astype(np.float64) - target[:, unknown])
    return float(np.sqrt(np.square(difference).mean(axis=0)).mean())


def frechet_distance(
    prediction: Float[np.ndarray, "column band"], target: Float[np.ndarray, "other band"], *, range_db: float = 100.0
) -> float:
    """Distance between two sets of spectrum columns, each taken for a normal distribution.

    Of the sets only mean and covariance count: whether paintings look like sounds, not whether each fits its gap. No
    network is asked for an embedding.

    Args:
        prediction: Columns of levels in the unknown frames of all gaps.
        target: Those of the intact sound; two or more.
        range_db: Decibels that one unit of level stands for.

    Returns:
        Square root of the Frechet distance, in dB.

    References:
        D. C. Dowson, B. V. Landau, "The Frechet distance between multivariate normal distributions", Journal of
        Multivariate Analysis 12(3), 1982.
    """
    first, second = (range_db * columns.astype(np.float64) for columns in (prediction, target))
    shift = first.mean(axis=0) - second.mean(axis=0)
    spread, other = (np.atleast_2d(np.cov(columns, rowvar=False)) for columns in (first, second))
    values, vectors = np.linalg.eigh(spread)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # Trace of the root of the product, from a symmetric matrix with the same eigenvalues.
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0)).sum()
    squared = shift @ shift + np.trace(spread) + np.trace(other) - 2 * shared
    return float(np.sqrt(max(squared, 0.0)))
