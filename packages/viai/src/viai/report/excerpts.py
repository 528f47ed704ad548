"""The surroundings of a filled gap, to look at and to listen to."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A filled gap and a few seconds around it."""

    start: float
    """Where the excerpt begins, in seconds of the file."""
    rate: int
    """In Hz."""
    gaps: tuple[tuple[float, float], ...]
    """Start and end of all that was missing in it, in seconds of the file."""
    before: Float[np.ndarray, "time channel"]
    """With its gaps silenced."""
    after: Float[np.ndarray, "time channel"]
    reference: Float[np.ndarray, "time channel"] | None
    """The intact sound, where it is known."""

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.before) / self.rate

    def sounds(self) -> list[tuple[str, Float[np.ndarray, "time channel"]]]:
        """What there is to compare, with its name."""
        intact = [] if self.reference is None else [("original", self.reference)]
        return [("with the gap", self.before), ("filled", self.after), *intact]


def wav_bytes(samples: Float[np.ndarray, "time channel"], rate: int) -> bytes:
    """Encode sound as a WAV of 16 bits; of more than two channels the mean is taken.

    Args:
        samples: Amplitudes; what exceeds [-1, 1] is clipped, as a player would.
        rate: In Hz.
    """
    heard = samples if samples.shape[1] <= 2 else samples.mean(axis=1, keepdims=True)
    file = io.BytesIO()
    steps = np.clip(np.rint(heard * 32_768.0), -32_768, 32_767).astype(np.int16)
    soundfile.write(file, steps, rate, subtype="PCM_16", format="WAV")
    return file.getvalue()
