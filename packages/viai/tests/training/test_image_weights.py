import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from hr_common.errors import InputError
from viai.config import TINY, NetworkConfig
from viai.networks.backbone import build_backbone
from viai.networks.video_encoder import VideoEncoder
from viai.training.image_weights import start_pictures

CONFIG: NetworkConfig = replace(TINY.network, backbone="resnet18", backbone_width=64, backbone_grid=1)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """What torchvision publishes: a network for a thousand classes."""
    return {name: value.clone() for name, value in build_backbone("resnet18", 3, 64, 1000, 1).state_dict().items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_both_networks_begin_with_the_weights_of_the_file(
    suffix: str, published: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / f"resnet18{suffix}"
    if suffix == ".pth":
        torch.save(published, path)
    else:
        save_file(published, path)
    encoder = VideoEncoder(CONFIG)
    start_pictures(encoder, path, CONFIG)
    sight, motion = encoder.frame_network.state_dict(), encoder.flow_network.state_dict()
    deep = next(name for name in published if name.startswith("layer3") and name.endswith("conv2.weight"))
    assert torch.equal(sight[deep], published[deep])
    assert torch.equal(motion[deep], published[deep])
    assert torch.equal(sight["conv1.weight"], published["conv1.weight"])
    mean = published["conv1.weight"].mean(dim=1)
    assert torch.equal(motion["conv1.weight"][:, 0], mean)
    assert torch.equal(motion["conv1.weight"][:, 1], mean)


def test_another_backbone_is_refused_with_the_preset_that_fits(tmp_path: Path) -> None:
    config = TINY.network
    with pytest.raises(InputError, match="of a resnet18 of width 64, and this configuration has a convnet of width 8"):
        start_pictures(VideoEncoder(config), tmp_path / "resnet18.pth", config)


def test_files_of_something_else_are_refused(published: dict[str, Tensor], tmp_path: Path) -> None:
    encoder, path = VideoEncoder(CONFIG), tmp_path / "weights.pth"
    with pytest.raises(InputError, match="cannot read"):
        start_pictures(encoder, path, CONFIG)
    path.write_bytes(b"no weights at all")
    with pytest.raises(InputError, match=r"weights.pth holds no weights that can be read safely"):
        start_pictures(encoder, path, CONFIG)
    torch.save([1, 2, 3], path)
    with pytest.raises(InputError, match="no state dict"):
        start_pictures(encoder, path, CONFIG)
    torch.save({"features.0.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"holds no conv1.weight"):
        start_pictures(encoder, path, CONFIG)
    torch.save({name: value for name, value in published.items() if "layer4" not in name}, path)
    with pytest.raises(InputError, match=r"weights.pth: .*missing: layer4.*expected the ResNet-18 of torchvision"):
        start_pictures(encoder, path, CONFIG)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit",))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for content in (pickle.dumps(Harmful(), protocol=2), None):
        if content is None:
            torch.save({"conv1.weight": Harmful()}, path)
        else:
            path.write_bytes(content)
        with pytest.raises(InputError, match="holds no weights that can be read safely"):
            start_pictures(VideoEncoder(CONFIG), path, CONFIG)
