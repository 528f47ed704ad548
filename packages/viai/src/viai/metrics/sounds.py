"""How well the samples of a gap were played. Every figure is named with the region it is taken over.

Arguments come in the order prediction, target. Ratios are in dB and stay within +-120.
"""

import numpy as np
from jaxtyping import Float
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import toeplitz

from hr_common.errors import InputError

ALLOWED_TAPS = 512
"""Length of the filter that BSS Eval forgives: 32 ms at 16 kHz."""
AROUND_SECONDS = 0.2
"""Known sound on either side of a gap that :func:`around` takes in; a short gap alone, 512 taps would explain."""
SILENT = 1e-12
"""Energy under which a signal counts as silent, so that ratios stay finite."""


def snr_gap(prediction: Float[np.ndarray, "time"], target: Float[np.ndarray, "time"]) -> float:
    """Signal-to-noise ratio in dB of samples of the gap: energy of the target over energy of the error."""
    signal = float(np.square(target, dtype=np.float64).sum())
    error = float(np.square(prediction.astype(np.float64) - target).sum())
    return 10 * float(np.log10(max(signal, SILENT) / max(error, SILENT)))


def si_sdr(prediction: Float[np.ndarray, "time"], target: Float[np.ndarray, "time"]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB; -120 for silence, which has nothing of the target.

    References:
        Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. (4) and (5), without removal of the mean.
    """
    reference = target.astype(np.float64)
    energy = float(np.square(reference).sum())
    if not prediction.any():
        return -120.0
    scaled = reference * (float(prediction.astype(np.float64) @ reference) / max(energy, SILENT))
    return snr_gap(prediction.astype(np.float64), scaled)


def around(gap: tuple[int, int], length: int, rate: int) -> slice:
    """Return the gap and :data:`AROUND_SECONDS` on either side of it, as far as the sound goes.

    Args:
        gap: First missing sample, and the one after the last.
        length: Of the sound, in samples.
        rate: In Hz.
    """
    reach = round(AROUND_SECONDS * rate)
    return slice(max(0, gap[0] - reach), min(length, gap[1] + reach))


def sdr_bss(
    prediction: Float[np.ndarray, "predicted"], target: Float[np.ndarray, "time"], *, taps: int = ALLOWED_TAPS
) -> float:
    """Signal-to-distortion ratio of BSS Eval, version 3, for one source.

    The part of the prediction that some filter of ``taps`` coefficients makes of the target counts as signal, the rest
    as distortion. Neither level nor a delay within the filter matters.

    Raises:
        InputError: If the lengths differ or nothing is left beside the filter.

    References:
        E. Vincent, R. Gribonval, C. Fevotte, "Performance measurement in blind audio source separation", IEEE TASLP
        14(4), 2006, with a time-invariant filter; E. Vincent et al., "The signal separation evaluation campaign
        (2007-2010)", Signal Processing 92(8), 2012.
    """
    if len(prediction) != len(target) or len(target) <= taps:
        raise InputError(
            f"sdr_bss compares two sounds of one length, longer than its {taps} taps; "
            f"found {len(prediction)} and {len(target)} samples"
        )
    estimate, reference = prediction.astype(np.float64), target.astype(np.float64)
    energy, power = float(estimate @ estimate), float(reference @ reference)
    if energy < SILENT or power < SILENT:
        return -120.0
    size = next_fast_len(len(target) + taps, real=True)
    spectrum = rfft(reference, size)
    correlation = irfft(np.abs(spectrum) ** 2, size)[:taps]
    shared = irfft(np.conj(spectrum) * rfft(estimate, size), size)[:taps]
    # Band-limited sound gives a singular matrix; -100 dB on the diagonal leave the projection as it is.
    correlation[0] *= 1 + 1e-10
    explained = float(shared @ np.linalg.solve(toeplitz(correlation), shared)) / energy
    return 10 * float(np.log10(np.clip(explained, SILENT, 1) / np.clip(1 - explained, SILENT, 1)))
