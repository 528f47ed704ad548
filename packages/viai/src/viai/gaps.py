"""Where sound is missing: gaps as sample ranges, how people write them, and what they hide from the networks.

A gap is a half-open range ``[start, stop)`` of samples of the file. Everything that people type or keep in files is in
seconds; :func:`resolve_gaps` is the one place where seconds become samples and where mistakes are refused.
"""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from hr_common.errors import InputError
from hr_common.files import atomic_path, read_json, read_lines

_SECONDS = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)s?")
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2}(?:\.\d*)?)")
_FORMS = "write start:end or start+length in seconds (1.2:1.6, 1.2+0.4), or clock times with - or + (0:01:02.5-0:01:03)"
_COLUMNS = {
    "start": "start", "begin": "start", "onset": "start",
    "end": "end", "stop": "end", "offset": "end",
    "duration": "duration", "length": "duration",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Gap:
    """A lost stretch of a sound: the samples ``[start, stop)`` of the file, the same in all channels."""

    start: int
    """First missing sample."""
    stop: int
    """First sample after the gap."""

    @property
    def length(self) -> int:
        """Missing samples."""
        return self.stop - self.start

    def seconds(self, rate: int) -> tuple[float, float]:
        """Start and end in seconds at ``rate`` samples a second."""
        return self.start / rate, self.stop / rate

    def length_seconds(self, rate: int) -> float:
        """Length in seconds at ``rate`` samples a second."""
        return self.length / rate


@dataclass(frozen=True)
class Window:
    """A stretch of the file that is analysed and filled in one go. All numbers are samples of the file."""

    start: int
    """First sample of the window."""
    stop: int
    """First sample after the window."""
    gaps: tuple[Gap, ...]
    """All that is unknown in the window, cut to its borders: mask all of it."""
    targets: tuple[Gap, ...]
    """The gaps that are to be filled from this window; every gap is the target of exactly one."""

    @property
    def length(self) -> int:
        """Samples in the window."""
        return self.stop - self.start


def parse_time(text: str) -> float:
    """Read a time: plain seconds (``62.5``, ``62.5s``) or a clock time (``1:02.5``, ``0:01:02.500``).

    Returns:
        Seconds, at least 0.

    Raises:
        InputError: It is neither, or minutes or seconds of a clock time reach 60.
    """
    cleaned = text.strip()
    if _SECONDS.fullmatch(cleaned):
        return float(cleaned.removesuffix("s"))
    clock = _CLOCK.fullmatch(cleaned)
    if clock is None:
        raise InputError(f"'{text}' is no time; write seconds (62.5) or a clock time (1:02.5, 0:01:02.500)")
    hours, minutes, seconds = int(clock["hours"] or 0), int(clock["minutes"]), float(clock["seconds"])
    if seconds >= 60 or (clock["hours"] and minutes >= 60):
        raise InputError(f"'{text}' is no clock time: minutes and seconds end at 59")
    return hours * 3600 + minutes * 60 + seconds


def parse_gap(text: str) -> tuple[float, float]:
    """Read a gap as people type it.

    ====================  ==================================================  ============================
    form                  times may be                                        example
    ====================  ==================================================  ============================
    ``START-END``         seconds or clock times                              ``1.2-1.6``, ``1:02.5-1:03``
    ``START+LENGTH``      seconds or clock times                              ``1.2+0.4``, ``0:01:02+0.4``
    ``START:END``         seconds only, since clock times hold colons too     ``1.2:1.6``
    ====================  ==================================================  ============================

    Two plain numbers around one colon are seconds. What also looks like a clock time, such as ``1:05`` with its
    leading zero, or holds more colons without ``-`` or ``+``, such as ``0:01:02``, is refused rather than guessed.

    Returns:
        Start and end in seconds, with 0 <= start < end.

    Raises:
        InputError: The form is none of these, is ambiguous, or the gap is empty or reversed.
    """
    cleaned = re.sub(r"[\u2012-\u2014\u2212]", "-", "".join(text.split()))
    if cleaned.startswith("-") or re.search(r"[:+-]-", cleaned):
        raise InputError(f"gap '{text}' holds a negative time; times count from the start of the file")
    separators = re.findall(r"[+-]", cleaned)
    if len(separators) == 1:
        first, second = re.split(r"[+-]", cleaned)
    elif not separators and cleaned.count(":") == 1:
        first, second = cleaned.split(":")
        if _CLOCK.fullmatch(cleaned) and any(re.match(r"0\d", part) for part in (first, second)):
            raise InputError(
                f"gap '{text}' is ambiguous: from {first} s to {second} s, or the clock time {cleaned}? "
                f"Write {float(first):g}-{float(second):g} for seconds, or both clock times as {cleaned}-END"
            )
    elif not separators and cleaned.count(":") > 1:
        raise InputError(
            f"gap '{text}' is ambiguous: colons belong to clock times here; put - or + between the two times"
        )
    else:
        raise InputError(f"'{text}' is no gap; {_FORMS}")
    try:
        start, other = parse_time(first), parse_time(second)
    except InputError as error:
        raise InputError(
            f"'{text}' is no gap: {error}" if first and second else f"'{text}' is no gap; {_FORMS}"
        ) from None
    end = start + other if separators == ["+"] else other
    if end <= start:
        hint = "; clock times need - between them" if not separators else ""
        raise InputError(
            f"gap '{text}' is {'empty' if end == start else 'reversed'}: it must end after it starts{hint}"
        )
    return start, end


def read_gaps(path: str | Path) -> list[tuple[float, float]]:
    """Read a list of gaps.

    - JSON: a list of pairs ``[start, end]`` or of objects with ``start`` and ``end`` (or ``stop``, or ``duration``),
      or an object that holds such a list as ``gaps``.
    - A table with comma, semicolon or tab between the columns. A header names them (``start``, ``end`` or ``stop`` or
      ``duration``; others are ignored); without one the first two are start and end. A decimal comma is understood
      where the comma is not the separator.
    - Audacity labels: start, end and label with tabs between; the lines of spectral labels, which begin with a
      backslash, are skipped.

    Empty lines and lines that begin with ``#`` are skipped. Times are seconds or clock times, as in :func:`parse_time`.

    Returns:
        Start and end in seconds, in the order of the file.

    Raises:
        InputError: Something is no gap; the message names file and line (in JSON: file and item).
    """
    path = Path(path)
    lines = read_lines(path)
    first = next((line.lstrip() for line in lines if line.strip()), "")
    spans = (
        _json_spans(path) if path.suffix.lower() == ".json" or first[:1] in ("[", "{") else _table_spans(path, lines)
    )
    if not spans:
        raise InputError(f"{path} holds no gaps; expected one a line, such as 1.2,1.6 (start and end in seconds)")
    return spans


def _table_spans(path: Path, lines: Sequence[str]) -> list[tuple[float, float]]:
    rows = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith(("#", "\\"))
    ]
    if not rows:
        return []
    separator = next((mark for mark in "\t;," if mark in rows[0][1]), None)
    if separator is None:
        number, line = rows[0]
        raise InputError(
            f"{path}, line {number}: '{line.strip()}' has one column; expected start and end, such as 1.2,1.6"
        )
    columns = {"start": 0, "end": 1}
    header = [cell.strip().lower().removesuffix("_seconds") for cell in _cells(rows[0][1], separator)]
    if any(re.match(r"[a-z]", cell) for cell in header[:2]):
        columns = {_COLUMNS[cell]: index for index, cell in reversed(list(enumerate(header))) if cell in _COLUMNS}
        if "start" not in columns or not columns.keys() & {"end", "duration"}:
            raise InputError(
                f"{path}, line {rows[0][0]}: the header names {header}; expected start and end (or duration)"
            )
        rows = rows[1:]
    spans = []
    for number, line in rows:
        where = f"{path}, line {number}"
        cells = _cells(line, separator)
        if len(cells) <= max(columns.values()):
            raise InputError(
                f"{where}: '{line.strip()}' has {len(cells)} column(s); expected start and end, such as 1.2,1.6"
            )
        if separator != ",":
            cells = [cell.replace(",", ".") for cell in cells]
        spans.append(_span({name: cells[index] for name, index in columns.items()}, where))
    return spans


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator))


def _json_spans(path: Path) -> list[tuple[float, float]]:
    value = read_json(path)
    if isinstance(value, dict):
        value = value.get("gaps")
    if not isinstance(value, list):
        raise InputError(
            f"{path} holds no list of gaps; expected [[1.2, 1.6], ...] or {{'gaps': [{{'start': ..., 'end': ...}}]}}"
        )
    spans = []
    for index, item in enumerate(value, start=1):
        where = f"{path}, item {index}"
        if isinstance(item, list | tuple) and len(item) == 2:
            item = {"start": item[0], "end": item[1]}
        if not isinstance(item, dict):
            raise InputError(
                f"{where}: {item!r} is no gap; expected [start, end] or an object with start and end, in seconds"
            )
        spans.append(_span({_COLUMNS[key]: item[key] for key in item if key in _COLUMNS}, where))
    return spans


def _span(values: dict[str, Any], where: str) -> tuple[float, float]:
    if "start" not in values or not values.keys() & {"end", "duration"}:
        raise InputError(f"{where}: found {sorted(values) or 'nothing'}; expected start and end (or duration)")
    times = {name: _seconds(value, where) for name, value in values.items()}
    start = times["start"]
    end = times["end"] if "end" in times else start + times["duration"]
    _check_span(start, end, where)
    return start, end


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return (
            float(value)
            if re.fullmatch(r"[+-]?(nan|inf(inity)?|[\d.]+(e[+-]?\d+)?)", value.strip(), re.I)
            else parse_time(value)
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (ValueError, AttributeError):
        raise InputError(f"{where}: {value!r} is no time; write seconds (62.5) or a clock time (1:02.5)") from None


def _check_span(start: float, end: float, what: str) -> None:
    if not (math.isfinite(start) and math.isfinite(end)):
        raise InputError(f"{what}: {start} to {end} is no stretch of time; both ends must be finite numbers of seconds")
    if start < 0:
        raise InputError(
            f"{what}: starts at {start:g} s; times count from the start of the file and cannot be negative"
        )
    if end <= start:
        state = "is empty" if end == start else "is reversed"
        raise InputError(f"{what}: {_show(start)} to {_show(end)} s {state}; it must end after it starts")


def write_labels(path: str | Path, gaps: Sequence[Gap], rate: int, labels: Sequence[str] | None = None) -> None:
    """Write gaps as an Audacity label track, which :func:`read_gaps` reads back to the same samples.

    Args:
        path: Text file to write, atomically.
        gaps: Sample ranges at ``rate``.
        rate: Samples a second; microseconds are exact enough up to 500 kHz.
        labels: A text for each gap; by default ``gap 1``, ``gap 2``, …

    Raises:
        ValueError: There are not as many labels as gaps.
    """
    texts = [f"gap {number}" for number in range(1, len(gaps) + 1)] if labels is None else labels
    lines = [
        f"{gap.start / rate:.6f}\t{gap.stop / rate:.6f}\t{' '.join(text.split())}\n"
        for gap, text in zip(gaps, texts, strict=True)
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def resolve_gaps(
    spans: Iterable[tuple[float, float]], *, rate: int, frames: int, name: str, merge: bool = False
) -> list[Gap]:
    """Turn spans of seconds into sample ranges of a file, and refuse what cannot be filled.

    Args:
        spans: Start and end in seconds.
        rate: Samples a second of the file.
        frames: Samples of the file, per channel.
        name: The file's name, for messages.
        merge: Unite gaps that overlap, instead of refusing them. Gaps that touch are always united: nothing is known
            between them.

    Returns:
        Gaps in order of time, with at least one known sample between any two. Both ends are rounded to the nearest
        sample.

    Raises:
        InputError: A gap is not finite, negative, empty, reversed, shorter than one sample, (partly) outside the file
            or overlaps another one, or no known sound is left.
    """
    end_of_file = frames / rate
    gaps: list[Gap] = []
    for start, end in spans:
        what = f"--gap {_show(start)}:{_show(end)}"
        _check_span(start, end, what)
        gap = Gap(round(start * rate), round(end * rate))
        if gap.start >= frames:
            raise InputError(f"{what} lies outside {name}, which ends at {_show(end_of_file)} s")
        if gap.stop > frames:
            raise InputError(
                f"{what} reaches beyond the end of {name} at {_show(end_of_file)} s; let it end there at the latest"
            )
        if not gap.length:
            raise InputError(f"{what} is shorter than one sample of {name} ({1000 / rate:.3g} ms)")
        gaps.append(gap)

    united: list[Gap] = []
    for gap in sorted(gaps):
        if united and gap.start < united[-1].stop and not merge:
            first, second = (":".join(_show(time) for time in one.seconds(rate)) for one in (united[-1], gap))
            raise InputError(f"the gaps {first} and {second} of {name} overlap; give them as one gap")
        if united and gap.start <= united[-1].stop:
            united[-1] = Gap(united[-1].start, max(united[-1].stop, gap.stop))
        else:
            united.append(gap)
    if united and united[0].length == frames:
        raise InputError(
            f"the gaps cover the whole of {name} ({_show(end_of_file)} s): no known sound is left to go by"
        )
    return united


def _show(seconds: float) -> str:
    if not math.isfinite(seconds):
        return str(seconds)
    whole, fraction = f"{seconds:.6f}".split(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"


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


def to_rate(gap: Gap, source_rate: int, target_rate: int, *, guard: int = 0, frames: int | None = None) -> Gap:
    """Carry a gap over to another sample rate, rounding outwards.

    Set the gap to zero *before* resampling: only then can nothing of what the file holds inside the gap reach samples
    outside it, whatever the filter of the resampler. The converted samples next to the gap then carry the ripple of
    that edge instead of music; ``guard`` counts them as missing too.

    Args:
        gap: Samples at ``source_rate``.
        source_rate: Samples a second of the file.
        target_rate: Samples a second wanted.
        guard: Further samples at ``target_rate`` to lose on either side.
        frames: Samples of the converted sound; the result is cut to it.

    Returns:
        The smallest range at ``target_rate`` that holds the gap and its guard, not before sample 0.
    """
    start = max(0, gap.start * target_rate // source_rate - guard)
    stop = -(-gap.stop * target_rate // source_rate) + guard
    return Gap(start, stop if frames is None else min(stop, frames))


def split_long(
    gap: Gap, rate: int, longest_seconds: float = 1.0, *, sides: Literal["both", "left", "right"] = "both"
) -> list[Gap]:
    """Cut a gap into pieces of nearly equal length, in the order in which to fill them.

    Args:
        gap: Samples at ``rate``.
        rate: Samples a second.
        longest_seconds: A piece is no longer than this.
        sides: Where there is known sound to start from. From both sides the order is inwards: first, last, second,
            last but one, …

    Returns:
        Pieces that make up the gap; the gap itself if it is short enough.

    Raises:
        ValueError: A piece would be shorter than one sample.
    """
    longest = int(longest_seconds * rate)
    if longest < 1:
        raise ValueError(f"pieces of {longest_seconds} s are shorter than a sample at {rate} Hz")
    count = -(-gap.length // longest)
    borders = [gap.start + gap.length * index // count for index in range(count + 1)]
    pieces = [Gap(*pair) for pair in pairwise(borders)]
    if sides == "left":
        return pieces
    backwards = pieces[::-1]
    if sides == "right":
        return backwards
    return [piece for pair in zip(pieces, backwards, strict=True) for piece in pair][:count]


def window_around(
    targets: Sequence[Gap], unknown: Iterable[Gap], *, rate: int, frames: int, window_seconds: float = 4.0
) -> Window:
    """Lay a window round gaps: they are in its middle, unless the file's end is near, and it stays inside the file.

    Args:
        targets: Gaps to fill from this window, in order of time.
        unknown: All that is missing in the file, the targets included.
        rate: Samples a second.
        frames: Samples of the file.
        window_seconds: Length of the window; a shorter file is taken whole.

    Raises:
        ValueError: The targets do not fit into the window.
    """
    length = min(frames, round(window_seconds * rate))
    first, last = targets[0].start, max(gap.stop for gap in targets)
    if last - first > length:
        raise ValueError(
            f"gaps of {(last - first) / rate:.2f} s do not fit into a window of {length / rate:.2f} s; split them first"
        )
    start = min(max(0, (first + last - length) // 2), frames - length)
    stop = start + length
    inside = (Gap(max(gap.start, start), min(gap.stop, stop)) for gap in sorted(unknown))
    return Window(start, stop, tuple(gap for gap in inside if gap.length > 0), tuple(targets))


def plan_windows(gaps: Iterable[Gap], *, rate: int, frames: int, window_seconds: float = 4.0) -> list[Window]:
    """Lay windows over a file so that every gap is filled once, with as much context as there is.

    Gaps share a window while all of them fit into its middle half, so that a quarter of it remains on either side;
    whatever other gap reaches into a window is masked there.

    Args:
        gaps: All that is missing, apart from each other, none longer than the window.
        rate: Samples a second.
        frames: Samples of the file.
        window_seconds: Length of a window.

    Returns:
        Windows in order of time; none without gaps.

    Raises:
        ValueError: A gap is longer than the window; see :func:`split_long`.
    """
    ordered = sorted(gaps)
    groups: list[list[Gap]] = []
    for gap in ordered:
        if groups and gap.stop - groups[-1][0].start <= window_seconds * rate / 2:
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return [window_around(group, ordered, rate=rate, frames=frames, window_seconds=window_seconds) for group in groups]
