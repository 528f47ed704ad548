import torch
from torch import nn

from openlt.openset.odin import odin_scores


def test_without_a_step_odin_is_the_softmax_at_its_temperature() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    images = torch.randn(5, 3, 2, 2)
    expected = (network(images) / 10).softmax(dim=1).amax(dim=1)
    torch.testing.assert_close(odin_scores(network, images, temperature=10.0, step=0.0), expected)


def test_a_step_raises_confidence_and_leaves_no_gradients_behind() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    images = torch.randn(5, 3, 2, 2)
    still = odin_scores(network, images, temperature=10.0, step=0.0)
    with torch.no_grad():
        assert (odin_scores(network, images, temperature=10.0, step=0.01) > still).all()
    assert all(each.grad is None for each in network.parameters())


def test_the_same_for_a_picture_alone() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    images = torch.randn(5, 3, 2, 2)
    together = odin_scores(network, images, temperature=10.0, step=0.01)
    torch.testing.assert_close(odin_scores(network, images[:1], temperature=10.0, step=0.01), together[:1])
