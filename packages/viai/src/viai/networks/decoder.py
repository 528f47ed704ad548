"""Spectrogram decoder: G_a from the audio code alone, G_av from the codes of sound and sight."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viai.networks.audio_encoder import AudioCode

DETAIL_DEPTH = 2
"""Stage that works on the pictures' time grid: a column for every four mel frames."""


def _convolution(fan_in: int, fan_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False), nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)
    )


def _stage(fan_in: int, fan_out: int, convolutions: int) -> nn.Sequential:
    widths = (fan_in, *[fan_out] * convolutions)
    return nn.Sequential(*(_convolution(a, b) for a, b in pairwise(widths)))


class _Nothing(nn.Module):
    """What the paper's decoder starts from."""

    def forward(self, mel: Float[Tensor, "batch 1 band frame"]) -> Float[Tensor, "batch 1 band frame"]:
        """Return zeros."""
        return torch.zeros_like(mel)


class _Lines(nn.Module):
    """The input as logits, for a decoder that corrects it."""

    def forward(self, mel: Float[Tensor, "batch 1 band frame"]) -> Float[Tensor, "batch 1 band frame"]:
        """Return what the sigmoid takes back to the input; its ends are drawn in, where logits are infinite."""
        return torch.logit(mel.clamp(0.01, 0.99))


class SpectrogramDecoder(nn.Module):
    """Grow a code along time back to a spectrogram, with one skip from the encoder's first layer.

    Each stage enlarges (bilinear, corners aligned) to the size of the encoder map that it mirrors, so
    that windows of any length come out as they went in.

    Args:
        channels: Output channels of the encoder's five layers.
        code_channels: Channels of the code: ``channels[-1]`` for sound alone, twice that with picture.
        corrects_lines: Put out a correction of the straight lines that came in, instead of painting from nothing.
        detail_channels: Channels of what the picture tells frame by frame; 0 for the paper's decoder.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        code_channels: int,
        *,
        corrects_lines: bool = False,
        detail_channels: int = 0,
    ) -> None:
        super().__init__()
        skip, second, third, _, bottleneck = channels
        self.expand = nn.Sequential(
            nn.ConvTranspose2d(code_channels, bottleneck, 3, padding=(0, 1), bias=False),
            nn.BatchNorm2d(bottleneck),
            nn.ReLU(inplace=True),
        )
        self.stages = nn.ModuleList(
            [
                _stage(bottleneck, bottleneck, 1),
                _stage(bottleneck, third, 3),
                _stage(third + detail_channels, second, 3),
                _stage(second, skip, 3),
                _stage(2 * skip, skip, 2),
                _stage(skip, skip, 1),
            ]
        )
        self.base: nn.Module = _Lines() if corrects_lines else _Nothing()
        self.output = nn.Conv2d(skip, 1, 3, padding=1)

    def forward(
        self,
        code: Float[Tensor, "batch code 1 time"],
        audio: AudioCode,
        detail: Float[Tensor, "batch detail picture"] | None = None,
    ) -> Float[Tensor, "batch 1 band frame"]:
        """Decode levels in (0, 1).

        Args:
            code: The audio code, with the visual code behind it along the channels for G_av.
            audio: Where the skip connection and the sizes come from.
            detail: What the picture tells frame by frame, for a decoder with such channels.
        """
        features: Tensor = self.expand(code)
        for depth, stage in enumerate(self.stages):
            size = audio.sizes[5 - depth]
            if features.shape[2:] != size:
                features = nn.functional.interpolate(features, size=size, mode="bilinear", align_corners=True)
            if depth == DETAIL_DEPTH and detail is not None:
                told = nn.functional.interpolate(detail, size=size[1], mode="linear", align_corners=True)
                features = torch.cat([features, told[:, :, None].expand(-1, -1, size[0], -1)], dim=1)
            if depth == 4:
                features = torch.cat([features, audio.skip], dim=1)
            features = stage(features)
        return torch.sigmoid(self.base(audio.mel) + self.output(features))
