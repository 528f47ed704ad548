"""Files that are damaged in about a hundred ways, and what readers make of them."""

from __future__ import annotations

import io
import json
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hr_common.errors import InputError

_FOREIGN = {
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x02\x00\x00\x00",
    "a sound": b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00" + b"\xff" * 6 + bytes(8) + b"data",
    "a video": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\xff\xff\xff\xffmoov",
    "an empty archive": b"PK\x05\x06" + bytes(18),
    "an array": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(128)
    + b"\x80\x04K\x01.",
    "weights of nothing": b"\x02\x00\x00\x00\x00\x00\x00\x00{}",
    "a pickle": b"cbuiltins\nprint\n(S'unpickled'\ntR.",
    "a database": b"SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20",
    "a page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "blanks": b" \n\t\n" * 20,
    "zeros": bytes(1000),
    "a JSON number": b"1e999",
    "a JSON list": b'[null, true, -1, "x", [[]], {"a": NaN}]',
    "a JSON object": b'{"": {}, "version": 99, "people": [[1, 2, 3]], "data": null}',
    "deep brackets": b"[" * 100_000,
    "Latin-1": "Käse;Größe;é\n".encode("latin-1") * 5,
    "UTF-16": "a,b,c\n1,2,3\n".encode("utf-16"),
    "a long line": b"x" * 200_000,
    "a table": b'id,path,label\n1,,\n,,,\n"unclosed,2,3\n',
}
_NUMBERS = (b"-1", b"0", b"99999999999999999999", b"1e999", b"nan", b"x", b"")


def malformed(raw: bytes, *, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield about a hundred ways in which a good file can be damaged, each with its name.

    Cut off at many lengths, huge and zero numbers in the head, bytes swapped, flipped and repeated, numbers of a text
    changed, lines gone and doubled, the first bytes of other formats, and noise. The same file gives the same variants.
    """
    draw = random.Random(f"{seed} {len(raw)}")
    size = len(raw)
    lengths = {
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        12,
        16,
        64,
        *(size * part // 16 for part in range(16)),
        size - 8,
        size - 2,
        size - 1,
    }
    for length in sorted(length for length in lengths if 0 <= length < size):
        yield f"cut off after {length} of {size} bytes", raw[:length]
    for place in (*range(0, 32, 4), *range(32, 128, 16)):
        if place + 4 <= size:
            yield f"a huge number at byte {place}", raw[:place] + b"\xff\xff\xff\x7f" + raw[place + 4 :]
            yield f"zeros at byte {place}", raw[:place] + bytes(4) + raw[place + 4 :]
    swapped = bytearray(raw[: size // 2 * 2])
    swapped[0::2], swapped[1::2] = swapped[1::2], swapped[0::2]
    yield "each two bytes swapped", bytes(swapped)
    yield "backwards", raw[::-1]
    yield "halves swapped", raw[size // 2 :] + raw[: size // 2]
    yield "twice", raw + raw
    yield "rubbish in front", b"rubbish" + raw
    yield "rubbish behind", raw + draw.randbytes(100)
    for number in range(12):
        flipped = bytearray(raw)
        for _ in range(1 + number):
            if flipped:
                flipped[draw.randrange(min(size, 64 if number % 2 else size))] ^= 1 << draw.randrange(8)
        yield f"bits flipped, {number}", bytes(flipped)
    yield from _wrong_text(raw, draw)
    yield from _FOREIGN.items()
    for length in (1, 10, 100, 1000):
        yield f"{length} bytes of noise", draw.randbytes(length)


def _wrong_text(raw: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield what goes wrong when people and spreadsheets change a text."""
    try:
        lines = raw.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return
    text = raw.decode("utf-8")
    digits = [place for place, sign in enumerate(text) if sign.isdigit() and not text[place - 1 : place].isalnum()]
    for number in _NUMBERS:
        if digits:
            place = draw.choice(digits)
            end = place
            while end < len(text) and (text[end].isdigit() or text[end] in ".eE"):
                end += 1
            yield f"{number.decode()!r} for a number", (text[:place] + number.decode() + text[end:]).encode()
    yield "a byte of no text", raw[: len(raw) // 2] + b"\xff" + raw[len(raw) // 2 :]
    yield "a null byte", raw[: len(raw) // 2] + b"\x00" + raw[len(raw) // 2 :]
    yield "as UTF-16", text.encode("utf-16")
    yield "without commas", text.replace(",", " ").encode()
    yield "with semicolons", text.replace(",", ";").encode()
    yield "without quotes", text.replace('"', "").encode()
    yield "lists for objects", text.replace("{", "[").replace("}", "]").encode()
    yield "nothing for values", text.replace(": ", ": null, ").encode()
    if len(lines) > 1:
        place = draw.randrange(len(lines))
        yield "without the first line", "".join(lines[1:]).encode()
        yield f"without line {place + 1}", "".join(lines[:place] + lines[place + 1 :]).encode()
        yield f"line {place + 1} twice", "".join(lines[:place] + lines[place : place + 1] + lines[place:]).encode()
        yield "lines backwards", "".join(lines[::-1]).encode()


def wrong_values(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield copies of a JSON value with one thing in it gone or of another kind, each with what that is."""
    if place:
        others: tuple[Any, ...] = (None, "x", -1, 1e300, True, [], {}, [[]], [None])
        yield from ((f"{place} is {other!r}", other) for other in others)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{place}.{key} is gone", {name: each for name, each in value.items() if name != key}
            yield from ((name, {**value, key: other}) for name, other in wrong_values(inner, f"{place}.{key}"))
    elif isinstance(value, list) and value:
        yield f"{place} ends early", value[:-1]
        yield f"{place}[0] twice", [value[0], *value]
        yield from ((name, [other, *value[1:]]) for name, other in wrong_values(value[0], f"{place}[0]"))


def _some(variants: Iterable[Any], most: int) -> list[Any]:
    """Take an even share of what is too much to try out."""
    whole = list(variants)
    return whole if len(whole) <= most else random.Random(0).sample(whole, most)


def _wrong_parts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield whole files of the right format whose parts are not what they should be."""
    raw = path.read_bytes()
    if path.suffix == ".json":
        for name, value in _some(wrong_values(json.loads(raw)), 120):
            yield name, json.dumps(value).encode()
    if path.suffix == ".safetensors":
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        for name, card in _some(wrong_values(json.loads(header["__metadata__"]["card"])), 120):
            header["__metadata__"]["card"] = json.dumps(card)
            text = json.dumps(header).encode()
            yield f"card: {name}", len(text).to_bytes(8, "little") + text + raw[8 + size :]
    if path.suffix == ".npz":
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        for name, array in arrays.items():
            others: dict[str, np.ndarray | None] = {
                "gone": None, "empty": array[:0] if array.ndim else np.zeros(0), "a number": np.array(0.0),
                "text": np.full(array.shape, "x"), "one axis more": array[None], "transposed": array.T,
                "not finite": np.full(array.shape, np.nan), "huge": np.full(array.shape, 1e300),
                "negative": np.full(array.shape, -1), "longer": np.concatenate([array, array]) if array.ndim else array,
            }  # fmt: skip
            for what, other in others.items():
                buffer = io.BytesIO()
                kept = {key: each for key, each in {**arrays, name: other}.items() if each is not None}
                np.savez(buffer, **kept)
                yield f"{name} {what}", buffer.getvalue()


def reader_faults(
    read: Callable[[Path], object],
    path: Path,
    variants: Iterable[tuple[str, bytes]] | None = None,
    *,
    most: int = 1000,
    seconds: float = 5,
) -> list[str]:
    """Read a good file damaged in every way, and list where that ended in anything but a value or a good refusal.

    Args:
        read: The reader. A refusal is an :class:`~hr_common.errors.InputError`.
        path: A good file. It is damaged in place, since others may point to it, and put back at the end.
        variants: Instead of those of :func:`malformed` and, for JSON, safetensors and npz, of a right file with wrong
            values in it.
        most: Of more variants than that, an even share is tried; for readers that take long.
        seconds: What takes longer is a fault.
    """
    raw, found = path.read_bytes(), []
    try:
        for name, damaged in _some([*malformed(raw), *_wrong_parts(path)] if variants is None else variants, most):
            path.write_bytes(damaged)
            began = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, about numbers without sense
                    read(path)
            except InputError:
                pass
            except Exception as error:  # noqa: BLE001 - what it is, is the finding
                found.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            if time.perf_counter() - began > seconds:
                found.append(f"{name}: took {time.perf_counter() - began:.1f} s")
    finally:
        path.write_bytes(raw)
    return found
