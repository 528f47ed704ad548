"""The completed spectrogram of one window: by which network it is painted, and with which picture."""

import logging
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from hr_common.errors import InputError
from viai.config import ViaiConfig
from viai.gaps import Window
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet
from viai.painting import Analysis, paint
from viai.picture import normalise
from viai.spectrogram import MelSpectrogram
from viai.synchrony import LEAST_AGREEMENT, Placement, agreement

logger = logging.getLogger(__name__)

Method = Literal["auto", "ar", "viai-a", "viai-av"]


@dataclass(frozen=True)
class Networks:
    """Trained networks and the front end that they share, on one device."""

    audio: AudioInpainter
    audiovisual: AudioVisualInpainter
    wavenet: WaveNet
    front: MelSpectrogram
    config: ViaiConfig
    device: torch.device


@dataclass(frozen=True, eq=False)
class WindowPainting:
    """The completed spectrogram of a window."""

    mel: Float[Tensor, "1 band frame"]
    network: str
    """``viai-a`` or ``viai-av``."""
    note: str
    """What there is to say: why the picture was not used."""
    pictures: Float[Tensor, "1 feature picture"] | None = None
    """Every picture as the video encoder describes it, if it was used."""
    agreement: float | None = None
    """How well the onsets that the picture tells go with those around the gap, see :func:`viai.synchrony.agreement`;
    None without a picture or where neither tells any."""


def paint_window(
    networks: Networks,
    analysis: Analysis,
    window: Window,
    rate: int,
    *,
    placement: Placement | None,
    method: Method,
) -> WindowPainting:
    """Paint the unknown frames of a window, guided by the picture if that may be and can be used.

    Args:
        networks: What paints.
        analysis: The window as the networks see it.
        window: Where it lies in the file.
        rate: Of the file, in Hz.
        placement: The video on the time line of the file, if there is one.
        method: ``viai-av`` insists on the picture, ``viai-a`` does not look at it, ``auto`` uses one that goes with the
            sound around the gap.

    Raises:
        InputError: If ``viai-av`` was asked for and the picture cannot be used.
    """
    note, agreed = "", None
    if method != "viai-a" and placement is not None:
        try:
            seen = _paint_with_picture(networks, analysis, window, rate, placement)
            agreed = seen.agreement
            if method == "viai-av" or agreed is None or agreed >= LEAST_AGREEMENT:
                return seen
            note = (
                "without the picture: what it shows does not go with the sound around the gap "
                f"(agreement {agreed:.2f}, used from {LEAST_AGREEMENT:g} on or with --method viai-av)"
            )
        except InputError as error:
            if method == "viai-av":
                raise
            # Of a video that cannot be used at all the user was told once.
            if placement.is_usable:
                logger.warning("%s; going on with the sound alone", error)
            note = f"without the picture: {error}"
    elif method == "auto":
        note = "no video given"

    def heard(mel: Float[Tensor, "1 1 band frame"]) -> Float[Tensor, "1 1 band frame"]:
        result: Tensor = networks.audio(mel)
        return result

    return WindowPainting(paint(heard, analysis), "viai-a", note, agreement=agreed)


def _paint_with_picture(
    networks: Networks, analysis: Analysis, window: Window, rate: int, placement: Placement
) -> WindowPainting:
    config = networks.config
    frames = round(len(analysis.samples) / config.spectrogram.sample_rate * config.picture.frame_rate)
    picture = placement.picture(
        window.start / rate, frames, config.picture, [gap.seconds(rate) for gap in window.targets]
    )
    frames_in = torch.from_numpy(picture.frames).movedim(-1, 1).unsqueeze(0).to(networks.device)
    flow_in = torch.from_numpy(picture.flow).unsqueeze(0).to(networks.device)
    encoder = networks.audiovisual.video_encoder
    pictures = encoder.describe(normalise(frames_in), normalise(flow_in))
    sight, detail = encoder.fuse(pictures), encoder.detail(pictures)
    agreed = None if detail is None else agreement(encoder.onsets(detail)[0], analysis.mel[0], analysis.unknown[0])
    painted = paint(lambda mel: networks.audiovisual.paint(mel, sight, detail), analysis)
    return WindowPainting(painted, "viai-av", "", pictures, agreed)
