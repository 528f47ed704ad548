"""How a filling fits the sound around it, and how near it comes to the intact sound where that is known."""

import numpy as np
from jaxtyping import Bool, Float

from viai.metrics import l1_gap, log_spectral_distance, psnr_gap, si_sdr, snr_gap, ssim_gap
from viai.report import ReferenceScores

CONTEXT_FRAMES = 15
"""Frames on either side of a gap whose spectrum it is compared with: 0.3 s."""
SILENT_RMS = 1e-5
"""Level, -100 dB, under which nothing is left to compare samples with."""


def spectral_distance_to_context(
    levels: Float[np.ndarray, "band frame"],
    inside: Bool[np.ndarray, "frame"],
    known: Bool[np.ndarray, "frame"],
    *,
    range_db: float,
) -> float | None:
    """Compare the spectrum of a filling with the one around it.

    Args:
        levels: Mel levels in [0, 1] of the repaired sound.
        inside: Frames that touch the gap, in one run.
        known: Frames that touch no gap at all.
        range_db: Decibels that one unit of level stands for.

    Returns:
        Root mean square over the bands of the mean level inside less the mean level of the known ones among
        :data:`CONTEXT_FRAMES` frames on either side, in dB; None if there is nothing known.
    """
    place = np.flatnonzero(inside)
    if not len(place):
        return None
    first, last = int(place[0]), int(place[-1]) + 1
    near = np.zeros_like(known)
    near[max(0, first - CONTEXT_FRAMES) : last + CONTEXT_FRAMES] = True
    context = near & known & ~inside
    if not context.any():
        return None
    difference = levels[:, inside].mean(axis=1, dtype=np.float64) - levels[:, context].mean(axis=1, dtype=np.float64)
    return range_db * float(np.sqrt(np.square(difference).mean()))


def reference_scores(
    prediction: Float[np.ndarray, "gap channel"],
    target: Float[np.ndarray, "gap channel"],
    levels: Float[np.ndarray, "band frame"],
    target_levels: Float[np.ndarray, "band frame"],
    inside: Bool[np.ndarray, "frame"],
    *,
    range_db: float,
) -> ReferenceScores:
    """Compare a filling with the intact sound, inside the gap.

    Args:
        prediction: Samples of the filling, at the rate of the file.
        target: Intact samples of the gap.
        levels: Mel levels in [0, 1] of the repaired window.
        target_levels: Mel levels of the intact window, under the same gain.
        inside: Frames that touch the gap.
        range_db: Decibels that one unit of level stands for.
    """
    # All channels count alike in the figures over samples.
    samples, intact = prediction.astype(np.float64).ravel(), target.astype(np.float64).ravel()
    is_silent = float(np.sqrt(np.square(intact).mean())) < SILENT_RMS
    return ReferenceScores(
        psnr_gap=psnr_gap(levels, target_levels, inside),
        ssim_gap=ssim_gap(levels, target_levels, inside),
        l1_gap=l1_gap(levels, target_levels, inside),
        log_spectral_distance=log_spectral_distance(levels, target_levels, inside, range_db=range_db),
        snr_gap=None if is_silent else snr_gap(samples, intact),
        si_sdr=None if is_silent else si_sdr(samples, intact),
    )
