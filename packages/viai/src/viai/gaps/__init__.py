"""Where sound is missing: gaps as sample ranges, how people write them, and what they hide from the networks.

A gap is a half-open range ``[start, stop)`` of samples of the file. Everything that people type or keep in files is in
seconds; :func:`resolve_gaps` is the one place where seconds become samples and where mistakes are refused.
"""

from viai.gaps.files import read_gaps, write_labels
from viai.gaps.frames import frame_mask, frame_to_samples, unknown_frames
from viai.gaps.ranges import Gap, resolve_gaps, to_rate
from viai.gaps.times import parse_gap, parse_time
from viai.gaps.windows import Window, plan_windows, split_long, window_around

__all__ = [
    "Gap",
    "Window",
    "frame_mask",
    "frame_to_samples",
    "parse_gap",
    "parse_time",
    "plan_windows",
    "read_gaps",
    "resolve_gaps",
    "split_long",
    "to_rate",
    "unknown_frames",
    "window_around",
    "write_labels",
]
