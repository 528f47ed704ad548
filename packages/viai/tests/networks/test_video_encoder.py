from dataclasses import replace

import pytest
import torch

from hr_common.errors import InputError
from viai.config import PAPER, TINY
from viai.networks.audio_encoder import AudioEncoder
from viai.networks.backbone import build_backbone
from viai.networks.video_encoder import VideoEncoder

SMALL = replace(TINY.network, backbone="resnet18", backbone_width=4)


def test_a_window_becomes_thirteen_vectors_as_in_the_paper() -> None:
    with torch.device("meta"):
        encoder = VideoEncoder(PAPER.network)
        frames, flow = torch.empty(1, 50, 3, 224, 224), torch.empty(1, 50, 2, 224, 224)
        described = encoder.describe(frames, flow)
        assert described.shape == (1, 512, 50)
        assert encoder.fusion[0](described).shape == (1, 512, 25)
        assert encoder.fuse(described).shape == (1, 256, 1, 13)
        assert encoder(frames, flow).shape == (1, 256, 1, 13)


@pytest.mark.parametrize("pictures", [2, 4, 6, 18, 50, 62, 100])
def test_sound_and_picture_have_codes_of_the_same_length(pictures: int) -> None:
    channels = TINY.network.audio_channels
    with torch.device("meta"):
        sound = AudioEncoder(channels)(torch.empty(1, 1, 80, 4 * pictures)).code
        encoder = VideoEncoder(TINY.network).eval()
        sight = encoder(torch.empty(1, pictures, 3, 32, 32), torch.empty(1, pictures, 2, 32, 32))
    assert sight.shape == sound.shape


def test_frames_and_flow_keep_their_order() -> None:
    encoder = VideoEncoder(TINY.network).eval()
    frames, flow = torch.rand(2, 6, 3, 32, 32), torch.rand(2, 6, 2, 32, 32)
    described = encoder.describe(frames, flow)
    torch.testing.assert_close(described[1, :16, 4], encoder.frame_network(frames[1, 4:5])[0])
    torch.testing.assert_close(described[1, 16:, 4], encoder.flow_network(flow[1, 4:5])[0])


@pytest.mark.parametrize("nonlinear", [True, False])
def test_the_fusion_is_linear_only_if_told_so(nonlinear: bool) -> None:
    encoder = VideoEncoder(replace(TINY.network, fusion_nonlinear=nonlinear)).eval().double()
    first, second = torch.randn(2, 1, 32, 50, dtype=torch.float64)
    zero = torch.zeros_like(first)
    together = encoder.fuse(first + second) + encoder.fuse(zero)
    apart = encoder.fuse(first) + encoder.fuse(second)
    assert torch.allclose(together, apart) is not nonlinear


def imagenet_weights() -> dict[str, torch.Tensor]:
    """Random weights under the names of torchvision, in the width of ``SMALL``."""
    generator = torch.Generator().manual_seed(0)
    names = build_backbone("resnet18", 3, SMALL.backbone_width, 1_000, 1).state_dict()
    return {
        name: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in names.items()
    }


@pytest.mark.parametrize("counted", [True, False], ids=["with batch counts", "without batch counts, as in old files"])
def test_both_networks_start_from_imagenet(counted: bool) -> None:
    weights = {name: value for name, value in imagenet_weights().items() if counted or "num_batches" not in name}
    encoder = VideoEncoder(SMALL)
    classifier = encoder.frame_network.fc.weight.clone()
    encoder.load_imagenet(weights)
    frame, flow = encoder.frame_network.state_dict(), encoder.flow_network.state_dict()
    for name, value in weights.items():
        if name.startswith("fc."):
            continue
        assert torch.equal(frame[name], value)
        if name != "conv1.weight":
            assert torch.equal(flow[name], value)
    red, green, blue = weights["conv1.weight"].unbind(dim=1)
    for direction in flow["conv1.weight"].unbind(dim=1):
        torch.testing.assert_close(direction, (red + green + blue) / 3)
    assert torch.equal(frame["fc.weight"], classifier)


def test_weights_of_another_network_are_refused_by_name() -> None:
    weights = imagenet_weights()
    del weights["layer3.0.conv1.weight"]
    with pytest.raises(InputError, match=r"missing: layer3\.0\.conv1\.weight"):
        VideoEncoder(SMALL).load_imagenet(weights)
    with pytest.raises(InputError, match=r"unexpected: .*layer4"):
        VideoEncoder(replace(TINY.network, backbone="resnet10")).load_imagenet(imagenet_weights())


def test_the_paper_tells_nothing_frame_by_frame() -> None:
    encoder = VideoEncoder(replace(TINY.network, picture_detail=0))
    assert encoder.detail(torch.rand(1, 32, 50)) is None
    assert not [name for name, _ in encoder.named_parameters() if "detail" in name or "onset" in name]


def test_four_onset_frames_belong_to_each_picture() -> None:
    encoder = VideoEncoder(TINY.network).eval()
    told = encoder.onsets(detail := torch.rand(1, 8, 50))
    assert told.shape == (1, 8, 200)
    raw = encoder.onset_head(detail)[0]
    # Band 3, picture 7, second of its four mel frames.
    assert told[0, 3, 4 * 7 + 1] == raw[3 * 4 + 1, 7]
