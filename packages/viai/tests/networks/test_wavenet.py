"""The WaveNet: what depends on what, both ways through the layers, and one sample at a time."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hr_common.device import threads
from viai.config import DESK, PAPER, TINY, WaveNetConfig
from viai.mixture import discretized_mix_logistic_loss, sample
from viai.networks import residual_stack as stack_module
from viai.networks.generation import generate, incremental_parameters
from viai.networks.residual_stack import HALF, residual_stack
from viai.networks.wavenet import ConditioningUpsampler, WaveNet

SMALL = WaveNetConfig(
    layers=4,
    stacks=2,
    residual_channels=6,
    gate_channels=8,
    skip_channels=5,
    mixtures=2,
    dropout=0.0,
    upsample_factors=(2, 2),
    context_frames=1,
)
BANDS = 3


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small operations on two threads take a hundred times as long on a busy machine."""
    with threads(1):
        yield


def network_of(config: WaveNetConfig = SMALL, bands: int = BANDS, dtype: torch.dtype = torch.float64) -> WaveNet:
    """A network in which every weight matters, biases too."""
    torch.manual_seed(1)
    network = WaveNet(config, bands).to(dtype)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.3)
    return network.eval()


def sound_of(batch: int, time: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(batch, time, dtype=dtype, generator=torch.Generator().manual_seed(2)) - 0.5


def mel_of(batch: int, frames: int, bands: int = BANDS, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(batch, bands, frames, dtype=dtype, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("config", "parameters"),
    [(PAPER.wavenet, 30), (DESK.wavenet, 30), (TINY.wavenet, 9)],
    ids=["paper", "desk", "tiny"],
)
def test_every_preset_gives_three_numbers_a_component_and_sample(config, parameters):
    network = WaveNet(config).eval()
    with torch.no_grad():
        out = network(torch.zeros(2, 60), torch.full((2, 80, 2), 0.3))
    assert out.shape == (2, parameters, 60)
    assert torch.isfinite(out).all()


def test_an_output_depends_on_the_samples_before_it_only_as_far_as_the_receptive_field():
    network = network_of(bands=0)
    field = SMALL.receptive_field
    samples = sound_of(1, field + 8).requires_grad_()
    (gradient,) = torch.autograd.grad(network(samples, None)[0, :, field + 3].sum(), samples)
    assert gradient[0, field + 3 :].eq(0).all()
    assert gradient[0, :3].eq(0).all()
    assert gradient[0, 3] != 0
    assert gradient[0, field + 2] != 0


def test_the_receptive_field_of_the_paper_is_505_samples():
    assert PAPER.wavenet.receptive_field == 505
    assert DESK.wavenet.receptive_field == 4093


def test_the_skip_sum_is_the_one_of_the_layers_written_out():
    network = network_of()
    x = sound_of(2, 6 * 40).view(2, 6, 40)
    condition = sound_of(2, 3 * 40).view(2, 3, 40)
    x0, s0 = network.layers[0](x, condition)
    gates = network.layers[0].dilated(nn.functional.pad(x, (2, 0))) + network.layers[0].conditioning(condition)
    gated = gates[:, :4].tanh() * gates[:, 4:].sigmoid()
    torch.testing.assert_close(x0, (x + network.layers[0].residual(gated)) * 0.5**0.5)
    torch.testing.assert_close(s0, network.layers[0].skip(gated))


@pytest.mark.parametrize("bands", [0, BANDS])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_stack_in_pieces_equals_the_chain_of_layers_with_its_gradients(monkeypatch, kernel, bands):
    monkeypatch.setattr(stack_module, "PIECE", 7)
    network = network_of(replace(SMALL, kernel=kernel), bands)
    x = sound_of(2, 6 * 33).view(2, 6, 33).requires_grad_()
    condition = sound_of(2, bands * 33).view(2, bands, 33).requires_grad_() if bands else None
    pieces = residual_stack(
        x.transpose(1, 2),
        None if condition is None else condition.transpose(1, 2),
        *network.gate_matrices(),
        *network.output_matrices(),
        network.config.dilations,
    ).transpose(1, 2)
    chain, total = x, None
    for layer in network.layers:
        chain, skip = layer(chain, condition)
        total = skip if total is None else (total + skip) * HALF
    torch.testing.assert_close(pieces, total, rtol=0, atol=1e-12)

    # The residual output of the last layer leads nowhere.
    wanted = [x, *([] if condition is None else [condition])]
    wanted += [p for name, p in network.layers.named_parameters() if not name.startswith("3.residual")]
    weights = sound_of(2, 5 * 33).view(2, 5, 33)
    for found, expected in zip(
        torch.autograd.grad((pieces * weights).sum(), wanted),
        torch.autograd.grad((total * weights).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_dropout_acts_in_training_only():
    network = network_of(replace(SMALL, dropout=0.5))
    samples, mel = sound_of(1, 40), mel_of(1, 10)
    torch.testing.assert_close(network(samples, mel), network(samples, mel))
    network.train()
    assert not torch.equal(network(samples, mel), network(samples, mel))


def test_autocast_changes_little_and_leaves_single_precision():
    network = network_of(TINY.wavenet, 80, torch.float32)
    samples, mel = sound_of(2, 1600, torch.float32), mel_of(2, 5, 80, torch.float32)
    full = network(samples, mel)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(samples, mel)
    assert half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.1 * full.std()


def test_a_frame_is_strongest_at_the_middle_of_its_window():
    torch.manual_seed(0)
    upsampler = ConditioningUpsampler(80, (4, 4, 4, 5), 3)
    mel = torch.zeros(1, 80, 30)
    mel[:, :, 12] = 1.0
    with torch.no_grad():
        response = (upsampler(mel) - upsampler(torch.zeros_like(mel))).mean(dim=1)[0]
    # Frame 12 covers the samples from 3,840 to 5,120.
    centre = (response * torch.arange(30 * 320)).sum() / response.sum()
    assert abs(centre.item() - 4480) < 20


def test_the_conditioning_starts_as_the_interpolated_mel_spectrogram():
    torch.manual_seed(0)
    upsampler = ConditioningUpsampler(80, (4, 4, 4, 5), 3)
    mel = 0.25 + torch.arange(20).div(40).expand(1, 80, 20)
    with torch.no_grad():
        up = upsampler(mel)[0].mean(dim=0)
    expected = 0.25 + (torch.arange(20 * 320) - 639.5) / 320 / 40
    np.testing.assert_allclose(up[2000:4400], expected[2000:4400], atol=0.05)


def test_frames_far_away_change_nothing():
    network = network_of()
    mel = mel_of(1, 60)
    changed = mel.clone()
    changed[..., : 25 - network.upsampler.margin] += 0.5
    changed[..., 36 + network.upsampler.margin :] += 0.5
    samples = sound_of(1, 40)
    out = network(samples, mel, start=100)
    torch.testing.assert_close(network(samples, changed, start=100), out, rtol=0, atol=0)
    near = mel.clone()
    near[..., 30] += 0.5
    assert not torch.equal(network(samples, near, start=100), out)


def test_a_crop_sees_the_same_conditioning_as_the_whole():
    network = network_of()
    mel = mel_of(2, 40)
    whole = network.condition(mel, 0, 160)
    torch.testing.assert_close(network.condition(mel, 77, 50), whole[..., 77:127])


@pytest.mark.parametrize(
    ("mel", "start", "message"),
    [
        (None, 0, "needs a mel spectrogram of 3 bands; found none"),
        (torch.zeros(1, 4, 10), 0, "found 4 bands"),
        (torch.zeros(1, 3, 9), 0, "outside the 9 mel frames"),
        (torch.zeros(1, 3, 10), 1, "from 1 to 41 lie outside"),
    ],
)
def test_a_spectrogram_that_does_not_fit_is_refused(mel, start, message):
    network = network_of(dtype=torch.float32)
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(1, 40), mel, start=start)


def test_a_network_without_conditioning_refuses_a_spectrogram():
    with pytest.raises(ValueError, match="without conditioning"):
        network_of(bands=0)(sound_of(1, 8), mel_of(1, 2))


def test_twenty_steps_lower_the_loss():
    torch.manual_seed(0)
    network = WaveNet(TINY.wavenet)
    time = torch.arange(1600) / 16_000
    samples = 0.3 * torch.sin(2 * torch.pi * 440 * time)[None]
    mel = torch.full((1, 80, 5), 0.5)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(20):
        loss = discretized_mix_logistic_loss(network(samples, mel), samples).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("bands", [0, BANDS])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("layers", "stacks"), [(1, 1), (4, 1), (4, 2), (6, 3)])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_one_sample_at_a_time_equals_the_full_pass(kernel, layers, stacks, batch, bands, dtype, tolerance):
    config = replace(SMALL, kernel=kernel, layers=layers, stacks=stacks)
    network = network_of(config, bands, dtype)
    samples = sound_of(batch, 96, dtype)
    mel = mel_of(batch, 30, dtype=dtype) if bands else None
    full = network(samples, mel, start=16)
    # Longer than, about as long as and shorter than the receptive field; one sample; none.
    for known in (80, config.receptive_field, config.receptive_field - 1, 5, 1, 0):
        end = known + 48
        stepped = incremental_parameters(
            network, samples[:, :known], mel, samples[:, known:end], start=16, engine="eager"
        )
        assert (stepped - full[..., known:end]).abs().max() <= tolerance


def test_the_past_beyond_the_receptive_field_is_not_looked_at():
    network = network_of()
    past, mel = sound_of(1, 60), mel_of(1, 20)
    other = past.clone()
    other[:, : 60 - SMALL.receptive_field] = torch.nan
    noise = torch.rand(1, 10, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    first = generate(network, past, mel, noise, engine="eager")
    torch.testing.assert_close(generate(network, other, mel, noise, engine="eager"), first, rtol=0, atol=0)


def test_generation_draws_every_sample_from_the_full_pass_over_those_before():
    network = network_of()
    past, mel = sound_of(2, 20), mel_of(2, 10)
    noise = torch.rand(2, 15, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    drawn = generate(network, past, mel, noise, temperature=0.7, engine="eager")
    whole = torch.cat((past, drawn), dim=1)
    expected = sample(network(whole, mel)[..., 20:], noise, temperature=0.7, min_log_scale=SMALL.min_log_scale)
    torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-9)


def test_generation_leaves_the_mode_of_the_network_as_it_was():
    network = network_of().train()
    generate(network, sound_of(1, 4), mel_of(1, 2), torch.rand(1, 3, 2, dtype=torch.double), engine="eager")
    assert network.training


@pytest.mark.parametrize(
    ("engine", "dtype", "tolerance"), [("eager", torch.float64, 1e-9), ("auto", torch.float32, 1e-4)]
)
def test_the_linear_prediction_is_the_same_one_sample_at_a_time(engine, dtype, tolerance):
    network = network_of(replace(SMALL, linear_taps=7), dtype=dtype)
    samples, mel = sound_of(2, 60, dtype), mel_of(2, 15, dtype=dtype)
    full = network(samples, mel)
    for known in (40, 7, 3, 1, 0):
        stepped = incremental_parameters(network, samples[:, :known], mel, samples[:, known:], engine=engine)
        assert (stepped - full[..., known:]).abs().max() <= tolerance


def test_the_linear_prediction_is_added_to_every_mean_and_nothing_else():
    network = network_of(replace(SMALL, linear_taps=3))
    samples, mel = sound_of(1, 20), mel_of(1, 5)
    with torch.no_grad():
        network.linear.copy_(torch.tensor([0.5, -2.0, 3.0]))
        shifted = network(samples, mel)
        network.linear.zero_()
        plain = network(samples, mel)
    # Two components: channels 2 and 3 are the means. Oldest tap first.
    prediction = 0.5 * samples[0, 7] - 2.0 * samples[0, 8] + 3.0 * samples[0, 9]
    expected = torch.tensor([0, 0, prediction, prediction, 0, 0], dtype=torch.double)
    torch.testing.assert_close((shifted - plain)[0, :, 10], expected)
