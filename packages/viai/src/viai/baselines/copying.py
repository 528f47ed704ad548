"""Fill a gap with the stretch of known sound whose surroundings are most like its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.signal import correlate

from viai.baselines.extrapolation import check_gap, interpolate_extrapolation
from viai.baselines.interface import Scene
from viai.config import SpectrogramConfig
from viai.joins import join

CONTEXT_SECONDS = 0.1
"""Sound on either side that is compared."""
GAIN_LIMIT = 2.0
"""A copy is made louder or softer by at most this factor (6 dB)."""
_OVERHANG_SECONDS = 0.05  # copied beyond the gap, to find the lag at which it meets the known sound
_SHORTEST_SAMPLES = 64  # of known sound in one piece, to copy from


def interpolate_copy(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    sample_rate: int,
    *,
    context_seconds: float = CONTEXT_SECONDS,
) -> Float[np.ndarray, "gap"]:
    """Fill a gap with the best-matching segment elsewhere in the sound.

    The place is that of the highest normalised correlation of the sound before and after the gap, taken together, with
    the sound before and after the segment; neither reaches into the gap. The segment is brought to the level of the
    surroundings, aligned at the right edge and crossfaded inside the gap (see :func:`viai.joins.join`). A gap that is
    longer than any known stretch is filled in pieces from left to right, of which the last looks at the right side.

    Args:
        samples: Sound with the gap in it; the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.
        sample_rate: In Hz.
        context_seconds: Sound on either side to compare; at most a quarter of the longest known stretch.

    Returns:
        The missing samples. Silence where the surroundings are silent; with next to no known sound,
        :func:`viai.baselines.extrapolation.interpolate_extrapolation`.

    Raises:
        InputError: If the gap is empty or lies outside the sound.
    """
    check_gap(len(samples), start, stop)
    signal = np.array(samples, dtype=np.float64)
    signal[start:stop] = 0.0
    stretches = (signal[:start].copy(), signal[stop:].copy())
    longest = max(len(stretch) for stretch in stretches)
    if longest < _SHORTEST_SAMPLES:
        return interpolate_extrapolation(samples, start, stop)
    context = min(round(context_seconds * sample_rate), longest // 4)
    count = -(-(stop - start) // (longest - 2 * context))
    edges = np.linspace(start, stop, count + 1).round().astype(int)
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        before = signal[max(0, begin - context) : begin]
        after = signal[end : end + context] if end == stop else signal[:0]
        segment = _best_segment(stretches, before, after, end - begin, round(_OVERHANG_SECONDS * sample_rate))
        if segment is not None:
            # Up to the end of a piece that is not the last there is nothing on the right to join.
            surroundings = signal if end == stop else signal[:end]
            signal[begin:end] = join(surroundings, begin, end, segment, sample_rate)
    return signal[start:stop]


def _best_segment(
    stretches: Sequence[np.ndarray], before: np.ndarray, after: np.ndarray, length: int, overhang: int
) -> np.ndarray | None:
    """The segment with the most similar surroundings, at their level, and what follows it; None if all is silent."""
    # One correlation for both sides: between them the pattern is zero.
    pattern = np.concatenate([before, np.zeros(length), after])
    wanted = float(pattern @ pattern)
    best_fit, best = -np.inf, None
    for stretch in stretches:
        if wanted == 0.0 or len(stretch) < len(pattern):
            continue
        products = correlate(stretch, pattern, mode="valid", method="fft")
        sums = np.concatenate([[0.0], np.cumsum(stretch**2)])
        places = np.arange(len(products))
        content = places + len(before)
        end = content + length
        energy = sums[content] - sums[places] + sums[end + len(after)] - sums[end]
        # 60 dB below the surroundings a match is noise.
        heard = energy > 1e-6 * wanted
        fit = np.where(heard, products / np.sqrt(np.where(heard, energy, 1.0) * wanted), -np.inf)
        place = int(np.argmax(fit))
        if fit[place] > best_fit:
            gain = np.clip(np.sqrt(wanted / energy[place]), 1 / GAIN_LIMIT, GAIN_LIMIT)
            best_fit, best = fit[place], gain * stretch[content[place] : end[place] + overhang]
    return best


@dataclass(frozen=True)
class Copy:
    """The gap as :func:`interpolate_copy` fills it from the same window."""

    sample_rate: int = SpectrogramConfig().sample_rate
    """Of the scenes, in Hz."""

    @property
    def name(self) -> str:
        """What the results table calls it."""
        return "copy"

    def play(self, scenes: Sequence[Scene], *, seed: int) -> list[Float[np.ndarray, "missing"]]:
        """Fill the gaps; see :class:`viai.baselines.interface.SoundMethod`. Nothing is drawn."""
        return [interpolate_copy(scene.samples, *scene.gap, self.sample_rate) for scene in scenes]
