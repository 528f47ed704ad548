"""Spectrogram discriminator D: is each patch of a spectrogram real?"""

from jaxtyping import Float
from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Five convolutions from a spectrogram to one logit for each patch: 20x25 for 80x200.

    Logits, not probabilities: binary cross-entropy is stable on them.

    Args:
        channels: Output channels of the four hidden layers.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        first, second, third, fourth = channels
        self.layers = nn.Sequential(
            *self._layer(1, first, (1, 4), (1, 2), (0, 1)),
            *self._layer(first, second, 3, 2, 1),
            *self._layer(second, third, 3, 2, 1),
            *self._layer(third, fourth, 3, 1, 1),
            nn.Conv2d(fourth, 1, 3, padding=1),
        )

    @staticmethod
    def _layer(
        fan_in: int,
        fan_out: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int],
        padding: int | tuple[int, int],
    ) -> tuple[nn.Module, ...]:
        convolution = nn.Conv2d(fan_in, fan_out, kernel, stride, padding, bias=False)
        return convolution, nn.BatchNorm2d(fan_out), nn.LeakyReLU(0.2)

    def forward(self, mel: Float[Tensor, "batch 1 band frame"]) -> Float[Tensor, "batch 1 height width"]:
        """Judge levels in [0, 1]; positive logits mean real."""
        logits: Tensor = self.layers(mel)
        return logits
