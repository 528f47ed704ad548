"""Paintings that need no learning and no search: every method has to beat them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from viai.baselines.interface import Scene


@dataclass(frozen=True)
class TrivialPainting:
    """A painting of the unknown frames that is a short formula of the known ones."""

    name: str
    """What the results table calls it."""
    formula: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """From levels ``(band, frame)`` and unknown frames to levels; known frames may come out as they like."""

    def paint(self, scenes: Sequence[Scene]) -> list[Float[np.ndarray, "band frame"]]:
        """Complete the spectrograms; see :class:`viai.baselines.interface.SpectrogramMethod`."""
        return [
            np.where(scene.unknown, self.formula(scene.mel, scene.unknown), scene.mel).astype(scene.mel.dtype)
            for scene in scenes
        ]


def zero(mel: Float[np.ndarray, "band frame"], unknown: Bool[np.ndarray, "frame"]) -> Float[np.ndarray, "band frame"]:
    """Silence: level 0 everywhere."""
    return np.zeros_like(mel)


def hold(mel: Float[np.ndarray, "band frame"], unknown: Bool[np.ndarray, "frame"]) -> Float[np.ndarray, "band frame"]:
    """Repeat the last known frame; before the first known one, that one. All unknown gives silence."""
    if unknown.all():
        return np.zeros_like(mel)
    latest = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(unknown))))
    held: np.ndarray = mel[:, np.where(latest < 0, int(np.argmin(unknown)), latest)]
    return held


def interpolation(
    mel: Float[np.ndarray, "band frame"], unknown: Bool[np.ndarray, "frame"]
) -> Float[np.ndarray, "band frame"]:
    """Draw straight lines from the last known frame to the next; where one is missing, hold the other."""
    if unknown.all():
        return np.zeros_like(mel)
    place = np.arange(len(unknown))
    return np.stack([np.interp(place, place[~unknown], band[~unknown]) for band in mel]).astype(mel.dtype)


def context_mean(
    mel: Float[np.ndarray, "band frame"], unknown: Bool[np.ndarray, "frame"]
) -> Float[np.ndarray, "band frame"]:
    """Give each band the mean of its known frames. All unknown gives silence."""
    if unknown.all():
        return np.zeros_like(mel)
    return np.broadcast_to(mel[:, ~unknown].mean(axis=1, keepdims=True), mel.shape)


ZERO = TrivialPainting("zero", zero)
HOLD = TrivialPainting("hold", hold)
INTERPOLATION = TrivialPainting("interpolation", interpolation)
CONTEXT_MEAN = TrivialPainting("context mean", context_mean)
