"""Crops of sound for the WaveNet, together with the sound around them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from hr_common.errors import InputError
from viai.config import ViaiConfig
from viai.data.batches import open_clips
from viai.data.clips import Clip, Split, picture_samples

_GAIN_DB = 10.0  # crops are made softer by up to this much
_MARGIN_HOPS = 8  # mel frames on either side: more than the conditioning looks around


@dataclass(frozen=True)
class SoundBatch:
    """Crops and their surroundings."""

    samples: Float32[Tensor, "batch crop"]
    """What is learnt, amplitude in [-1, 1]."""
    surroundings: Float32[Tensor, "batch longer"]
    """The same with the sound before and after, for the spectrogram."""
    lead: int
    """Samples of the surroundings before the crop."""


class SoundCrops:
    """Random crops of any step of an endless run; those of step ``n`` depend on the seed and ``n`` alone.

    Args:
        root: Prepared clips.
        split: Split of them.
        config: Lengths and batch.
        seed: Settles every draw.
        rank: Number of this process in the group.
        world_size: Processes in the group; the batch has to be a multiple.

    Raises:
        InputError: The batch cannot be shared evenly, or a clip is shorter than a crop with its surroundings.
    """

    def __init__(
        self, root: Path, split: Split, config: ViaiConfig, *, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.batch = config.training.wavenet_batch
        if self.batch % world_size:
            raise InputError(
                f"training.wavenet_batch={self.batch} cannot be shared by {world_size} processes; choose a multiple"
            )
        self.config = config
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.crop = config.training.wavenet_crop
        self.margin = _MARGIN_HOPS * config.spectrogram.hop
        self._clips: list[Clip] = open_clips(root, split, config, picture=False)
        longer = self.crop + 2 * self.margin
        for clip in self._clips:
            if (samples := clip.frames * picture_samples(config)) < longer:
                raise InputError(
                    f"clip '{clip.name}' of {root} has {samples} samples; a crop with its surroundings needs {longer}; "
                    f"make training.wavenet_crop={self.crop} smaller"
                )
        self._sounds: dict[int, Float32[np.ndarray, " sample"]] = {}

    def __call__(self, step: int) -> SoundBatch:
        """Read the crops of a step, counted from 0."""
        around = torch.stack(
            [self._draw(step * self.batch + place) for place in range(self.rank, self.batch, self.world_size)]
        )
        return SoundBatch(around[:, self.margin : self.margin + self.crop].contiguous(), around, self.margin)

    def _draw(self, number: int) -> Float32[Tensor, " longer"]:
        rng = np.random.default_rng((self.seed, number))
        sound = self._sound(int(rng.integers(len(self._clips))))
        length = self.crop + 2 * self.margin
        start = int(rng.integers(len(sound) - length + 1))
        gain = np.float32(10 ** (-rng.uniform(0, _GAIN_DB) / 20))
        return torch.from_numpy(sound[start : start + length] * gain)

    def _sound(self, index: int) -> Float32[np.ndarray, " sample"]:
        """Sound of a clip at its full level; all of them stay in memory, about 0.6 MB for ten seconds."""
        if index not in self._sounds:
            clip = self._clips[index]
            samples = clip.sound(0, clip.frames * picture_samples(self.config))
            peak = max(float(np.abs(samples).max(initial=0.0)), self.config.spectrogram.floor)
            self._sounds[index] = samples * np.float32(self.config.spectrogram.peak / peak)
        return self._sounds[index]
