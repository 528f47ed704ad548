import numpy as np
import pytest
import torch
import torch.nn.functional as F

from graphfit.networks.efficientnet_lite0 import EfficientNetLite0, _Conv, load_efficientnet_lite0


def test_it_has_the_size_of_the_published_network() -> None:
    # 4,652,008 as published, less the classifier; batch norms fold their four numbers a channel into one bias.
    folded = EfficientNetLite0()
    channels = sum(each.out_channels for each in folded.modules() if isinstance(each, _Conv))
    assert sum(each.numel() for each in folded.parameters()) + channels == 4_652_008 - 1_281_000


@pytest.mark.parametrize(("side", "kernel", "stride"), [(224, 3, 2), (7, 5, 2), (14, 3, 2), (9, 5, 1)])
def test_padding_is_that_of_tensorflow(side: int, kernel: int, stride: int) -> None:
    layer = _Conv(1, 1, kernel, stride)
    picture = torch.randn(1, 1, side, side)
    outputs = -(-side // stride)
    missing = max((outputs - 1) * stride + kernel - side, 0)
    expected = F.conv2d(
        F.pad(picture, (missing // 2, missing - missing // 2) * 2), layer.weight, layer.bias, stride=stride
    )
    assert expected.shape[-1] == outputs
    torch.testing.assert_close(layer(picture), expected)


def test_the_shipped_weights_tell_pictures_apart_and_batches_change_nothing() -> None:
    network = load_efficientnet_lite0()
    canvas = np.linspace(0, 255, 224, dtype=np.float32)
    pictures = torch.stack([
        torch.from_numpy(np.broadcast_to(canvas, (3, 224, 224)).copy()),
        torch.full((3, 224, 224), 127.0),
    ])  # fmt: skip
    together = network(pictures)
    torch.testing.assert_close(together[:1], network(pictures[:1]), atol=1e-4, rtol=1e-4)
    assert (together >= 0).all()
    assert float((together[0] - together[1]).abs().max()) > 0.5
