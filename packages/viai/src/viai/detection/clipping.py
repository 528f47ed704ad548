"""Plateaus at the peak of the file."""

import numpy as np

from viai.detection.findings import Detection, DetectionConfig, confidence
from viai.detection.segments import Segment, constant_runs, millisecond


class Clipping:
    """Plateaus; whether they lie at the peak of the file is known at its end only."""

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.shortest = config.clipping_samples
        self.nearest = millisecond(rate)
        self.peaks: dict[tuple[int, bool], float] = {}
        self.plateaus: dict[tuple[int, bool], list[np.ndarray]] = {}

    def __call__(self, segment: Segment) -> None:
        """Note the plateaus of a segment."""
        for channel in range(segment.samples.shape[1]):
            samples = np.ascontiguousarray(segment.samples[:, channel])
            core = samples[segment.begin : segment.end]
            starts, stops = constant_runs(samples)
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
                is_top = (level > 0.02) & (sign * samples[starts - 1] < level) & (sign * samples[stops] < level)
                keep = is_cut & is_top
                rows = np.stack([starts[keep] + segment.offset, stops[keep] + segment.offset, level[keep]], axis=1)
                self.plateaus.setdefault(key, []).append(rows.astype(np.float64))

    def result(self) -> list[Detection]:
        """Give the plateaus that lie at the peak of the file, united where they are near each other."""
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
            Detection(start, stop, "clipping", confidence(8.0 * (stop - start) / self.shortest))
            for start, stop in merged
        ]
