import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from openlt import losses
from openlt.losses import DiscriminativeCentroidsLoss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]])
LABELS = torch.tensor([0, 2])
COUNTS = torch.tensor([100, 10, 1])


def test_focal_weighs_the_cross_entropy_of_a_sure_picture_down() -> None:
    # Two logits 0: p = 1/2 for either class, so -(1/2)^2 log(1/2).
    assert float(losses.focal(torch.zeros(1, 2), torch.tensor([0]))) == pytest.approx(0.25 * math.log(2))


def test_focal_without_exponent_is_cross_entropy() -> None:
    torch.testing.assert_close(losses.focal(LOGITS, LABELS, gamma=0.0), F.cross_entropy(LOGITS, LABELS))


def test_focal_has_a_finite_gradient_where_the_probability_is_one() -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    losses.focal(logits, torch.tensor([0]), gamma=0.5).backward()
    assert bool(logits.grad is not None and logits.grad.isfinite().all())


def test_balanced_softmax_multiplies_every_exponential_by_its_count() -> None:
    weighted = LOGITS.exp() * COUNTS
    expected = -(weighted.gather(1, LABELS[:, None]).squeeze(1) / weighted.sum(dim=1)).log().mean()
    torch.testing.assert_close(losses.balanced_softmax(LOGITS, LABELS, COUNTS), expected)


def test_logit_adjustment_of_strength_one_is_balanced_softmax() -> None:
    adjusted = losses.logit_adjustment(LOGITS, LABELS, COUNTS, tau=1.0)
    torch.testing.assert_close(adjusted, losses.balanced_softmax(LOGITS, LABELS, COUNTS))


def test_logit_adjustment_of_strength_zero_is_cross_entropy() -> None:
    adjusted = losses.logit_adjustment(LOGITS, LABELS, COUNTS, tau=0.0)
    torch.testing.assert_close(adjusted, F.cross_entropy(LOGITS, LABELS))


def test_ldam_gives_the_smallest_class_the_largest_margin() -> None:
    # 16^(-1/4) = 1/2 and 1^(-1/4) = 1, scaled so that the larger is 0.5.
    torch.testing.assert_close(losses.ldam_margins(torch.tensor([16, 1])), torch.tensor([0.25, 0.5]))


def test_ldam_lowers_the_true_class_alone() -> None:
    margins = torch.tensor([0.1, 0.2, 0.5])
    lowered = LOGITS - torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 15.0]])
    torch.testing.assert_close(losses.ldam(LOGITS, LABELS, margins), F.cross_entropy(lowered, LABELS))


def test_effective_number_weights_of_single_pictures_are_one() -> None:
    torch.testing.assert_close(losses.effective_number_weights(torch.tensor([1, 1, 1])), torch.ones(3))


def test_effective_number_weights_follow_the_formula() -> None:
    raw = torch.tensor([(1 - 0.9) / (1 - 0.9**n) for n in (100, 10, 1)])
    torch.testing.assert_close(losses.effective_number_weights(COUNTS, beta=0.9), raw * 3 / raw.sum())


def test_class_balanced_multiplies_each_picture_by_the_weight_of_its_class() -> None:
    weights = torch.tensor([1.0, 2.0, 3.0])
    each = F.cross_entropy(LOGITS, LABELS, reduction="none")
    torch.testing.assert_close(losses.class_balanced(LOGITS, LABELS, weights), (each[0] + 3 * each[1]) / 2)


def lifted_by_loops(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The definition, pair by pair."""
    count, total, pairs = len(labels), torch.zeros(()), 0
    for i in range(count):
        for j in range(i + 1, count):
            if labels[i] != labels[j]:
                continue
            strangers = sum(
                torch.exp(margin - (features[one] - features[other]).norm())
                for one in (i, j)
                for other in range(count)
                if labels[other] != labels[one]
            )
            value = torch.log(torch.as_tensor(strangers)) + (features[i] - features[j]).norm()
            total, pairs = total + value.clamp_min(0) ** 2, pairs + 1
    return total / (2 * pairs)


def test_lifted_is_its_definition_pair_by_pair() -> None:
    features, labels = torch.randn(9, 4), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    torch.testing.assert_close(losses.lifted(features, labels, margin=2.0), lifted_by_loops(features, labels, 2.0))


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 1, 1], [0]])
def test_lifted_without_pairs_or_strangers_is_zero_with_a_gradient(labels: list[int]) -> None:
    features = torch.randn(len(labels), 4, requires_grad=True)
    loss = losses.lifted(features, torch.tensor(labels))
    loss.backward()
    assert float(loss.detach()) == 0
    assert bool(features.grad is not None and (features.grad == 0).all())


def test_lifted_has_a_finite_gradient_where_two_pictures_are_the_same() -> None:
    features = torch.zeros(4, 3, requires_grad=True)
    losses.lifted(features, torch.tensor([0, 0, 1, 1])).backward()
    assert bool(features.grad is not None and features.grad.isfinite().all())


def test_range_takes_the_harmonic_mean_of_the_two_largest_distances_of_a_class() -> None:
    # Class 0 at 0, 3 and 4: distances 4, 3, 1; the largest are 4 and 3: 2 / (1/4 + 1/3) = 24/7.
    # Class 1 at 20 and 26: one distance, 6. Centres 7/3 and 23 lie further apart than the margin.
    features = torch.tensor([[0.0], [3.0], [4.0], [20.0], [26.0]])
    loss = losses.range_loss(features, torch.tensor([0, 0, 0, 1, 1]), margin=5.0)
    assert float(loss) == pytest.approx(24 / 7 + 6)


def test_range_pushes_the_two_nearest_centres_apart() -> None:
    # Centres at 0, 2 and 9: the nearest are 2 apart, 3 less than the margin.
    loss = losses.range_loss(torch.tensor([[0.0], [2.0], [9.0]]), torch.tensor([4, 0, 7]), margin=5.0)
    assert float(loss) == pytest.approx(3)


def test_range_has_a_finite_gradient_where_two_pictures_are_the_same() -> None:
    features = torch.zeros(4, 3, requires_grad=True)
    losses.range_loss(features, torch.tensor([0, 0, 1, 1])).backward()
    assert bool(features.grad is not None and features.grad.isfinite().all())


@given(st.permutations(range(8)))
def test_losses_on_features_do_not_depend_on_the_order_of_the_batch(order: list[int]) -> None:
    torch.manual_seed(1)
    features, labels = torch.randn(8, 3), torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])
    for loss in (losses.lifted, losses.range_loss):
        torch.testing.assert_close(loss(features[order], labels[order]), loss(features, labels))


def centroids_loss(centroids: Tensor, **options: float) -> DiscriminativeCentroidsLoss:
    loss = DiscriminativeCentroidsLoss(*centroids.shape, **options)  # type: ignore[arg-type]
    loss.centroids.data.copy_(centroids)
    return loss.to(centroids.dtype)


def test_centroids_loss_of_two_pictures_worked_by_hand() -> None:
    # M = 0, 2, 4; f = 1 (class 0) and 5 (class 2). Attract: (1 + 1) / (2 * 2) = 1/2.
    # Other squared distances: 1, 9 for the first, 25, 9 for the second: 44 / (2 * 3); repel = 10 - 22/3 = 8/3.
    loss = centroids_loss(torch.tensor([[0.0], [2.0], [4.0]]))
    value = loss(torch.tensor([[1.0], [5.0]]), torch.tensor([0, 2]))
    assert float(value.detach()) == pytest.approx(0.5 + 0.01 * 8 / 3)


def test_centroids_are_pulled_regardless_of_the_weight_of_the_loss() -> None:
    # Without repulsion (margin 0): class 0 has f = 1, 3, 2: ((0 - 1) + (0 - 3) + (0 - 2)) / (1 + 3) / 4 = -3/8;
    # class 1 at 2 has f = 5: (2 - 5) / (1 + 1) / 4 = -3/8; class 2 has no picture.
    loss = centroids_loss(torch.tensor([[0.0], [2.0], [4.0]]), margin=0.0)
    features = torch.tensor([[1.0], [3.0], [2.0], [5.0]], requires_grad=True)
    (0.01 * loss(features, torch.tensor([0, 0, 0, 1]))).backward()
    torch.testing.assert_close(loss.centroids.grad, torch.tensor([[-0.375], [-0.375], [0.0]]))
    # The features feel the weight: 0.01 * (f - M) / 4.
    torch.testing.assert_close(features.grad, 0.01 * torch.tensor([[1.0], [3.0], [2.0], [3.0]]) / 4)


def test_features_get_the_true_gradient_of_both_parts() -> None:
    centroids, labels = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 3, 3, 4])

    def both(features: Tensor) -> Tensor:
        pull = losses.attract(features, centroids, labels, torch.bincount(labels, minlength=5))
        return pull - losses.strangeness(features, centroids, labels)

    assert torch.autograd.gradcheck(both, torch.randn(4, 3, dtype=torch.float64, requires_grad=True))


def test_repulsion_equals_the_sum_over_all_pairs() -> None:
    features, centroids, labels = torch.randn(6, 4), torch.randn(7, 4) + 100, torch.tensor([0, 1, 2, 2, 5, 6])
    squares = (features[:, None].double() - centroids[None].double()).square().sum(dim=2)
    squares[torch.arange(6), labels] = 0
    strangeness = losses.strangeness(features, centroids, labels)
    torch.testing.assert_close(strangeness.double(), squares.sum() / 42, rtol=1e-5, atol=0.0)


def test_far_centroids_do_not_repel() -> None:
    loss = centroids_loss(torch.tensor([[0.0], [100.0]]))
    features = torch.tensor([[0.0]], requires_grad=True)
    loss(features, torch.tensor([0])).backward()
    torch.testing.assert_close(features.grad, torch.zeros(1, 1))


def test_paper_form_is_a_hinge_on_distances() -> None:
    # f = 1, M = 0, 3: own 1, other 2: 1 - 2 + 5 = 4.
    loss = centroids_loss(torch.tensor([[0.0], [3.0]]), margin=5.0)
    loss.form = "paper"
    assert float(loss(torch.tensor([[1.0]]), torch.tensor([0])).detach()) == pytest.approx(4.0, abs=1e-5)


def test_centroids_loss_stays_in_single_precision_under_autocast() -> None:
    loss = centroids_loss(torch.randn(4, 8))
    features, labels = torch.randn(3, 8), torch.tensor([0, 1, 2])
    expected = loss(features, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(features, labels)
    torch.testing.assert_close(value, expected, rtol=0.0, atol=0.0)
