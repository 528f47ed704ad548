"""Finding the places where sound was lost: silence, stuck samples, repeated buffers, dropouts, clipping, clicks.

The sound is read once, in segments with a margin on either side, so that memory does not grow with the file and the
result does not depend on how the blocks were cut. What is looked for is *abrupt* damage: a fade, a rest and a note
that has died away are music.
"""

from viai.detection.finding import detect_file, detect_gaps
from viai.detection.findings import KINDS, RELIABLE, Detection, DetectionConfig, Kind

__all__ = ["KINDS", "RELIABLE", "Detection", "DetectionConfig", "Kind", "detect_file", "detect_gaps"]
