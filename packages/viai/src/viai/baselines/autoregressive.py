"""Autoregressive interpolation: the classical answer to gaps below about 100 ms.

The variants are in :mod:`viai.baselines.extrapolation` and :mod:`viai.baselines.janssen`; here is the choice between
them. The samples inside the gap are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from viai.baselines.extrapolation import burg, continue_sound, extrapolate, interpolate_extrapolation, residual
from viai.baselines.interface import Scene
from viai.baselines.janssen import interpolate_janssen
from viai.config import SpectrogramConfig

__all__ = [
    "Autoregressive",
    "burg",
    "continue_sound",
    "extrapolate",
    "interpolate",
    "interpolate_extrapolation",
    "interpolate_janssen",
    "residual",
]

JANSSEN_SECONDS = 0.2
"""Longest gap that :func:`interpolate` gives to Janssen's method; its cost grows with the length, 1 s at 200 ms."""
JANSSEN_ROUNDS = 1
"""From the extrapolation as first filling one round is enough: a second moves the mean SNR by less than 0.1 dB."""
FADE_SECONDS = 0.002
"""From the continued sound to Janssen's solution at either edge: no step there, and the same SNR."""


def interpolate(
    samples: Float[np.ndarray, "time"], start: int, stop: int, sample_rate: int
) -> Float[np.ndarray, "gap"]:
    """Fill a gap with the autoregressive variant that suits its length.

    Up to :data:`JANSSEN_SECONDS` this is Janssen's method on 93 ms (at least 4,096 samples) of either side, beyond that
    the two-sided extrapolation, which is much faster: there neither is more than a decay.

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
    context, fade = max(4_096, round(0.093 * sample_rate)), round(FADE_SECONDS * sample_rate)
    return interpolate_janssen(samples, start, stop, iterations=JANSSEN_ROUNDS, context=context, fade=fade)


@dataclass(frozen=True)
class Autoregressive:
    """The gap as :func:`interpolate` fills it."""

    sample_rate: int = SpectrogramConfig().sample_rate
    """Of the scenes, in Hz."""

    @property
    def name(self) -> str:
        """What the results table calls it."""
        return "ar"

    def play(self, scenes: Sequence[Scene], *, seed: int) -> list[Float[np.ndarray, "missing"]]:
        """Fill the gaps; see :class:`viai.baselines.interface.SoundMethod`. Nothing is drawn."""
        return [interpolate(scene.samples, *scene.gap, self.sample_rate) for scene in scenes]
