"""Optical flow: how far everything in the picture moved since the picture before.

The flow of picture ``j`` leads from picture ``j - 1`` to picture ``j``: the motion that has just happened, which is
what makes the sound. It is stored as bytes: 127 is rest, 0 and 254 are ``limit`` pixels to the left or up, and to the
right or down.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from hr_common.errors import InputError
from hr_common.files import atomic_path, data_root, read_array
from viai.config import FlowMethod

logger = logging.getLogger(__name__)

REST = 127
"""The byte that says: no motion."""
LIMIT = 20.0
"""Pixels that the byte range reaches in either direction."""


def optical_flow(
    first: UInt8[np.ndarray, "height width *channel"],
    second: UInt8[np.ndarray, "height width *channel"],
    method: FlowMethod,
) -> Float32[np.ndarray, "2 height width"]:
    """Measure the motion between two pictures.

    Args:
        first: Grey or RGB picture, at least 16 pixels high and wide.
        second: The picture after it, of the same shape.
        method: ``tvl1`` is the paper's, ``dis`` the quick one.

    Returns:
        Displacement of every pixel in pixels: x to the right, y down. The result does not depend on the number of
        threads.

    Raises:
        InputError: The pictures are too small or neither grey nor RGB.

    References:
        Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", 2007. Farnebäck, "Two-Frame
        Motion Estimation Based on Polynomial Expansion", 2003. Kroeger et al., "Fast Optical Flow using Dense Inverse
        Search", 2016.
    """
    if min(first.shape[:2]) < 16:
        raise InputError(
            f"pictures of {first.shape[1]} x {first.shape[0]} pixels are too small for optical flow; 16 x 16 is least"
        )
    with _one_thread():
        return _measure(_grey(first), _grey(second), _engine(method))


def to_bytes(flow: Float[np.ndarray, "*shape"], limit: float = LIMIT) -> UInt8[np.ndarray, "*shape"]:
    """Store displacements as bytes: clipped to ``limit`` pixels first, then scaled so that rest is 127.

    The range 0 to 254 is symmetric, so that a mirrored picture has exactly the mirrored bytes.
    """
    scaled = np.clip(flow, -limit, limit) * (REST / limit)
    return np.asarray((np.rint(scaled) + REST).astype(np.uint8))


def from_bytes(values: UInt8[np.ndarray, "*shape"], limit: float = LIMIT) -> Float32[np.ndarray, "*shape"]:
    """Read stored displacements, in pixels; true to half a step, which is ``limit / 254``."""
    return (values.astype(np.float32) - REST) * np.float32(limit / REST)


def flow_shape(height: int, width: int, longer: int) -> tuple[int, int]:
    """Say at which height and width the flow of a picture is measured.

    The longer side has ``longer`` pixels, the other its share but at least 16. Small pictures are enlarged, so that a
    displacement in pixels is the same share of any picture.
    """
    scale = longer / max(height, width)
    return max(16, round(height * scale)), max(16, round(width * scale))


def flow_sequence(
    frames: UInt8[np.ndarray, "frame height width 3"],
    *,
    method: FlowMethod,
    longer: int = 128,
    limit: float = LIMIT,
    before: UInt8[np.ndarray, "height width 3"] | None = None,
    cache: Path | None = None,
) -> UInt8[np.ndarray, "frame 2 flow_height flow_width"]:
    """Measure the motion that led to every picture of a sequence.

    Args:
        frames: RGB pictures, 80 ms apart.
        method: See :func:`optical_flow`.
        longer: Longer side of the flow in pixels; the pictures are scaled to it first, and displacements count its
            pixels.
        limit: Displacements are clipped to this many pixels a picture.
        before: The picture before the first one. Without it the first picture is taken to be at rest.
        cache: Folder that keeps results by the content of the pictures, see :func:`cache_folder`. Default: nothing is
            kept.

    Returns:
        Bytes, x displacement first; :func:`flow_shape` says how large.
    """
    count, height, width = frames.shape[:3]
    shape = flow_shape(height, width, longer)
    pictures = frames if before is None else np.concatenate([before[None], frames])
    path = None
    if cache is not None:
        key = hashlib.sha256(f"1 {method} {shape} {limit} {before is None} {pictures.shape}".encode())
        key.update(np.ascontiguousarray(pictures).data)
        path = cache / f"{key.hexdigest()}.npy"
        known = _load(path, (count, 2, *shape))
        if known is not None:
            return known

    result = np.full((count, 2, *shape), REST, np.uint8)
    offset = count - len(pictures) + 1
    with _one_thread():
        engine = _engine(method)
        grey = [cv2.resize(_grey(picture), shape[::-1], interpolation=cv2.INTER_AREA) for picture in pictures]
        for index in range(1, len(grey)):
            # A slow video shows the same picture twice; there is nothing to measure.
            if not np.array_equal(pictures[index - 1], pictures[index]):
                result[index - 1 + offset] = to_bytes(_measure(grey[index - 1], grey[index], engine), limit)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            np.save(temporary, result, allow_pickle=False)
    return result


def cache_folder() -> Path:
    """Where flow is kept by default, in the user's cache; it can be deleted at any time."""
    return data_root("viai", "flow")


def mirror(
    frames: UInt8[np.ndarray, "frame height width 3"], flow: UInt8[np.ndarray, "frame 2 flow_height flow_width"]
) -> tuple[UInt8[np.ndarray, "frame height width 3"], UInt8[np.ndarray, "frame 2 flow_height flow_width"]]:
    """Swap left and right: what moved to the right now moves to the left, so x flow changes its sign."""
    flipped = flow[..., ::-1].copy()
    flipped[:, 0] = np.clip(2 * REST - flipped[:, 0].astype(np.int16), 0, 255)
    return frames[:, :, ::-1].copy(), flipped


def _grey(picture: UInt8[np.ndarray, "height width *channel"]) -> UInt8[np.ndarray, "height width"]:
    if picture.ndim == 2:
        return np.ascontiguousarray(picture)
    if picture.ndim == 3 and picture.shape[2] == 3:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY))
    raise InputError(f"a picture has the shape (height, width) or (height, width, 3), not {picture.shape}")


def _engine(method: FlowMethod) -> Any:
    makers: Any = cv2  # its type stubs do not know what is made here
    match method:
        case "tvl1":
            return makers.optflow.DualTVL1OpticalFlow_create()
        case "dis":
            return makers.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        case "farneback":
            return makers.FarnebackOpticalFlow_create(
                numLevels=4, pyrScale=0.5, winSize=15, numIters=3, polyN=5, polySigma=1.2
            )


def _measure(
    first: UInt8[np.ndarray, "height width"], second: UInt8[np.ndarray, "height width"], engine: Any
) -> Float32[np.ndarray, "2 height width"]:
    return np.ascontiguousarray(np.moveaxis(engine.calc(first, second, None), -1, 0))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums over stripes of a picture depend on how many stripes there are."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _load(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "frame 2 flow_height flow_width"] | None:
    if not path.exists():
        return None
    try:
        values = read_array(path)
    except InputError as error:
        logger.warning("%s; its flow is measured again", error)
        return None
    if values.shape != shape or values.dtype != np.uint8:
        logger.warning("%s does not hold the flow it should; it is measured again", path)
        return None
    return np.asarray(values)
