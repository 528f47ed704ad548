"""Residual networks from 10 to 152 layers, for photographs and for small pictures."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError

Stem = Literal["photo", "small"]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(
        self, pictures: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel_out height_out width_out"]:
        """Add the convolutions' result to the input, or to its projection where the shape changes."""
        x = F.relu(self.bn1(self.conv1(pictures)))
        x = self.bn2(self.conv2(x))
        return F.relu(x + (pictures if self.downsample is None else self.downsample(pictures)))


class Bottleneck(nn.Module):
    """A 3×3 convolution between two 1×1 ones beside a shortcut; the stride is on the 3×3 one."""

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = _shortcut(channels_in, 4 * channels, stride)

    def forward(
        self, pictures: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel_out height_out width_out"]:
        """Add the convolutions' result to the input, or to its projection where the shape changes."""
        x = F.relu(self.bn1(self.conv1(pictures)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return F.relu(x + (pictures if self.downsample is None else self.downsample(pictures)))


def _shortcut(channels_in: int, channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels_in == channels:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


@dataclass(frozen=True)
class _Depth:
    block: type[BasicBlock] | type[Bottleneck]
    layers: tuple[int, int, int, int]


DEPTHS = {
    10: _Depth(BasicBlock, (1, 1, 1, 1)),
    18: _Depth(BasicBlock, (2, 2, 2, 2)),
    34: _Depth(BasicBlock, (3, 4, 6, 3)),
    50: _Depth(Bottleneck, (3, 4, 6, 3)),
    101: _Depth(Bottleneck, (3, 4, 23, 3)),
    152: _Depth(Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """Everything of a residual network before the pooling.

    Parameter names are those of torchvision, so that its weights (without ``fc``) fit.

    Args:
        depth: 10, 18, 34, 50, 101 or 152.
        width: Channels of the first stage; the usual network has 64.
        stem: ``photo`` begins with a 7×7 convolution of stride 2 and a pooling of stride 2; ``small`` with one 3×3
            convolution of stride 1, for pictures of 16 to 64 pixels.

    Raises:
        InputError: If the depth is none of these.

    References:
        He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; ten layers as in Liu et al.,
        CVPR 2019, section 4.
    """

    def __init__(self, depth: int = 10, *, width: int = 64, stem: Stem = "photo") -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise InputError(f"no ResNet of {depth} layers; choose one of {', '.join(map(str, DEPTHS))}")
        block, layers = DEPTHS[depth].block, DEPTHS[depth].layers
        self.stem = stem
        self.channels = 8 * width * block.expansion
        if stem == "photo":
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        else:
            self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for number, blocks in enumerate(layers):
            stage: list[nn.Module] = []
            for index in range(blocks):
                stage.append(block(channels, width * 2**number, stride=2 if number and not index else 1))
                channels = width * 2**number * block.expansion
            self.add_module(f"layer{number + 1}", nn.Sequential(*stage))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0.0, math.sqrt(2 / fan_out))

    def map_size(self, size: int) -> int:
        """Return the height and width of the last map for square pictures of ``size`` pixels."""
        halvings = 5 if self.stem == "photo" else 3
        for _ in range(halvings):
            size = math.ceil(size / 2)
        return size

    def forward(
        self, pictures: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch channel map_height map_width"]:
        """Compute the last feature map, after its ReLU."""
        x = F.relu(self.bn1(self.conv1(pictures)))
        if self.stem == "photo":
            x = F.max_pool2d(x, 3, 2, 1)
        stages: list[Callable[[Tensor], Tensor]] = [getattr(self, f"layer{number}") for number in (1, 2, 3, 4)]
        for stage in stages:
            x = stage(x)
        return x
