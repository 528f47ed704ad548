"""What every method of the results table is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8


@dataclass(frozen=True, eq=False)
class Scene:
    """One window with a gap, as every method may know it: nothing of the gap's content is in here."""

    samples: Float[np.ndarray, "time"]
    """16 kHz mono, float32, in [-1, 1]: the peak of the known part is that of the analysis; zero inside the gap."""
    gap: tuple[int, int]
    """First missing sample, and the one after the last."""
    mel: Float[np.ndarray, "band frame"]
    """Levels in [0, 1] of ``samples``, with straight lines over the unknown frames."""
    unknown: Bool[np.ndarray, "frame"]
    """True where a frame touches the gap."""
    frames: UInt8[np.ndarray, "picture 3 height width"] | None
    """RGB pictures of the whole window, 12.5 a second; None without picture."""
    flow: UInt8[np.ndarray, "picture 2 height width"] | None
    """Motion that led to each picture; None without picture."""


@runtime_checkable
class SpectrogramMethod(Protocol):
    """A method that paints the unknown frames of the mel spectrogram."""

    @property
    def name(self) -> str:
        """What the results table calls it."""
        ...

    def paint(self, scenes: Sequence[Scene]) -> list[Float[np.ndarray, "band frame"]]:
        """Complete the spectrograms.

        Args:
            scenes: Windows of one length.

        Returns:
            Levels in [0, 1], one array a scene; known frames equal ``mel`` of the scene.
        """
        ...


@runtime_checkable
class SoundMethod(Protocol):
    """A method that plays the missing samples."""

    @property
    def name(self) -> str:
        """What the results table calls it."""
        ...

    def play(self, scenes: Sequence[Scene], *, seed: int) -> list[Float[np.ndarray, "missing"]]:
        """Fill the gaps.

        Args:
            scenes: Windows of one length.
            seed: Settles every random number.

        Returns:
            The samples of each gap alone, at the level of ``samples`` of the scene; the caller writes them in.
        """
        ...
