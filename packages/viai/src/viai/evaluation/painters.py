"""The networks as methods of the table: VIAI-A, VIAI-AV, and the oracle that they cannot pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common.errors import InputError
from viai.baselines.interface import Scene
from viai.gaps import Gap
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.painting import LONGEST_FRAMES, Analysis, paint
from viai.picture import normalise
from viai.spectrogram import compose

ORACLE = "oracle"
"""Name of the one row that is no method."""

BATCH = 8
"""Windows that a network is given at once."""

_Rows = Callable[[Tensor, list[int]], Tensor]


@dataclass(frozen=True)
class AudioPainter:
    """VIAI-A."""

    network: AudioInpainter
    device: torch.device
    name: str = "viai-a"

    @torch.inference_mode()
    def paint(self, scenes: Sequence[Scene]) -> list[Float[np.ndarray, "band frame"]]:
        """Complete the spectrograms from the sound around the gaps."""
        return _complete(scenes, lambda mel, _: self.network(mel), self.device)


@dataclass(frozen=True)
class AudioVisualPainter:
    """VIAI-AV."""

    network: AudioVisualInpainter
    device: torch.device
    name: str = "viai-av"

    @torch.inference_mode()
    def paint(self, scenes: Sequence[Scene]) -> list[Float[np.ndarray, "band frame"]]:
        """Complete the spectrograms from the sound around the gaps and all of the picture.

        Raises:
            InputError: If a scene has no picture.
        """
        code, detail = look(self.network, scenes, self.device)

        def seen(mel: Tensor, rows: list[int]) -> Tensor:
            return self.network.paint(mel, code[rows], None if detail is None else detail[rows])

        return _complete(scenes, seen, self.device)


@dataclass(frozen=True)
class Oracle:
    """VIAI-AA', the probe of training: VIAI-AV with the code of the intact sound in place of the picture's.

    It sees the answer, through the few numbers of the bottleneck: how well the decoder could do with the best of
    pictures, not how well anything does.
    """

    network: AudioVisualInpainter
    device: torch.device
    name: str = ORACLE

    @torch.inference_mode()
    def paint(
        self, scenes: Sequence[Scene], targets: Sequence[Float[np.ndarray, "band frame"]]
    ) -> list[Float[np.ndarray, "band frame"]]:
        """Complete the spectrograms, having heard the answers."""
        _, detail = look(self.network, scenes, self.device)
        code = hear(self.network, targets, self.device)

        def told(mel: Tensor, rows: list[int]) -> Tensor:
            return self.network.paint(mel, code[rows], None if detail is None else detail[rows])

        return _complete(scenes, told, self.device)


@torch.inference_mode()
def look(
    network: AudioVisualInpainter, scenes: Sequence[Scene], device: torch.device
) -> tuple[Float[Tensor, "scene channel 1 code"], Float[Tensor, "scene detail time"] | None]:
    """Return the visual codes f_v of scenes, and what the picture tells frame by frame, if the network has that.

    Raises:
        InputError: If a scene has no picture.
    """
    frames = [scene.frames for scene in scenes if scene.frames is not None]
    flow = [scene.flow for scene in scenes if scene.flow is not None]
    if len(frames) < len(scenes) or len(flow) < len(scenes):
        raise InputError("viai-av needs the picture of every window; read the clips with it")
    encoder = network.video_encoder
    described = torch.cat(
        [
            encoder.describe(*(normalise(torch.from_numpy(np.stack(part[rows])).to(device)) for part in (frames, flow)))
            for rows in _blocks(len(scenes))
        ]
    )
    return encoder.fuse(described), encoder.detail(described)


def _blocks(count: int) -> list[slice]:
    return [slice(first, first + BATCH) for first in range(0, count, BATCH)]


@torch.inference_mode()
def hear(
    network: AudioVisualInpainter, targets: Sequence[Float[np.ndarray, "band frame"]], device: torch.device
) -> Float[Tensor, "scene channel 1 code"]:
    """Return the codes f_a of intact sounds."""
    mel = torch.from_numpy(np.stack(targets)).to(device).unsqueeze(1)
    code: Tensor = network.audio_encoder(mel).code
    return code


def _one(rows: _Rows, row: int, mel: Tensor) -> Tensor:
    return rows(mel, [row])


def _complete(scenes: Sequence[Scene], rows: _Rows, device: torch.device) -> list[np.ndarray]:
    """Paint all scenes at once; gaps longer than in training one by one, from both ends inwards, as the tool does."""
    mel = torch.from_numpy(np.stack([scene.mel for scene in scenes])).to(device)
    unknown = torch.from_numpy(np.stack([scene.unknown for scene in scenes])).to(device)
    result = mel.clone()
    short = [row for row, scene in enumerate(scenes) if scene.unknown.sum() <= LONGEST_FRAMES]
    for block in _blocks(len(short)):
        painted = rows(mel[short[block]].unsqueeze(1), short[block]).squeeze(1).float()
        result[short[block]] = compose(mel[short[block]], painted, unknown[short[block]])
    for row in sorted(set(range(len(scenes))) - set(short)):
        one = slice(row, row + 1)
        known = Analysis(scenes[row].samples, 1.0, (Gap(*scenes[row].gap),), mel[one], unknown[one])
        result[row] = paint(partial(_one, rows, row), known)[0]
    return [painting.cpu().numpy() for painting in result]
