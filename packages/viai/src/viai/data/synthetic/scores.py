"""Performances: a tune or a rhythm pattern played with tempo, phrasing, dynamics and small timing errors.

Everything after this module, the sound and the pictures, is made from the same list of :class:`Note`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from viai.data.synthetic.tunes import Tune


@dataclass(frozen=True, kw_only=True)
class Note:
    """One played note: what the sampler sounds and the player shows."""

    onset: float
    """Seconds from the start of the clip."""
    duration: float
    """Seconds from onset to release."""
    pitch: int
    """MIDI key; for drums and congas the key of General MIDI's percussion map."""
    velocity: int
    """Loudness, 1 to 127."""
    slurred: bool = False
    """Joined to the note before: the bow keeps its direction, the wind is not tongued anew."""
    begins_phrase: bool = False
    """First note after a breath: bellows and breath turn here."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a class of instruments plays a melody."""

    note_seconds: tuple[float, float]
    """Range of the usual note length, from which the tempo follows."""
    breath: float = 0.15
    """Chance of a breath after a bar."""
    slur: float = 0.0
    """Chance that a note is joined to the one before, where the tune does not say so."""
    second_voice: float = 0.0
    """Chance that a phrase is played with a second voice below."""
    shortest: float = 0.08
    """No two onsets of the melody are closer, in seconds."""


def perform_tune(
    tune: Tune, *, low: int, high: int, seconds: float, manner: Manner, rng: np.random.Generator
) -> list[Note]:
    """Play a part of a tune for a given time.

    Args:
        tune: The melody.
        low: Lowest key of the instrument.
        high: Highest key.
        seconds: Length of the clip; the last notes end a little before it.
        manner: Playing habits of the instrument.
        rng: Source of tempo, key, phrasing, dynamics and errors.

    Returns:
        Notes sorted by onset.
    """
    usual = float(np.median([note.duration for note in tune.notes]))
    quarter = float(np.exp(rng.uniform(*np.log(manner.note_seconds)))) / usual
    start = int(rng.integers(0, max(1, len(tune.notes) // 2)))
    written = [*tune.notes[start:], *tune.notes, *tune.notes]
    end = tune.notes[-1].onset + tune.notes[-1].duration
    shifts = [-tune.notes[start].onset] * (len(tune.notes) - start)
    shifts += [end - tune.notes[start].onset] * len(tune.notes)
    shifts += [2 * end - tune.notes[start].onset] * len(tune.notes)

    key = _transposition([note.pitch for note in tune.notes], low, high, rng)
    time = rng.uniform(0.05, 0.6) if rng.random() < 0.7 else rng.uniform(0.0, 0.15)
    period, phase, depth = rng.uniform(2.5, 7.0), rng.uniform(0, 2 * np.pi), rng.uniform(5, 22)
    level, detached = rng.uniform(72, 98), rng.uniform(0.72, 0.97)
    rubato, rubato_period = rng.uniform(0.0, 0.06), rng.uniform(3.0, 8.0)
    notes: list[Note] = []
    begins, doubled, last_written = True, rng.random() < manner.second_voice, 0.0
    interval = int(rng.choice([3, 4, 5, 8, 9, 12]))
    for note, shift in zip(written, shifts, strict=True):
        position = note.onset + shift
        pause = position - last_written
        last_written = position + note.duration
        pace = quarter * (1 + rubato * np.sin(2 * np.pi * time / rubato_period))
        time += max(0.0, pause) * pace
        length = max(note.duration * pace, manner.shortest)
        onset = max(time + float(np.clip(rng.normal(0, 0.006), -0.015, 0.015)), 0.01)
        if notes:
            onset = max(onset, notes[-1].onset + 0.6 * manner.shortest)
        time += length
        if onset > seconds - 0.15:
            break
        if rng.random() < 0.03:
            begins = True
            continue
        slurred = bool(not begins and notes and (note.slurred or rng.random() < manner.slur))
        velocity = level + depth * np.sin(2 * np.pi * onset / period + phase) + rng.normal(0, 5) + 8 * begins
        played = length * (1.0 if slurred else detached)
        pitch = _fold(note.pitch + key, low, high)
        ends_phrase = rng.random() < manner.breath * min(1.0, note.duration / usual / 2)
        if ends_phrase:
            played *= 0.75
            time += rng.uniform(0.05, 0.45)
        played = min(max(played, 0.05), seconds - 0.05 - onset)
        sounding = Note(
            onset=float(onset),
            duration=float(played),
            pitch=pitch,
            velocity=int(np.clip(velocity, 30, 122)),
            slurred=slurred,
            begins_phrase=begins,
        )
        notes.append(sounding)
        if doubled and length > 1.5 * manner.shortest and pitch - interval >= low:
            lower = sounding.velocity - int(rng.integers(0, 15))
            notes.append(replace(sounding, pitch=pitch - interval, velocity=max(30, lower)))
        begins = ends_phrase
        if ends_phrase:
            doubled = rng.random() < manner.second_voice
            interval = int(rng.choice([3, 4, 5, 8, 9, 12]))
    return notes


def _transposition(pitches: Sequence[int], low: int, high: int, rng: np.random.Generator) -> int:
    bottom, top = low - min(pitches), high - max(pitches)
    if bottom <= top:
        return int(rng.integers(bottom, top + 1))
    return round((low + high) / 2 - float(np.mean(pitches)))


def _fold(pitch: int, low: int, high: int) -> int:
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


KICK, SNARE, CLOSED_HAT, OPEN_HAT, CRASH, RIDE = 36, 38, 42, 46, 49, 51
TOMS = (50, 47, 43)
HAND_DRUMS = {"congas": (62, 63, 64), "bongos": (60, 61)}
"""Keys of the hand drums: mute and open high conga, low conga; high and low bongo."""
PATTERNS = 4000
"""How many numbered rhythm patterns there are."""


def perform_pattern(number: int, *, kind: str, seconds: float, rng: np.random.Generator) -> list[Note]:
    """Play one of the numbered rhythm patterns for a given time.

    The number settles the rhythm, ``rng`` tempo, fills, dynamics and errors.

    Args:
        number: 0 to ``PATTERNS - 1``.
        kind: "kit", "congas" or "bongos".
        seconds: Length of the clip.
        rng: Source of everything that differs between two performances.

    Returns:
        Notes sorted by onset, in keys of the General MIDI percussion map.
    """
    pattern = np.random.default_rng((49_157, number, sum(map(ord, kind))))
    steps = int(pattern.choice([8, 12, 16, 16]))
    bar = _kit_bar(pattern, steps) if kind == "kit" else _hand_bar(pattern, steps, HAND_DRUMS[kind])
    step = float(np.exp(rng.uniform(np.log(1.4), np.log(3.0)))) / steps
    swing = rng.uniform(0.0, 0.3) if rng.random() < 0.4 else 0.0
    level, time, count = rng.uniform(75, 100), rng.uniform(0.05, 0.5), 0
    notes: list[Note] = []
    while time < seconds - 0.15:
        is_fill = kind == "kit" and count % 4 == 3 and rng.random() < 0.7
        hits = _fill_bar(rng, steps) if is_fill else bar
        if count and rng.random() < 0.12:
            hits = []
        for position, key, weight in hits:
            late = swing * step * (position % 2)
            onset = time + position * step + late + float(np.clip(rng.normal(0, 0.005), -0.015, 0.015))
            if not 0.01 <= onset < seconds - 0.1 or rng.random() < 0.04:
                continue
            velocity = int(np.clip(level * weight + rng.normal(0, 7), 28, 124))
            begins = position == 0
            notes.append(Note(onset=onset, duration=0.12, pitch=key, velocity=velocity, begins_phrase=begins))
        time += steps * step
        count += 1
    notes.sort(key=lambda note: (note.onset, note.pitch))
    return notes


def _kit_bar(pattern: np.random.Generator, steps: int) -> list[tuple[int, int, float]]:
    beat = 3 if steps == 12 else steps // 4
    busy = pattern.uniform(0.05, 0.35)
    cymbal = int(pattern.choice([CLOSED_HAT, CLOSED_HAT, RIDE, OPEN_HAT]))
    every = int(pattern.choice([1, 2, beat, beat])) if pattern.random() < 0.85 else 0
    hits: list[tuple[int, int, float]] = []
    for position in range(steps):
        on_beat = position % beat == 0
        number = position // beat
        if every and position % every == 0:
            hits.append((position, cymbal, 0.95 if on_beat else 0.7))
        if (on_beat and number % 2 == 0 and pattern.random() < 0.9) or (not on_beat and pattern.random() < busy * 0.6):
            hits.append((position, KICK, 1.05))
        if (on_beat and number % 2 == 1 and pattern.random() < 0.92) or (not on_beat and pattern.random() < busy * 0.5):
            hits.append((position, SNARE, 1.05 if on_beat else 0.65))
    if pattern.random() < 0.3:
        hits.append((0, CRASH, 1.1))
    if pattern.random() < 0.35:
        hits += [(int(pattern.integers(0, steps)), int(key), 0.95) for key in pattern.choice(TOMS, 2)]
    return _two_hands(hits)


def _fill_bar(rng: np.random.Generator, steps: int) -> list[tuple[int, int, float]]:
    order = [SNARE, *TOMS] if rng.random() < 0.7 else [int(key) for key in rng.permutation([SNARE, *TOMS])]
    density = rng.uniform(0.5, 0.95)
    hits = [
        (position, order[position * len(order) // steps], float(rng.uniform(0.75, 1.15)))
        for position in range(steps)
        if rng.random() < density
    ]
    return [*hits, (0, KICK, 1.0)]


def _hand_bar(pattern: np.random.Generator, steps: int, keys: Sequence[int]) -> list[tuple[int, int, float]]:
    density = pattern.uniform(0.25, 0.8)
    hits = []
    for position in range(steps):
        if position == 0 or pattern.random() < density * (1.2 if position % 2 == 0 else 0.8):
            accent = 1.15 if pattern.random() < 0.25 else pattern.uniform(0.65, 0.95)
            hits.append((position, int(pattern.choice(keys)), float(accent)))
    return hits


def _two_hands(hits: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Drop what a drummer with two hands and one foot cannot play at once."""
    kept: dict[int, list[tuple[int, int, float]]] = {}
    for hit in dict.fromkeys(hits):
        at_once = kept.setdefault(hit[0], [])
        hands = sum(other[1] != KICK for other in at_once)
        if all(other[1] != hit[1] for other in at_once) and (hit[1] == KICK or hands < 2):
            at_once.append(hit)
    return [hit for position in sorted(kept) for hit in kept[position]]
