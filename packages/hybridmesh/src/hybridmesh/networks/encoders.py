"""Encoders: from a picture or a map of correspondence to one vector."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_GROUP = 8  # channels that a norm of the small encoder looks at together


class ConvEncoder(nn.Module):
    """Four convolutions with stride 2, each with twice as many channels; for a CPU.

    With ``cells`` greater than 1 the last map is averaged over as many cells each way and not as a whole, so that the
    vector still says where things are. Norms look at one sample, so that what several processes learn together is what
    one learns, and a network that is used is the network that was trained. All of it is our choice.

    Args:
        channels: Of the input.
        width: Channels of the first convolution; a multiple of 8.
        cells: Cells each way of the last map.
    """

    def __init__(self, channels: int, *, width: int = 32, cells: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for stage in range(4):
            after = width * 2**stage
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.GroupNorm(after // _GROUP, after), nn.ReLU()]
            before = after
        self.layers = nn.Sequential(*layers)
        self.cells = cells
        self.size = before * cells**2

    def forward(self, pictures: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch feature"]:
        """Encode."""
        x: Tensor = self.layers(pictures)
        if x.shape[2:] != (self.cells, self.cells):
            x = F.adaptive_avg_pool2d(x, self.cells)
        return x.flatten(1)


class _Block(nn.Module):
    expansion: int

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        after = channels * self.expansion
        self.downsample = (
            nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            if stride > 1 or before != after
            else None
        )

    def shortcut(self, x: Tensor) -> Tensor:
        """The input, brought to the shape of the output."""
        return x if self.downsample is None else self.downsample(x)


class BasicBlock(_Block):
    """Two 3×3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__(before, channels, stride)
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Float[Tensor, "batch before height width"]) -> Float[Tensor, "batch after h w"]:
        """Add the convolutions to the input."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Bottleneck(_Block):
    """A 3×3 convolution between two 1×1 ones beside a shortcut; the stride is on the 3×3 one, as in torchvision."""

    expansion = 4

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__(before, channels, stride)
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)

    def forward(self, x: Float[Tensor, "batch before height width"]) -> Float[Tensor, "batch after h w"]:
        """Add the convolutions to the input."""
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


_BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    50: (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """A residual network up to its pooled vector: 512 numbers of 18 layers, 2048 of 50. Tensors named as torchvision's.

    References:
        He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    def __init__(self, channels: int, *, depth: int) -> None:
        super().__init__()
        block, counts = _BLOCKS[depth]
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for number, count in enumerate(counts):
            blocks = []
            for place in range(count):
                blocks.append(block(before, 64 * 2**number, 2 if number and place == 0 else 1))
                before = 64 * 2**number * block.expansion
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.size = before
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch feature"]:
        """Encode; of any size, since the average is over what there is (the paper's code pools 7×7)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean((2, 3))
