"""All kinds of damage in one pass over the sound."""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hr_common import audio
from hr_common.errors import InputError
from viai.detection.clicks import find_clicks
from viai.detection.clipping import Clipping
from viai.detection.dropouts import find_dropouts
from viai.detection.findings import KINDS, RELIABLE, Detection, DetectionConfig, Kind
from viai.detection.repeats import Repeats
from viai.detection.runs import Runs
from viai.detection.segments import millisecond, segments

_CORE = 1 << 20  # samples of a segment without its margins: 22 s at 48 kHz


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
    - ``repeat``: a buffer of up to two seconds followed by a copy of itself; the copy is reported. What comes back more
      than twice without an audible seam is taken for a loop or a tone.
    - ``dropout``: the level collapses and returns, but not to exact zeros.
    - ``clipping``: equal samples in a row at the peak of the file, where the sound arrives with a slope.
    - ``click``: an impulse in the error of linear prediction that is not the onset of a sound.

    A stretch is reported when any channel shows it; only a ``repeat`` has to be in all of them. The end of a
    buffer that is repeated for more than four seconds may be placed too early. Boundaries of ``silence`` are exact to
    the sample, and so are those of ``hold`` and ``repeat`` unless a neighbouring sample happens to fit.

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
    runs, repeats, clipping = Runs(config, rate), Repeats(config, rate), Clipping(config, rate)
    found: list[Detection] = []
    unit = 40 * millisecond(rate)  # segments begin on the grid of the envelope and of the prediction frames
    core = -(-_CORE // unit) * unit
    # Before a copy lies its buffer, and what follows tells where it ends.
    longest = max(config.dropout_longest_seconds, 2 * config.repeat_longest_seconds if "repeat" in kinds else 0.0) + 0.2
    margin = -(-round(longest * rate) // unit) * unit
    for segment in segments(blocks, core, margin):
        constant = runs(segment)
        found += constant
        if "repeat" in kinds:
            found += repeats(segment)
        if "dropout" in kinds:
            found += find_dropouts(segment, rate, config)
        if "clipping" in kinds:
            clipping(segment)
        if "click" in kinds:
            found += find_clicks(segment, rate, config)
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
