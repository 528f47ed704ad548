import pytest

from gramtex.networks.vgg import VGG
from hr_common.errors import InputError


def test_it_has_the_layers_of_vgg16_and_no_more_than_are_needed() -> None:
    network = VGG((2, 2, 3, 3, 3), ("relu1_1", "relu4_1"))
    assert list(network.convolutions) == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1"
    ]  # fmt: skip
    assert network.reach >= 1 + 1 + 1 + 2 * (1 + 1) + 2 + 4 * (1 + 1 + 1) + 4 + 8


def test_a_convolution_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="unknown level relu3_4"):
        VGG((2, 2, 3, 3, 3), ("relu3_4",))
