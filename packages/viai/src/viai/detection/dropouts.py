"""Collapses of the level."""

from collections.abc import Iterator

import numpy as np

from viai.detection.findings import Detection, DetectionConfig, amplitude, confidence
from viai.detection.segments import Samples, Segment, constant_runs, millisecond

_DEEP = 0.5  # of the fall in dB, by which the sound inside has to stay below the sound on either side
_STEADY = 0.05  # smallest median of the level beside a dropout, relative to the level at its edge


def find_dropouts(segment: Segment, rate: int, config: DetectionConfig) -> Iterator[Detection]:
    """Find where the level falls and returns at once, on an envelope of 1 ms; place the edges by the sample."""
    unit = millisecond(rate)
    edge = max(1, round(config.dropout_edge_seconds * rate / unit))
    context = max(edge, round(config.context_seconds * rate / unit))
    longest = round(config.dropout_longest_seconds * rate / unit)
    shortest = round(config.shortest_seconds * rate)
    ratio, deep = amplitude(-config.dropout_fall_db), amplitude(-_DEEP * config.dropout_fall_db)
    audible = amplitude(config.quiet_db + config.dropout_fall_db / 2)
    for channel in range(segment.samples.shape[1]):
        magnitude = np.abs(segment.samples[:, channel])
        count = len(magnitude) // unit
        if count < 2 * edge + 2:
            continue
        envelope = magnitude[: count * unit].reshape(count, unit).max(axis=1)
        peaks = np.lib.stride_tricks.sliding_window_view(envelope, edge).max(axis=1)  # peaks[i]: i … i + edge - 1
        falls = np.flatnonzero(envelope[edge:] <= ratio * peaks[:-1]) + edge
        falls = falls[np.diff(falls, prepend=-2) > 1]
        for fall in falls.tolist():
            before = float(peaks[fall - edge])
            if not segment.begin <= fall * unit < segment.end or before < audible:
                continue
            # The first sound on the way that is more than a remnant ends the dropout, or there is none.
            loud = np.flatnonzero(envelope[fall : fall + longest] > deep * before)
            if not len(loud):
                continue
            rise = fall + int(loud[0])
            after = float(envelope[rise : rise + edge].max())
            # The remnant may have grown since the fall: what counts is the step on this side.
            last = float(envelope[max(fall, rise - edge) : rise].min(initial=np.inf))
            if last > ratio * after:
                continue
            left = max(0, fall - edge) * unit
            right = max(fall, rise - 1) * unit
            start = left + _last_above(magnitude[left : fall * unit], ratio * before) + 1
            remnant = float(envelope[fall : max(fall + 1, rise - 1)].max())
            stop = right + _first_above(magnitude[right : (rise + 1) * unit], max(ratio * after, 2 * remnant))
            if stop - start < shortest:
                continue
            # A dry click also collapses within 5 ms; sound that was there before and is there after does not.
            was_steady = np.median(peaks[max(0, fall - edge - context) : fall - edge + 1]) > _STEADY * before
            following = min(rise, len(peaks) - 1)
            is_steady = np.median(peaks[following : following + context]) > _STEADY * after
            if was_steady and is_steady and not _is_constant(magnitude[start:stop], unit):
                excess = 20 * np.log10(min(before, after) * ratio / max(last, 1e-6))
                yield Detection(segment.offset + start, segment.offset + stop, "dropout", confidence(excess))


def _is_constant(magnitude: Samples, slack: int) -> bool:
    """Whether all but the edges is one run of equal samples, which is silence or a hold instead."""
    starts, stops = constant_runs(magnitude)
    run = int((stops - starts).argmax())
    return bool(starts[run] <= slack and stops[run] >= len(magnitude) - slack)


def _first_above(magnitude: Samples, limit: float) -> int:
    above = magnitude > limit
    return int(above.argmax()) if above.any() else len(magnitude)


def _last_above(magnitude: Samples, limit: float) -> int:
    above = np.flatnonzero(magnitude > limit)
    return int(above[-1]) if len(above) else -1
