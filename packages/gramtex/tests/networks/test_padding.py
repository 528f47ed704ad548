import pytest
import torch
import torch.nn.functional as F

from gramtex.networks.padding import halve, pad


@pytest.mark.parametrize("size", [(8, 8), (9, 11)])
def test_halving_is_average_pooling(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *size, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(halve(maps), F.avg_pool2d(maps, 2))
    assert torch.autograd.gradcheck(halve, maps)


@pytest.mark.parametrize("margins", [(2, 2, 2, 2), (0, 1, 0, 1), (1, 0, 2, 3)])
@pytest.mark.parametrize("padding", ["circular", "reflect"])
def test_padding_is_that_of_torch(padding: str, margins: tuple[int, int, int, int]) -> None:
    maps = torch.rand(2, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.equal(pad(maps, margins, padding), F.pad(maps, margins, mode=padding))
    assert torch.autograd.gradcheck(lambda x: pad(x, margins, padding), maps)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_periodic_maps_keep_their_layout(layout: torch.memory_format) -> None:
    maps = torch.rand(1, 4, 6, 6).contiguous(memory_format=layout).requires_grad_()
    padded = pad(maps, (1, 1, 1, 1), "circular")
    assert padded.is_contiguous(memory_format=layout)
    padded.square().sum().backward()
    assert maps.grad is not None
    assert maps.grad.is_contiguous(memory_format=layout)
