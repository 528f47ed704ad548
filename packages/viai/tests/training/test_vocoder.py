import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from viai.checkpoints import load_network
from viai.config import TINY, TrainingConfig
from viai.data.crops import SoundBatch, SoundCrops
from viai.networks.wavenet import WaveNet
from viai.spectrogram import MelSpectrogram
from viai.training.loop import train
from viai.training.vocoder import VocoderStage, noam_factor

CONFIG = replace(
    TINY, training=replace(TINY.training, steps=4, checkpoint_every=2, warmup_steps=4, wavenet_learning_rate=0.01)
)


def make(crops: SoundCrops, ends_at: int = 100, seed: int = 0) -> VocoderStage:
    def source(step: int) -> SoundBatch:
        if step == ends_at:
            raise KeyboardInterrupt
        return crops(step % 2)

    torch.manual_seed(seed)
    return VocoderStage(
        WaveNet(CONFIG.wavenet),
        CONFIG,
        source,
        fingerprint={"name": "test"},
        device=torch.device("cpu"),
        wrap=lambda module: module,
    )


@pytest.fixture(scope="module")
def crops(clips_folder: Path) -> SoundCrops:
    return SoundCrops(clips_folder, "train", CONFIG, seed=0)


def test_the_step_size_rises_and_falls_as_by_hand() -> None:
    config = TrainingConfig(warmup_steps=100, steps=1_000)
    factors = [noam_factor(step, config) for step in (0, 49, 99, 399)]
    assert factors == pytest.approx([0.01, 0.5, 1.0, 0.5])
    # Half of the last 200 steps are left at step 900.
    decayed = noam_factor(900, replace(config, decay_steps=200))
    assert decayed == pytest.approx(0.5 * math.sqrt(100 / 901))


def test_twenty_steps_lower_the_loss(crops: SoundCrops) -> None:
    stage = make(crops)
    losses = [stage.update(step)["nll"] for step in range(20)]
    assert sum(losses[-2:]) < sum(losses[:2]) - 0.5


def test_a_run_that_was_cut_off_ends_with_the_same_weights(crops: SoundCrops, tmp_path: Path) -> None:
    whole = make(crops)
    train(whole, tmp_path / "whole", seed=0)
    with pytest.raises(KeyboardInterrupt):
        train(make(crops, ends_at=3), tmp_path / "cut", seed=0)
    resumed = make(crops, seed=9)
    train(resumed, tmp_path / "cut", seed=0, resume=True)
    expected = whole.network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.network.state_dict().items())
    files = [tmp_path / run / "wavenet.safetensors" for run in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_exported_network_is_the_average(crops: SoundCrops, tmp_path: Path) -> None:
    stage = make(crops)
    stage.update(0)
    path = tmp_path / "out.safetensors"
    stage.export(path, step=1, seed=0)
    loaded = load_network(path, "wavenet")
    stage.network.load_state_dict(stage.average.average)
    batch = crops(0)
    mel = MelSpectrogram()(batch.surroundings)
    with torch.no_grad():
        expected = stage.network.eval()(batch.samples, mel, start=batch.lead)
        assert torch.equal(loaded.network(batch.samples, mel, start=batch.lead), expected)
