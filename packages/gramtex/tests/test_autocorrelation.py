import pytest
import torch

from gramtex.autocorrelation import PEAK, AutocorrelationTarget, autocorrelation, secondary_peak
from gramtex.data.procedural import draw
from gramtex.encoders.encoder import image_tensor


def test_lag_zero_is_the_variance() -> None:
    image = torch.rand(2, 20, 30)
    for periodic in (True, False):
        values = autocorrelation(image, (5, 6), periodic=periodic)
        assert values.shape == (2, 11, 7)
        torch.testing.assert_close(values[:, 5, 0], image.flatten(1).var(dim=1, correction=0))


def test_lags_are_what_shifting_by_hand_gives() -> None:
    image = torch.rand(1, 12, 14)
    centred = image - image.mean()
    periodic = autocorrelation(image, (4, 4), periodic=True)
    torch.testing.assert_close(periodic[0, 4 + 2, 3], (centred * centred.roll((-2, -3), (1, 2))).mean())
    overlapping = autocorrelation(image, (4, 4), periodic=False)
    torch.testing.assert_close(overlapping[0, 4 + 2, 3], (centred[0, :-2, :-3] * centred[0, 2:, 3:]).mean())
    torch.testing.assert_close(overlapping[0, 4 - 2, 3], (centred[0, 2:, :-3] * centred[0, :-2, 3:]).mean())


@pytest.mark.parametrize("pattern", ["gingham", "plaid", "stripes", "chevron"])
def test_regular_cloth_has_a_second_peak(pattern: str) -> None:
    assert secondary_peak(image_tensor(draw(pattern))) > PEAK


@pytest.mark.parametrize("pattern", ["camouflage", "speckle", "leopard"])
def test_irregular_cloth_has_none(pattern: str) -> None:
    assert secondary_peak(image_tensor(draw(pattern))) < PEAK


def test_a_flat_picture_has_none() -> None:
    assert secondary_peak(torch.full((3, 40, 40), 0.3)) == 0


def test_the_energy_is_zero_at_the_source_and_falls_towards_it() -> None:
    source = image_tensor(draw("gingham", (48, 48)))
    target = AutocorrelationTarget.of(source, (48, 48))
    assert float(target.energy(source, periodic=False)) < 1e-10
    mixed = [
        float(target.energy(share * source + (1 - share) * torch.rand(3, 48, 48), periodic=False))
        for share in (0.1, 0.6, 0.95)
    ]
    assert mixed[0] > mixed[1] > mixed[2]
