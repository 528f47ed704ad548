"""Where a filling meets the sound around it.

Everything happens inside the gap: no sample outside is ever changed. At either edge the known sound is continued into
the gap and faded into the filling; at the right edge, where a filling made from left to right arrives out of phase, it
is shifted into place first. One channel at a time; amplitudes in [-1, 1].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.signal import correlate

from hr_common.errors import InputError
from viai.baselines.extrapolation import burg, continue_sound, residual, smooth_step

CLICK_ORDER = 32
"""Order of the predictor that a click has to surprise."""
_LEVEL_SECONDS = 0.05


def equal_power_crossfade(
    leaving: Float[np.ndarray, "time"], arriving: Float[np.ndarray, "other"], *, correlation: float | None = None
) -> Float[np.ndarray, "time"]:
    """Fade from one sound to another at constant power.

    Sine and cosine keep the power of sounds that have nothing in common; two equal sounds would swell by 3 dB. The
    weights are therefore divided by the power that the correlation adds. Their angle begins and ends without slope or
    curvature: in a sound without treble, a fade that sets in at once is itself a click.

    Args:
        leaving: Sound at the begin.
        arriving: Sound at the end.
        correlation: Correlation coefficient of the two; measured if not given. Negative ones count as zero.

    Returns:
        The mixture, in double precision.

    Raises:
        InputError: If the lengths differ.
    """
    if len(leaving) != len(arriving):
        raise InputError(
            f"a crossfade needs two sounds of one length, found {len(leaving)} and {len(arriving)} samples"
        )
    first, second = np.asarray(leaving, dtype=np.float64), np.asarray(arriving, dtype=np.float64)
    if correlation is None:
        power = float(np.sqrt((first @ first) * (second @ second)))
        correlation = float(first @ second) / power if power > 0 else 0.0
    angle = 0.5 * np.pi * smooth_step(len(first))
    down, up = np.cos(angle), np.sin(angle)
    return np.asarray((down * first + up * second) / np.sqrt(1.0 + 2.0 * min(max(correlation, 0.0), 1.0) * down * up))


def best_lag(overhang: Float[np.ndarray, "before"], right: Float[np.ndarray, "after"], origin: int, limit: int) -> int:
    """Find where in a filling the known sound begins.

    Args:
        overhang: End of the filling, from before the edge to beyond it.
        right: Known sound after the edge.
        origin: Position in ``overhang`` that belongs to the edge.
        limit: Largest lag, in samples.

    Returns:
        The lag: sample ``origin + lag`` of the filling fits the first known one best, by normalised
        correlation. Zero if nothing fits better than no shift by 0.02.
    """
    low, high = max(-limit, -origin), limit
    length = min(len(right), len(overhang) - origin - high)
    if length < 16 or high <= low:
        return 0
    target = np.asarray(right[:length], dtype=np.float64)
    source = np.asarray(overhang[origin + low : origin + high + length], dtype=np.float64)
    products = correlate(source, target, mode="valid")
    sums = np.concatenate([[0.0], np.cumsum(source**2)])
    energy = sums[length:] - sums[:-length]
    norm = np.sqrt(np.maximum(energy * (target @ target), 0.0))
    fit = np.divide(products, norm, out=np.zeros_like(products), where=norm > 1e-12)
    best = int(np.argmax(fit))
    return best + low if fit[best] > fit[-low] + 0.02 else 0


def join(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    filling: Float[np.ndarray, "filled"],
    sample_rate: int,
    *,
    crossfade_seconds: float = 0.008,
    search_seconds: float = 0.005,
) -> Float[np.ndarray, "gap"]:
    """Fit a filling between the known sounds.

    Args:
        samples: Sound with the gap in it; the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.
        filling: As long as the gap, or longer: what lies beyond is compared with the known sound after the gap to find
            the shift of at most ``search_seconds`` that brings both into phase. It grows smoothly over the second half
            of the gap. 30 to 50 ms beyond are enough.
        sample_rate: In Hz.
        crossfade_seconds: Length of the fade from the continued sound to the filling at each edge, inside the gap.
        search_seconds: Largest shift.

    Returns:
        The samples of the gap, in double precision.

    Raises:
        InputError: If the gap does not fit the sound or the filling is shorter than the gap.
    """
    length = stop - start
    if not 0 <= start < stop <= len(samples):
        raise InputError(f"gap [{start}, {stop}) does not fit a sound of {len(samples)} samples")
    if len(filling) < length:
        raise InputError(f"filling of {len(filling)} samples is shorter than the gap of {length}")
    left, right = samples[:start], samples[stop:]
    source = np.asarray(filling, dtype=np.float64)
    limit = min(round(search_seconds * sample_rate), length // 4)
    lag = best_lag(source, right[: len(source) - length], length, limit)
    result = _shifted(source, length, lag)
    fade = min(round(crossfade_seconds * sample_rate), length // 2)
    if fade and len(left):
        result[:fade] = equal_power_crossfade(_continued(left, fade), result[:fade])
    if fade and len(right):
        result[-fade:] = equal_power_crossfade(_continued(right[::-1], fade), result[-fade:][::-1])[::-1]
    return result


def click_score(samples: Float[np.ndarray, "time"], edge: int, sample_rate: int) -> float:
    """Measure how much a joint surprises a short predictor.

    Args:
        samples: Sound with the joint in it.
        edge: First sample after the joint.
        sample_rate: In Hz; 50 ms on either side are looked at.

    Returns:
        Largest prediction error in the eight samples from the joint on, over the 99th percentile of those around it.
        About 1 where nothing can be heard, above 3 for a click. 0 in silence and where there is too little sound.
    """
    reach = round(0.05 * sample_rate)
    first = max(0, edge - reach)
    around = np.asarray(samples[first : edge + reach], dtype=np.float64)
    place = edge - first
    if place <= 2 * CLICK_ORDER or len(around) - place <= 2 * CLICK_ORDER:
        return 0.0
    error = np.abs(residual(around, burg(around, CLICK_ORDER)))
    usual = np.concatenate([error[CLICK_ORDER : place - 8], error[place + CLICK_ORDER :]])
    spread = float(np.percentile(usual, 99))
    jump = float(error[place : place + 8].max())
    # In sound that is exact zeros on one side, rounding errors would decide.
    spread = max(spread, 1e-9 * float(np.abs(around).max()))
    return jump / spread if spread > 0 else 0.0


def match_level(
    filling: Float[np.ndarray, "gap"],
    left: Float[np.ndarray, "before"],
    right: Float[np.ndarray, "after"],
    sample_rate: int,
    *,
    strength: float | int = 1.0,
    inside: float | int = 0.0,
    limit_db: float | int = 12.0,
    reach_seconds: float = 0.1,
    ceiling: float | int | None = None,
) -> Float[np.ndarray, "gap"]:
    """Tie the loudness of a filling to the sound before and after it.

    The gain is a smooth curve in decibels through what each edge lacks, measured over 50 ms on both of its sides.
    By default it dies away within ``reach_seconds`` of the edge: inside, the model knows of events that a line between
    the edges does not.

    Args:
        filling: Samples of the gap.
        left: Sound before; may be empty.
        right: Sound after; may be empty.
        sample_rate: In Hz.
        strength: Part of the difference that is made up for, 0 to 1.
        inside: 0 leaves the middle alone, 1 draws a straight line between the gains of both edges, for fillings that
            know nothing of loudness.
        limit_db: Largest gain or attenuation.
        reach_seconds: How far an edge reaches into the gap; at most half of it.
        ceiling: Largest amplitude allowed (see :func:`soft_limit`); none if not given.

    Returns:
        The filling with the gain applied. Silence, on either side of an edge, asks for no gain.
    """
    window = max(1, min(round(_LEVEL_SECONDS * sample_rate), len(filling)))
    length = len(filling)
    at_left = strength * _missing_db(left[-window:], filling[:window], limit_db)
    at_right = strength * _missing_db(right[:window], filling[-window:], limit_db)
    reach = max(1, min(round(reach_seconds * sample_rate), length // 2))
    position = np.arange(length)
    near_left = 0.5 + 0.5 * np.cos(np.pi * np.minimum(position / reach, 1.0))
    near_right = near_left[::-1]
    line = at_left + (at_right - at_left) * position / max(length - 1, 1)
    gain_db = inside * line + (1.0 - inside) * (at_left * near_left + at_right * near_right)
    result = np.asarray(filling, dtype=np.float64) * 10 ** (gain_db / 20)
    return result if ceiling is None else soft_limit(result, ceiling)


def soft_limit(samples: Float[np.ndarray, "time"], ceiling: float | int) -> Float[np.ndarray, "time"]:
    """Bend amplitudes above 80 % of the ceiling so that none exceeds it; below nothing changes."""
    knee = 0.8 * ceiling
    if ceiling <= 0:
        return np.zeros(len(samples))
    size = np.abs(np.asarray(samples, dtype=np.float64))
    bent = knee + (ceiling - knee) * np.tanh((size - knee) / (ceiling - knee))
    return np.where(size > knee, np.copysign(bent, samples), samples)


def _missing_db(wanted: np.ndarray, present: np.ndarray, limit_db: float | int) -> float:
    power = [
        float(np.mean(np.asarray(part, dtype=np.float64) ** 2)) if len(part) else 0.0 for part in (wanted, present)
    ]
    if min(power) < 1e-12:
        return 0.0
    return float(np.clip(10 * np.log10(power[0] / power[1]), -limit_db, limit_db))


def _shifted(source: np.ndarray, length: int, lag: int) -> np.ndarray:
    if lag == 0:
        return source[:length].copy()
    position = np.arange(length, dtype=np.float64)
    turn = length // 2
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip((position - turn) / max(length - turn - 1, 1), 0.0, 1.0))
    moved = CubicSpline(np.arange(len(source)), source)(position + lag * ramp)
    # Before the turn nothing moved: spare those samples the rounding.
    return np.where(ramp == 0.0, source[:length], moved)


def _continued(samples: np.ndarray, length: int) -> np.ndarray:
    return continue_sound(samples, length, order=512, context=4_096)
