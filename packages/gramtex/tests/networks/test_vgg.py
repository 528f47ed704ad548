import pytest
import torch
import torch.nn.functional as F

from gramtex.networks.vgg import VGG, halve, pad
from hr_common.errors import InputError


@pytest.mark.parametrize("size", [(8, 8), (9, 11)])
def test_halving_is_average_pooling(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *size)
    torch.testing.assert_close(halve(maps), F.avg_pool2d(maps, 2))


@pytest.mark.parametrize("padding", ["circular", "reflect"])
def test_padding_is_that_of_torch(padding: str) -> None:
    maps = torch.rand(2, 3, 6, 7)
    assert torch.equal(pad(maps, 2, padding), F.pad(maps, (2, 2, 2, 2), mode=padding))


def test_it_has_the_layers_of_vgg16_and_no_more_than_are_needed() -> None:
    network = VGG((2, 2, 3, 3, 3), ("relu1_1", "relu4_1"))
    assert list(network.convolutions) == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1"
    ]  # fmt: skip
    assert network.reach >= 1 + 1 + 1 + 2 * (1 + 1) + 2 + 4 * (1 + 1 + 1) + 4 + 8


def test_a_convolution_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="unknown level relu3_4"):
        VGG((2, 2, 3, 3, 3), ("relu3_4",))
