"""How good a filled gap is. Every figure is named with the region it is taken over.

Arguments come in the order prediction, target. Figures over the gap look at unknown frames or samples
only: over a whole window even silence in the gap scores well.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from skimage.metrics import structural_similarity

SILENT = 1e-12
"""Energy under which a signal counts as silent, so that ratios stay finite."""


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


def snr_gap(prediction: Float[np.ndarray, "time"], target: Float[np.ndarray, "time"]) -> float:
    """Signal-to-noise ratio in dB of samples of the gap: energy of the target over energy of the error."""
    signal = float(np.square(target, dtype=np.float64).sum())
    error = float(np.square(prediction.astype(np.float64) - target).sum())
    return 10 * float(np.log10(max(signal, SILENT) / max(error, SILENT)))


def si_sdr(prediction: Float[np.ndarray, "time"], target: Float[np.ndarray, "time"]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB.

    References:
        Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. (4) and (5), without removal of the mean.
    """
    reference = target.astype(np.float64)
    energy = float(np.square(reference).sum())
    scaled = reference * (float(prediction.astype(np.float64) @ reference) / max(energy, SILENT))
    return snr_gap(prediction.astype(np.float64), scaled)


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


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: Float[np.ndarray, "item"], groups: list[str] | None = None, *, draws: int = 2_000, seed: int = 0
) -> Interval:
    """Mean and 95 % bootstrap interval.

    Args:
        values: One figure an item.
        groups: Source of each item. Whole sources are drawn again, since windows of one recording are alike;
            without it every item stands for itself.
        draws: Bootstrap samples.
        seed: Of the draws.
    """
    names, member = np.unique(groups if groups is not None else np.arange(len(values)), return_inverse=True)
    count = np.bincount(member).astype(np.float64)
    total = np.bincount(member, weights=values)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean=float(np.mean(values)), low=float(low), high=float(high))
