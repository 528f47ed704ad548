"""Where notes begin in a mel spectrogram, and how many of them a painting puts in the right place.

The novelty of a frame is what its bands have gained since two frames before, against the loudest of three neighbouring
bands there, so that vibrato is no onset. Levels are those of :mod:`viai.spectrogram`, in [0, 1]; times are frames of
20 ms. What frame ``k`` reports is heard in the middle of its window, 640 samples after its first.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import maximum_filter1d, median_filter

TOLERANCE_FRAMES = 2.5
"""How far a note may be off: 50 ms, the usual tolerance of onset detection."""
LAG_FRAMES = 2
QUIET = 0.3
"""Levels below this count as this: 70 dB under the top of the scale, where there is only noise."""
LEAST_NOVELTY = 0.01
"""Mean gain of level over all bands that makes an onset: one decibel, above the median of the surroundings."""
_SURROUNDINGS = 17  # frames of the median: 0.34 s
_APART = 3  # frames between two onsets: 60 ms


@dataclass(frozen=True)
class OnsetMatch:
    """Onsets of a painting against those of the intact sound."""

    hits: int
    """Pairs within the tolerance, one to one."""
    predicted: int
    """Onsets of the painting."""
    expected: int
    """Onsets of the intact sound."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where there is no onset to find."""
        return 2 * self.hits / (self.predicted + self.expected) if self.expected else float("nan")


def novelty(levels: Float[np.ndarray, "band frame"]) -> Float[np.ndarray, "frame"]:
    """Measure what is new in each frame.

    Returns:
        Mean over bands of the gain in level; zero in the first two frames.

    References:
        S. Böck, G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013.
    """
    heard = np.maximum(np.asarray(levels, dtype=np.float64), QUIET)
    gain = heard[:, LAG_FRAMES:] - maximum_filter1d(heard, 3, axis=0)[:, :-LAG_FRAMES]
    found = np.zeros(heard.shape[1])
    found[LAG_FRAMES:] = np.maximum(gain, 0.0).mean(axis=0)
    return found


def detect_onsets(levels: Float[np.ndarray, "band frame"]) -> Int[np.ndarray, "onset"]:
    """Find the frames in which notes begin.

    A frame is one if its novelty is the largest within two frames on either side and exceeds the median of its
    surroundings by :data:`LEAST_NOVELTY`. Lag, vibrato filter and threshold were chosen against the scores of rendered
    training clips.
    """
    curve = novelty(levels)
    threshold = LEAST_NOVELTY + median_filter(curve, _SURROUNDINGS, mode="nearest")
    peaks = np.flatnonzero((curve == maximum_filter1d(curve, 2 * _APART - 1)) & (curve > threshold))
    # A plateau gives several frames; the first of them is the onset.
    chosen: list[int] = []
    for frame in peaks.tolist():
        if not chosen or frame - chosen[-1] >= _APART:
            chosen.append(frame)
    return np.array(chosen, dtype=np.int64)


def count_hits(
    prediction: Int[np.ndarray, "predicted"],
    target: Int[np.ndarray, "expected"],
    *,
    tolerance_frames: float = TOLERANCE_FRAMES,
) -> int:
    """Count the most pairs, one to one, of onsets within the tolerance; both in order of time.

    Pairing the earliest two that fit is never worse than any other choice, since all tolerances are equal.
    """
    hits = first = second = 0
    while first < len(prediction) and second < len(target):
        if abs(int(prediction[first]) - int(target[second])) <= tolerance_frames:
            hits, first, second = hits + 1, first + 1, second + 1
        elif prediction[first] < target[second]:
            first += 1
        else:
            second += 1
    return hits


def match_onsets(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
) -> OnsetMatch:
    """Compare the onsets of two spectrograms in the unknown frames."""
    painted, true = (onsets[unknown[onsets]] for onsets in (detect_onsets(prediction), detect_onsets(target)))
    return OnsetMatch(hits=count_hits(painted, true), predicted=len(painted), expected=len(true))


def onset_f1(
    prediction: Float[np.ndarray, "band frame"],
    target: Float[np.ndarray, "band frame"],
    unknown: Bool[np.ndarray, "frame"],
) -> float:
    """F1 of the onsets in the unknown frames, within 50 ms.

    Args:
        prediction: Composed levels of the whole window, in [0, 1].
        target: Levels of the intact sound.
        unknown: Frames that touch the gap.

    Returns:
        Between 0 and 1; NaN where the target has no onset in the gap, which a mean has to leave out.
    """
    return match_onsets(prediction, target, unknown).f1
