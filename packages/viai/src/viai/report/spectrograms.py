"""Spectrograms as parts of a page: they take its width, and their text its colour."""

import base64
import io
import math
from html import escape
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.image import imsave

from viai.plots import DYNAMIC_RANGE_DB, spectrogram_power
from viai.report.excerpts import Excerpt

WIDTH, HEIGHT = 360, 216
"""Units of the coordinates in which a spectrogram is drawn; it fills the width that the page has for it."""
_LEFT, _TOP, _BOTTOM = 34, 12, 22  # room for the labels
_ROWS, _COLUMNS = 160, 640  # pixels of the picture
_STEP_DB = 1.25  # levels are rounded to this: nobody sees it, and the picture takes a third of the space
_LOWEST_HZ = 60.0
_TICKS_HZ = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


def levels_db(samples: Float[np.ndarray, "time"], rate: int) -> Float[np.ndarray, "row column"]:
    """Levels of a sound for a picture: low frequencies in the first row, on a mel-like scale; time from left to right.

    Args:
        samples: One channel.
        rate: In Hz.

    Returns:
        Decibels, at least -200; at most 640 columns.
    """
    power = spectrogram_power(samples, rate)
    heights = np.linspace(_height(_LOWEST_HZ), _height(_highest(rate)), _ROWS)
    bins = 700.0 * np.expm1(heights) / (rate / 2) * (len(power) - 1)
    # All that lies between two rows counts, so that no partial falls through.
    edges = np.clip(np.concatenate([bins[:1], (bins[1:] + bins[:-1]) / 2, bins[-1:]]), 0, len(power) - 1)
    rows = [power[int(low) : max(int(low), math.ceil(high) - 1) + 1].max(axis=0) for low, high in pairwise(edges)]
    image = np.stack(rows)
    group = max(1, -(-image.shape[1] // _COLUMNS))
    padded = np.pad(image, ((0, 0), (0, -image.shape[1] % group)), mode="edge")
    grouped = padded.reshape(_ROWS, -1, group).mean(axis=2)
    return np.asarray(10 * np.log10(np.maximum(grouped, 1e-20)))


def draw_spectrogram(
    levels: Float[np.ndarray, "row column"], loudest_db: float | int, excerpt: Excerpt, title: str
) -> str:
    """Draw a spectrogram with its axes and gaps, as SVG whose text has the colour of the page.

    Args:
        levels: From :func:`levels_db`.
        loudest_db: Level of the brightest colour; 80 dB below, all is black.
        excerpt: Where it comes from.
        title: What is seen, for those who cannot see it.
    """
    right, bottom = WIDTH - 6, HEIGHT - _BOTTOM
    width, height = right - _LEFT, bottom - _TOP

    def across(moment: float) -> float:
        return _LEFT + width * min(max((moment - excerpt.start) / excerpt.seconds, 0.0), 1.0)

    lowest, highest = _height(_LOWEST_HZ), _height(_highest(excerpt.rate))
    picture = base64.b64encode(_png(levels - loudest_db)).decode()
    place = f'x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}"'
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<image href="data:image/png;base64,{picture}" {place} preserveAspectRatio="none"/>',
    ]
    for hertz in _TICKS_HZ:
        if hertz <= _highest(excerpt.rate):
            y = bottom - height * (_height(hertz) - lowest) / (highest - lowest)
            text = f"{hertz // 1000}k" if hertz >= 1_000 else str(hertz)
            parts.append(f'<path class="tick" d="M{_LEFT - 4} {y:.1f}h4"/>')
            parts.append(f'<text x="{_LEFT - 7}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>')
    for moment in time_ticks(excerpt.start, excerpt.start + excerpt.seconds):
        x = across(moment)
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v4"/>')
        anchor = "end" if x > right - 10 else "middle"
        parts.append(f'<text x="{min(x, right):.1f}" y="{bottom + 16}" text-anchor="{anchor}">{moment:g} s</text>')
    for start, stop in excerpt.gaps:
        first, last = across(start), across(stop)
        parts.append(
            f'<rect class="gap" x="{first:.1f}" y="2" width="{max(last - first, 1.5):.1f}" height="7" rx="2"/>'
        )
        parts.append(f'<path class="edge" d="M{first:.1f} {_TOP}V{bottom}M{last:.1f} {_TOP}V{bottom}"/>')
    parts.append("</svg>")
    return "".join(parts)


def time_ticks(start: float | int, stop: float | int) -> list[float]:
    """Round moments in a stretch of time, at most eight, at least two unless it is shorter than a millisecond."""
    span = stop - start
    steps = [digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5)]
    step = next(step for step in steps if span / step <= 7)
    return [round(step * count, 6) for count in range(math.ceil(start / step), math.floor(stop / step) + 1)]


def _png(levels: Float[np.ndarray, "row column"]) -> bytes:
    """Colours of levels in decibels below the loudest."""
    shown = _STEP_DB * np.rint(np.clip(levels, -DYNAMIC_RANGE_DB, 0.0) / _STEP_DB)
    file = io.BytesIO()
    imsave(
        file,
        shown,
        cmap="magma",
        vmin=-DYNAMIC_RANGE_DB,
        vmax=0.0,
        origin="lower",
        format="png",
        # The version of matplotlib would make other bytes.
        metadata={"Software": "viai"},
    )
    return file.getvalue()


def _highest(rate: int) -> float:
    return min(rate / 2, 20_000.0)


def _height(hertz: float | int) -> float:
    return math.log1p(hertz / 700.0)
