"""Autoregressive interpolation: the classical answer to gaps below about 100 ms.

A prediction error filter ``a`` of order ``p`` (``a[0] = 1``) turns sound into a residual,
``e[n] = sum_k a[k] x[n - k]``. Extrapolation continues the sound with a residual of zero; Janssen's
method chooses the missing samples so that the residual over the gap has the least energy.

The samples inside the gap are never read. Arrays are one channel of floating-point samples;
``start`` and ``stop`` are sample positions, ``stop`` excluded.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded
from scipy.signal import fftconvolve, lfilter, lfiltic

from hr_common.errors import InputError

DEFAULT_ORDER = 1_000
"""Order of the predictor: 23 ms at 44.1 kHz, enough to hold the pitch period of low notes."""
MODEL_NOISE = 1e-3
"""Noise added before a model is estimated, relative to the RMS of the context (-60 dB).

Files that went through a lossy codec have nothing at all above 16 kHz or so. A predictor of such a
sound has a response of 100 dB and more there, and the least-squares problem loses every other digit.
"""
JANSSEN_SECONDS = 0.1
"""Longest gap that :func:`interpolate` gives to Janssen's method."""
_SHORTEST_CONTEXT = 16


def burg(samples: Float[np.ndarray, "time"], order: int) -> Float[np.ndarray, "{order}+1"]:
    """Estimate a prediction error filter with Burg's method.

    All reflection coefficients are at most one in size, so the predictor is stable. The recursion
    stops early (remaining coefficients zero) when the sound is predicted to the last digit.

    Args:
        samples: Sound, longer than ``order``.
        order: Number of coefficients besides the leading one.

    Returns:
        Coefficients in double precision; the first is 1.

    Raises:
        InputError: If there are not more samples than ``order``.

    References:
        J. P. Burg, "Maximum Entropy Spectral Analysis", PhD thesis, Stanford, 1975.
    """
    if order < 0 or len(samples) <= order:
        raise InputError(f"burg: order {order} needs more than {order} samples (found {len(samples)}); lower the order")
    signal = np.asarray(samples, dtype=np.float64)
    forward, backward = signal[1:].copy(), signal[:-1].copy()
    coefficients = np.zeros(order + 1)
    coefficients[0] = 1.0
    # Below this energy the residual consists of rounding errors.
    floor = 1e-24 * float(signal @ signal)
    for step in range(order):
        energy = float(forward @ forward + backward @ backward)
        if energy <= floor:
            break
        reflection = -2.0 * float(forward @ backward) / energy
        coefficients[1 : step + 2] += reflection * coefficients[: step + 1][::-1]
        forward, backward = (forward + reflection * backward)[1:], (backward + reflection * forward)[:-1]
    return coefficients


def residual(samples: Float[np.ndarray, "time"], coefficients: Float[np.ndarray, "taps"]) -> Float[np.ndarray, "time"]:
    """Give the prediction error of each sample.

    Args:
        samples: Sound.
        coefficients: Prediction error filter, first coefficient 1.

    Returns:
        Prediction errors. Silence is assumed before the first sample, so the first ``taps - 1`` are larger than they
        would be with the true past.
    """
    return np.asarray(lfilter(coefficients, [1.0], np.asarray(samples, dtype=np.float64)))


def extrapolate(
    samples: Float[np.ndarray, "time"], coefficients: Float[np.ndarray, "taps"], length: int
) -> Float[np.ndarray, "length"]:
    """Continue a sound with a prediction error of zero.

    Args:
        samples: The past, at least ``taps - 1`` samples; only the last of them are used.
        coefficients: Prediction error filter, first coefficient 1.
        length: Number of samples wanted.

    Returns:
        The continuation; it starts one sample after the last given one.
    """
    past = np.asarray(samples, dtype=np.float64)[::-1][: len(coefficients) - 1]
    state = lfiltic([1.0], coefficients, past)
    return np.asarray(lfilter([1.0], coefficients, np.zeros(length), zi=state)[0])


def continue_sound(
    samples: Float[np.ndarray, "time"], length: int, *, order: int | None = None, context: int | None = None
) -> Float[np.ndarray, "length"]:
    """Continue a sound past its end with a predictor learnt from its last stretch.

    Args:
        samples: Sound before the end; may be short, silent or constant.
        length: Number of samples wanted.
        order: Order of the predictor; by default :data:`DEFAULT_ORDER`, and never more than half the context.
        context: Number of samples to learn from; by default eight per coefficient.

    Returns:
        The continuation. Without any past it is silence; after less than 16 samples, their last value dying away.
    """
    wanted = DEFAULT_ORDER if order is None else order
    past = np.asarray(samples, dtype=np.float64)[-max(context if context is not None else 8 * wanted, 1) :]
    if len(past) == 0 or not past.any():
        return np.zeros(length)
    if len(past) < _SHORTEST_CONTEXT:
        return np.asarray(past[-1] * np.cos(0.5 * np.pi * np.arange(1, length + 1) / (length + 1)) ** 2)
    return extrapolate(past, burg(past, min(wanted, len(past) // 2)), length)


def interpolate_extrapolation(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    *,
    order: int | None = None,
    context: int | None = None,
) -> Float[np.ndarray, "gap"]:
    """Fill a gap by continuing the sound from both sides and blending with a squared cosine.

    Args:
        samples: Sound with the gap in it.
        start: First missing sample.
        stop: First sample after the gap.
        order: Order of both predictors, see :func:`continue_sound`.
        context: Samples on each side to learn from; by default eight per coefficient.

    Returns:
        The missing samples. With sound on one side only, that side's continuation; with none, silence.

    Raises:
        InputError: If the gap is empty or lies outside the sound.
    """
    _check_gap(len(samples), start, stop)
    length = stop - start
    left, right = samples[:start], samples[stop:][::-1]
    if len(left) < _SHORTEST_CONTEXT and len(right) < _SHORTEST_CONTEXT and len(left) and len(right):
        return np.linspace(float(left[-1]), float(right[-1]), length + 2)[1:-1]
    from_left = continue_sound(left, length, order=order, context=context)
    from_right = continue_sound(right, length, order=order, context=context)[::-1]
    if len(left) < _SHORTEST_CONTEXT:
        return np.asarray(from_right + from_left)
    if len(right) < _SHORTEST_CONTEXT:
        return np.asarray(from_left + from_right)
    weight = np.cos(0.5 * np.pi * (np.arange(length) + 0.5) / length) ** 2
    return np.asarray(weight * from_left + (1.0 - weight) * from_right)


def interpolate_janssen(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    *,
    order: int = DEFAULT_ORDER,
    iterations: int = 2,
    context: int = 4_096,
) -> Float[np.ndarray, "gap"]:
    """Fill a gap so that the prediction error around it has the least energy.

    Model and samples are estimated in turn: Burg's method on context, gap and context, then the missing samples by
    least squares (a banded, positive definite system). The first filling is the two-sided extrapolation, from where two
    rounds are enough; from silence the first models would be those of a sound with a hole.

    Args:
        samples: Sound with the gap in it.
        start: First missing sample.
        stop: First sample after the gap.
        order: Order of the predictor; at most half of the shorter context.
        iterations: Rounds of model and samples; 0 leaves the extrapolation as it is.
        context: Samples on each side to learn from.

    Returns:
        The missing samples; as :func:`interpolate_extrapolation` where one side is shorter than 32 samples.

    Raises:
        InputError: If the gap is empty or lies outside the sound.

    References:
        A. Janssen, R. Veldhuis, L. Vries, "Adaptive interpolation of discrete-time signals that can be modeled as
        autoregressive processes", IEEE Trans. ASSP 34(2), 1986. Departure: Burg's estimate instead of the
        autocovariance method, for its stability, and the extrapolation as first filling.
    """
    filled = interpolate_extrapolation(samples, start, stop, order=order)
    first, last = max(0, start - context), min(len(samples), stop + context)
    order = min(order, (start - first) // 2, (last - stop) // 2)
    segment = np.array(samples[first:last], dtype=np.float64)
    segment[start - first : stop - first] = filled
    known = np.concatenate([segment[: start - first], segment[stop - first :]])
    level = float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
    if order < _SHORTEST_CONTEXT or level == 0.0:
        return filled
    noise = MODEL_NOISE * level * np.random.default_rng(0).standard_normal(len(segment))
    for _ in range(iterations):
        model = burg(segment + noise, order)
        segment[start - first : stop - first] = _least_squares(segment, model, start - first, stop - first)
    return segment[start - first : stop - first]


def interpolate(
    samples: Float[np.ndarray, "time"], start: int, stop: int, sample_rate: int
) -> Float[np.ndarray, "gap"]:
    """Fill a gap with the autoregressive variant that suits its length.

    Up to :data:`JANSSEN_SECONDS` this is Janssen's method on 93 ms (at least 4,096 samples) of either side, beyond that
    the two-sided extrapolation, which is as good there and much faster.

    Args:
        samples: Sound with the gap in it.
        start: First missing sample.
        stop: First sample after the gap.
        sample_rate: In Hz.

    Returns:
        The missing samples.

    Raises:
        InputError: If the gap is empty or lies outside the sound.
    """
    if stop - start > JANSSEN_SECONDS * sample_rate:
        return interpolate_extrapolation(samples, start, stop)
    return interpolate_janssen(samples, start, stop, context=max(4_096, round(0.093 * sample_rate)))


def _least_squares(segment: np.ndarray, coefficients: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Missing samples with the least residual energy; the segment has at least the filter's order on each side."""
    order, length = len(coefficients) - 1, stop - start
    spectrum = np.fft.rfft(coefficients, 1 << (2 * order + 2).bit_length())
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
    known = segment[start - order : stop + order].copy()
    known[order : order + length] = 0.0
    pull = fftconvolve(known, np.concatenate([correlation[::-1], correlation[1:]]), mode="same")[order : order + length]
    diagonals = min(order + 1, length)
    bands = np.repeat(correlation[:diagonals, np.newaxis], length, axis=1)
    bands[0] *= 1.0 + 1e-13
    return np.asarray(solveh_banded(bands, -pull, lower=True, check_finite=False))


def _check_gap(length: int, start: int, stop: int) -> None:
    if not 0 <= start < stop <= length:
        raise InputError(
            f"gap [{start}, {stop}) does not fit a sound of {length} samples: it must lie inside and "
            "end after its begin"
        )
