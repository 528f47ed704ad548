"""Gaps to fill in an evaluation: drawn once, kept in a file, never over silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from hr_common.errors import InputError
from hr_common.files import read_json, write_json
from viai.config import ViaiConfig
from viai.data.batches import draw_gap, open_clips, read_samples, rescale
from viai.data.clips import Split, picture_samples, window_frames

SILENT_DB = -50.0
"""A gap whose level is below this, in dB of full scale after rescaling, is silent."""
_TRIES = 50  # draws of a window before a clip is given up as silent


@dataclass(frozen=True)
class EvaluationItem:
    """One gap to fill in an evaluation; all numbers are samples at the rate of the networks."""

    clip: str
    window_start_samples: int
    """Where the window begins in the clip; on the grid of pictures."""
    gap_start: int
    """First missing sample, counted from the start of the window."""
    gap_stop: int
    """The sample after the last missing one."""


def fixed_gaps(
    root: Path,
    split: Split,
    seed: int,
    per_clip: int,
    *,
    config: ViaiConfig | None = None,
    gap_frames: tuple[int, int] | None = None,
    lengths_seconds: Sequence[float] | None = None,
) -> list[EvaluationItem]:
    """Draw the gaps of an evaluation once and for all; keep them with :func:`write_gaps`.

    No gap is drawn where the sound is below -50 dB of full scale after rescaling: nothing could be missed there. A clip
    that has no other place gives fewer gaps than asked for, or none.

    Args:
        root: Folder of clips.
        split: Split of it.
        seed: Settles the draws.
        per_clip: Gaps of every clip.
        config: Rates and length of the gaps. Default: those of the paper.
        gap_frames: Shortest and longest gap in mel frames, other than the config's.
        lengths_seconds: Exact lengths instead; every clip gives ``per_clip`` gaps of each.

    Raises:
        InputError: If a length does not fit a window.
    """
    config = config or ViaiConfig()
    lengths = None if lengths_seconds is None else [_length_samples(length, config) for length in lengths_seconds]
    items = []
    for index, clip in enumerate(open_clips(root, split, config, picture=False)):
        rng = np.random.default_rng((seed, index))
        for length in lengths or (None,):
            found = 0
            for _ in range(_TRIES * per_clip):
                if found == per_clip:
                    break
                start = int(rng.integers(clip.frames - window_frames(config) + 1))
                if length is None:
                    begin, end = draw_gap(rng, config, on_picture_grid=True, gap_frames=gap_frames)
                else:
                    begin, end = _draw_exact(rng, length, config)
                samples = rescale(read_samples(clip, start, config), (begin, end), config)
                if samples is not None and level_db(samples[begin:end]) > SILENT_DB:
                    items.append(EvaluationItem(clip.name, start * picture_samples(config), begin, end))
                    found += 1
    return items


def kept_gaps(
    path: Path,
    root: Path,
    split: Split,
    per_clip: int,
    *,
    config: ViaiConfig,
    lengths_seconds: Sequence[float] | None = None,
) -> list[EvaluationItem]:
    """Read the gaps of an evaluation, or draw them with seed 0 and keep them where the file is missing.

    Raises:
        InputError: See :func:`read_gaps` and :func:`fixed_gaps`; or the file has gaps of other lengths.
    """
    if not path.exists():
        write_gaps(path, fixed_gaps(root, split, 0, per_clip, config=config, lengths_seconds=lengths_seconds))
    gaps = read_gaps(path)
    if lengths_seconds is not None:
        wanted = {_length_samples(length, config) for length in lengths_seconds}
        others = sorted({item.gap_stop - item.gap_start for item in gaps} - wanted)
        if others:
            seconds = others[0] / config.spectrogram.sample_rate
            raise InputError(
                f"{path} was drawn with other lengths (it has a gap of {seconds:g} s); "
                "keep gaps of these lengths in another file, or delete it"
            )
    return gaps


def parse_lengths(text: str) -> list[float]:
    """Read lengths of gaps in seconds, separated by commas.

    Raises:
        InputError: If one is no number above zero.
    """
    lengths = []
    for part in text.split(","):
        try:
            lengths.append(float(part))
        except ValueError:
            raise InputError(f"'{part.strip()}' is no length in seconds; write lengths like 0.05,0.1,0.4") from None
        if not 0 < lengths[-1] < float("inf"):
            raise InputError(f"a gap of {part.strip()} s is none; write lengths like 0.05,0.1,0.4")
    return lengths


def write_gaps(path: Path, items: Sequence[EvaluationItem]) -> None:
    """Keep the gaps of an evaluation as JSON."""
    write_json(path, {"format": 1, "gaps": list(items)})


def read_gaps(path: Path) -> list[EvaluationItem]:
    """Read the gaps of an evaluation.

    Raises:
        InputError: The file is no such list, or a gap is none; the message names which.
    """
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("gaps"), list):
        raise InputError(f"{path} is no list of gaps: expected an object with 'gaps'")
    return [_as_item(entry, f"{path}, gap {number}") for number, entry in enumerate(record["gaps"], start=1)]


def level_db(samples: Float32[np.ndarray, " sample"]) -> float:
    """Level in dB of full scale; -200 for silence."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


def _length_samples(seconds: float, config: ViaiConfig) -> int:
    length = round(seconds * config.spectrogram.sample_rate)
    longest = window_frames(config) * picture_samples(config) - 1
    if not 1 <= length <= longest:
        raise InputError(
            f"a gap of {seconds:g} s does not fit a window of {(longest + 1) / config.spectrogram.sample_rate:g} s"
        )
    return length


def _draw_exact(rng: np.random.Generator, length: int, config: ViaiConfig) -> tuple[int, int]:
    """Place a gap that begins together with a picture."""
    grid, total = picture_samples(config), window_frames(config) * picture_samples(config)
    start = grid * int(rng.integers((total - length) // grid + 1))
    return start, start + length


def _as_item(entry: Any, where: str) -> EvaluationItem:
    names = ("window_start_samples", "gap_start", "gap_stop")
    if not isinstance(entry, dict) or not isinstance(entry.get("clip"), str):
        raise InputError(f"{where}: expected an object with clip, {', '.join(names)}")
    for name in names:
        if type(entry.get(name)) is not int or entry[name] < 0:
            raise InputError(f"{where}: {name} is {entry.get(name)!r}; expected a number of samples, 0 or more")
    return EvaluationItem(entry["clip"], *(entry[name] for name in names))
