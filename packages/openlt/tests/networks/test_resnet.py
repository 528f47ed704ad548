import pytest
import torch

from hr_common.errors import InputError
from openlt.config import NetworkConfig
from openlt.networks.feature_network import FeatureNetwork, build_backbone
from openlt.networks.modulated_attention import ModulatedAttention
from openlt.networks.resnet import ResNet


def parameters(module: torch.nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def test_the_backbone_of_imagenet_lt_has_the_published_number_of_parameters() -> None:
    assert parameters(FeatureNetwork(NetworkConfig(), 224, attention=False, projection=False)) == 4_905_792


def test_attention_and_projection_bring_it_to_the_published_number() -> None:
    assert parameters(FeatureNetwork(NetworkConfig(), 224, attention=True, projection=True)) == 6_922_865


def test_the_network_of_places_lt_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = FeatureNetwork(NetworkConfig(backbone="resnet152"), 224, attention=True, projection=True)
    assert parameters(network) == 72_501_873


@pytest.mark.parametrize(("channels", "millions"), [(512, 1.754), (2048, 13.31)])
def test_the_attention_alone_has_the_published_number_of_parameters(channels: int, millions: float) -> None:
    with torch.device("meta"):
        assert parameters(ModulatedAttention(channels, 7)) == pytest.approx(millions * 1e6, rel=1e-3)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_parameter_names_and_numbers_are_those_of_torchvision(depth: int) -> None:
    # Its counts with the classifier of 1000 classes, which is no part of the backbone.
    published = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
    with torch.device("meta"):
        network = ResNet(depth)
    assert parameters(network) == published[depth] - 1000 * (network.channels + 1)
    names = set(network.state_dict())
    assert {"conv1.weight", "bn1.running_var", "layer4.0.downsample.0.weight", "layer2.1.conv2.weight"} <= names


@pytest.mark.parametrize(
    ("stem", "size", "cells"), [("photo", 224, 7), ("photo", 100, 4), ("small", 32, 4), ("small", 17, 3)]
)
def test_the_map_has_the_size_that_was_foretold(stem: str, size: int, cells: int) -> None:
    network = ResNet(10, width=2, stem=stem)  # type: ignore[arg-type]
    assert network.map_size(size) == cells
    assert network(torch.randn(2, 3, size, size)).shape == (2, network.channels, cells, cells)


def test_an_unknown_backbone_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"unknown backbone 'vgg'; choose one of resnet10, .*efficientnet-lite0"):
        build_backbone(NetworkConfig(backbone="vgg"))
