import pytest
import torch

from viai.config import PAPER, TINY
from viai.networks.audio_encoder import AudioEncoder


def paper_encoder() -> AudioEncoder:
    """Shapes without arithmetic."""
    with torch.device("meta"):
        return AudioEncoder(PAPER.network.audio_channels)


def test_the_maps_of_a_window_are_those_of_the_paper() -> None:
    audio = paper_encoder()(torch.empty(2, 1, 80, 200, device="meta"))
    assert audio.sizes == ((80, 200), (40, 100), (20, 100), (10, 50), (5, 25), (3, 13))
    assert audio.skip.shape == (2, 32, 40, 100)
    assert audio.code.shape == (2, 256, 1, 13)


def test_the_paper_encoder_has_as_many_weights_as_its_layers_say() -> None:
    # 9 * (1*32 + 32*64 + 64*128 + 128*256 + 256*256) and two for every channel: 0.98 million.
    convolutions = 9 * (32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 256)
    norms = 2 * (32 + 64 + 128 + 256 + 256)
    count = sum(weights.numel() for weights in paper_encoder().parameters())
    assert count == convolutions + norms == 978_656


@pytest.mark.parametrize("frames", range(8, 400, 40))
def test_a_code_stands_for_sixteen_frames_of_a_window_of_any_length(frames: int) -> None:
    assert paper_encoder()(torch.empty(1, 1, 80, frames, device="meta")).code.shape[3] == -(-frames // 16)


def test_the_first_layer_takes_every_second_place_and_leaks() -> None:
    encoder = AudioEncoder(TINY.network.audio_channels).eval().double()
    kernel, norm = encoder.layers[0][0].weight, encoder.layers[0][1]
    with torch.no_grad():
        kernel.zero_()
        kernel[0, 0, 1, 1], kernel[1, 0, 1, 1] = 1, -1
    mel = torch.rand(1, 1, 80, 40, dtype=torch.float64)
    skip = encoder(mel).skip[0]
    scale = (1 + norm.eps) ** -0.5
    torch.testing.assert_close(skip[0], scale * mel[0, 0, ::2, ::2])
    torch.testing.assert_close(skip[1], -0.2 * scale * mel[0, 0, ::2, ::2])


def test_the_code_is_the_last_map_averaged_over_frequency() -> None:
    encoder = AudioEncoder(TINY.network.audio_channels).eval()
    last: list[torch.Tensor] = []
    encoder.layers[-1].register_forward_hook(lambda _module, _inputs, output: last.append(output))
    code = encoder(torch.rand(2, 1, 80, 200)).code
    assert last[0].shape == (2, 32, 3, 13)
    torch.testing.assert_close(code, torch.nn.functional.avg_pool2d(last[0], (3, 1)))
