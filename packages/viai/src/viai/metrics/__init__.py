"""How good a filled gap is.

- :mod:`viai.metrics.spectrograms`: figures of mel levels
- :mod:`viai.metrics.onsets`: do notes begin where they should
- :mod:`viai.metrics.sounds`: figures of samples
- :mod:`viai.metrics.retrieval`: does a picture find its sound
- :mod:`viai.metrics.intervals`: means with their intervals

Every figure is named with the region it is taken over.
"""

from viai.metrics.intervals import Interval, mean_interval
from viai.metrics.onsets import OnsetMatch, detect_onsets, match_onsets, onset_f1
from viai.metrics.retrieval import Retrieval, retrieve
from viai.metrics.sounds import around, sdr_bss, si_sdr, snr_gap
from viai.metrics.spectrograms import (
    frechet_distance,
    l1_gap,
    log_spectral_distance,
    psnr_full,
    psnr_gap,
    ssim_full,
    ssim_gap,
)

__all__ = [
    "Interval",
    "OnsetMatch",
    "Retrieval",
    "around",
    "detect_onsets",
    "frechet_distance",
    "l1_gap",
    "log_spectral_distance",
    "match_onsets",
    "mean_interval",
    "onset_f1",
    "psnr_full",
    "psnr_gap",
    "retrieve",
    "sdr_bss",
    "si_sdr",
    "snr_gap",
    "ssim_full",
    "ssim_gap",
]
