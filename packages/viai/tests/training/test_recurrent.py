import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hr_common import weights
from hr_common.errors import InputError
from viai.checkpoints import RECURRENT_STAGES, build_network, load_network
from viai.config import TINY, SampleRNNConfig
from viai.data.windows import BatchLoader, WindowDataset
from viai.networks.sample_rnn import quantise
from viai.training.loop import train
from viai.training.recurrent import RecurrentStage, Stretch, Stretches
from viai.training.start import train_stage

CONFIG = replace(TINY, training=replace(TINY.training, steps=5, checkpoint_every=3, log_every=1))


def make_stretches(folder: Path, *, sees: bool = False, is_reversed: bool = False, seed: int = 0) -> Stretches:
    windows = WindowDataset(folder, "train", CONFIG, seed=seed, picture=sees)
    return Stretches(BatchLoader(windows, CONFIG.sample_rnn.batch), CONFIG, is_reversed=is_reversed)


def make(name: str, stretches: Stretches, ends_at: int = 100, seed: int = 0) -> RecurrentStage:
    def source(number: int) -> Stretch:
        if number == ends_at:
            raise KeyboardInterrupt
        return stretches(number)

    torch.manual_seed(seed)
    return RecurrentStage(
        name,
        build_network(name, CONFIG),
        CONFIG,
        source,
        fingerprint={"name": "test"},
        device=torch.device("cpu"),
        wrap=lambda module: module,
    )


def test_stretches_are_pieces_of_the_windows_with_the_pictures_of_their_time(clips_folder: Path) -> None:
    stretches = make_stretches(clips_folder, sees=True)
    stretch, window = stretches(3), stretches.windows(3)
    # Two chunks of 32 after a coarse frame of 8: 72 samples, all of them of one picture.
    assert stretch.levels.shape == (2, 72)
    assert stretch.frames.shape == (2, 1, 3, 32, 32)
    levels = quantise(window.samples, 256)
    for row in range(2):
        place = next(at for at in range(50) if torch.equal(stretch.frames[row, 0], window.frames[row, at]))
        assert torch.equal(stretch.flow[row, 0], window.flow[row, place])
        assert torch.equal(stretch.levels[row], levels[row, place * 1_280 : place * 1_280 + 72])


def test_reversed_stretches_run_backwards_through_sound_and_picture(clips_folder: Path) -> None:
    ahead = make_stretches(clips_folder, sees=True).windows(0)
    stretch = make_stretches(clips_folder, sees=True, is_reversed=True)(0)
    levels = quantise(ahead.samples, 256)
    for row in range(2):
        place = next(at for at in range(50) if torch.equal(stretch.frames[row, 0], ahead.frames[row, at]))
        stop = (place + 1) * 1_280
        assert torch.equal(stretch.levels[row], levels[row, stop - 72 : stop].flip(0))


def test_a_stretch_longer_than_a_window_is_refused(clips_folder: Path) -> None:
    windows = WindowDataset(clips_folder, "train", CONFIG, seed=0, picture=False)
    config = replace(CONFIG, sample_rnn=replace(CONFIG.sample_rnn, chunks=2_000))
    with pytest.raises(InputError, match="2000 chunks of 32 samples are longer than a window of 64000 samples"):
        Stretches(BatchLoader(windows, 2), config, is_reversed=False)


def test_an_untrained_network_needs_the_nats_of_even_levels(clips_folder: Path) -> None:
    stage = make("samplernn", make_stretches(clips_folder))
    assert stage.update(0)["nll"] == pytest.approx(math.log(256), abs=0.5)


@pytest.mark.parametrize("name", ["samplernn", "visual2sound-reversed"])
def test_training_lowers_the_loss(name: str, clips_folder: Path) -> None:
    stage = make(name, make_stretches(clips_folder, sees=name.startswith("visual")))
    losses = [stage.update(step)["nll"] for step in range(40)]
    assert sum(losses[-4:]) < sum(losses[:4]) - 1


def test_the_state_is_carried_from_chunk_to_chunk(clips_folder: Path) -> None:
    stage = make("samplernn", make_stretches(clips_folder))
    levels = stage.stretches(0).levels
    none, begins = torch.zeros(2, 2, CONFIG.sample_rnn.hidden), torch.ones(2, dtype=torch.bool)
    with torch.no_grad():
        _, expected = stage.network(levels[:, : 8 + 32], none, begins)
    stage.update(0)
    torch.testing.assert_close(stage.memory.states, expected)
    # The second chunk begins with it: forgetting it changes the figures.
    other = make("samplernn", make_stretches(clips_folder))
    other.update(0)
    other.memory.states = torch.zeros_like(other.memory.states)
    assert stage.update(1)["nll"] != other.update(1)["nll"]


@pytest.mark.parametrize("name", ["samplernn", "visual2sound"])
def test_a_run_that_was_cut_off_within_a_stretch_ends_with_the_same_weights(
    name: str, clips_folder: Path, tmp_path: Path
) -> None:
    stretches = make_stretches(clips_folder, sees=name.startswith("visual"))
    train(make(name, stretches), tmp_path / "whole", seed=0)
    # Step 4 begins stretch 2; the last checkpoint was written after step 3, in the midst of stretch 1.
    with pytest.raises(KeyboardInterrupt):
        train(make(name, stretches, ends_at=2), tmp_path / "cut", seed=0)
    train(make(name, stretches, seed=9), tmp_path / "cut", seed=0, resume=True)
    files = [tmp_path / run / f"{name}.safetensors" for run in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", RECURRENT_STAGES)
def test_every_network_is_trained_by_its_name_and_from_its_own_weights(
    name: str, clips_folder: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, training=replace(CONFIG.training, steps=1))
    first = train_stage(name, clips_folder, tmp_path / "first", config=config, device="cpu")
    card = load_network(first.weights, name).card
    assert (card["stage"], card["step"], card["data"]["name"]) == (name, 1, "clips")
    still = replace(config, sample_rnn=replace(config.sample_rnn, learning_rate=1e-9))
    again = train_stage(name, clips_folder, tmp_path / "on", config=still, device="cpu", start_from=first.weights)
    before, after = load_network(first.weights, name).network, load_network(again.weights, name).network
    for mine, theirs in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)
    wider = replace(config, sample_rnn=replace(config.sample_rnn, hidden=24))
    with pytest.raises(InputError, match="other network sizes"):
        train_stage(name, clips_folder, tmp_path / "wide", config=wider, device="cpu", start_from=first.weights)


def test_weights_from_before_there_were_recurrent_networks_are_read(tiny_weights: Path, tmp_path: Path) -> None:
    tensors, card = weights.load(tiny_weights / "viai-a.safetensors")
    del card["config"]["sample_rnn"]
    weights.save(tmp_path / "old.safetensors", tensors, card)
    assert load_network(tmp_path / "old.safetensors", "viai-a").config.sample_rnn == SampleRNNConfig()
