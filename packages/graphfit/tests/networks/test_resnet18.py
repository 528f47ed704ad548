from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graphfit.networks.resnet18 import ResNet18, load_resnet18
from hr_common.errors import InputError


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    network = ResNet18()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
    return dict(network.state_dict())


def test_it_has_the_size_of_the_published_network() -> None:
    # 11,689,512 as published, less the classifier of 1,000 classes.
    assert sum(each.numel() for each in ResNet18().parameters()) == 11_689_512 - 513_000
    assert ResNet18().eval()(torch.rand(2, 3, 64, 96) * 255).shape == (2, 512)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_come_from_a_file_and_the_classifier_is_left_out(
    tmp_path: Path, state: dict[str, torch.Tensor], suffix: str
) -> None:
    whole = state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    path = tmp_path / f"resnet18.{suffix}"
    if suffix == "pth":
        torch.save({n: v for n, v in whole.items() if not n.endswith("num_batches_tracked")}, path)
    else:
        save_file(whole, path)
    loaded, name = load_resnet18(path)
    reference = ResNet18().eval()
    reference.load_state_dict(state)
    pictures = torch.rand(1, 3, 64, 64) * 255
    torch.testing.assert_close(loaded(pictures), reference(pictures), atol=1e-5, rtol=1e-4)
    assert name.startswith("resnet18-")
    assert not any(each.requires_grad for each in loaded.parameters())


def test_another_network_is_refused(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other.safetensors: the weights do not fit ResNet18: missing: bn1"):
        load_resnet18(tmp_path / "other.safetensors")
    (tmp_path / "text.pth").write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.pth holds no weights that can be read safely"):
        load_resnet18(tmp_path / "text.pth")
