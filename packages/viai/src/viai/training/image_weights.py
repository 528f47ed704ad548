"""Weights of a ResNet-18 trained on ImageNet, as torchvision publishes them, for the pictures of VIAI-AV."""

from pathlib import Path

from torch import Tensor

from hr_common import weights
from hr_common.errors import InputError
from viai.config import NetworkConfig
from viai.networks.video_encoder import VideoEncoder

_FIRST = "conv1.weight"
_PUBLISHED = ("resnet18", 64)


def start_pictures(encoder: VideoEncoder, path: Path, config: NetworkConfig) -> None:
    """Let the networks for pictures and for flow begin with the weights of a file.

    Args:
        encoder: The visual encoder; changed in place.
        path: ``resnet18-….pth`` of torchvision, or its tensors under the same names as ``.safetensors``. Nothing but
            tensors is unpickled.
        config: What the encoder was built from.

    Raises:
        InputError: The file cannot be read, or is not of a network of this kind and width.
    """
    if (config.backbone, config.backbone_width) != _PUBLISHED:
        raise InputError(
            f"--image-weights are of a {_PUBLISHED[0]} of width {_PUBLISHED[1]}, and this configuration has a "
            f"{config.backbone} of width {config.backbone_width}; use --preset paper"
        )
    tensors = _tensors(path)
    try:
        encoder.load_imagenet(tensors)
    except InputError as error:
        raise InputError(f"{path}: {error}; expected the ResNet-18 of torchvision") from None


def _tensors(path: Path) -> dict[str, Tensor]:
    found = weights.read_state_dict(path)
    if _FIRST not in found:
        raise InputError(f"{path} holds no {_FIRST}, so it is of no ResNet under torchvision's names")
    return found
