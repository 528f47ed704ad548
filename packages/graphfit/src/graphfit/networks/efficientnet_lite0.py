"""EfficientNet-Lite0 with its batch norms folded in: the frozen encoder whose weights ship with the package."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hr_common import weights

# kernel, stride of the first, expansion, channels, blocks
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_LARGE = 5
"""Blocks whose maps have a side of 28 pixels or more, for pictures of 224."""
SHIPPED = Path(__file__).parent.parent / "weights" / "efficientnet-lite0.safetensors"


class _Conv(nn.Conv2d):
    """Convolution padded as TensorFlow does it, where these weights come from: the odd pixel at the end."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels_in, channels, kernel, stride, groups=groups)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((math.ceil(side / stride) - 1) * stride + kernel - side, 0) for side in input.shape[-2:])
        if height % 2 == 0 and width % 2 == 0:
            return F.conv2d(input, self.weight, self.bias, self.stride, (height // 2, width // 2), groups=self.groups)
        if height % 2 and width % 2:
            # The odd pixel at the end comes to the same as a kernel with a zero row and column before its own, and even
            # padding: kernels are small, feature maps are not.
            wider = F.pad(self.weight, (1, 0, 1, 0))
            return F.conv2d(input, wider, self.bias, stride, (height // 2 + 1, width // 2 + 1), groups=self.groups)
        padded = F.pad(input, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def _relu6(x: Tensor) -> Tensor:
    # In place: with feature maps of megabytes, fetching new memory takes longer than the comparison.
    return F.relu6(x, inplace=True)


class _Block(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where the shape stays."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = channels_in * expansion
        self.expand = _Conv(channels_in, middle, 1) if expansion > 1 else None
        self.depthwise = _Conv(middle, middle, kernel, stride, middle)
        self.project = _Conv(middle, channels, 1)
        self.has_shortcut = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else _relu6(self.expand(x))
        y = self.project(_relu6(self.depthwise(y)))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Module):
    """Global mean of the last feature map; 1280 numbers a picture.

    References:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the
        variant without squeeze-and-excitation and with ReLU6.
    """

    channels = 1280

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        channels = 32
        for kernel, stride, expansion, wanted, count in _STAGES:
            for index in range(count):
                blocks.append(_Block(channels, wanted, kernel, stride if index == 0 else 1, expansion))
                channels = wanted
        self.blocks = nn.Sequential(*blocks)
        self.head = _Conv(channels, self.channels, 1)

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1280"]:
        """Encode RGB pictures with values from 0 to 255."""
        # The large maps of the first blocks pass through picture by picture, which a processor's cache can hold.
        size = 1 if pictures.device.type == "cpu" else len(pictures)
        parts = pictures.split(size)  # type: ignore[no-untyped-call]
        early = [self.blocks[:_LARGE](_relu6(self.stem((part - 127) / 128))) for part in parts]
        features: Tensor = _relu6(self.head(self.blocks[_LARGE:](torch.cat(early)))).mean(dim=(2, 3))
        return features


def load_efficientnet_lite0(device: torch.device | str = "cpu") -> EfficientNetLite0:
    """Build the network with the weights that ship, frozen and in evaluation mode."""
    network = EfficientNetLite0()
    tensors, _ = weights.load(SHIPPED)
    weights.load_into(network, {name: value.float() for name, value in tensors.items()})
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
