import pytest
import torch
import torch.nn.functional as F

from gramtex.networks.random_filters import RandomFilters
from hr_common.errors import InputError


def test_filters_have_no_mean_and_unit_norm() -> None:
    filters = RandomFilters(("wide7",)).get_buffer("filters7")
    torch.testing.assert_close(filters.flatten(1).norm(dim=1), torch.ones(64))
    torch.testing.assert_close(filters.mean(dim=(1, 2, 3)), torch.zeros(64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", ["reflect", "circular"])
def test_the_fourier_transform_gives_what_correlating_gives(padding: str) -> None:
    network, images = RandomFilters(("wide15",)), torch.rand(1, 3, 20, 26)
    padded = F.pad(images, (7, 7, 7, 7), mode=padding)
    torch.testing.assert_close(
        network(images, padding)[0], F.relu(F.conv2d(padded, network.get_buffer("filters15"))), rtol=1e-4, atol=1e-5
    )


def test_a_level_is_the_same_whichever_others_are_asked_for() -> None:
    one, other = RandomFilters(("wide5",)), RandomFilters(("wide3", "wide5"))
    assert torch.equal(one.get_buffer("filters5"), other.get_buffer("filters5"))


def test_filters_wider_than_the_picture_are_refused() -> None:
    with pytest.raises(InputError, match="filters of 55 pixels do not fit an image of 24 x 24"):
        RandomFilters(("wide55",))(torch.rand(1, 3, 24, 24), "circular")
