"""What gaps hide from the networks: the spectrogram frames whose window touches a missing sample."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from viai.gaps.ranges import Gap


def unknown_frames(start: int, stop: int, *, frames: int, window: int = 1_280, hop: int = 320) -> range:
    """Tell which spectrogram frames a gap makes unknown: all whose window touches a missing sample.

    Frame ``k`` covers the samples ``[hop * k, hop * k + window)``, so with the defaults these are three more on the
    left than the frames that merely start inside the gap. What those three hold is up to three quarters known, but no
    more than that.

    Args:
        start: First missing sample, at the rate of the spectrogram.
        stop: First sample after the gap.
        frames: Frames of the spectrogram.
        window: Samples of the analysis window.
        hop: Samples between frames.

    Returns:
        Frame numbers within ``[0, frames)``; empty if the gap is.
    """
    if stop <= start:
        return range(0)
    first = max(0, -((window - 1 - start) // hop))  # the smallest k with hop * k + window > start
    last = min(frames - 1, (stop - 1) // hop)
    return range(first, max(first, last + 1))


def frame_mask(gaps: Iterable[Gap], frames: int, *, window: int = 1_280, hop: int = 320) -> Bool[np.ndarray, "frame"]:
    """Mark the spectrogram frames that gaps make unknown; see :func:`unknown_frames`.

    Args:
        gaps: Sample ranges at the rate of the spectrogram, counted from its first sample; parts outside it are ignored.
        frames: Frames of the spectrogram.
        window: Samples of the analysis window.
        hop: Samples between frames.

    Returns:
        True where a frame is unknown.
    """
    mask = np.zeros(frames, dtype=bool)
    for gap in gaps:
        unknown = unknown_frames(gap.start, gap.stop, frames=frames, window=window, hop=hop)
        mask[unknown.start : unknown.stop] = True
    return mask


def frame_to_samples(frame: int, *, window: int = 1_280, hop: int = 320) -> tuple[int, int]:
    """Give the samples ``[start, stop)`` that a frame covers; the last may lie beyond the end of the sound."""
    return hop * frame, hop * frame + window
