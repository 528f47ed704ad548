"""Silence and hold: long runs of equal samples with abrupt edges."""

from collections.abc import Iterator

import numpy as np

from viai.detection.findings import Detection, DetectionConfig, Kind, confidence
from viai.detection.segments import FLAT, Samples, Segment, constant_runs, quantisation_step

_STEPS = 6  # of quantisation, by which the sound at the edge has to differ from the run


class Runs:
    """Silence and hold: long runs of equal samples with abrupt edges. A run may be longer than a segment."""

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.config = config
        self.shortest = max(2, round(config.shortest_seconds * rate))
        self.context = max(2, round(config.context_seconds * rate))
        self.edge = max(2, round(config.edge_seconds * rate))
        # For each channel: the run that goes on into the next segment, and how far its first edge is from a fade, in
        # dB.
        self.open: dict[int, tuple[int, float]] = {}

    def __call__(self, segment: Segment) -> list[Detection]:
        """Find the runs that end in the core of a segment."""
        return [found for channel in range(segment.samples.shape[1]) for found in self._channel(segment, channel)]

    def _channel(self, segment: Segment, channel: int) -> Iterator[Detection]:
        samples = np.ascontiguousarray(segment.samples[:, channel])
        step = quantisation_step(samples)
        starts, stops = constant_runs(samples)
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
                    self._edge_db(samples[max(0, start - self.context) : start][::-1], value, step),
                )
            if stop > segment.end:
                self.open[channel] = first, before
            elif stop <= segment.end and stop < len(samples) and segment.offset + stop - first >= self.shortest:
                excess = min(before, self._edge_db(samples[stop : stop + self.context], value, step))
                if excess >= 0:
                    kind: Kind = "silence" if value == 0 else "hold"
                    shift = 0 if value == 0 else 1  # the first of the equal samples is the sound's own
                    yield Detection(first + shift, segment.offset + stop, kind, confidence(excess))

    def _edge_db(self, context: Samples, value: float, step: float) -> float:
        """How far an edge is from being a fade, in dB; the context runs away from the edge."""
        if len(context) < 2:
            return -np.inf
        distance = np.abs(context - np.float32(value))
        edge, peak = float(distance[: self.edge].max()), float(distance.max())
        # With few bits, a sound that falls below the last of them becomes a run by itself.
        if edge < _STEPS * step:
            return -np.inf
        is_flat = (np.diff(context) == 0) & (context[1:] != 0)
        if is_flat.mean() > FLAT:
            return -np.inf
        to_quiet = 20 * np.log10(edge) - self.config.quiet_db
        return float(min(to_quiet, 20 * np.log10(edge / peak) - self.config.fade_db))
