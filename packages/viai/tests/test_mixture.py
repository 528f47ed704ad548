"""The discretised mixture of logistics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import log_softmax, logsumexp
from torch import Tensor

from viai.mixture import discretized_mix_logistic_loss, sample, split_parameters


def parameters_of(weights: list[float], means: list[float], scales: list[float], time: int = 1) -> Tensor:
    """Channels of one constant mixture, in double precision."""
    column = torch.tensor([math.log(w) for w in weights] + means + [math.log(s) for s in scales], dtype=torch.double)
    return column[None, :, None].expand(1, -1, time)


def every_level(levels: int) -> Tensor:
    return torch.linspace(-1, 1, levels, dtype=torch.double)[None]


@given(
    means=st.lists(st.floats(-1.2, 1.2), min_size=3, max_size=3),
    log_scales=st.lists(st.floats(-4.0, 0.0), min_size=3, max_size=3),
    logits=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
)
@settings(max_examples=50, deadline=None)
def test_the_probabilities_of_all_levels_sum_to_one(means, log_scales, logits):
    column = torch.tensor(logits + means + log_scales, dtype=torch.double)[None, :, None].expand(1, -1, 256)
    nll = discretized_mix_logistic_loss(column, every_level(256), levels=256)
    # The density times the width stands for bins of less than 1e-5; their error is far below their mass.
    assert nll.neg().exp().sum().item() == pytest.approx(1.0, abs=2e-5)


def test_the_probabilities_of_all_16_bit_levels_sum_to_one():
    column = parameters_of([0.5, 0.3, 0.2], [-0.4, 0.02, 0.5], [0.02, 0.002, 0.03], 65_536)
    nll = discretized_mix_logistic_loss(column, every_level(65_536))
    # Here every bin below 1e-5 is 3e-5 wide, narrow beside the scales of 2e-3 and more.
    assert nll.neg().exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_one_component_at_the_middle_level_is_worked_by_hand():
    # Three levels, -1, 0 and 1: half a bin is 1/2. With mean 0 and scale 1/2 the bin of the level 0 runs from -1 to 1
    # in units of the scale: sigmoid(1) - sigmoid(-1) = tanh(1/2). The others share the rest.
    nll = discretized_mix_logistic_loss(parameters_of([1.0], [0.0], [0.5], 3), every_level(3), levels=3)
    middle = math.tanh(0.5)
    expected = [-math.log((1 - middle) / 2), -math.log(middle), -math.log((1 - middle) / 2)]
    assert nll[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_it_agrees_with_an_independent_computation_in_scipy():
    generator = np.random.default_rng(3)
    raw = generator.normal(size=(2, 30, 400)) * np.repeat([1.0, 0.4, 1.0], 10)[None, :, None]
    raw[:, 20:] -= 3.0
    target = np.clip(generator.normal(size=(2, 400)) * 0.5, -1, 1)
    target[:, :6] = [-1.0, 1.0, -0.9995, 0.9995, 0.0, 0.5]
    half = 1 / 65_535
    y = target[:, None]
    law = stats.logistic(loc=raw[:, 10:20], scale=np.exp(np.maximum(raw[:, 20:], -7.0)))
    mass = law.cdf(y + half) - law.cdf(y - half)
    with np.errstate(divide="ignore"):
        inside = np.where(mass > 1e-5, np.log(mass), law.logpdf(y) + math.log(2 * half))
    component = np.where(y < -0.999, law.logcdf(y + half), np.where(y > 0.999, law.logsf(y - half), inside))
    expected = -logsumexp(log_softmax(raw[:, :10], axis=1) + component, axis=1)
    found = discretized_mix_logistic_loss(torch.from_numpy(raw), torch.from_numpy(target))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_gradients_agree_with_differences():
    torch.manual_seed(0)
    raw = torch.randn(2, 9, 6, dtype=torch.double)
    raw[:, 6:] -= 2.0
    target = torch.tensor([[-1.0, -0.5, 0.0, 0.3, 0.9995, 1.0]], dtype=torch.double).repeat(2, 1)
    assert torch.autograd.gradcheck(
        lambda p: discretized_mix_logistic_loss(p, target, levels=256), raw.requires_grad_()
    )


@pytest.mark.parametrize("target", [-1.0, -0.3, 0.0, 0.9, 1.0])
@pytest.mark.parametrize("mean", [-50.0, 0.0, 0.9, 50.0])
@pytest.mark.parametrize("log_scale", [-40.0, -7.0, 0.0, 10.0])
def test_loss_and_gradients_are_finite_far_out(target, mean, log_scale):
    raw = torch.tensor([0.0, 20.0, mean, 0.0, log_scale, -3.0])[None, :, None].requires_grad_()
    nll = discretized_mix_logistic_loss(raw, torch.tensor([[target]]))
    (gradient,) = torch.autograd.grad(nll.sum(), raw)
    assert torch.isfinite(nll).all()
    assert torch.isfinite(gradient).all()


def test_scales_are_raised_to_the_smallest():
    narrow, smallest = parameters_of([1.0], [0.0], [1e-9]), parameters_of([1.0], [0.0], [math.exp(-5.0)])
    target = torch.full((1, 1), 0.01, dtype=torch.double)
    torch.testing.assert_close(
        discretized_mix_logistic_loss(narrow, target, min_log_scale=-5.0),
        discretized_mix_logistic_loss(smallest, target, min_log_scale=-20.0),
    )


def test_samples_follow_the_likelihood():
    count, levels = 100_000, 256
    column = parameters_of([0.5, 0.3, 0.2], [-0.3, 0.1, 0.95], [0.05, 0.02, 0.1], levels)
    expected = discretized_mix_logistic_loss(column, every_level(levels), levels=levels)[0].neg().exp() * count
    noise = torch.rand(1, count, 2, dtype=torch.double, generator=torch.Generator().manual_seed(5))
    drawn = sample(column[..., :1].expand(-1, -1, count), noise)[0]
    observed = torch.bincount(((drawn + 1) / 2 * (levels - 1)).round().long(), minlength=levels).double()
    often = expected >= 10
    observed = torch.cat((observed[often], observed[~often].sum()[None]))
    expected = torch.cat((expected[often], expected[~often].sum()[None]))
    assert stats.chisquare(observed.numpy(), (expected * count / expected.sum()).numpy()).pvalue > 0.01


def test_one_draw_is_worked_by_hand():
    # The weights are 1/4 and 3/4, so 0.3 chooses the second component; its median plus the scale times
    # log(0.8 / 0.2) = log(4) is the sample.
    column = parameters_of([0.25, 0.75], [-0.5, 0.2], [0.1, 0.05])
    noise = torch.tensor([[[0.3, 0.8]]], dtype=torch.double)
    assert sample(column, noise).item() == pytest.approx(0.2 + 0.05 * math.log(4))
    assert sample(column, noise, temperature=0.5).item() == pytest.approx(0.2 + 0.025 * math.log(4))
    assert sample(column, noise, temperature=0.0).item() == pytest.approx(0.2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_at_the_very_edge_gives_samples_in_range(dtype):
    column = parameters_of([0.5, 0.5], [-0.9, 0.9], [0.3, 0.3], 4).to(dtype)
    noise = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]], dtype=dtype)
    assert sample(column, noise).tolist() == [[-1.0, 1.0, -1.0, 1.0]]


def test_channels_that_are_no_multiple_of_three_are_refused():
    with pytest.raises(ValueError, match="31 channels"):
        split_parameters(torch.zeros(1, 31, 1))
