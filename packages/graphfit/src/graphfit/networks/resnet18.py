"""ResNet-18 as picture encoder, with weights that the user has: a file of torchvision's names."""

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hr_common import weights
from hr_common.errors import InputError


class _Block(nn.Module):
    """Two 3×3 convolutions with a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if stride > 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """Global mean of the last feature map; 512 numbers a picture.

    References:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1.
    """

    channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for stage, (channels_in, channels) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
            blocks = _Block(channels_in, channels, 1 if stage == 1 else 2), _Block(channels, channels, 1)
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", 255 * mean.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", 255 * deviation.view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 512"]:
        """Encode RGB pictures with values from 0 to 255."""
        x = F.relu(self.bn1(self.conv1((pictures - self.mean) / self.deviation)))
        x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean(dim=(2, 3))


def load_resnet18(path: Path, device: torch.device | str = "cpu") -> tuple[ResNet18, str]:
    """Build the network with weights from a file, frozen and in evaluation mode.

    Args:
        path: A state dict with torchvision's names, as ``.safetensors`` or as a file of ``torch.save`` that holds
            tensors alone. The classifier in it is not used.
        device: Where it computes.

    Returns:
        The network, and an id that follows from the file's contents.

    Raises:
        InputError: The file is unreadable, or its tensors are not those of a ResNet-18.
    """
    tensors = weights.read_state_dict(path)
    own = {name: value.float() for name, value in tensors.items() if not name.startswith("fc.")}
    network = ResNet18()
    # The counters of batch norm are not needed to compute; old files lack them.
    counters = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    try:
        weights.load_into(network, counters | {n: v for n, v in own.items() if n not in counters})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False), f"resnet18-{digest}"
