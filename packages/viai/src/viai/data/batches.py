"""Four seconds of sound and picture with a gap, and how they are read from a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor

from hr_common.errors import InputError
from viai.config import SpectrogramConfig, ViaiConfig
from viai.data import music
from viai.data.clips import Clip, PreparedClip, Split, picture_samples, read_clips, window_frames


@dataclass(frozen=True)
class WindowBatch:
    """Windows with one gap each."""

    samples: Float32[Tensor, "batch sample"]
    """Intact sound; its peak outside the gap is that of ``SpectrogramConfig`` or, in training, up to 6 dB below."""
    frames: UInt8[Tensor, "batch frame 3 height width"]
    """RGB pictures; no frame at all without picture."""
    flow: UInt8[Tensor, "batch frame 2 height width"]
    """Motion that led to each picture; no frame at all without picture."""
    gap: Int64[Tensor, "batch 2"]
    """First missing sample and the one after the last."""
    clip: Int64[Tensor, " batch"]
    """Number of the clip in the data set."""

    def __len__(self) -> int:
        return len(self.samples)

    def unknown_frames(self, config: SpectrogramConfig | None = None) -> Bool[Tensor, "batch frame"]:
        """Mark the mel frames whose analysis window touches the gap: three more on the left than start in it."""
        config = config or SpectrogramConfig()
        first = torch.arange(self.samples.shape[1] // config.hop, device=self.gap.device) * config.hop
        return (first < self.gap[:, 1:]) & (first + config.window > self.gap[:, :1])


def collate(windows: Sequence[WindowBatch]) -> WindowBatch:
    """Join batches to one."""
    return WindowBatch(
        samples=torch.cat([window.samples for window in windows]),
        frames=torch.cat([window.frames for window in windows]),
        flow=torch.cat([window.flow for window in windows]),
        gap=torch.cat([window.gap for window in windows]),
        clip=torch.cat([window.clip for window in windows]),
    )


def draw_gap(
    rng: np.random.Generator,
    config: ViaiConfig,
    *,
    on_picture_grid: bool,
    gap_frames: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Draw a gap anywhere in a window: its first sample and the one after the last, both on the grid of mel frames.

    Args:
        rng: Source of the draws.
        config: Rates, and the shortest and longest gap.
        on_picture_grid: Let the gap begin together with a picture; its length stays free.
        gap_frames: Shortest and longest gap, in mel frames, other than the config's.
    """
    hop = config.spectrogram.hop
    step = picture_samples(config) // hop if on_picture_grid else 1
    total = window_frames(config) * picture_samples(config) // hop
    shortest, longest = gap_frames or config.training.gap_frames
    if not 1 <= shortest <= longest <= total:
        raise InputError(f"gaps of {shortest} to {longest} mel frames do not fit a window of {total}")
    length = int(rng.integers(shortest, longest + 1))
    start = step * int(rng.integers((total - length) // step + 1))
    return start * hop, (start + length) * hop


def open_clips(root: Path, split: Split, config: ViaiConfig, *, picture: bool) -> list[Clip]:
    """Open the clips of a split in whichever layout they are, and check that they fit the config.

    Raises:
        InputError: There are none, or one is too short or was prepared for other rates, another size or another flow.
    """
    clips: list[Clip] = []
    if (root / music.TRAIN_LIST).is_file():
        clips.extend(music.read_official(root, split, size=config.picture.size))
    else:
        for prepared in read_clips(root, split):
            _check(prepared, config, picture=picture)
            clips.append(prepared)
    for clip in clips:
        if clip.frames < window_frames(config):
            raise InputError(
                f"clip '{clip.name}' of {root} has {clip.frames} pictures; a window needs {window_frames(config)}"
            )
    return clips


def _check(clip: PreparedClip, config: ViaiConfig, *, picture: bool) -> None:
    wanted: list[tuple[str, object, object]] = [
        ("sound at", clip.sample_rate, config.spectrogram.sample_rate),
        ("pictures at", clip.frame_rate, config.picture.frame_rate),
    ]
    if picture:
        wanted += [("pictures of size", clip.size, config.picture.size), ("flow by", clip.flow, config.picture.flow)]
    for what, there, here in wanted:
        if there != here:
            raise InputError(
                f"clip {clip.folder} has {what} {there}, the configuration says {here}; prepare the videos with it"
            )


def read_samples(clip: Clip, start: int, config: ViaiConfig) -> Float32[np.ndarray, " sample"]:
    """Read the sound of the window that begins with picture ``start``, at the level of the clip.

    Raises:
        InputError: The clip does not hold it all.
    """
    grid, count = picture_samples(config), window_frames(config)
    samples = clip.sound(start * grid, (start + count) * grid)
    if len(samples) != count * grid:
        raise InputError(f"the sound of clip '{clip.name}' ends before its pictures; prepare it again")
    return samples


def rescale(
    samples: Float32[np.ndarray, " sample"], gap: tuple[int, int], config: ViaiConfig
) -> Float32[np.ndarray, " sample"] | None:
    """Scale the peak outside the gap to the level of analysis; silence there has no scale."""
    known = max(np.abs(samples[: gap[0]]).max(initial=0.0), np.abs(samples[gap[1] :]).max(initial=0.0))
    return samples * np.float32(config.spectrogram.peak / known) if known > config.spectrogram.floor else None


def read_window(
    clip: Clip,
    index: int,
    start: int,
    gap: tuple[int, int],
    config: ViaiConfig,
    *,
    picture: bool,
    gain: float,
) -> WindowBatch:
    """Read the window that begins with picture ``start``.

    Args:
        clip: Where it is in.
        index: Number of the clip in the data set.
        start: First picture.
        gap: First missing sample of the window and the one after the last.
        config: Rates and size of the pictures.
        picture: Read pictures and flow.
        gain: Factor on the level that :func:`rescale` gives; silence outside the gap is left at its own level.

    Raises:
        InputError: The clip does not hold what it should.
    """
    raw = read_samples(clip, start, config)
    scaled = rescale(raw, gap, config)
    samples = (raw if scaled is None else scaled) * np.float32(gain)
    size, count = config.picture.size, window_frames(config) if picture else 0
    if picture:
        frames, flow = clip.sight(start, start + count)
    else:
        frames, flow = np.empty((0, size, size, 3), np.uint8), np.empty((0, 2, size, size), np.uint8)
    if frames.shape != (count, size, size, 3) or flow.shape != (count, 2, size, size):
        raise InputError(
            f"clip '{clip.name}' has pictures {frames.shape} and flow {flow.shape}, not {count} of {size} x {size}"
        )
    return WindowBatch(
        samples=torch.from_numpy(samples)[None],
        frames=torch.from_numpy(np.ascontiguousarray(np.moveaxis(frames, -1, 1)))[None],
        flow=torch.from_numpy(flow)[None],
        gap=torch.tensor([gap], dtype=torch.int64),
        clip=torch.tensor([index], dtype=torch.int64),
    )
