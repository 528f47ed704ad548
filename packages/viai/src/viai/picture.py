"""From a video to what the networks see: 12.5 pictures a second and their flow, cropped to where things move."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from torch import Tensor

from hr_common import video
from hr_common.errors import InputError
from viai import flow as optical
from viai.config import FlowMethod, PictureConfig

COVER_SECONDS = 0.1
"""A picture stands for a moment if it is shown at most this far, or one picture of the video, from it."""
_REFERENCE = 256
"""Longer side, in pixels, of the pictures for which the numbers of the salient crop below are given."""
_MARKED = 2.0
"""Mean motion, in byte steps, from which on a pixel counts as moving; at the reference size."""
_INSET = 5
"""A row or column counts only if the one this far inside is marked as well; at the reference size."""
_LEAST_SIDE = 50
"""Boxes less wide or high are no performance; at the reference size."""


class PictureUnavailableError(InputError):
    """The video cannot be used for this window; the sound can still be mended without it."""


@dataclass(frozen=True)
class Box:
    """A part of a picture, in shares of its width and height: 0 is left or top, 1 right or bottom."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The whole picture."""


@dataclass(frozen=True)
class Picture:
    """A stretch of video as the networks take it."""

    frames: UInt8[np.ndarray, "frame size size 3"]
    """RGB, cropped and padded to squares with grey 127."""
    flow: UInt8[np.ndarray, "frame 2 size size"]
    """Motion that led to each picture, as bytes; see :mod:`viai.flow`."""
    times: Float64[np.ndarray, " frame"]
    """When the picture is really shown, in seconds on the container's time line."""
    covered: Bool[np.ndarray, " frame"]
    """Whether the video shows something at the wanted moment. Where not, the nearest picture stands in."""
    box: Box
    """What was cut out, the same for all pictures."""
    flow_method: FlowMethod
    """How the flow was measured."""


def read_picture(
    path: str | Path,
    *,
    start: float,
    frames: int = 50,
    config: PictureConfig,
    box: Box | None = None,
    needs_motion: bool = False,
    cache: Path | None = None,
) -> Picture:
    """Read the pictures that belong to a stretch of sound.

    Picture ``j`` is the decoded one nearest to ``start + j / config.frame_rate`` by its presentation time.

    Args:
        path: The video.
        start: When the sound begins, in seconds on the container's time line.
        frames: How many pictures; 50 for a window of four seconds.
        config: Rate, size and flow.
        box: What to cut out. Default: the part in which things move, or everything if hardly anything does.
        needs_motion: Refuse a video in which hardly anything moves.
        cache: Folder that keeps flow between runs, see :func:`viai.flow.cache_folder`.

    Raises:
        PictureUnavailableError: The video shows nothing at any of the moments, or nothing moves and ``needs_motion`` is
            set.
        InputError: The file is no video or cannot be decoded.
    """
    header = video.info(path)
    wanted = start + np.arange(-1, frames) / config.frame_rate
    # Cropping to a quarter of the width still leaves a pixel of the video for every pixel of the result.
    longer = max(header.width, header.height)
    scale = min(1.0, max(config.flow_size, 4 * config.size) / longer)
    size = max(1, round(header.height * scale)), max(1, round(header.width * scale))
    images, times = video.read_frames(path, wanted.tolist(), size=size)

    interval = float(1 / header.average_rate) if header.average_rate else 0.0
    covered = np.abs(times - wanted) <= max(COVER_SECONDS, interval)
    if not covered[1:].any():
        raise PictureUnavailableError(
            f"{path} shows pictures from {header.start:.2f} s to {header.start + header.duration:.2f} s, "
            f"nothing between {start:.2f} s and {start + frames / config.frame_rate:.2f} s"
        )
    flow = optical.flow_sequence(
        images[1:],
        method=config.flow,
        longer=config.flow_size,
        limit=config.flow_limit,
        before=images[0] if covered[0] else None,
        cache=cache,
    )
    if box is None:
        box = salient_box(flow)
        if box is None and needs_motion:
            raise PictureUnavailableError(
                f"{path} hardly moves between {start:.2f} s and {start + frames / config.frame_rate:.2f} s"
            )
    box = box or WHOLE
    planes = np.moveaxis(flow, 1, -1)
    return Picture(
        frames=_cut(images[1:], box, config.size),
        flow=np.ascontiguousarray(np.moveaxis(_cut(planes, box, config.size), -1, 1)),
        times=times[1:],
        covered=covered[1:],
        box=box,
        flow_method=config.flow,
    )


def salient_box(flow: UInt8[np.ndarray, "frame 2 height width"]) -> Box | None:
    """Find the part of the picture in which things move.

    Pixels are marked whose motion, the absolute byte steps of x and y added up, is above 2 on average. A row or column
    of marked pixels counts if the one 5 pixels further inside is marked as well; so specks at the rim are dropped.
    These lengths, motion included, are for pictures of 256 pixels on the longer side and are scaled to the size of the
    flow: at 128 pixels, where everything moves half as many pixels, they are 1, 2 and 25.

    Returns:
        The rows and columns that count, or ``None`` if they span less than 50 pixels (at 256) in width or height.

    References:
        Zhou et al., "Vision-Infused Deep Audio Inpainting", ICCV 2019, section 4, data preparation.
    """
    height, width = flow.shape[2:]
    scale = max(height, width) / _REFERENCE
    steps = np.abs(flow.astype(np.int16) - optical.REST).sum(axis=1, dtype=np.int32)
    marked = steps.sum(axis=0, dtype=np.int64) > _MARKED * scale * max(1, len(flow))
    inset = max(1, round(_INSET * scale))
    rows, columns = _span(marked.any(axis=1), inset), _span(marked.any(axis=0), inset)
    if rows is None or columns is None:
        return None
    if min(rows[1] - rows[0], columns[1] - columns[0]) < _LEAST_SIDE * scale:
        return None
    return Box(columns[0] / width, rows[0] / height, columns[1] / width, rows[1] / height)


def normalise(values: UInt8[Tensor, "*shape"]) -> Float32[Tensor, "*shape"]:
    """Map bytes of pictures or flow to about [-1, 1]; grey padding and rest become exactly zero."""
    return (values.to(torch.float32) - optical.REST) / 128


def _span(marked: Bool[np.ndarray, " line"], inset: int) -> tuple[int, int] | None:
    """First line that counts, and the one after the last."""
    pairs = np.flatnonzero(marked[:-inset] & marked[inset:])
    return (int(pairs[0]), int(pairs[-1]) + inset + 1) if len(pairs) else None


def _cut(
    images: UInt8[np.ndarray, "frame height width channel"], box: Box, size: int
) -> UInt8[np.ndarray, "frame size size channel"]:
    """Cut out the box, pad it to a square with 127 around the middle, and scale."""
    height, width = images.shape[1:3]
    top, bottom = _pixels(box.top, box.bottom, height)
    left, right = _pixels(box.left, box.right, width)
    part = images[:, top:bottom, left:right]
    side = max(part.shape[1:3])
    above, beside = (side - part.shape[1]) // 2, (side - part.shape[2]) // 2
    square = np.full((side, side, images.shape[3]), optical.REST, np.uint8)
    # Area averaging is for shrinking only; where the picture is enlarged it would show blocks.
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    result = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for index, image in enumerate(part):
        square[above : above + part.shape[1], beside : beside + part.shape[2]] = image
        result[index] = cv2.resize(square, (size, size), interpolation=method)
    return result


def _pixels(low: float, high: float, length: int) -> tuple[int, int]:
    first = min(length - 1, max(0, round(low * length)))
    return first, min(length, max(first + 1, round(high * length)))


def as_box(values: object) -> Box:
    """Check the four numbers of a stored box.

    Raises:
        InputError: They are no part of a picture.
    """
    if (
        not isinstance(values, Sequence)
        or len(values) != 4
        or not all(isinstance(value, int | float) for value in values)
    ):
        raise InputError(f"a crop box has four numbers (left, top, right, bottom), not {values!r}")
    left, top, right, bottom = (float(value) for value in values)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InputError(
            f"crop box {left:g}, {top:g}, {right:g}, {bottom:g}: "
            "expected 0 <= left < right <= 1, and top and bottom alike"
        )
    return Box(left, top, right, bottom)
