import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.losses import discriminator_loss, hinge_discriminator_loss, imq_mmd, matching_loss, reconstruction_loss


def test_the_reconstruction_loss_is_the_mean_squared_norm_of_each_level() -> None:
    target = [torch.zeros(2, 3), torch.zeros(2, 2, 2)]
    made = [torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 2.0]]), torch.ones(2, 2, 2)]
    assert reconstruction_loss(made, target).tolist() == [4.5, 4.0]


def test_the_discrepancy_of_two_pairs_worked_by_hand() -> None:
    # One dimension: C_s = 2 s. x = {0, 1}, y = {0, 2}; k(d²) = Σ_s C_s / (C_s + d²).
    def k(squared: float) -> float:
        return sum(2 * s / (2 * s + squared) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    expected = k(1) + k(4) - 2 * (k(0) + k(4) + k(1) + k(1)) / 4
    value = imq_mmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]]))
    assert float(value) == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_the_discrepancy_is_symmetric_and_blind_to_order(seed: int) -> None:
    x, y = torch.randn(2, 12, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(imq_mmd(x, y), imq_mmd(y, x))
    torch.testing.assert_close(imq_mmd(x.flip(0), y), imq_mmd(x, y))


def test_the_discrepancy_tells_narrow_codes_from_the_prior() -> None:
    x, y, z = torch.randn(3, 300, 8)
    assert abs(float(imq_mmd(x, y))) < 0.05
    assert float(imq_mmd(0.1 * z, y)) > 1


def test_the_discrepancy_has_a_right_gradient() -> None:
    x, y = torch.randn(2, 5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(imq_mmd, (x.requires_grad_(), y))


def test_one_code_is_refused() -> None:
    with pytest.raises(ValueError, match="not 1 and 3"):
        imq_mmd(torch.zeros(1, 2), torch.zeros(3, 2))


def test_a_blind_discriminator_loses_twice_the_log_of_two() -> None:
    blind = torch.zeros(4, 1)
    assert float(discriminator_loss(blind, blind)) == pytest.approx(2 * math.log(2))
    assert float(matching_loss(blind)) == pytest.approx(math.log(2))
    assert float(hinge_discriminator_loss(blind + 2, blind - 2)) == 0


def test_codes_are_drawn_to_where_the_discriminator_sees_the_prior() -> None:
    logits = torch.zeros(3, 1, requires_grad=True)
    matching_loss(logits).backward()
    assert logits.grad is not None
    assert bool((logits.grad < 0).all())  # descending raises the logits
