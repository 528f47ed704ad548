import math
from dataclasses import replace

import pytest
import torch

from viai.config import PAPER, TINY
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter


def count(module: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())


def picture(length: int = 50, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(batch, length, 3, 32, 32, generator=generator) * 2 - 1
    return frames, torch.rand(batch, length, 2, 32, 32, generator=generator) * 2 - 1


def test_the_networks_of_the_paper_paint_a_window() -> None:
    with torch.device("meta"):
        mel = torch.empty(2, 1, 80, 200)
        assert AudioInpainter(PAPER.network)(mel).shape == (2, 1, 80, 200)
        frames, flow = torch.empty(2, 50, 3, 224, 224), torch.empty(2, 50, 2, 224, 224)
        assert AudioVisualInpainter(PAPER.network)(mel, frames, flow).shape == (2, 1, 80, 200)


def test_the_networks_of_the_paper_have_their_size() -> None:
    with torch.device("meta"):
        audio, both = AudioInpainter(PAPER.network), AudioVisualInpainter(PAPER.network)
    assert round(count(audio) / 1e6, 2) == 2.97
    assert round(count(audio.audio_encoder) / 1e6, 2) == 0.98
    # The decoder for both differs by one kernel: 256 more inputs to 256 channels of 3 x 3.
    assert count(both.decoder) - count(audio.decoder) == 256 * 256 * 9


@pytest.mark.parametrize("pictures", [2, 10, 26, 62])
def test_windows_of_other_lengths_are_painted(pictures: int) -> None:
    mel = torch.rand(1, 1, 80, 4 * pictures)
    assert AudioInpainter(TINY.network)(mel.repeat(2, 1, 1, 1)).shape == (2, 1, 80, 4 * pictures)
    assert AudioVisualInpainter(TINY.network).eval()(mel, *picture(pictures)).shape == mel.shape


def test_weights_start_from_a_kaiming_normal_law_over_the_outputs() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AudioInpainter(PAPER.network)
    kernel = network.audio_encoder.layers[4][0].weight
    # Variance 2 / (256 outputs * 9); 590,000 draws give it to 0.2 %.
    assert kernel.std().item() == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.01)
    assert (network.audio_encoder.layers[4][1].weight == 1).all()
    assert (network.decoder.output.bias == 0).all()


def test_an_untrained_network_that_corrects_lines_leaves_them() -> None:
    network = AudioInpainter(replace(TINY.network, corrects_lines=True))
    mel = torch.tensor([0.0, 0.01, 0.3, 0.99, 1.0]).repeat(8).expand(2, 1, 80, 40)
    # Logits are infinite at both ends, which are drawn in by a hundredth.
    torch.testing.assert_close(network(mel), mel.clamp(0.01, 0.99))


def test_a_correction_is_added_before_the_sigmoid() -> None:
    network = AudioInpainter(replace(TINY.network, corrects_lines=True)).eval()
    mel = torch.full((1, 1, 80, 40), 0.5)
    with torch.no_grad():
        network.decoder.output.bias.fill_(math.log(3))
    # Logit 0 for one half, and ln 3 more is three quarters.
    torch.testing.assert_close(network(mel), torch.full_like(mel, 0.75))


def test_a_trained_audio_network_is_taken_over() -> None:
    audio, both = AudioInpainter(TINY.network), AudioVisualInpainter(TINY.network)
    # Norms that have seen something, too.
    audio.train()(torch.rand(4, 1, 80, 40))
    both.start_from(audio)
    first, taken = audio.decoder.expand[0].weight, both.decoder.expand[0].weight
    assert torch.equal(taken, torch.cat([first, first]))
    wider = {"decoder.expand.0.weight", "decoder.stages.2.0.0.weight"}
    others = {name: value for name, value in audio.state_dict().items() if name not in wider}
    mine = both.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in others.items())

    audio.eval()
    both.eval()
    mel = torch.rand(2, 1, 80, 200)
    nothing = torch.zeros(2, 32, 1, 13)
    # With nothing to see it paints what VIAI-A paints.
    torch.testing.assert_close(both.paint(mel, nothing, torch.rand(2, 8, 50)), audio(mel))


@pytest.mark.parametrize("detail", [0, 8], ids=["through the code, as in the paper", "frame by frame as well"])
def test_the_picture_reaches_the_painting_and_is_taught_by_it(detail: int) -> None:
    network = AudioVisualInpainter(replace(TINY.network, picture_detail=detail))
    network.eval()
    mel = torch.rand(1, 1, 80, 200)
    frames, flow = picture()
    painted = network(mel, frames, flow)
    assert (painted - network(mel, frames.flip(1), flow)).abs().max() > 1e-5
    assert (painted - network(mel, frames, flow.flip(1))).abs().max() > 1e-5
    painted.sum().backward()
    for name, weights in network.named_parameters():
        if name.startswith("video_encoder.onset_head"):  # tells what the painting does not need
            continue
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name


def test_what_a_frame_shows_is_painted_where_it_is() -> None:
    network = AudioVisualInpainter(TINY.network).eval()
    mel, code, detail = torch.rand(1, 1, 80, 200), torch.zeros(1, 32, 1, 13), torch.zeros(1, 8, 50)
    other = detail.clone()
    other[:, :, 25] = 5
    changed = (network.paint(mel, code, other) - network.paint(mel, code, detail)).abs().amax(dim=(0, 1, 2))
    # Picture 25 begins at mel frame 100; what the decoder's kernels spread stays near.
    assert changed[60:140].max() > 1e-4
    assert changed[:60].max() == changed[150:].max() == 0
