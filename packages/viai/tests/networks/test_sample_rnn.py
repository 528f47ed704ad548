import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from viai.config import PAPER, TINY, SampleRNNConfig
from viai.networks.sample_rnn import NormalisedGRU, Sampler, SampleRNN, Visual2Sound, amplitude, draw, quantise

SMALL = TINY.sample_rnn
OTHER_FRAMES = SampleRNNConfig(frames=(12, 3), hidden=8, embedding=4)


def make(config: SampleRNNConfig = SMALL, sight_features: int = 0) -> SampleRNN:
    network = SampleRNN(config, sight_features).double()
    # Biases and initial state begin at zero, where nothing shows whether they are used.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return network


def begin(batch: int, config: SampleRNNConfig = SMALL) -> tuple[Tensor, Tensor]:
    return torch.zeros(batch, 2, config.hidden).double(), torch.ones(batch, dtype=torch.bool)


def test_levels_by_hand() -> None:
    samples = torch.tensor([-1.0, -0.5, 0.0, 0.003, 0.004, 0.5, 1.0])
    # 128 steps to either side; 0.003 * 128 = 0.38 and 0.004 * 128 = 0.51; full scale has no level of its own.
    assert quantise(samples, 256).tolist() == [0, 64, 128, 128, 129, 192, 255]
    assert amplitude(torch.tensor([0, 128, 192]), 256).tolist() == [-1.0, 0.0, 0.5]


@given(st.integers(1, 512).map(lambda half: 2 * half))
def test_every_level_is_that_of_its_own_amplitude(levels: int) -> None:
    every = torch.arange(levels)
    assert torch.equal(quantise(amplitude(every, levels), levels), every)


def test_the_recurrent_unit_is_that_of_torch() -> None:
    ours = NormalisedGRU(6).double()
    theirs = torch.nn.GRU(6, 6, batch_first=True).double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": ours.inputs.weight,
            "weight_hh_l0": ours.recurrent.weight,
            "bias_ih_l0": ours.inputs.bias,
            "bias_hh_l0": ours.recurrent.bias,
        }
    )
    inputs, state = torch.randn(2, 5, 6).double(), torch.randn(2, 6).double()
    (states, last), (expected, expected_last) = ours(inputs, state), theirs(inputs, state[None])
    torch.testing.assert_close(states, expected)
    torch.testing.assert_close(last, expected_last[0])


def test_the_published_network_has_its_shapes() -> None:
    with torch.device("meta"):
        network = SampleRNN(PAPER.sample_rnn)
    shapes = {
        "coarse_input": (1024, 8),
        "coarse.recurrent": (3072, 1024),
        "coarse_output": (4096, 1024),
        "middle_input": (1024, 2),
        "middle_output": (2048, 1024),
        "fine_input": (1024, 512),
        "fine.5": (256, 1024),
    }
    assert {name: tuple(network.get_submodule(name).weight.shape) for name in shapes} == shapes  # type: ignore[arg-type]
    # The published network carries weight norm on every matrix but the embedding.
    assert sum(name.endswith("original1") for name, _ in network.named_parameters()) == 12


@pytest.mark.parametrize("config", [SMALL, OTHER_FRAMES], ids=["8 and 2", "12 and 3"])
@pytest.mark.parametrize("sight_features", [0, 5])
def test_sample_by_sample_gives_the_logits_of_the_parallel_pass(config: SampleRNNConfig, sight_features: int) -> None:
    network = make(config, sight_features)
    coarse, heard, to_come = config.frames[0], 24, 72
    levels = torch.randint(0, 256, (3, coarse + heard + to_come))
    sight = torch.randn(3, (heard + to_come) // coarse, sight_features).double() if sight_features else None
    early, late = (None, None) if sight is None else (sight[:, : heard // coarse], sight[:, heard // coarse :])
    state, begins = begin(3, config)
    logits, _ = network(levels, state, begins, sight)
    _, middle = network.tiers(levels[:, : coarse + heard], state, begins, early)
    sampler = Sampler(network, levels[:, heard : heard + coarse], middle, late)
    for step in range(to_come):
        torch.testing.assert_close(sampler.logits(), logits[:, heard + step].detach(), rtol=0, atol=1e-9)
        sampler.push(levels[:, coarse + heard + step])


def test_in_single_precision_they_differ_by_rounding_only() -> None:
    network = make().float()
    levels = torch.randint(0, 256, (2, 8 + 64))
    state, begins = torch.zeros(2, 2, SMALL.hidden), torch.ones(2, dtype=torch.bool)
    logits, _ = network(levels, state, begins)
    sampler = Sampler(network, levels[:, :8], network.initial.detach().expand(2, -1, -1))
    for step in range(64):
        torch.testing.assert_close(sampler.logits(), logits[:, step].detach(), rtol=0, atol=1e-4)
        sampler.push(levels[:, 8 + step])


def test_a_level_depends_on_all_before_it_and_on_none_after() -> None:
    network = make()
    levels = torch.randint(0, 256, (1, 8 + 40))
    state, begins = begin(1)
    logits, _ = network(levels, state, begins)
    for place in (0, 7, 8, 21, 30):
        changed = levels.clone()
        changed[0, place] = (changed[0, place] + 100) % 256
        moved = (network(changed, state, begins)[0] != logits).any(dim=2)[0]
        # Output 0 is the level at place 8; the first coarse frame and everything later reach every later frame.
        assert not moved[: max(0, place - 7)].any()
        assert moved[-1]


def test_chunks_in_a_row_are_one_pass() -> None:
    network = make()
    levels = torch.randint(0, 256, (2, 8 + 64))
    state, begins = begin(2)
    whole, last = network(levels, state, begins)
    first, middle = network(levels[:, : 8 + 24], state, begins)
    second, end = network(levels[:, 24:], middle, ~begins)
    torch.testing.assert_close(torch.cat((first, second), dim=1), whole)
    torch.testing.assert_close(end, last)


def test_only_where_a_sound_begins_the_learnt_state_is_taken() -> None:
    network = make()
    levels = torch.randint(0, 256, (1, 8 + 16)).expand(2, -1)
    state = torch.randn(2, 2, SMALL.hidden).double()
    logits, _ = network(levels, state, torch.tensor([True, False]))
    initial, _ = network(levels[:1], network.initial[None], torch.tensor([False]))
    torch.testing.assert_close(logits[:1], initial)
    assert not torch.allclose(logits[1:], initial)
    logits[0].sum().backward()
    assert network.initial.grad is not None
    assert network.initial.grad.abs().min() > 0


def test_levels_are_drawn_as_often_as_predicted() -> None:
    network = make()
    count = 20_000
    recent = torch.randint(0, 256, (1, 8)).expand(count, -1)
    sampler = Sampler(network, recent, network.initial.detach().expand(count, -1, -1))
    expected = (sampler.logits()[0] / 0.7).softmax(dim=0)
    sampler = Sampler(network, recent, network.initial.detach().expand(count, -1, -1))
    drawn = draw(sampler, torch.rand(1, count).double(), temperature=0.7)
    assert drawn.shape == (count, 1)
    frequency = torch.bincount(drawn[:, 0], minlength=256) / count
    # Four standard deviations of a binomial frequency.
    assert ((frequency - expected).abs() <= 4 * (expected * (1 - expected) / count).sqrt() + 1e-12).all()


def test_the_lowest_and_highest_chance_draw_the_first_and_last_likely_level() -> None:
    network = make()
    with torch.no_grad():
        weight = network.fine[-1]
        assert isinstance(weight, torch.nn.Linear)
        weight.bias.fill_(-1e4)
        weight.bias[[40, 200]] = 0.0
    sampler = Sampler(network, torch.full((2, 8), 128), network.initial.detach().expand(2, -1, -1))
    assert draw(sampler, torch.tensor([[1e-9, 1.0]]).double()).flatten().tolist() == [40, 200]


def test_the_picture_changes_what_is_predicted_and_is_taught_by_it() -> None:
    network = Visual2Sound(SMALL, TINY.network)
    levels = torch.randint(0, 256, (2, 8 + 32))
    frames, flow = torch.randn(2, 3, 3, 32, 32), torch.randn(2, 3, 2, 32, 32)
    state, begins = torch.zeros(2, 2, SMALL.hidden), torch.ones(2, dtype=torch.bool)
    places = torch.tensor([0, 0, 1, 2])
    logits, _ = network(levels, state, begins, frames, flow, places)
    network.eval()
    seen, _ = network(levels, state, begins, frames, flow, places)
    for other in ((frames.flip(1), flow), (frames, flow.flip(1))):
        assert (network(levels, state, begins, *other, places)[0] - seen).abs().max() > 1e-4
    # A picture that comes later does not reach back.
    changed = frames.clone()
    changed[:, 2] += 1
    moved = (network(levels, state, begins, changed, flow, places)[0] != seen).any(dim=2)
    assert not moved[:, :24].any()
    assert moved[:, 24:].any()
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), levels[:, 8:].flatten()).backward()  # type: ignore[no-untyped-call]
    for eye in (network.frame_network, network.flow_network):
        first = next(eye.parameters()).grad
        assert first is not None
        assert first.abs().max() > 0
