"""Residual network on single pictures, with the weight names of torchvision's ResNet-18."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from viai.config import Backbone


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016, figure 2)."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or fan_in != fan_out:
            self.downsample = nn.Sequential(nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out))

    def forward(self, features: Float[Tensor, "n channel h w"]) -> Float[Tensor, "n out h2 w2"]:
        """Apply the block; height and width are divided by the stride."""
        inner = self.relu(self.bn1(self.conv1(features)))
        result: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.downsample(features))
        return result


class ResNet(nn.Module):
    """Stem, four stages, mean over a coarse grid and one linear layer.

    The pool adapts to the picture's size; the original 7x7 one fits 224 pixels only. A grid finer
    than one cell keeps where things are, which small networks on small pictures cannot afford to lose.

    Args:
        in_channels: 3 for RGB, 2 for optical flow.
        blocks: Blocks in each of the four stages.
        width: Channels of the first stage; doubled at every stage.
        features: Numbers that come out.
        grid: Cells of the final pool along each side.
    """

    def __init__(self, in_channels: int, blocks: tuple[int, ...], width: int, features: int, grid: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [width * 2**stage for stage in range(4)]
        fan_in = width
        stages: list[nn.Module] = []
        for stage, (count, fan_out) in enumerate(zip(blocks, widths, strict=True)):
            first = BasicBlock(fan_in, fan_out, 1 if stage == 0 else 2)
            stages.append(nn.Sequential(first, *(BasicBlock(fan_out, fan_out, 1) for _ in range(count - 1))))
            fan_in = fan_out
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.fc = nn.Linear(widths[-1] * grid * grid, features)

    def forward(self, pictures: Float[Tensor, "n channel h w"]) -> Float[Tensor, "n feature"]:
        """Describe every picture by one vector."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        vector: Tensor = self.fc(self.pool(features).flatten(1))
        return vector


class ConvNet(nn.Module):
    """Four plain stride-two layers: the backbone of the ``tiny`` preset."""

    def __init__(self, in_channels: int, width: int, features: int, grid: int) -> None:
        super().__init__()
        widths = (in_channels, width, width, 2 * width, 2 * width)
        layers = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
            for a, b in pairwise(widths)
        ]
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.fc = nn.Linear(widths[-1] * grid * grid, features)

    def forward(self, pictures: Float[Tensor, "n channel h w"]) -> Float[Tensor, "n feature"]:
        """Describe every picture by one vector."""
        vector: Tensor = self.fc(self.pool(self.layers(pictures)).flatten(1))
        return vector


def build_backbone(name: Backbone, in_channels: int, width: int, features: int, grid: int) -> nn.Module:
    """Make the network that the configuration names."""
    if name == "convnet":
        return ConvNet(in_channels, width, features, grid)
    blocks = (2, 2, 2, 2) if name == "resnet18" else (1, 1, 1, 1)
    return ResNet(in_channels, blocks, width, features, grid)
