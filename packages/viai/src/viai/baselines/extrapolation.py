"""Autoregressive models of sound, and extrapolation with them.

A prediction error filter ``a`` of order ``p`` (``a[0] = 1``) turns sound into a residual,
``e[n] = sum_k a[k] x[n - k]``. Extrapolation continues the sound with a residual of zero.

The samples inside a gap are never read. Arrays are one channel of floating-point samples; ``start`` and ``stop`` are
sample positions, ``stop`` excluded.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter, lfiltic
from scipy.signal.windows import hann

from hr_common.errors import InputError

DEFAULT_ORDER = 1_000
"""Order of the predictor: 23 ms at 44.1 kHz, enough to hold the pitch period of low notes."""
SHORTEST_CONTEXT = 16
"""With fewer samples than this on one side there is nothing to learn a predictor from."""


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


def levinson(samples: Float[np.ndarray, "time"], order: int, *, taper: bool = True) -> Float[np.ndarray, "{order}+1"]:
    """Estimate a prediction error filter by the autocorrelation method.

    The predictor is stable, but sound that breaks off at both ends of the stretch looks to it as if it decayed; a taper
    softens the break, Burg's method does not know it.

    Args:
        samples: Sound, longer than ``order``; silence before and after is assumed.
        order: Number of coefficients besides the leading one.
        taper: Weight the samples with a Hann window first.

    Returns:
        Coefficients in double precision; the first is 1.

    Raises:
        InputError: If there are not more samples than ``order``.

    References:
        J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63(4), 1975, section II.C.
    """
    if order < 0 or len(samples) <= order:
        raise InputError(
            f"levinson: order {order} needs more than {order} samples (found {len(samples)}); lower the order"
        )
    signal = np.asarray(samples, dtype=np.float64)
    if taper:
        signal = signal * hann(len(signal) + 2)[1:-1]
    spectrum = np.fft.rfft(signal, 1 << (2 * len(signal)).bit_length())
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
    coefficients = np.zeros(order + 1)
    coefficients[0] = 1.0
    if order and correlation[0] > 0:
        # White noise at -90 dB: the equations of a sound without treble are singular to the last digit.
        correlation[0] *= 1.0 + 1e-9
        coefficients[1:] = solve_toeplitz(correlation[:-1], -correlation[1:])
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
    if len(past) < SHORTEST_CONTEXT:
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

    References:
        I. Kauppinen and K. Roth, "Audio signal extrapolation - theory and applications", DAFx 2002, sections 2 and 4.
    """
    check_gap(len(samples), start, stop)
    length = stop - start
    left, right = samples[:start], samples[stop:][::-1]
    if len(left) < SHORTEST_CONTEXT and len(right) < SHORTEST_CONTEXT and len(left) and len(right):
        return np.linspace(float(left[-1]), float(right[-1]), length + 2)[1:-1]
    from_left = continue_sound(left, length, order=order, context=context)
    from_right = continue_sound(right, length, order=order, context=context)[::-1]
    if len(left) < SHORTEST_CONTEXT:
        return np.asarray(from_right + from_left)
    if len(right) < SHORTEST_CONTEXT:
        return np.asarray(from_left + from_right)
    weight = np.cos(0.5 * np.pi * (np.arange(length) + 0.5) / length) ** 2
    return np.asarray(weight * from_left + (1.0 - weight) * from_right)


def smooth_step(length: int) -> Float[np.ndarray, "length"]:
    """Rise from 0 to 1 without slope or curvature at either end.

    In a sound without treble a fade that sets in at once is itself a click.

    Args:
        length: Number of samples; they lie in the middle of ``length`` equal steps.
    """
    place = (np.arange(length) + 0.5) / max(length, 1)
    return np.asarray(place**3 * (10.0 - 15.0 * place + 6.0 * place**2))


def check_gap(length: int, start: int, stop: int) -> None:
    """Refuse a gap that is empty or lies outside a sound of ``length`` samples.

    Raises:
        InputError: It does.
    """
    if not 0 <= start < stop <= length:
        raise InputError(
            f"gap [{start}, {stop}) does not fit a sound of {length} samples: it must lie inside and "
            "end after its begin"
        )
