"""Melodies without tempo, read from ABC notation: the fiddle and flute tunes of music21's corpus, or a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from hr_common.errors import InputError
from hr_common.files import read_json, write_json

COLLECTIONS = ("ryansMammoth", "oneills1850", "airdsAirs")
"""Folders of public-domain fiddle and flute tunes in music21's corpus that are written in ABC."""

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
_ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_TOKEN = re.compile(
    r'"[^"]*"|![^!]*!|\{[^}]*\}|\[(?P<field>[KLM]):(?P<value>[^\]]*)\]|\[[A-Za-z]:[^\]]*\]'
    r"|\((?P<tuplet>[2-9])(?::\d*){0,2}"
    r"|(?P<accidental>\^\^|\^|__|_|=)?(?P<name>[A-Ga-gxz])(?P<octave>[,']*)(?P<length>\d*/*\d*)"
    r"|(?P<chord>\[)|\](?P<after>\d*/*\d*)|(?P<broken>>+|<+)|(?P<bar>\|)|(?P<tie>-)|(?P<open>\()|(?P<close>\))"
)
# How many notes a tuplet of n squeezes into, where it is not the two of a triplet.
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 5: 4, 6: 2, 7: 4, 8: 3, 9: 8}


@dataclass(frozen=True)
class TuneNote:
    """One note of a written melody, in quarter notes."""

    onset: float
    duration: float
    pitch: int
    slurred: bool


@dataclass(frozen=True)
class Tune:
    """A melody without tempo."""

    name: str
    notes: tuple[TuneNote, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of the first intervals: equal for one melody printed under two titles or in two keys."""
        pitches = [note.pitch for note in self.notes[:13]]
        steps = [after - before for before, after in pairwise(pitches)]
        return hashlib.sha256(repr(steps).encode()).hexdigest()[:16]


def read_abc(text: str, *, source: str) -> list[Tune]:
    """Read the tunes of an ABC file.

    Only what a melody needs is understood: key, unit length, accidentals, ties, slurs, tuplets, broken rhythm. Repeats
    are not unfolded, grace notes and ornaments are left out, of a chord the highest note is kept, and tunes in several
    voices or with fewer than 16 notes are passed over.

    Args:
        text: Contents of the file.
        source: Name of the collection; a tune is called ``source/number``.

    Returns:
        The tunes in the order of the file.

    References:
        The ABC music standard 2.1, sections 3 (fields) and 4 (tune body).
    """
    tunes = []
    for block in re.split(r"(?m)^(?=X:)", text):
        if not block.startswith("X:") or re.search(r"(?m)^V:|\[V:", block):
            continue
        number = block[2 : block.find("\n")].split("%")[0].strip()
        notes = tuple(_melody(block))
        if len(notes) >= 16:
            tunes.append(Tune(name=f"{source}/{number}", notes=notes))
    return tunes


def load_tunes(folder: Path | None = None, *, cache: Path | None = None) -> list[Tune]:
    """Load every tune of a folder of ABC files, or of the collections that come with music21.

    music21 itself is not imported: only the text files in its corpus are read.

    Args:
        folder: Folder searched for ``*.abc``, or None for music21's corpus.
        cache: JSON file that keeps the parsed tunes; read if it exists, else written.

    Returns:
        Tunes with different melodies, sorted by name.

    Raises:
        InputError: No tunes can be found.
    """
    if cache is not None and cache.is_file():
        return _tunes_from_json(read_json(cache), cache)
    tunes: dict[str, Tune] = {}
    for path in _abc_files(folder):
        source = path.stem if path.parent.name in ("", ".") else f"{path.parent.name}/{path.stem}"
        for tune in read_abc(path.read_text(encoding="utf-8", errors="replace"), source=source):
            tunes.setdefault(tune.fingerprint, tune)
    if not tunes:
        raise InputError(f"no tunes of 16 notes or more in {folder}: give a folder with ABC files (*.abc)")
    result = sorted(tunes.values(), key=lambda tune: tune.name)
    if cache is not None:
        write_json(cache, _tunes_to_json(result))
    return result


def _abc_files(folder: Path | None) -> list[Path]:
    if folder is not None:
        return sorted(folder.rglob("*.abc"))
    found = importlib.util.find_spec("music21")
    if found is None or not found.submodule_search_locations:
        raise InputError("no tunes: music21 is not installed; pip install 'viai[synth]' or give a folder of ABC files")
    corpus = Path(found.submodule_search_locations[0]) / "corpus"
    return sorted(path for name in COLLECTIONS for path in (corpus / name).glob("*.abc"))


def _tunes_to_json(tunes: Sequence[Tune]) -> dict[str, str]:
    """One short string a tune, since indented JSON of half a million numbers takes 25 MB."""
    return {
        tune.name: " ".join(f"{n.onset:.6g},{n.duration:.6g},{n.pitch},{int(n.slurred)}" for n in tune.notes)
        for tune in tunes
    }


def _tunes_from_json(value: Any, path: Path) -> list[Tune]:
    try:
        return [Tune(name=name, notes=tuple(map(_note_from_text, text.split()))) for name, text in value.items()]
    except (AttributeError, ValueError) as error:
        raise InputError(f"{path} is no cache of tunes ({error}): delete it, it will be made again") from error


def _note_from_text(text: str) -> TuneNote:
    onset, duration, pitch, slurred = text.split(",")
    return TuneNote(float(onset), float(duration), int(pitch), slurred == "1")


def _key_signature(value: str) -> dict[str, int]:
    match = re.match(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)", value)
    if match is None:
        return {}
    tonic, sharp, mode = match.groups()
    fifths = _FIFTHS[tonic] + 7 * {"#": 1, "b": -1, "": 0}[sharp]
    fifths += _MODES.get(mode.lower()[:3], -3 if mode == "m" else 0)
    order = "FCGDAEB"
    if fifths >= 0:
        return dict.fromkeys(order[:fifths], 1)
    return dict.fromkeys(order[fifths:], -1)


def _length(text: str) -> Fraction:
    match = re.match(r"(\d*)(/*)(\d*)", text)
    assert match is not None
    top, slashes, bottom = match.groups()
    divisor = int(bottom) if bottom else 2 ** len(slashes)
    return Fraction(int(top or 1), max(1, divisor))


def _fraction(value: str, default: Fraction) -> Fraction:
    match = re.match(r"\s*(\d+)\s*/\s*(\d+)", value)
    return Fraction(int(match[1]), int(match[2])) if match and int(match[2]) else default


def _melody(block: str) -> Iterator[TuneNote]:
    metre, unit, key = Fraction(1), None, {}
    accidentals: dict[str, int] = {}
    entries: list[list[Any]] = []  # length in units, pitch or None for a rest, slurred
    chord: list[tuple[int, Fraction]] | None = None
    tied, depth, first_of_slur, broken = False, 0, False, Fraction(1)
    tuplet_left, tuplet_factor = 0, Fraction(1)

    def add(length: Fraction, pitch: int | None) -> None:
        nonlocal tied, first_of_slur, broken, tuplet_left
        length *= broken
        broken = Fraction(1)
        if tuplet_left:
            length *= tuplet_factor
            tuplet_left -= 1
        if tied and entries and entries[-1][1] == pitch:
            entries[-1][0] += length
        else:
            entries.append([length, pitch, depth > 0 and not first_of_slur])
        tied = first_of_slur = False

    for line in block.splitlines():
        line = line.split("%")[0]
        if re.match(r"[A-Za-z]:", line):
            if line[0] == "K":
                key = _key_signature(line[2:])
            elif line[0] == "M":
                metre = _fraction(line[2:], Fraction(1))
            elif line[0] == "L":
                unit = _fraction(line[2:], Fraction(1, 8))
            continue
        for token in _TOKEN.finditer(line):
            if token["field"] == "K":
                key = _key_signature(token["value"])
            elif token["tuplet"]:
                size = int(token["tuplet"])
                tuplet_left, tuplet_factor = size, Fraction(_TUPLET_TIME[size], size)
            elif token["name"]:
                name, length = token["name"], _length(token["length"])
                pitch = None
                if name not in "xz":
                    if token["accidental"]:
                        accidentals[name] = _ACCIDENTALS[token["accidental"]]
                    shift = accidentals.get(name, key.get(name.upper(), 0))
                    octave = token["octave"].count("'") - token["octave"].count(",") + name.islower()
                    pitch = 60 + _SEMITONES[name.upper()] + 12 * octave + shift
                if chord is None:
                    add(length, pitch)
                elif pitch is not None:
                    chord.append((pitch, length))
            elif token["chord"]:
                chord = []
            elif token["after"] is not None and chord is not None:
                if chord:
                    pitch, length = max(chord)
                    add(length * _length(token["after"]), pitch)
                chord = None
            elif token["broken"] and entries:
                long = 2 - Fraction(1, 2 ** len(token["broken"]))
                short = Fraction(1, 2 ** len(token["broken"]))
                entries[-1][0] *= long if token["broken"][0] == ">" else short
                broken = short if token["broken"][0] == ">" else long
            elif token["bar"]:
                accidentals = {}
            elif token["tie"]:
                tied = True
            elif token["open"]:
                depth, first_of_slur = depth + 1, True
            elif token["close"]:
                depth = max(0, depth - 1)
    if unit is None:
        unit = Fraction(1, 16) if metre < Fraction(3, 4) else Fraction(1, 8)
    onset = Fraction(0)
    for length, pitch, slurred in entries:
        quarters = length * unit * 4
        if pitch is not None and quarters > 0:
            yield _note_from_text(f"{float(onset):.6g},{float(quarters):.6g},{pitch},{int(slurred)}")
        onset += quarters
