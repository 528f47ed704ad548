import pytest
import torch

from viai.config import Backbone
from viai.networks.backbone import BasicBlock, ConvNet, build_backbone


def torchvision_names() -> set[str]:
    """Names in the state dictionary of torchvision.models.resnet18."""

    def norm(name: str) -> set[str]:
        parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return {f"{name}.{part}" for part in parts}

    names = {"conv1.weight", "fc.weight", "fc.bias"} | norm("bn1")
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            prefix = f"layer{layer}.{block}"
            for number in (1, 2):
                names |= {f"{prefix}.conv{number}.weight"} | norm(f"{prefix}.bn{number}")
        if layer > 1:
            names |= {f"layer{layer}.0.downsample.0.weight"} | norm(f"layer{layer}.0.downsample.1")
    return names


def test_the_big_network_is_the_usual_one() -> None:
    with torch.device("meta"):
        network = build_backbone("resnet18", 3, 64, 1_000, 1)
    assert set(network.state_dict()) == torchvision_names()
    # The published number of weights of ResNet-18 for a thousand classes.
    assert sum(weights.numel() for weights in network.parameters()) == 11_689_512


@pytest.mark.parametrize(
    ("name", "width", "grid", "size", "channels"),
    [("resnet18", 64, 1, 224, 3), ("resnet18", 64, 1, 224, 2), ("resnet10", 16, 2, 64, 2), ("convnet", 8, 1, 32, 3)],
)
def test_a_picture_becomes_a_vector(name: Backbone, width: int, grid: int, size: int, channels: int) -> None:
    with torch.device("meta"):
        network = build_backbone(name, channels, width, 256, grid)
        assert network(torch.empty(3, channels, size, size)).shape == (3, 256)


def test_pictures_of_another_size_fit() -> None:
    network = build_backbone("resnet10", 3, 4, 5, 1).eval()
    for size in (32, 61, 96):
        assert network(torch.rand(1, 3, size, size)).shape == (1, 5)


def test_a_block_without_weights_is_its_shortcut() -> None:
    block = BasicBlock(4, 4, 1).eval()
    with torch.no_grad():
        block.conv2.weight.zero_()
    features = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(features), features.relu())


def test_a_block_with_stride_halves_the_picture() -> None:
    assert BasicBlock(4, 8, 2)(torch.rand(2, 4, 6, 10)).shape == (2, 8, 3, 5)


def test_a_finer_grid_keeps_where_things_are() -> None:
    left = torch.zeros(1, 3, 64, 64)
    left[..., 16:48, 8:24] = 1
    right = torch.zeros(1, 3, 64, 64)
    right[..., 16:48, 40:56] = 1

    def difference(grid: int) -> float:
        network = ConvNet(3, 8, 16, grid).eval()
        with torch.no_grad():
            network.fc.bias.zero_()
            first, second = network(left), network(right)
        return float((first - second).norm() / first.norm())

    assert sum(difference(2) for _ in range(5)) > 1.5 * sum(difference(1) for _ in range(5))


@pytest.mark.parametrize("name", ["resnet10", "convnet"])
def test_a_picture_is_described_by_itself(name: Backbone) -> None:
    network = build_backbone(name, 3, 4, 5, 1).eval()
    pictures = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(network(pictures)[1:2], network(pictures[1:2]))
