"""The two inpainting networks of the paper: VIAI-A from sound, VIAI-AV from sound and sight."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viai.config import NetworkConfig
from viai.networks.audio_encoder import AudioEncoder
from viai.networks.decoder import DETAIL_DEPTH, SpectrogramDecoder
from viai.networks.video_encoder import VideoEncoder


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _decoder(config: NetworkConfig, code_channels: int, detail_channels: int = 0) -> SpectrogramDecoder:
    return SpectrogramDecoder(
        config.audio_channels,
        code_channels,
        corrects_lines=config.corrects_lines,
        detail_channels=detail_channels,
    )


class AudioInpainter(nn.Module):
    """VIAI-A: fill the gap from the sound around it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.decoder = _decoder(config, config.audio_channels[-1])
        self.apply(_initialise)
        if config.corrects_lines:
            nn.init.zeros_(self.decoder.output.weight)

    def forward(self, mel: Float[Tensor, "batch 1 band frame"]) -> Float[Tensor, "batch 1 band frame"]:
        """Paint the whole spectrogram anew.

        Args:
            mel: Levels in [0, 1] with straight lines over the gap.

        Returns:
            Levels in (0, 1); only the unknown frames are of use.
        """
        audio = self.audio_encoder(mel)
        painted: Tensor = self.decoder(audio.code, audio)
        return painted


class AudioVisualInpainter(nn.Module):
    """VIAI-AV: fill the gap from the sound around it and the picture of all of it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder(config.audio_channels)
        self.video_encoder = VideoEncoder(config)
        self.decoder = _decoder(config, 2 * config.audio_channels[-1], config.picture_detail)
        self.apply(_initialise)
        if config.picture_detail:
            nn.init.zeros_(self.video_encoder.onset_head.weight)

    def forward(
        self,
        mel: Float[Tensor, "batch 1 band frame"],
        frames: Float[Tensor, "batch time 3 h w"],
        flow: Float[Tensor, "batch time 2 h w"],
    ) -> Float[Tensor, "batch 1 band frame"]:
        """Paint the whole spectrogram anew; the picture has one frame for every four of the mel."""
        described = self.video_encoder.describe(frames, flow)
        return self.paint(mel, self.video_encoder.fuse(described), self.video_encoder.detail(described))

    def paint(
        self,
        mel: Float[Tensor, "batch 1 band frame"],
        sight: Float[Tensor, "batch channel 1 code"],
        detail: Float[Tensor, "batch detail time"] | None,
    ) -> Float[Tensor, "batch 1 band frame"]:
        """Paint with a given second code: the visual one, or for the probe VIAI-AA' the intact sound's.

        Args:
            mel: Levels in [0, 1] with straight lines over the gap.
            sight: The second code.
            detail: What the video encoder tells frame by frame; None if it has no such channels.
        """
        audio = self.audio_encoder(mel)
        painted: Tensor = self.decoder(torch.cat([audio.code, sight], dim=1), audio, detail)
        return painted

    def start_from(self, audio: AudioInpainter) -> None:
        """Take over a trained VIAI-A.

        The first kernel of its decoder is laid under both codes: the picture's code is trained towards
        the code of the intact sound, which that kernel can read already.
        """
        self.audio_encoder.load_state_dict(audio.audio_encoder.state_dict())
        weights = audio.decoder.state_dict()
        first = weights["expand.0.weight"]
        weights["expand.0.weight"] = torch.cat([first, first], dim=0)
        entry = f"stages.{DETAIL_DEPTH}.0.0.weight"
        own = self.decoder.state_dict()[entry].clone()
        # What the picture tells frame by frame starts unheard.
        own.zero_()
        own[:, : weights[entry].shape[1]] = weights[entry]
        weights[entry] = own
        self.decoder.load_state_dict(weights)
