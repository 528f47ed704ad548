"""Where a video is cut, and which parts of it show somebody play: read from thumbnails and from the level of the sound.

A video from the web begins with titles, changes between cameras and ends in applause or black. A clip to learn from
lies within one shot. Nothing here looks for what is played or by whom.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from hr_common import video

Idle = Literal["black", "silent", "still"]

_THUMBNAIL = 36, 64  # height, width
_CHUNK_SECONDS = 30.0
_LEVELS = 4  # of each colour in the histogram
_QUARTERS = 2  # the picture is divided into so many rows and columns, each with its own histogram
_NEAR = 3  # pictures on either side of a cut that have to differ; what is shorter is a flash
_LEAST_DISTANCE = 0.2  # of the two sides of a cut, from 0 (alike) to 1 (no colour in common)
_OVER_MOTION = 3.0  # how far a cut stands out above the usual distance of pictures around it
_AROUND_SECONDS = 2.0
_BLACK = 20.0  # mean grey level below which a picture is black
_STILL = 0.3  # mean change in grey levels below which a picture is the one before
_SILENT_DB = -60.0  # of full scale
_QUIET_DB = -40.0  # relative to the loud passages of the video
_LONGEST_IDLE = {"black": 0.2, "silent": 3.0, "still": 4.0}  # seconds that a performance may be so


@dataclass(frozen=True)
class Look:
    """What the parts of a video are judged by, for every picture of the grid."""

    start: float
    """Time of the first picture, in seconds on the container's time line."""
    rate: float
    """Pictures a second."""
    thumbnails: UInt8[np.ndarray, "frame 36 64 3"]
    """RGB."""
    level_db: Float64[np.ndarray, " frame"]
    """Level of the sound from this picture to the next, relative to full scale."""


@dataclass(frozen=True)
class Part:
    """Pictures ``[first, stop)`` of the grid that belong together."""

    first: int
    stop: int


@dataclass(frozen=True)
class IdlePart(Part):
    """Pictures without a performance."""

    reason: Idle


def look_at(path: Path, *, start: float, frames: int, rate: float) -> Look:
    """Read thumbnails of a video and the level of its sound, piece by piece.

    Args:
        path: The video.
        start: Time of the first picture in seconds on the container's time line.
        frames: Number of pictures.
        rate: Pictures a second.

    Raises:
        InputError: The video cannot be read.
    """
    chunk = max(1, round(_CHUNK_SECONDS * rate))
    thumbnails = np.zeros((frames, *_THUMBNAIL, 3), np.uint8)
    level_db = np.full(frames, -np.inf)
    for first in range(0, frames, chunk):
        stop = min(frames, first + chunk)
        times = start + np.arange(first, stop) / rate
        thumbnails[first:stop] = video.read_frames(path, times.tolist(), size=_THUMBNAIL)[0]
        sound, sound_rate, begin = video.read_sound(path, start=float(times[0]), stop=start + stop / rate)
        power = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64).mean(axis=1))))
        edges = np.round((start + np.arange(first, stop + 1) / rate - begin) * sound_rate).astype(np.int64)
        edges = edges.clip(0, len(sound))
        mean = np.diff(power[edges]) / np.maximum(1, np.diff(edges))
        level_db[first:stop] = 10 * np.log10(mean.clip(min=1e-20))
    return Look(start, rate, thumbnails, level_db)


def find_cuts(thumbnails: UInt8[np.ndarray, "frame height width 3"], rate: float) -> list[int]:
    """Find where the picture changes at once and stays changed.

    All of the three pictures before a cut have to differ from all of the three after it in their colours, quarter by
    quarter of the picture; so a flash is none. They also have to differ by more than the movement in the two seconds
    on either side.

    Args:
        thumbnails: RGB pictures at a constant rate.
        rate: Pictures a second.

    Returns:
        Numbers of the pictures that begin a shot, without the first.
    """
    histograms = np.stack([_histogram(picture) for picture in thumbnails]) if len(thumbnails) else np.zeros((0, 1))
    count = len(histograms)
    across = np.zeros(count)
    usual = np.zeros(count)  # distance to the picture before the last, as movement makes it
    usual[2:] = _distance(histograms[2:], histograms[:-2])
    for cut in range(1, count):
        before = histograms[max(0, cut - _NEAR) : cut]
        after = histograms[cut : cut + _NEAR]
        across[cut] = _distance(before[:, None], after[None]).min()
    reach = max(1, round(_AROUND_SECONDS * rate))
    cuts: list[int] = []
    for cut in np.flatnonzero(across > _LEAST_DISTANCE).tolist():
        # The pictures at the cut itself say nothing about the movement.
        around = np.concatenate((usual[max(0, cut - reach) : cut], usual[cut + 2 : cut + reach]))
        is_peak = across[cut] >= across[max(0, cut - _NEAR) : cut + _NEAR + 1].max()
        if is_peak and across[cut] > _OVER_MOTION * (np.median(around) if len(around) else 0.0):
            cuts.append(cut)
    return cuts


def find_idle(look: Look) -> list[IdlePart]:
    """Find the parts without a performance, in order of time; they may overlap.

    ``black`` pictures for more than 0.2 s; a ``silent`` sound, 40 dB below the loud passages of the video or below
    -60 dB of full scale, for more than 3 s; a ``still`` picture, as titles are, for more than 4 s.
    """
    grey = look.thumbnails.mean(axis=3, dtype=np.float32)
    change = np.full(len(grey), np.inf)
    for index in range(1, len(grey)):
        change[index] = np.abs(grey[index] - grey[index - 1]).mean()
    # A picture belongs to a still part with its neighbour on either side.
    is_still = (change < _STILL) | np.append(change[1:] < _STILL, False)
    loud = float(np.quantile(look.level_db, 0.95)) if len(grey) else 0.0
    marks: dict[Idle, Bool[np.ndarray, " frame"]] = {
        "black": grey.mean(axis=(1, 2)) < _BLACK,
        "silent": look.level_db < max(_SILENT_DB, loud + _QUIET_DB),
        "still": is_still,
    }
    idle = []
    for reason, marked in marks.items():
        for first, stop in _runs(marked):
            if (stop - first) / look.rate > _LONGEST_IDLE[reason]:
                idle.append(IdlePart(first, stop, reason))
    return sorted(idle, key=lambda part: (part.first, part.stop))


def performances(look: Look) -> tuple[list[Part], list[IdlePart]]:
    """Give the parts of a video that are within one shot and not idle, and the idle ones."""
    idle = find_idle(look)
    count = len(look.thumbnails)
    borders = {0, count, *find_cuts(look.thumbnails, look.rate)}
    wanted = np.ones(count, dtype=bool)
    for part in idle:
        wanted[part.first : part.stop] = False
    borders |= {edge for run in _runs(wanted) for edge in run}
    edges = sorted(borders)
    parts = [Part(first, stop) for first, stop in pairwise(edges) if wanted[first]]
    return parts, idle


def _histogram(picture: UInt8[np.ndarray, "height width 3"]) -> Float64[np.ndarray, " bin"]:
    """Shares of the colours in each quarter of the picture; a pixel counts for the two levels nearest to it."""
    height, width = picture.shape[:2]
    grid = picture.astype(np.float64) / 255 * (_LEVELS - 1)
    low = np.minimum(grid.astype(np.int64), _LEVELS - 2)
    weight = grid - low
    rows = np.arange(height)[:, None] * _QUARTERS // height
    columns = np.arange(width)[None] * _QUARTERS // width
    cell = (rows * _QUARTERS + columns) * _LEVELS**3
    bins: Float64[np.ndarray, " bin"] = np.zeros(_QUARTERS**2 * _LEVELS**3)
    for corner in np.ndindex(2, 2, 2):
        share, index = np.ones((height, width)), np.zeros((height, width), np.int64)
        for channel, upper in enumerate(corner):
            share = share * (weight[..., channel] if upper else 1 - weight[..., channel])
            index = index * _LEVELS + low[..., channel] + upper
        bins += np.bincount((cell + index).reshape(-1), share.reshape(-1), len(bins))
    shares: Float64[np.ndarray, " bin"] = bins / (height * width)
    return shares


def _distance(first: Float64[np.ndarray, "... bin"], second: Float64[np.ndarray, "... bin"]) -> np.ndarray:
    """Share of the picture whose colour changed."""
    result: np.ndarray = 0.5 * np.abs(first - second).sum(axis=-1)
    return result


def _runs(marked: Bool[np.ndarray, " frame"]) -> Iterator[tuple[int, int]]:
    borders = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0)).tolist()
    return zip(borders[::2], borders[1::2], strict=True)
