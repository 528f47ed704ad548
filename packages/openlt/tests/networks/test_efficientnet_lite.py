import pytest
import torch

from hr_common.errors import InputError
from openlt.networks.efficientnet_lite import EfficientNetLite0, load_in_order


def numbers(network: EfficientNetLite0) -> dict[str, torch.Tensor]:
    """Weights under other names, as a foreign file has them."""
    return {
        f"x{number}.{name.rpartition('.')[2]}": value
        for number, (name, value) in enumerate(network.state_dict().items())
    }


def test_it_has_the_published_number_of_weights() -> None:
    # 4.652 million parameters with the classifier of 1000 classes, 1,281,000 of them.
    assert sum(each.numel() for each in EfficientNetLite0().parameters()) == 4_652_008 - 1_281_000


@pytest.mark.parametrize("size", [64, 33])
def test_the_map_has_the_size_that_was_foretold(size: int) -> None:
    network = EfficientNetLite0().eval()
    cells = network.map_size(size)
    with torch.inference_mode():
        assert network(torch.randn(1, 3, size, size)).shape == (1, 1280, cells, cells)


def test_weights_of_the_same_order_under_other_names_are_taken() -> None:
    source, target = EfficientNetLite0(), EfficientNetLite0()
    given = {**numbers(source), "fc.weight": torch.zeros(1000, 1280), "fc.bias": torch.zeros(1000)}
    load_in_order(target, given)
    for name, value in source.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value)


def test_weights_with_the_norms_folded_in_are_taken() -> None:
    target = EfficientNetLite0().eval()
    pairs = [
        (layer.weight, torch.randn(len(layer.weight)))
        for layer in target.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    load_in_order(
        target,
        {f"{number}.{kind}": each for number, pair in enumerate(pairs) for kind, each in zip("wb", pair, strict=True)},
    )
    pictures = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        before = torch.nn.functional.pad(pictures * target.scale + target.shift, (0, 1, 0, 1))
        expected = torch.nn.functional.relu6(torch.nn.functional.conv2d(before, pairs[0][0], pairs[0][1], stride=2))
        torch.testing.assert_close(target.first(pictures * target.scale + target.shift), expected)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(InputError, match="layer 0 does not fit EfficientNet-Lite0"):
        load_in_order(EfficientNetLite0(), {f"a{number}": torch.zeros(3) for number in range(300)})


def test_pictures_are_normalised_as_the_weights_expect() -> None:
    network = EfficientNetLite0()
    grey = torch.full((1, 3, 1, 1), 127 / 255)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    normalised = (grey - mean) / deviation
    torch.testing.assert_close(normalised * network.scale + network.shift, torch.zeros(1, 3, 1, 1), rtol=0, atol=1e-6)
