"""Gaps filled so that an autoregressive model is surprised the least: Janssen's method and its relatives.

Where extrapolation only continues, these solve for all missing samples at once, from both sides. The samples inside
the gap are never read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded
from scipy.signal import fftconvolve
from scipy.signal.windows import hann

from hr_common.errors import InputError
from viai.baselines.extrapolation import (
    DEFAULT_ORDER,
    SHORTEST_CONTEXT,
    burg,
    check_gap,
    interpolate_extrapolation,
    levinson,
    residual,
    smooth_step,
)

MODEL_NOISE = 1e-3
"""Noise added before a model is estimated, relative to the RMS of the context (-60 dB).

Files that went through a lossy codec have nothing at all above 16 kHz or so. A predictor of such a
sound has a response of 100 dB and more there, and the least-squares problem loses every other digit.
"""

Estimator = Callable[[Float[np.ndarray, "time"], int], Float[np.ndarray, "taps"]]
"""Makes a prediction error filter from sound and order."""


def interpolate_janssen(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    *,
    order: int = DEFAULT_ORDER,
    iterations: int = 2,
    context: int = 4_096,
    estimator: Estimator = burg,
    fade: int = 0,
) -> Float[np.ndarray, "gap"]:
    """Fill a gap so that the prediction error around it has the least energy.

    Model and samples are estimated in turn: the model on context, gap and context, then the missing samples by
    least squares (a banded, positive definite system). The first filling is the two-sided extrapolation, from where two
    rounds are enough; from silence the first models would be those of a sound with a hole.

    Args:
        samples: Sound with the gap in it.
        start: First missing sample.
        stop: First sample after the gap.
        order: Order of the predictor; at most half of the shorter context.
        iterations: Rounds of model and samples; 0 leaves the extrapolation as it is.
        context: Samples on each side to learn from.
        estimator: How the model is made: :func:`burg` or :func:`levinson`.
        fade: Samples at either edge, at most half of the gap, over which the extrapolation turns into the solution. The
            noise in the model leaves a step there, which is heard in sound without treble.

    Returns:
        The missing samples; as :func:`interpolate_extrapolation` where one side is shorter than 32 samples.

    Raises:
        InputError: If the gap is empty or lies outside the sound.

    References:
        A. Janssen, R. Veldhuis, L. Vries, "Adaptive interpolation of discrete-time signals that can be modeled as
        autoregressive processes", IEEE Trans. ASSP 34(2), 1986. Departure: by default Burg's estimate instead of the
        autocorrelation method, and the extrapolation as first filling.
    """
    filled = interpolate_extrapolation(samples, start, stop, order=order)
    first, last = max(0, start - context), min(len(samples), stop + context)
    order = min(order, (start - first) // 2, (last - stop) // 2)
    segment = np.array(samples[first:last], dtype=np.float64)
    segment[start - first : stop - first] = filled
    known = np.concatenate([segment[: start - first], segment[stop - first :]])
    level = float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
    if order < SHORTEST_CONTEXT or level == 0.0:
        return filled
    noise = MODEL_NOISE * level * np.random.default_rng(0).standard_normal(len(segment))
    for _ in range(iterations):
        normal = _correlation(estimator(segment + noise, order))
        segment[start - first : stop - first] = _least_squares(
            normal, _pull(normal, segment, start - first, stop - first)
        )
    fade = min(fade, (stop - start) // 2)
    weight = np.concatenate([smooth_step(fade), np.ones(stop - start - 2 * fade), smooth_step(fade)[::-1]])
    return np.asarray(weight * segment[start - first : stop - first] + (1.0 - weight) * filled)


def interpolate_two_models(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    *,
    order: int = DEFAULT_ORDER,
    context: int | None = None,
) -> Float[np.ndarray, "gap"]:
    """Fill a gap so that it surprises the model of the sound before and that of the sound after together the least.

    The forward error of the left model and the backward error of the right one are weighed by what each makes of its
    own side. One linear system, no iteration; a note that ends in the gap does not blur the model of the next.

    Args:
        samples: Sound with the gap in it.
        start: First missing sample.
        stop: First sample after the gap.
        order: Order of both predictors; at most half of the shorter context.
        context: Samples on each side to learn from; by default eight per coefficient.

    Returns:
        The missing samples; as :func:`interpolate_extrapolation` where one side is shorter than 32 samples or silent.

    Raises:
        InputError: If the gap is empty or lies outside the sound.

    References:
        W. Etter, "Restoration of a discrete-time signal segment by interpolation based on the left-sided and
        right-sided autoregressive parameters", IEEE Trans. SP 44(5), 1996.
    """
    check_gap(len(samples), start, stop)
    reach = 8 * order if context is None else context
    left = np.asarray(samples[max(0, start - reach) : start], dtype=np.float64)
    right = np.asarray(samples[stop : stop + reach], dtype=np.float64)[::-1]
    order = min(order, len(left) // 2, len(right) // 2)
    if order < SHORTEST_CONTEXT or not left.any() or not right.any():
        return interpolate_extrapolation(samples, start, stop, order=max(order, SHORTEST_CONTEXT), context=context)
    segment = np.concatenate([left[-order:], np.zeros(stop - start), right[-order:][::-1]])
    noise = MODEL_NOISE * np.random.default_rng(0).standard_normal(max(len(left), len(right)))
    normal = np.zeros(order + 1)
    for side in (left, right):
        # The normal equations of a model do not depend on the direction it runs in.
        model = burg(side + noise[: len(side)] * np.sqrt(np.mean(side**2)), order)
        error = float(np.mean(residual(side, model)[order:] ** 2))
        normal += _correlation(model) / max(error, 1e-12 * float(np.mean(side**2)))
    return _least_squares(normal, _pull(normal, segment, order, order + stop - start))


def interpolate_framewise(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    *,
    order: int = 512,
    iterations: int = 5,
    frame: int = 4_096,
) -> Float[np.ndarray, "gap"]:
    """Apply Janssen's method to overlapping frames under a Hann window, and add them up.

    Each frame is solved for by itself from silence, so that nothing but the frame is needed. Good while the gap is
    short against the frame; a frame that lies in the gap as a whole adds silence.

    Args:
        samples: Sound with the gap in it; silence is assumed beyond its ends.
        start: First missing sample.
        stop: First sample after the gap.
        order: Order of the predictor.
        iterations: Rounds of model and samples.
        frame: Length of a frame; the next begins a quarter of it later.

    Returns:
        The missing samples.

    Raises:
        InputError: If the gap is empty or lies outside the sound, or the frame does not hold more samples than the
            order.

    References:
        A. Adler et al., "Audio inpainting", IEEE TASLP 20(3), 2012, for the frames; O. Mokry and P. Rajmic, "On the
        use of autoregressive methods for audio inpainting", arXiv 2403.04433, for Janssen's method in them.
    """
    check_gap(len(samples), start, stop)
    if frame <= order:
        raise InputError(f"frames of {frame} samples are too short for order {order}; lower the order")
    hop, length = max(1, frame // 4), stop - start
    window = hann(frame + 2)[1:-1]
    total, weight = np.zeros(length), np.zeros(length)
    for begin in range(start - frame + hop, stop, hop):
        first, last = max(start - begin, 0), min(stop - begin, frame)
        low, high = max(begin, 0), min(begin + frame, len(samples))
        signal = np.zeros(frame)
        signal[low - begin : high - begin] = samples[low:high]
        signal[first:last] = 0.0
        signal *= window
        for _ in range(iterations if signal.any() else 0):
            normal = _correlation(levinson(signal, order, taper=False))
            padded = np.pad(signal, order)
            signal[first:last] = _least_squares(normal, _pull(normal, padded, first + order, last + order))
        total[begin + first - start : begin + last - start] += signal[first:last]
        weight[begin + first - start : begin + last - start] += window[first:last]
    return total / weight


def _correlation(coefficients: np.ndarray) -> np.ndarray:
    """Autocorrelation of a filter: the row of the normal equations of its least-squares problem."""
    order = len(coefficients) - 1
    spectrum = np.fft.rfft(coefficients, 1 << (2 * order + 2).bit_length())
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1])


def _pull(normal: np.ndarray, segment: np.ndarray, start: int, stop: int) -> np.ndarray:
    """What the known samples ask of the missing ones; the segment has at least the filter's order on each side."""
    order, length = len(normal) - 1, stop - start
    known = segment[start - order : stop + order].copy()
    known[order : order + length] = 0.0
    pull = fftconvolve(known, np.concatenate([normal[::-1], normal[1:]]), mode="same")
    return np.asarray(pull[order : order + length])


def _least_squares(normal: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Missing samples with the least residual energy."""
    diagonals, length = min(len(normal), len(pull)), len(pull)
    bands = np.repeat(normal[:diagonals, np.newaxis], length, axis=1)
    bands[0] *= 1.0 + 1e-13
    return np.asarray(solveh_banded(bands, -pull, lower=True, check_finite=False))
