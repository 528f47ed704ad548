"""The picture of a sound that the networks read: log-mel levels in [0, 1], and the way back.

Frames are left aligned: frame ``k`` covers the samples ``[k * hop, k * hop + window)``, and the end
is extended by ``window - hop`` zeros, so that 64,000 samples give exactly 200 frames. Which frames
a gap touches follows from that alone (see :mod:`viai.gaps`).
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from viai.config import SpectrogramConfig


@lru_cache(maxsize=4)
def _filterbank(config: SpectrogramConfig) -> Float[np.ndarray, "band bin"]:
    # No tensor is kept: one that was first made in inference mode could not be trained with later.
    # librosa imports numba: kept off the path to --help.
    from librosa.filters import mel

    filters: np.ndarray = mel(
        sr=config.sample_rate,
        n_fft=config.window,
        n_mels=config.mel_bands,
        fmin=config.low_hz,
        fmax=config.high_hz,
        htk=False,
        norm="slaney",
        dtype=np.float64,
    )
    return filters


def mel_filterbank(config: SpectrogramConfig | None = None) -> Float[np.ndarray, "band bin"]:
    """Triangles that sum the bins of a Fourier transform to mel bands.

    Returns:
        Float64 weights, (80, 641) by default: Slaney scale, every triangle normalised to equal area.
    """
    return _filterbank(config or SpectrogramConfig()).copy()


def to_level(amplitude: Float[Tensor, "..."], config: SpectrogramConfig | None = None) -> Float[Tensor, "..."]:
    """Map mel amplitude (>= 0) to level in [0, 1]: decibels, shifted, scaled and clipped."""
    config = config or SpectrogramConfig()
    decibels = 20 * torch.log10(amplitude.clamp(min=config.floor)) - config.reference_db
    return ((decibels + config.range_db) / config.range_db).clamp(0, 1)


def to_amplitude(level: Float[Tensor, "..."], config: SpectrogramConfig | None = None) -> Float[Tensor, "..."]:
    """Map level to mel amplitude: the exact inverse of :func:`to_level` wherever that does not clip."""
    config = config or SpectrogramConfig()
    decibels = level.clamp(0, 1) * config.range_db - config.range_db + config.reference_db
    return torch.pow(10.0, decibels / 20)


class MelSpectrogram(nn.Module):
    """Samples to log-mel levels.

    Amplitude spectrum (not power) of a periodic Hann window, Slaney mel filters, decibels scaled to
    [0, 1]. Computed in double precision whatever the input: in single precision the rounding noise of
    a loud partial reaches the floor of the scale.
    """

    def __init__(self, config: SpectrogramConfig | None = None) -> None:
        super().__init__()
        self.config = config or SpectrogramConfig()
        window = torch.hann_window(self.config.window, periodic=True, dtype=torch.float64)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filterbank(self.config)), persistent=False)
        self.window: Tensor
        self.filters: Tensor

    def forward(self, samples: Float[Tensor, "batch time"]) -> Float[Tensor, "batch band frame"]:
        """Analyse sound.

        Args:
            samples: Sound at ``config.sample_rate``, amplitude in [-1, 1]; at least one hop long.

        Returns:
            Levels in [0, 1], ``time // hop`` frames, in the dtype of the input.
        """
        padded = nn.functional.pad(samples.double(), (0, self.config.window - self.config.hop))
        spectrum = torch.stft(
            padded,
            n_fft=self.config.window,
            hop_length=self.config.hop,
            window=self.window.double(),
            center=False,
            return_complex=True,
        )
        return to_level(self.filters.double() @ spectrum.abs(), self.config).to(samples.dtype)


def interpolate_unknown(
    mel: Float[Tensor, "batch band frame"], unknown: Bool[Tensor, "batch frame"]
) -> Float[Tensor, "batch band frame"]:
    """Draw straight lines over the unknown frames, from the last known one to the next.

    This is what the encoder sees in place of the gap, and the simplest baseline. Where one side is
    missing the other is continued; where both are, the result is zero. Known frames stay as they are.

    Args:
        mel: Levels; what stands in unknown frames is not looked at.
        unknown: True where a frame touches a gap.
    """
    frames = mel.shape[-1]
    position = torch.arange(frames, device=mel.device).expand_as(unknown)
    left = torch.where(unknown, -1, position).cummax(dim=1).values
    right = torch.where(unknown, frames, position).flip(1).cummin(dim=1).values.flip(1)
    has_left, has_right = left >= 0, right < frames
    left = torch.where(has_left, left, right).clamp(0, frames - 1)
    right = torch.where(has_right, right, left).clamp(0, frames - 1)

    weight = (position - left).to(mel.dtype) / (right - left).clamp(min=1).to(mel.dtype)
    bands = mel.shape[1]
    at_left = mel.gather(2, left[:, None].expand(-1, bands, -1))
    at_right = mel.gather(2, right[:, None].expand(-1, bands, -1))
    line = at_left + weight[:, None] * (at_right - at_left)
    line = torch.where((has_left | has_right)[:, None], line, torch.zeros_like(line))
    return torch.where(unknown[:, None], line, mel)


def compose(
    known: Float[Tensor, "batch band frame"],
    generated: Float[Tensor, "batch band frame"],
    unknown: Bool[Tensor, "batch frame"],
) -> Float[Tensor, "batch band frame"]:
    """Put generated frames where they are unknown; known frames come through untouched."""
    return torch.where(unknown[:, None], generated, known)
