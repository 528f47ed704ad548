"""Finding the places where sound was lost: silence, stuck samples, repeated buffers, dropouts, clipping, clicks.

The sound is read once, in segments of a few seconds with a margin on either side, so that memory does not grow with
the file and the result does not depend on how the blocks were cut. What is looked for is *abrupt* damage: a fade, a
rest and a note that has died away are music.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32

from hr_common import audio
from hr_common.errors import InputError

Kind = Literal["silence", "hold", "repeat", "dropout", "clipping", "click"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RELIABLE: tuple[Kind, ...] = ("silence", "hold", "repeat", "dropout")
"""Kinds that hardly ever occur in undamaged sound; the others are worth a look, not a repair without one."""

_CORE = 1 << 18  # samples of a segment without its margins: 5.5 s at 48 kHz
_HASH_SEED = 0x5EED
_JUMP = 0.06  # smallest step at the start of a copy, relative to its level; six times the largest error inside

Samples = Float[np.ndarray, "_"]  # of any length


@dataclass(frozen=True, order=True)
class Detection:
    """A damaged stretch: the samples ``[start, stop)`` of the file."""

    start: int
    """First damaged sample."""
    stop: int
    """First sample after the damage."""
    kind: Kind
    confidence: float
    """From 0.5, just beyond the threshold, to 1."""


@dataclass(frozen=True, kw_only=True)
class DetectionConfig:
    """What counts as damage. Levels are relative to full scale (dBFS) unless said otherwise."""

    shortest_seconds: float = 0.005
    """Silence, hold and dropout shorter than this are ignored."""
    context_seconds: float = 0.02
    """Sound on either side that is compared with the edges of the damage."""
    edge_seconds: float = 0.001
    """The sound next to silence or a hold by whose peak a fade is told from a cut."""
    quiet_db: float = -70.0
    """An edge below this level is a sound that has ended by itself."""
    fade_db: float = -30.0
    """An edge this far below the peak of its context is a fade."""
    repeat_shortest_seconds: float = 0.003
    """Shortest buffer whose repetition is looked for."""
    repeat_longest_seconds: float = 0.2
    """Longest buffer whose repetition is looked for."""
    repeat_error_db: float = -40.0
    """Largest difference between a buffer and its repetition, relative to the level of the buffer."""
    dropout_fall_db: float = 40.0
    """Depth of a dropout."""
    dropout_edge_seconds: float = 0.005
    """The level has to fall and to return within this time."""
    dropout_longest_seconds: float = 1.0
    """What is quiet for longer is not called a dropout."""
    clipping_samples: int = 4
    """Equal samples in a row at the highest level of the file."""
    click_ratio: float = 16.0
    """Prediction error of a click over the median prediction error around it."""


@dataclass(frozen=True)
class _Segment:
    """Consecutive samples; a detector reports what begins (or, for runs, ends) between ``begin`` and ``end``."""

    samples: Float32[np.ndarray, "_ channel"]
    offset: int  # of the first sample in the file
    begin: int  # within samples
    end: int
    is_last: bool


def detect_gaps(
    blocks: Iterable[Float32[np.ndarray, "_ channel"]],
    rate: int,
    *,
    kinds: Collection[str] = RELIABLE,
    config: DetectionConfig | None = None,
) -> list[Detection]:
    """Find damaged stretches in a stream of samples.

    - ``silence``: exact zeros between sounds, cut off and on abruptly. What precedes the first and follows the last
      sound is none.
    - ``hold``: the same sample repeated, other than zero; counted from its second occurrence.
    - ``repeat``: a buffer followed by a copy of itself; the copy is reported.
    - ``dropout``: the level collapses and returns, but not to exact zeros.
    - ``clipping``: equal samples in a row at the peak of the file, where the sound arrives with a slope.
    - ``click``: an impulse in the error of linear prediction that is not the onset of a sound.

    A stretch is reported when any channel shows it; only a ``repeat`` has to be in all of them, and a buffer that is
    repeated for more than about half a second may be missed. Boundaries of ``silence`` are exact to the sample, and so
    are those of ``hold`` and ``repeat`` unless a neighbouring sample happens to fit.

    Args:
        blocks: Consecutive pieces of the sound, of any length, nominally in [-1, 1].
        rate: Samples a second.
        kinds: What to look for.
        config: Thresholds.

    Returns:
        In order of time. Stretches of one kind do not overlap.

    Raises:
        InputError: A kind is unknown.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise InputError(f"cannot detect {', '.join(unknown)}; the kinds are {', '.join(KINDS)}")
    config = config or DetectionConfig()
    runs, repeats, clipping = _Runs(config, rate), _Repeats(config, rate), _Clipping(config, rate)
    found: list[Detection] = []
    unit = 40 * _millisecond(rate)  # segments begin on the grid of the envelope and of the prediction frames
    core = -(-_CORE // unit) * unit
    margin = -(-round((config.dropout_longest_seconds + 0.2) * rate) // unit) * unit
    for segment in _segments(blocks, core, margin):
        constant = runs(segment)
        found += constant
        if "repeat" in kinds:
            found += repeats(segment)
        if "dropout" in kinds:
            found += _dropouts(segment, rate, config)
        if "clipping" in kinds:
            clipping(segment)
        if "click" in kinds:
            found += _clicks(segment, rate, config)
    found += clipping.result()
    return _united(detection for detection in found if detection.kind in kinds)


def detect_file(
    path: str | Path, *, kinds: Collection[str] = RELIABLE, config: DetectionConfig | None = None
) -> list[Detection]:
    """Find damaged stretches in a sound file of any length; see :func:`detect_gaps`.

    Raises:
        InputError: The file cannot be read, or a kind is unknown.
    """
    return detect_gaps(audio.blocks(path, size=_CORE), audio.info(path).sample_rate, kinds=kinds, config=config)


def _segments(blocks: Iterable[Float32[np.ndarray, "_ channel"]], core: int, margin: int) -> Iterator[_Segment]:
    pending: list[Float32[np.ndarray, "_ channel"]] = []
    offset = begin = have = 0
    for block in blocks:
        pending.append(block)
        have += len(block)
        if offset + have < begin + core + margin:
            continue
        buffer = np.concatenate(pending)
        while offset + len(buffer) >= begin + core + margin:
            stop = begin + core + margin - offset
            yield _Segment(buffer[:stop], offset, begin - offset, begin - offset + core, is_last=False)
            begin += core
            buffer = buffer[max(0, begin - margin) - offset :]
            offset = max(0, begin - margin)
        pending, have = [buffer], len(buffer)
    if have:
        buffer = np.concatenate(pending)
        yield _Segment(buffer, offset, begin - offset, len(buffer), is_last=True)


def _united(detections: Iterable[Detection]) -> list[Detection]:
    united: list[Detection] = []
    last: dict[Kind, int] = {}
    for detection in sorted(detections):
        index = last.get(detection.kind)
        if index is not None and detection.start <= united[index].stop:
            previous = united[index]
            stop, confidence = max(previous.stop, detection.stop), max(previous.confidence, detection.confidence)
            united[index] = Detection(previous.start, stop, detection.kind, confidence)
        else:
            last[detection.kind] = len(united)
            united.append(detection)
    return united


def _millisecond(rate: int) -> int:
    return max(1, round(rate / 1000))


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _confidence(excess_db: float) -> float:
    """Rise from 0.5 at the threshold to 1 at 40 dB beyond it."""
    return float(np.clip(0.5 + excess_db / 80, 0.5, 1.0))


def _constant_runs(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Starts and stops of the runs of equal samples, one sample long at least."""
    borders = np.flatnonzero(samples[1:] != samples[:-1]) + 1
    return np.concatenate(([0], borders)), np.concatenate((borders, [len(samples)]))


class _Runs:
    """Silence and hold: long runs of equal samples with abrupt edges. A run may be longer than a segment."""

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.config = config
        self.shortest = max(2, round(config.shortest_seconds * rate))
        self.context = max(2, round(config.context_seconds * rate))
        self.edge = max(2, round(config.edge_seconds * rate))
        # For each channel: the run that goes on into the next segment, and how far its first edge is from a fade, in
        # dB.
        self.open: dict[int, tuple[int, float]] = {}

    def __call__(self, segment: _Segment) -> list[Detection]:
        return [found for channel in range(segment.samples.shape[1]) for found in self._channel(segment, channel)]

    def _channel(self, segment: _Segment, channel: int) -> Iterator[Detection]:
        samples = np.ascontiguousarray(segment.samples[:, channel])
        starts, stops = _constant_runs(samples)
        carried = self.open.pop(channel, None)
        # A run that leaves the core may be short here and long in the end.
        long = (stops - starts >= self.shortest) | ((starts == 0) & (segment.offset > 0)) | (stops > segment.end)
        here = long & (stops > segment.begin) & (starts < segment.end)
        for start, stop in zip(starts[here].tolist(), stops[here].tolist(), strict=True):
            value = float(samples[start])
            if start == 0 and segment.offset and carried is not None:
                first, before = carried
            else:
                first, before = (
                    segment.offset + start,
                    self._edge_db(samples[max(0, start - self.context) : start][::-1], value),
                )
            if stop > segment.end:
                self.open[channel] = first, before
            elif stop <= segment.end and stop < len(samples) and segment.offset + stop - first >= self.shortest:
                excess = min(before, self._edge_db(samples[stop : stop + self.context], value))
                if excess >= 0:
                    kind: Kind = "silence" if value == 0 else "hold"
                    shift = 0 if value == 0 else 1  # the first of the equal samples is the sound's own
                    yield Detection(first + shift, segment.offset + stop, kind, _confidence(excess))

    def _edge_db(self, context: Samples, value: float) -> float:
        """How far an edge is from being a fade, in dB; the context runs away from the edge."""
        if not len(context):
            return -np.inf
        distance = np.abs(context - np.float32(value))
        edge, peak = float(distance[: self.edge].max()), float(distance.max())
        if edge == 0:
            return -np.inf
        # Square waves and zero-order holds consist of runs: nothing is damaged there.
        is_flat = (np.diff(context) == 0) & (context[1:] != 0)
        if is_flat.mean() > 0.3:
            return -np.inf
        to_quiet = 20 * np.log10(edge) - self.config.quiet_db
        return float(min(to_quiet, 20 * np.log10(edge / peak) - self.config.fade_db))


class _Repeats:
    """A buffer and its copy.

    A fingerprint of 3 ms of sound, forty comparisons of pairs of samples, survives small differences. Equal
    fingerprints at most 200 ms apart propose a lag; the samples themselves then decide: the copy must be as long as
    the lag (or a multiple), and must begin abruptly. The latter tells a stuck buffer from a steady tone, which also
    repeats itself.
    """

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.shortest = max(8, round(config.repeat_shortest_seconds * rate))
        self.longest = round(config.repeat_longest_seconds * rate)
        self.tolerance = _amplitude(config.repeat_error_db)
        self.quiet = _amplitude(config.quiet_db)
        generator = np.random.default_rng(_HASH_SEED)
        self.window = self.shortest * 3 // 4  # shorter than the shortest buffer, so that several fit
        self.pairs = generator.integers(0, self.window, size=(40, 2)).tolist()

    def __call__(self, segment: _Segment) -> list[Detection]:
        reach = 3 * self.longest
        low, high = max(0, segment.begin - reach), min(len(segment.samples), segment.end + reach)
        # Unequal weights, so that opposite channels do not cancel.
        weights = np.float32(0.8) ** np.arange(segment.samples.shape[1], dtype=np.float32)
        mixed = segment.samples[low:high] @ (weights / weights.sum()).astype(np.float32)
        found: list[Detection] = []
        done: list[tuple[int, int]] = []
        # Steady tones are alike at every period; what tells their copies apart is the noise that the second
        # difference brings out. Copies that are not exact differ there, so the sound itself is looked at as well.
        proposals = {*self._proposals(mixed, self.quiet), *self._proposals(np.diff(mixed, 2), 0.0)}
        for position, lag in sorted(proposals):
            if any(start <= position < stop for start, stop in done):
                continue
            match = self._verify(mixed, position, lag)
            if match is None:
                continue
            start, stop, excess_db = match
            done.append((start, stop))
            if segment.begin <= start + low < segment.end:
                shift = segment.offset + low
                found.append(Detection(start + shift, stop + shift, "repeat", _confidence(excess_db)))
        return found

    def _proposals(self, samples: Samples, quiet: float) -> list[tuple[int, int]]:
        """Positions in the middle of what looks like a copy, with the lag to the original."""
        count = len(samples) - self.window
        if count <= self.shortest:
            return []
        position_bits = count.bit_length()
        prints = np.zeros(count, dtype=np.uint64)
        for first, second in self.pairs[: 63 - position_bits]:
            prints <<= np.uint64(1)
            prints |= samples[first : first + count] > samples[second : second + count]
        energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
        loud = energy[self.window : self.window + count] - energy[:count] > self.window * quiet**2
        positions = np.flatnonzero(loud & (prints != 0)).astype(np.uint64)
        if len(positions) < 2:
            return []
        shift = np.uint64(position_bits)
        keys = np.sort((prints[positions] << shift) | positions)
        same = (keys[1:] >> shift) == (keys[:-1] >> shift)
        later = (keys[1:][same] & np.uint64((1 << position_bits) - 1)).astype(np.int64)
        lags = later - (keys[:-1][same] & np.uint64((1 << position_bits) - 1)).astype(np.int64)
        fits = (lags >= self.shortest) & (lags <= self.longest)
        order = np.sort((lags[fits] << position_bits) | later[fits])
        if not len(order):
            return []
        lags, later = order >> position_bits, order & ((1 << position_bits) - 1)
        borders = np.flatnonzero((np.diff(lags) != 0) | (np.diff(later) > self.shortest)) + 1
        firsts, lasts = np.concatenate(([0], borders)), np.concatenate((borders, [len(order)])) - 1
        enough = lasts - firsts + 1 >= np.maximum(6, (lags[firsts] - self.window) // 16)
        middles = (firsts + lasts)[enough] // 2
        return list(zip(later[middles].tolist(), lags[middles].tolist(), strict=True))

    def _verify(self, samples: Samples, position: int, lag: int) -> tuple[int, int, float] | None:
        matched = self._extent(samples, position, lag)
        if matched is None:
            return None
        start, stop = matched
        # In a steady tone the nearest equal fingerprint is whole periods closer than the buffer is long.
        if self.shortest <= stop - start < lag - 2 or (stop - start) % lag > 2:
            longer = stop - start
            if self.shortest <= longer <= self.longest and (again := self._extent(samples, position, longer)):
                lag, (start, stop) = longer, again
        length = stop - start
        copies = round(length / lag)
        slack = max(3, lag // 50)
        is_open = stop >= len(samples)
        if copies < 1 or (abs(length - copies * lag) > slack and not is_open):
            return None
        before = max(lag, start - self.shortest)
        if start - before < self.shortest // 2:
            return None
        level = _rms(samples[start:stop])
        # The end of the buffer is not like what was before the buffer: the sound jumps back.
        jump = _rms(samples[before:start] - samples[before - lag : start - lag]) / level
        if level < self.quiet or jump < _JUMP:
            return None
        return start, stop, 20 * np.log10(jump / _JUMP)

    def _extent(self, samples: Samples, position: int, lag: int) -> tuple[int, int] | None:
        """The stretch around a position that equals what was ``lag`` earlier."""
        low = max(lag, position - 2 * self.longest)
        high = min(len(samples), position + 2 * self.longest)
        if position < low or position + self.window > high:
            return None
        difference = np.abs(samples[low:high] - samples[low - lag : high - lag])
        inside = slice(position - low, position - low + self.window)
        error = _rms(difference[inside])
        if error > self.tolerance * _rms(samples[low:high][inside]):
            return None
        # An exact copy differs nowhere; beside noise, five standard deviations hold for the length of any buffer.
        differs = difference > 5 * error
        left = np.flatnonzero(differs[: inside.start])
        right = np.flatnonzero(differs[inside.start :])
        start = low + int(left[-1]) + 1 if len(left) else low
        stop = position + int(right[0]) if len(right) else high
        return start, stop


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _dropouts(segment: _Segment, rate: int, config: DetectionConfig) -> Iterator[Detection]:
    """Collapses of the level, found on an envelope of 1 ms and placed by the sample."""
    unit = _millisecond(rate)
    ratio = _amplitude(-config.dropout_fall_db)
    edge = max(1, round(config.dropout_edge_seconds * rate / unit))
    context = max(edge, round(config.context_seconds * rate / unit))
    longest = round(config.dropout_longest_seconds * rate / unit)
    shortest = round(config.shortest_seconds * rate)
    for channel in range(segment.samples.shape[1]):
        magnitude = np.abs(segment.samples[:, channel])
        count = len(magnitude) // unit
        if count < 2 * edge + 2:
            continue
        envelope = magnitude[: count * unit].reshape(count, unit).max(axis=1)
        recent = np.lib.stride_tricks.sliding_window_view(envelope, edge).max(axis=1)  # recent[i]: i … i + edge - 1
        falls = np.flatnonzero(envelope[edge:] <= ratio * recent[:-1]) + edge
        falls = falls[np.diff(falls, prepend=-2) > 1]
        for fall in falls.tolist():
            if not segment.begin <= fall * unit < segment.end:
                continue
            before = float(recent[fall - edge])
            threshold = ratio * before
            above = np.flatnonzero(envelope[fall : fall + longest] > threshold)
            if not len(above) or before < _amplitude(config.quiet_db + config.dropout_fall_db / 2):
                continue
            rise = fall + int(above[0])
            after = float(envelope[rise : rise + edge].max())
            inside = float(envelope[fall:rise].max(initial=0.0))
            left = magnitude[max(0, fall - edge) * unit : fall * unit]
            right = magnitude[rise * unit : (rise + 1) * unit]
            start = fall * unit - len(left) + int(np.flatnonzero(left > threshold)[-1]) + 1
            stop = rise * unit + int(np.flatnonzero(right > threshold)[0])
            if stop - start < shortest or after * ratio < inside:
                continue
            # A dry click also collapses within 5 ms; sound that was there before and is there after does not.
            was_steady = np.median(envelope[max(0, fall - context) : fall]) > 0.1 * before
            is_steady = np.median(envelope[rise : rise + context]) > 0.1 * after
            starts, stops = _constant_runs(magnitude[start:stop])
            if was_steady and is_steady and (stops - starts).max() < shortest:
                excess = 20 * np.log10(min(before, after) * ratio / max(inside, 1e-6))
                yield Detection(segment.offset + start, segment.offset + stop, "dropout", _confidence(excess))


class _Clipping:
    """Plateaus; whether they lie at the peak of the file is known at its end only."""

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.shortest = config.clipping_samples
        self.nearest = _millisecond(rate)
        self.peaks: dict[tuple[int, bool], float] = {}
        self.plateaus: dict[tuple[int, bool], list[np.ndarray]] = {}

    def __call__(self, segment: _Segment) -> None:
        for channel in range(segment.samples.shape[1]):
            samples = np.ascontiguousarray(segment.samples[:, channel])
            core = samples[segment.begin : segment.end]
            starts, stops = _constant_runs(samples)
            inner = (stops - starts >= self.shortest) & (starts >= max(2, segment.begin)) & (starts < segment.end)
            inner &= stops < len(samples)
            starts, stops = starts[inner], stops[inner]
            for is_positive in (True, False):
                sign = np.float32(1 if is_positive else -1)
                key = channel, is_positive
                self.peaks[key] = max(self.peaks.get(key, 0.0), float((sign * core).max(initial=0.0)))
                level = sign * samples[starts]
                slope = sign * (samples[starts - 1] - samples[starts - 2])
                # The crest of a low note is flat by quantisation, too; there the sound arrives without a slope.
                is_cut = slope * (stops - starts) > 0.01 * level
                is_top = (level > 0.1) & (sign * samples[starts - 1] < level) & (sign * samples[stops] < level)
                keep = is_cut & is_top
                rows = np.stack([starts[keep] + segment.offset, stops[keep] + segment.offset, level[keep]], axis=1)
                self.plateaus.setdefault(key, []).append(rows.astype(np.float64))

    def result(self) -> list[Detection]:
        found = []
        for key, pieces in self.plateaus.items():
            rows = np.concatenate(pieces)
            for start, stop, _ in rows[rows[:, 2] >= 0.99 * self.peaks[key]]:
                found.append((int(start), int(stop)))
        merged: list[list[int]] = []
        for start, stop in sorted(found):
            if merged and start - merged[-1][1] <= self.nearest:
                merged[-1][1] = max(merged[-1][1], stop)
            else:
                merged.append([start, stop])
        return [
            Detection(start, stop, "clipping", _confidence(8.0 * (stop - start) / self.shortest))
            for start, stop in merged
        ]


def _clicks(segment: _Segment, rate: int, config: DetectionConfig) -> Iterator[Detection]:
    """Impulses in the error of linear prediction over 40 ms, without a change of its level."""
    unit, order = _millisecond(rate), 20
    for channel in range(segment.samples.shape[1]):
        error = _prediction_error(segment.samples[:, channel].astype(np.float64), 40 * unit, order)
        if not len(error):
            continue
        scale = np.repeat(np.median(error.reshape(-1, 40 * unit), axis=1), 40 * unit)
        peaks = np.flatnonzero(error > np.maximum(config.click_ratio * scale, _amplitude(config.quiet_db)))
        if not len(peaks):
            continue
        borders = np.flatnonzero(np.diff(peaks) > 2 * unit) + 1
        for cluster in np.split(peaks, borders):
            first, last = int(cluster[0]), int(cluster[-1]) + 1
            if not segment.begin <= first < segment.end or last - first > 2 * unit:
                continue
            # The error rings for as many samples as the predictor looks back.
            after = error[last + order : last + order + 8 * unit]
            before = error[max(0, first - 8 * unit) : first]
            if len(before) < unit or len(after) < unit:
                continue
            height = float(error[first:last].max())
            is_lonely = height > 4 * max(float(before.max()), float(after.max()))
            if is_lonely and _rms(after) < 2 * _rms(before):
                excess = 20 * np.log10(height / (config.click_ratio * scale[first] + 1e-12))
                yield Detection(segment.offset + first, segment.offset + last, "click", _confidence(excess))


def _prediction_error(samples: Samples, frame: int, order: int) -> Samples:
    """Absolute error of predicting a sample from the ``order`` before it; each frame has its own predictor."""
    count = len(samples) // frame
    if not count:
        return np.zeros(0)
    framed = samples[: count * frame].reshape(count, frame)
    spectrum = np.fft.rfft(framed * np.hanning(frame), n=2 * frame, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : order + 1]
    lags = np.abs(np.subtract.outer(np.arange(order), np.arange(order)))
    matrices = correlation[:, lags] + (1e-9 * correlation[:, :1, None] + 1e-12) * np.eye(order)
    predictors = np.linalg.solve(matrices, correlation[:, 1:, None])[..., 0]
    padded = np.concatenate((np.zeros(order), samples[: count * frame]))
    error = framed.copy()
    for lag in range(1, order + 1):
        error -= predictors[:, lag - 1 : lag] * padded[order - lag : order - lag + count * frame].reshape(count, frame)
    magnitude: Samples = np.abs(error).reshape(-1)
    return magnitude
