"""Every map of the paper's networks for a window of 80 bands and 200 frames, on the meta device, without numbers."""

import torch
from torch import Tensor, nn

from viai.config import PAPER
from viai.networks.backbone import build_backbone
from viai.networks.discriminator import PatchDiscriminator
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet

NETWORK = PAPER.network
META = torch.device("meta")


def maps_of(modules: list[nn.Module]) -> list[tuple[int, ...]]:
    """Shapes without the batch, in the order in which the modules give them."""
    seen: list[tuple[int, ...]] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen.append(tuple(output.shape[1:]))

    for module in modules:
        module.register_forward_hook(note)
    return seen


def weights_of(module: nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())


def test_the_encoder_goes_from_80_by_200_to_thirteen_vectors() -> None:
    with META:
        encoder = AudioInpainter(NETWORK).audio_encoder
        seen = maps_of(list(encoder.layers))
        code = encoder(torch.empty(1, 1, 80, 200))
    assert seen == [(32, 40, 100), (64, 20, 100), (128, 10, 50), (256, 5, 25), (256, 3, 13)]
    assert code.code.shape == (1, 256, 1, 13)
    assert code.skip.shape == (1, 32, 40, 100)
    assert abs(weights_of(encoder) / 0.98e6 - 1) < 0.02


def test_sound_and_sight_meet_in_512_channels() -> None:
    with META:
        both = AudioVisualInpainter(NETWORK)
    first = both.decoder.expand[0]
    assert (first.in_channels, first.out_channels, first.kernel_size, first.padding) == (512, 256, (3, 3), (0, 1))


def test_the_judge_sees_twenty_by_twentyfive_patches() -> None:
    with META:
        judge = PatchDiscriminator(NETWORK.discriminator_channels)
        seen = maps_of([layer for layer in judge.layers if isinstance(layer, nn.Conv2d)])
        judge(torch.empty(1, 1, 80, 200))
    assert seen == [(64, 80, 100), (128, 40, 50), (256, 20, 25), (512, 20, 25), (1, 20, 25)]


def test_fifty_pictures_become_25_and_then_13_vectors() -> None:
    with META:
        encoder = AudioVisualInpainter(NETWORK).video_encoder
        seen = maps_of([layer for layer in encoder.fusion if isinstance(layer, nn.Conv1d)])
        described = maps_of([encoder.frame_network, encoder.flow_network])
        encoder(torch.empty(1, 50, 3, 224, 224), torch.empty(1, 50, 2, 224, 224))
    assert described == [(256,), (256,)]
    assert seen == [(512, 25), (256, 13)]


def test_the_picture_network_is_a_resnet_of_eighteen_layers() -> None:
    with META:
        network = build_backbone(
            NETWORK.backbone, 3, NETWORK.backbone_width, NETWORK.frame_features, NETWORK.backbone_grid
        )
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        seen = maps_of([module for name, module in network.named_children() if name.startswith("layer")])
        network(torch.empty(1, 3, 224, 224))
    assert sum(not (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)) for layer in layers) == 18
    assert seen == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


def test_the_wavenet_hears_505_samples_through_24_layers() -> None:
    settings = PAPER.wavenet
    with META:
        network = WaveNet(settings, PAPER.spectrogram.mel_bands)
    dilated = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv1d) and module.kernel_size == (settings.kernel,) and module.in_channels == 512
    ]
    assert [layer.dilation[0] for layer in dilated] == [1, 2, 4, 8, 16, 32] * 4
    assert 1 + sum(layer.dilation[0] * (settings.kernel - 1) for layer in dilated) == 505
    assert settings.receptive_field == 505
