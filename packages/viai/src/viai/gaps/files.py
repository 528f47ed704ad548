"""Lists of gaps in files: JSON, tables and Audacity labels."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hr_common.errors import InputError
from hr_common.files import atomic_path, read_json, read_lines
from viai.gaps.ranges import Gap, check_span
from viai.gaps.times import parse_time

_COLUMNS = {
    "start": "start", "begin": "start", "onset": "start",
    "end": "end", "stop": "end", "offset": "end",
    "duration": "duration", "length": "duration",
}  # fmt: skip


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
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a carriage return within the line, or a cell without end
        return line.split(separator)


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
    check_span(start, end, where)
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
