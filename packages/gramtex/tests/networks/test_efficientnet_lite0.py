import torch

from gramtex.networks.efficientnet_lite0 import EfficientNetLite0


def test_it_has_the_published_number_of_weights() -> None:
    # 4,652,008 with the classifier of 1,281,000. Folding turns the two numbers a channel of each norm into one bias.
    network = EfficientNetLite0()
    channels = sum(
        each.bias.numel() for each in network.modules() if isinstance(each, torch.nn.Conv2d) and each.bias is not None
    )
    assert sum(each.numel() for each in network.parameters()) == 4_652_008 - 1_281_000 - channels
