"""Audio encoder E_a: from the spectrogram with its gap to a code along time."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class AudioCode:
    """What the audio encoder hands to the decoder."""

    code: Float[Tensor, "batch channel 1 time"]
    """Bottleneck f_a: one vector for every sixteen mel frames (13 for 200)."""
    skip: Float[Tensor, "batch skip height width"]
    """Output of the first layer, the only skip connection of the paper's figure."""
    mel: Float[Tensor, "batch 1 band frame"]
    """What was encoded: levels with straight lines over the gap."""
    sizes: tuple[tuple[int, int], ...]
    """Height and width of the input and of every layer's output, for the decoder to grow back to."""


class AudioEncoder(nn.Module):
    """Five stride-two layers and an average over frequency.

    The second layer halves frequency only. For 80 bands and 200 frames the maps are 40x100, 20x100,
    10x50, 5x25 and 3x13, the code 1x13.

    Args:
        channels: Output channels of the five layers.
    """

    STRIDES = ((2, 2), (2, 1), (2, 2), (2, 2), (2, 2))

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        inputs = (1, *channels[:-1])
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(fan_in, fan_out, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(fan_out),
                nn.LeakyReLU(0.2),
            )
            for fan_in, fan_out, stride in zip(inputs, channels, self.STRIDES, strict=True)
        )

    def forward(self, mel: Float[Tensor, "batch 1 band frame"]) -> AudioCode:
        """Encode levels in [0, 1] whose gap was bridged by straight lines."""
        maps = [mel]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        sizes = tuple((features.shape[2], features.shape[3]) for features in maps)
        return AudioCode(code=maps[-1].mean(dim=2, keepdim=True), skip=maps[1], mel=mel, sizes=sizes)
