"""EfficientNet-Lite0: a fast encoder for synthesis, and the features that sets of images are compared by."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.networks.padding import pad
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
# Of the levels: channels, pixels between positions, and pixels seen beyond, with a stem of stride 1.
_LEVELS = {"stem": (32, 1, 1), "block0": (32, 1, 2), "block1": (96, 2, 3), "block3": (144, 4, 11)}
_PYRAMID = (1, 2, 4)


def _rectified(x: Tensor) -> Tensor:
    """ReLU6 of what nothing else needs: in place, since these maps are large and memory is what takes the time."""
    return F.relu6(x, inplace=True)


class _Convolution(nn.Conv2d):
    """A convolution whose batch norm is folded in, padded as TensorFlow does it: the odd pixel at the end.

    Where it pads with something else than zeros, a side of odd length is treated like the even one below: then the
    positions of a piece of a picture lie where those of the whole lie.
    """

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels_in, channels, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel_size[0] > 1:
            return super().forward(x)
        # A product of matrices where the channels of a position lie together; torch's own way is slower. It is a view,
        # and what changes a view in place is copied for the gradient.
        product: Tensor = F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
        return product.permute(0, 3, 1, 2)

    def padded(self, x: Tensor, padding: str, stride: int | None = None) -> Tensor:
        step, kernel = stride or self.stride[0], self.kernel_size[0]
        if kernel == 1:
            return x
        height = width = kernel - step
        if padding == "constant":
            height, width = (max((math.ceil(side / step) - 1) * step + kernel - side, 0) for side in x.shape[-2:])
        return pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), padding)

    def apply_padded(self, x: Tensor, padding: str, stride: int | None = None) -> Tensor:
        x = self.padded(x, padding, stride)
        return F.conv2d(x, self.weight, self.bias, stride or self.stride[0], groups=self.groups)


class _Block(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where the shape stays."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = channels_in * expansion
        if expansion > 1:
            self.expand = _Convolution(channels_in, middle, 1)
        self.depthwise = _Convolution(middle, middle, kernel, stride, middle)
        self.project = _Convolution(middle, channels, 1)
        self.expands, self.has_shortcut = expansion > 1, stride == 1 and channels_in == channels

    def filtered(self, x: Tensor, padding: str) -> Tensor:
        """Return the rectified output of the depthwise convolution."""
        if not self.expands:
            return _rectified(self.depthwise.apply_padded(x, padding))
        if padding == "constant":
            return _rectified(self.depthwise.apply_padded(F.relu6(self.expand(x)), padding))
        # Copies of pixels may as well be made before the expansion, which has a sixth of the channels; zeros may not.
        return _rectified(self.depthwise(F.relu6(self.expand(self.depthwise.padded(x, padding)))))

    def forward(self, x: Tensor, padding: str) -> Tensor:
        y: Tensor = self.project(self.filtered(x, padding))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Module):
    """Everything of EfficientNet-Lite0 before the classifier, batch norms folded into the convolutions.

    References:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the
        variant without squeeze-and-excitation and with ReLU6.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, 32, 3, 2)
        channels, number = 32, 0
        for kernel, stride, expansion, wanted, count in _STAGES:
            for index in range(count):
                self.add_module(
                    f"block{number}", _Block(channels, wanted, kernel, stride if index == 0 else 1, expansion)
                )
                channels, number = wanted, number + 1
        self.head = _Convolution(channels, 1280, 1)
        self.blocks = number

    def pooled_features(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch 112"], Float[Tensor, "batch 1280"]]:
        """Compute the output of block 10 and that of the head, each averaged over positions, of RGB in [0, 1].

        Zero padding and stride 2 in the stem, as the weights were trained.
        """
        x = ((images * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = middle = _rectified(self.stem.apply_padded(x, "constant"))
        for number in range(self.blocks):
            x = self.get_submodule(f"block{number}")(x, "constant")
            if number == 10:
                middle = x
        return middle.mean(dim=(2, 3)), F.relu6(self.head(x)).mean(dim=(2, 3))


class EarlyBlocks(nn.Module):
    """The first layers of EfficientNet-Lite0 on an image pyramid.

    Levels are ``LAYER@SCALE``: the rectified stem and the depthwise outputs of blocks 0, 1 and 3, on the image, its
    half and its quarter. The stem has stride 1 here; with the 2 it was trained with, lattice noise stays in what is
    synthesised. This choice of levels is ours.

    Args:
        levels: What ``forward`` returns, in its order.

    Raises:
        InputError: A level does not exist.
    """

    levels = tuple(f"{layer}@{scale}" for layer in _LEVELS for scale in _PYRAMID)
    """All there are."""

    def __init__(self, levels: Sequence[str]) -> None:
        super().__init__()
        if unknown := [level for level in levels if level not in self.levels]:
            raise InputError(f"unknown level {', '.join(unknown)}; choose among {', '.join(self.levels)}")
        whole = EfficientNetLite0()
        self.stem = whole.stem
        for number in range(4):
            self.add_module(f"block{number}", whole.get_submodule(f"block{number}"))
        parts = [(*_LEVELS[layer], int(scale)) for layer, scale in (level.split("@") for level in levels)]
        self.wanted = tuple(levels)
        self.widths = tuple(width for width, _, _, _ in parts)
        """Channels of each level."""
        self.strides = tuple(stride * scale for _, stride, _, scale in parts)
        """Pixels between positions of each level."""
        self.reach = max((reach + 1) * scale for _, _, reach, scale in parts)
        """Pixels that a position sees beyond its own, at most."""
        self.scales = sorted({scale for *_, scale in parts})
        deepest = {level.partition("@")[0] for level in levels}
        self.depth = max(index for index, layer in enumerate(_LEVELS) if layer in deepest)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], padding: str
    ) -> tuple[Float[Tensor, "batch _ _ _"], ...]:
        """Compute the levels of normalised images; ``padding`` is ``reflect`` or ``circular``."""
        found = {}
        images = images.contiguous(memory_format=torch.channels_last)
        for scale in self.scales:
            shrunk = F.avg_pool2d(images, scale) if scale > 1 else images
            x = _rectified(self.stem.apply_padded(shrunk, padding, stride=1))
            found[f"stem@{scale}"] = x
            if self.depth >= 1:
                filtered = self._filtered(0, x, padding)
                found[f"block0@{scale}"] = filtered
                x = self._projected(0, filtered)
            if self.depth >= 2:
                filtered = self._filtered(1, x, padding)
                found[f"block1@{scale}"] = filtered
                x = self._projected(1, filtered)
            if self.depth >= 3:
                found[f"block3@{scale}"] = self._filtered(3, self.get_submodule("block2")(x, padding), padding)
        return tuple(found[level] for level in self.wanted)

    def _filtered(self, number: int, x: Tensor, padding: str) -> Tensor:
        block = self.get_submodule(f"block{number}")
        if not isinstance(block, _Block):
            raise TypeError(f"block{number} is no block of EfficientNet-Lite0")
        return block.filtered(x, padding)

    def _projected(self, number: int, filtered: Tensor) -> Tensor:
        projected: Tensor = self.get_submodule(f"block{number}.project")(filtered)
        return projected
