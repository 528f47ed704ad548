from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from viai.checkpoints import load_network
from viai.config import TINY
from viai.data.batches import WindowBatch, collate
from viai.data.windows import WindowDataset
from viai.losses import onset_loss, synchronisation_loss
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.picture import normalise
from viai.training.inpainters import AudioStage, AudioVisualStage, _AudioVisualPass
from viai.training.loop import train

Stage = AudioStage | AudioVisualStage
STAGES = (AudioStage, AudioVisualStage)


@pytest.fixture(scope="module")
def batches(clips_folder: Path) -> tuple[WindowBatch, WindowBatch]:
    dataset = WindowDataset(clips_folder, "train", TINY, seed=0, picture=True)
    return collate([dataset[0, 0], dataset[0, 1]]), collate([dataset[0, 2], dataset[0, 3]])


def make(
    kind: type[Stage], source: Callable[[int], WindowBatch], seed: int = 0, **training: float | int | bool
) -> Stage:
    torch.manual_seed(seed)
    config = replace(TINY, training=replace(TINY.training, **training))
    network = AudioInpainter(config.network) if kind is AudioStage else AudioVisualInpainter(config.network)
    return kind(
        network,
        config,
        source,
        fingerprint={"name": "test"},
        device=torch.device("cpu"),
        seed=seed,
        wrap=lambda module: module,
    )


@pytest.mark.parametrize("kind", STAGES)
def test_twenty_steps_lower_the_loss(kind: type[Stage], batches: tuple[WindowBatch, WindowBatch]) -> None:
    stage = make(kind, lambda _: batches[0])
    figures = [stage.update(step) for step in range(20)]
    names = ["reconstruction"] if kind is AudioStage else ["reconstruction", "probe"]
    for name in names:
        assert sum(line[name] for line in figures[-3:]) / 3 < 0.8 * figures[0][name], name


@pytest.mark.parametrize("kind", STAGES)
def test_a_run_that_was_cut_off_ends_with_the_same_weights(
    kind: type[Stage], batches: tuple[WindowBatch, WindowBatch], tmp_path: Path
) -> None:
    def source(step: int) -> WindowBatch:
        return batches[step % 2]

    def cut_off(step: int) -> WindowBatch:
        if step == 3:
            raise KeyboardInterrupt
        return source(step)

    settings = {"steps": 4, "checkpoint_every": 2}
    whole = make(kind, source, **settings)
    train(whole, tmp_path / "whole", seed=0)
    with pytest.raises(KeyboardInterrupt):
        train(make(kind, cut_off, **settings), tmp_path / "cut", seed=0)
    resumed = make(kind, source, **settings)
    with torch.no_grad():
        for weights in [*resumed.network.parameters(), *resumed.discriminator.parameters()]:
            weights.zero_()
    train(resumed, tmp_path / "cut", seed=0, resume=True)
    for part in ("network", "discriminator"):
        expected = getattr(whole, part).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in getattr(resumed, part).state_dict().items())
    files = [tmp_path / run / f"{whole.name}.safetensors" for run in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_discriminator_is_frozen_while_the_network_learns(batches: tuple[WindowBatch, WindowBatch]) -> None:
    stage = make(AudioStage, lambda _: batches[0])
    counts = [module for module in stage.discriminator.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for step in (0, 1):
        stage.update(step)
        assert not stage.discriminator.training
        assert not any(weights.requires_grad for weights in stage.discriminator.parameters())
        # Its norms saw a real and a painted batch in its own step, and nothing in the network's.
        assert {norm.num_batches_tracked.item() for norm in counts} == {2 * (step + 1)}


def test_the_adversarial_term_teaches_the_network_and_not_the_discriminator(
    batches: tuple[WindowBatch, WindowBatch],
) -> None:
    without, with_term = (make(AudioStage, lambda _: batches[0], lambda_gan=weight) for weight in (0.0, 50.0))
    for stage in (without, with_term):
        stage.update(0)
    pairs = zip(without.discriminator.parameters(), with_term.discriminator.parameters(), strict=True)
    for first, second in pairs:
        assert first.grad is not None
        assert second.grad is not None
        assert torch.equal(first.grad, second.grad)
    first, second = (stage.network.decoder.output.weight.grad for stage in (without, with_term))
    assert first is not None
    assert second is not None
    assert not torch.equal(first, second)


def test_the_weight_of_the_whole_picture_counts_in_the_reconstruction(
    batches: tuple[WindowBatch, WindowBatch],
) -> None:
    inside, both, twice = (
        make(AudioStage, lambda _: batches[0], lambda_whole=weight).update(0)["reconstruction"]
        for weight in (0.0, 1.0, 2.0)
    )
    assert inside < both
    assert twice - both == pytest.approx(both - inside, rel=1e-4)


def test_before_its_start_there_is_no_adversarial_term(batches: tuple[WindowBatch, WindowBatch]) -> None:
    stage = make(AudioStage, lambda _: batches[0], gan_start=1)
    before = {name: value.clone() for name, value in stage.discriminator.state_dict().items()}
    figures = stage.update(0)
    assert figures["adversarial"] == figures["discriminator"] == 0
    assert all(torch.equal(value, before[name]) for name, value in stage.discriminator.state_dict().items())
    assert stage.update(1)["adversarial"] > 0


def audio_visual_pass(
    batch: WindowBatch,
) -> tuple[AudioVisualInpainter, torch.Tensor, tuple[torch.Tensor, ...]]:
    network = AudioVisualInpainter(TINY.network).train()
    torch.nn.init.normal_(network.video_encoder.onset_head.weight)  # untrained it tells nothing
    target, known = torch.rand(2, 1, 80, 200), torch.rand(2, 1, 80, 200)
    return network, known, _AudioVisualPass(network)(target, known, normalise(batch.frames), normalise(batch.flow))


def taught(module: torch.nn.Module) -> set[bool]:
    return {weights.grad is not None and bool(weights.grad.any()) for weights in module.parameters()}


def test_synchronisation_reaches_the_video_encoder_only(batches: tuple[WindowBatch, WindowBatch]) -> None:
    network, _, (_, _, sight, intact, _) = audio_visual_pass(batches[0])
    synchronisation_loss(sight, intact).backward()
    assert True in taught(network.video_encoder)
    assert taught(network.audio_encoder) == taught(network.decoder) == {False}


def test_the_probe_reads_the_intact_code_without_teaching_its_encoder(
    batches: tuple[WindowBatch, WindowBatch],
) -> None:
    network, known, (_, probed, _, intact, _) = audio_visual_pass(batches[0])
    assert not intact.requires_grad
    probed.sum().backward()
    assert taught(network.video_encoder) == {False}
    assert taught(network.decoder) == {True}
    gradients = [weights.grad.clone() for weights in network.audio_encoder.parameters() if weights.grad is not None]
    # The encoder of the gapped sound is taught as if the other code were a constant.
    network.zero_grad()
    described = network.video_encoder.describe(normalise(batches[0].frames), normalise(batches[0].flow))
    detail = network.video_encoder.detail(described)
    assert detail is not None
    network.paint(known, intact.clone(), detail.detach()).sum().backward()
    for before, weights in zip(gradients, network.audio_encoder.parameters(), strict=True):
        assert weights.grad is not None
        torch.testing.assert_close(before, weights.grad)


def test_the_painting_is_taught_to_sight_and_sound(batches: tuple[WindowBatch, WindowBatch]) -> None:
    network, _, (painted, _, _, _, _) = audio_visual_pass(batches[0])
    painted.sum().backward()
    assert taught(network.decoder) == {True}
    assert True in taught(network.video_encoder)
    assert True in taught(network.audio_encoder)


def test_onsets_teach_the_video_encoder_only(batches: tuple[WindowBatch, WindowBatch]) -> None:
    network, _, (_, _, _, _, told) = audio_visual_pass(batches[0])
    onset_loss(told, torch.rand(2, 80, 200)).backward()
    assert True in taught(network.video_encoder.detail_network)
    assert True in taught(network.video_encoder.flow_network)
    assert taught(network.audio_encoder) == taught(network.decoder) == {False}


@pytest.mark.parametrize("term", ["lambda_sync", "lambda_onset"])
def test_the_weight_of_what_sight_should_know_moves_the_video_encoder_only(
    term: str, batches: tuple[WindowBatch, WindowBatch]
) -> None:
    without, with_term = (make(AudioVisualStage, lambda _: batches[0], **{term: weight}) for weight in (0.0, 100.0))
    for stage in (without, with_term):
        stage.update(0)
    changed = {
        name.split(".")[0]
        for (name, first), second in zip(
            without.network.named_parameters(), with_term.network.parameters(), strict=True
        )
        if not torch.equal(first, second)
    }
    assert changed == {"video_encoder"}


@pytest.mark.parametrize("kind", STAGES)
def test_the_exported_network_is_the_average(
    kind: type[Stage], batches: tuple[WindowBatch, WindowBatch], tmp_path: Path
) -> None:
    stage = make(kind, lambda _: batches[0])
    for step in range(2):
        stage.update(step)
    path = tmp_path / "out.safetensors"
    stage.export(path, step=2, seed=7)
    loaded = load_network(path, kind.name)
    assert loaded.config == stage.config
    assert (loaded.card["step"], loaded.card["seed"], loaded.card["data"]) == (2, 7, {"name": "test"})

    stage.network.load_state_dict(stage.average.average)
    stage.network.eval()
    inputs = [torch.rand(1, 1, 80, 200)]
    if kind is AudioVisualStage:
        inputs += [normalise(batches[0].frames[:1]), normalise(batches[0].flow[:1])]
    with torch.no_grad():
        # The stage keeps its kernels channels last, the loaded network does not: sums in another order.
        torch.testing.assert_close(loaded.network(*inputs), stage.network(*inputs))


def test_the_step_size_of_both_optimisers_falls_at_the_end(batches: tuple[WindowBatch, WindowBatch]) -> None:
    stage = make(AudioStage, lambda _: batches[0], steps=4, decay_steps=2, learning_rate=0.01)
    stage.update(3)
    for optimiser in (stage.optimiser, stage.discriminator_optimiser):
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0.005)
