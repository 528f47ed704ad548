from dataclasses import replace

import pytest
import torch

from viai.config import PAPER, TINY
from viai.networks.audio_encoder import AudioCode, AudioEncoder
from viai.networks.decoder import SpectrogramDecoder
from viai.networks.inpainters import AudioInpainter


def tiny() -> tuple[AudioEncoder, SpectrogramDecoder]:
    network = AudioInpainter(TINY.network).eval()
    return network.audio_encoder, network.decoder


def test_the_stages_grow_as_in_the_paper() -> None:
    channels = PAPER.network.audio_channels
    with torch.device("meta"):
        encoder, decoder = AudioEncoder(channels), SpectrogramDecoder(channels, 256)
    shapes: list[tuple[int, ...]] = []
    inputs: list[int] = []

    def note(_module: torch.nn.Module, taken: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        inputs.append(taken[0].shape[1])
        shapes.append(tuple(output.shape[1:]))

    for stage in (decoder.expand, *decoder.stages):
        stage.register_forward_hook(note)
    audio = encoder(torch.empty(2, 1, 80, 200, device="meta"))
    assert decoder(audio.code, audio).shape == (2, 1, 80, 200)
    assert shapes == [
        (256, 3, 13),
        (256, 3, 13),
        (128, 5, 25),
        (64, 10, 50),
        (32, 20, 100),
        (32, 40, 100),
        (32, 80, 200),
    ]
    # The last stage but one takes the skip connection beside what was there: 32 + 32.
    assert inputs == [256, 256, 256, 128, 64, 64, 32]
    convolutions = [sum(isinstance(part, torch.nn.Conv2d) for part in stage.modules()) for stage in decoder.stages]
    assert convolutions == [1, 3, 3, 3, 2, 1]
    assert sum(weights.numel() for weights in decoder.parameters()) == pytest.approx(1.99e6, rel=0.02)


def test_maps_grow_with_their_corners_aligned() -> None:
    encoder, decoder = tiny()
    maps: list[torch.Tensor] = []
    decoder.stages[0].register_forward_hook(lambda _module, _taken, output: maps.append(output))
    decoder.stages[1].register_forward_hook(lambda _module, taken, _output: maps.append(taken[0]))
    audio = encoder(torch.rand(1, 1, 80, 200))
    decoder(audio.code, audio)
    small, large = maps
    # From 3 x 13 to 5 x 25: every second line is an old one, and those between are means.
    torch.testing.assert_close(large[..., ::2, ::2], small)
    torch.testing.assert_close(large[..., 1::2, ::2], (small[..., 1:, :] + small[..., :-1, :]) / 2)


@pytest.mark.parametrize("frames", [8, 16, 72, 120, 264])
def test_a_window_of_any_length_comes_out_as_it_went_in(frames: int) -> None:
    encoder, decoder = tiny()
    audio = encoder(torch.rand(1, 1, 80, frames))
    assert decoder(audio.code, audio).shape == (1, 1, 80, frames)


def test_levels_lie_between_zero_and_one() -> None:
    encoder, decoder = tiny()
    audio = encoder(10 * torch.randn(2, 1, 80, 40))
    painted = decoder(audio.code, audio)
    assert (painted > 0).all()
    assert (painted < 1).all()


@pytest.mark.parametrize("part", ["code", "skip"])
def test_the_painting_depends_on_code_and_skip(part: str) -> None:
    encoder, decoder = tiny()
    audio = encoder(torch.rand(1, 1, 80, 40))
    other: AudioCode = replace(audio, **{part: torch.zeros_like(getattr(audio, part))})
    difference = decoder(audio.code, audio) - decoder(other.code, other)
    assert difference.abs().max() > 1e-4


def test_every_weight_is_taught() -> None:
    encoder, decoder = tiny()
    audio = encoder.train()(torch.rand(2, 1, 80, 40))
    decoder.train()(audio.code, audio).sum().backward()
    for name, weights in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert weights.grad is not None, name
        assert torch.isfinite(weights.grad).all(), name
