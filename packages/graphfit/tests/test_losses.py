import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphfit.losses import (
    class_weights,
    compatibility_loss,
    focal_binary_loss,
    focal_loss,
    ranking_loss,
    triplet_loss,
)


@given(st.integers(0, 100))
def test_focal_loss_without_gamma_and_alpha_is_cross_entropy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(7, 6, generator=generator)
    targets = torch.randint(6, (7,), generator=generator)
    torch.testing.assert_close(focal_loss(logits, targets, gamma=0.0), F.cross_entropy(logits, targets))


def test_focal_loss_of_one_case_by_hand() -> None:
    # Two equal logits: p = 1/2, so that the loss is 0.75 · (1/2)² · log 2.
    loss = focal_loss(torch.zeros(1, 2), torch.tensor([1]), gamma=2.0, alpha=torch.tensor([0.25, 0.75]))
    assert float(loss) == pytest.approx(0.75 * 0.25 * math.log(2))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_focal_loss_has_a_finite_gradient_where_it_is_sure(gamma: float, logit: float) -> None:
    logits = torch.tensor([[logit, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0]), gamma=gamma).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_focal_loss_passes_gradcheck() -> None:
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, torch.tensor([0, 2, 1, -1]), gamma=2.0), (logits,))


def test_outfits_of_unknown_style_are_left_out() -> None:
    logits, targets = torch.randn(3, 6), torch.tensor([2, -1, 4])
    known = targets >= 0
    torch.testing.assert_close(focal_loss(logits, targets), focal_loss(logits[known], targets[known]))
    assert float(focal_loss(logits, torch.full((3,), -1))) == 0.0


def test_class_weights_have_mean_one_over_the_classes_that_occur() -> None:
    weights = class_weights(torch.tensor([100, 25, 0, 4]))
    assert float(weights[2]) == 0.0
    assert float(weights.sum()) == pytest.approx(3.0)
    assert float(weights[1] / weights[0]) == pytest.approx(2.0)


def test_compatibility_loss_weighs_real_and_corrupted_alike() -> None:
    one = compatibility_loss(torch.tensor([[1.0, -2.0]]))
    many = compatibility_loss(torch.tensor([[1.0, -2.0, -2.0, -2.0]]))
    torch.testing.assert_close(one, many)
    assert float(one) == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2)


def test_ranking_loss_sees_differences_only() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0]])
    torch.testing.assert_close(ranking_loss(logits), ranking_loss(logits + torch.tensor([[5.0], [-7.0]])))


def test_focal_binary_loss_without_gamma_is_the_compatibility_loss() -> None:
    logits = torch.randn(5, 4)
    torch.testing.assert_close(focal_binary_loss(logits, gamma=0.0), compatibility_loss(logits))


def test_triplet_loss_by_hand() -> None:
    # 1 - 3 + 0.5 < 0; 2 - 1 + 0.5 = 1.5; the mean is 0.75.
    loss = triplet_loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]), margin=0.5)
    assert float(loss) == pytest.approx(0.75)
