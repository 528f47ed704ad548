import pytest
import torch

from hr_common.errors import InputError
from openlt.baselines.post_hoc import (
    choose_tau,
    nearest_mean,
    prior_corrected,
    require_linear,
    tau_normalised,
    whitened_memory,
)


def linear(weight: list[list[float]], bias: list[float]) -> torch.nn.Linear:
    layer = torch.nn.Linear(len(weight[0]), len(weight))
    layer.weight.data.copy_(torch.tensor(weight))
    layer.bias.data.copy_(torch.tensor(bias))
    return layer


def test_tau_of_one_gives_weights_of_unit_length_and_no_bias() -> None:
    made = tau_normalised(linear([[3.0, 4.0], [0.0, 2.0]], [1.0, -1.0]), 1.0)
    torch.testing.assert_close(made.weight.data, torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
    torch.testing.assert_close(made.bias.data, torch.zeros(2))


def test_tau_of_zero_keeps_the_weights() -> None:
    layer = torch.nn.Linear(3, 2)
    torch.testing.assert_close(tau_normalised(layer, 0.0).weight, layer.weight)


def test_the_tau_with_the_best_validation_accuracy_is_taken() -> None:
    # The long first weight wins everything until its length is divided out: (1, 2) belongs to the second class.
    # 10 * 1 / 10^tau < 2 from tau = 0.7 on: 10^0.3 = 1.995.
    layer = linear([[10.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    tau, made = choose_tau(layer, torch.tensor([[1.0, 2.0], [1.0, 0.5]]), torch.tensor([1, 0]))
    assert tau == pytest.approx(0.7)
    assert (torch.tensor([[1.0, 2.0]]) @ made.weight.T).argmax() == 1


def test_prior_correction_subtracts_the_log_prior() -> None:
    layer, features, counts = torch.nn.Linear(3, 2), torch.randn(4, 3), torch.tensor([90, 10])
    made = prior_corrected(layer, counts, tau=2.0)
    torch.testing.assert_close(made(features), layer(features) - 2 * torch.tensor([0.9, 0.1]).log())


def test_nearest_means_are_those_of_centred_directions() -> None:
    features = torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 6.0]])
    labels = torch.tensor([0, 0, 1])
    made = nearest_mean(features, labels, 3)
    centre = torch.tensor([2.0, 2.0])
    directions = torch.nn.functional.normalize(features - centre)
    torch.testing.assert_close(made.means[0], (directions[0] + directions[1]) / 2)
    torch.testing.assert_close(made.means[1], directions[2])
    # A class without pictures has its mean in the middle, and no picture is at home there.
    torch.testing.assert_close(made.means[2], torch.zeros(2))
    assert made(features).argmax(dim=1).tolist() == [0, 0, 1]


def lengthened(count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes that differ in a small direction, beside one in which all pictures differ greatly."""
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([20.0, 0.3])
    labels = torch.arange(count) % 2
    return noise + torch.stack([torch.zeros(count), 2.0 * labels - 1], dim=1), labels


def test_the_whitened_memory_does_not_see_what_varies_within_classes() -> None:
    features, labels = lengthened()
    made = whitened_memory(features, labels, torch.tensor([200, 200]), tau=0.0, scale=8.0, shrinkage=0.0)
    assert (made(features).argmax(dim=1) == labels).float().mean() > 0.99
    plain = nearest_mean(features, labels, 2)
    assert (plain(features).argmax(dim=1) == labels).float().mean() < 0.7


def test_whitened_features_have_the_identity_for_their_covariance_within_classes() -> None:
    mixing = torch.tensor([[2.0, 0.5, 0.0], [0.0, 1.0, -0.7], [0.3, 0.0, 0.2]])
    labels = torch.arange(300) % 3
    features = torch.randn(300, 3, generator=torch.Generator().manual_seed(1)) @ mixing + 5 * torch.eye(3)[labels]
    made = whitened_memory(features, labels, torch.tensor([100] * 3), tau=0.0, scale=8.0, shrinkage=0.0)
    whitened = (features - made.centre) @ made.whitening
    means = torch.stack([whitened[labels == label].mean(dim=0) for label in range(3)])
    rest = whitened - means[labels]
    torch.testing.assert_close(rest.mT @ rest / 300, torch.eye(3), atol=1e-4, rtol=0)


def test_the_whitened_memory_takes_off_a_share_of_the_log_prior() -> None:
    features, labels = lengthened()
    counts = torch.tensor([90, 10])
    fair = whitened_memory(features, labels, counts, tau=0.0, scale=8.0)
    shifted = whitened_memory(features, labels, counts, tau=0.5, scale=8.0)
    torch.testing.assert_close(shifted(features), fair(features) - 0.5 * torch.tensor([0.9, 0.1]).log())
    assert fair(features).abs().max() <= 8.0 + 1e-5


def test_the_whitened_memory_does_with_fewer_pictures_than_features_and_with_equal_ones() -> None:
    few = whitened_memory(torch.randn(3, 8), torch.tensor([0, 0, 1]), torch.tensor([2, 1, 0]), tau=0.25, scale=8.0)
    same = whitened_memory(torch.ones(4, 3), torch.tensor([0, 1, 0, 1]), torch.tensor([2, 2]), tau=0.25, scale=8.0)
    # A class without pictures has no direction; nothing is similar to it.
    torch.testing.assert_close(few.memory[2], torch.zeros(8))
    assert few(torch.randn(5, 8)).isfinite().all()
    assert same(torch.ones(2, 3)).isfinite().all()


def test_another_classifier_than_a_linear_one_is_refused() -> None:
    with pytest.raises(InputError, match="post_hoc=tau-norm changes a linear classifier, not a ReLU"):
        require_linear(torch.nn.ReLU(), "tau-norm")
