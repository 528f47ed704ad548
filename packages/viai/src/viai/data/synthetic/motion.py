"""Movement as a function of time: strokes that land exactly on the onset, hands that glide to the next place."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from viai.data.synthetic.scores import Note

Point = tuple[float | int, float | int]


def smoothstep(value: float | int) -> float:
    """Rise from 0 to 1 with level ends; values outside [0, 1] are clipped."""
    value = min(1.0, max(0.0, value))
    return value * value * (3 - 2 * value)


def mix(a: Point, b: Point, share: float | int) -> Point:
    """Point on the way from ``a`` (share 0) to ``b`` (share 1)."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)


@dataclass(frozen=True)
class StrokeState:
    """Where a striking hand is at one instant."""

    position: Point
    """Point above which the head is."""
    height: float
    """0 on the surface, about 1 at the top of a loud stroke."""
    since: float
    """Seconds since the last hit; infinite before the first."""
    target: int
    """Number of the note that was hit last, -1 before the first."""


class Strokes:
    """A stick, mallet or hand that strikes places at given onsets.

    The head is raised ``approach`` seconds before a hit, higher for a louder one, falls with growing speed, touches at
    the onset itself, rebounds and travels on to the next place.
    """

    def __init__(
        self, notes: Sequence[Note], places: Sequence[Point], *, approach: float | int, rest: float | int
    ) -> None:
        self._onsets = [note.onset for note in notes]
        self._loudness = [note.velocity / 127 for note in notes]
        self._places = list(places)
        self._approach = approach
        self._rest = rest

    def at(self, time: float | int, home: Point) -> StrokeState:
        """State at ``time``; ``home`` is where a hand without any note waits."""
        following = bisect_right(self._onsets, time)
        last = following - 1
        since = time - self._onsets[last] if last >= 0 else math.inf
        until = self._onsets[following] - time if following < len(self._onsets) else math.inf
        gap = since + until
        height = self._rest * (1 - math.exp(-since / 0.07))
        if last >= 0:
            height += 0.9 * self._loudness[last] * (since / 0.06) * math.exp(1 - since / 0.06) * 0.35
        approach = min(self._approach, 0.75 * gap)
        if until < approach:
            peak = (0.3 + 0.9 * self._loudness[following] ** 1.5) * min(1.0, (gap / 0.35) ** 0.6)
            phase = 1 - until / approach
            if phase < 0.5:
                height += (peak - height) * smoothstep(2 * phase)
            else:
                height = peak * (1 - (2 * phase - 1) ** 2)
        if not self._onsets:
            return StrokeState(home, self._rest, since, last)
        if last < 0:
            place = mix(home, self._places[0], smoothstep(1 - (until - 0.08) / 0.5))
        elif following == len(self._onsets):
            place = mix(self._places[last], home, smoothstep((since - 0.4) / 0.8))
        else:
            travel = min(0.4, 0.85 * gap)
            share = smoothstep(1 - (until - 0.12 * gap) / max(travel - 0.12 * gap, 1e-6))
            place = mix(self._places[last], self._places[following], share)
        return StrokeState(place, height, since, last)


class Glide:
    """A value that moves to each note's target shortly before the onset and stays there."""

    def __init__(
        self,
        onsets: Sequence[float | int],
        targets: Sequence[float | int],
        *,
        lead: float | int,
        arrive: float | int = 0.015,
    ) -> None:
        self._onsets = list(onsets)
        self._targets = list(targets)
        self._lead = lead
        self._arrive = arrive

    def at(self, time: float | int) -> float:
        """Value at ``time``; 0 for a glide without targets."""
        if not self._onsets:
            return 0.0
        following = bisect_right(self._onsets, time)
        if following == 0:
            return float(self._targets[0])
        before = self._targets[following - 1]
        if following == len(self._onsets):
            return float(before)
        gap = self._onsets[following] - self._onsets[following - 1]
        lead = min(self._lead, 0.8 * gap)
        until = self._onsets[following] - time - min(self._arrive, 0.2 * lead)
        return before + (self._targets[following] - before) * smoothstep(1 - until / lead)


class Timeline:
    """Looks up which note sounds at a time, and how loud it still is."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self.notes = list(notes)
        self._onsets = [note.onset for note in self.notes]

    def last(self, time: float | int) -> int:
        """Number of the note begun last at ``time``, -1 before the first."""
        return bisect_right(self._onsets, time) - 1

    def pulse(self, time: float | int, decay: float | int) -> float:
        """Loudness of the last onset, 0 to 1, falling off with a time constant of ``decay`` seconds."""
        number = self.last(time)
        if number < 0:
            return 0.0
        note = self.notes[number]
        return note.velocity / 127 * math.exp(-(time - note.onset) / decay)

    def blowing(self, time: float | int, rise: float | int = 0.06) -> float:
        """Loudness of a sustained sound, 0 to 1: up around the onset, down after the release."""
        number = self.last(time + rise)
        if number < 0:
            return 0.0
        note = self.notes[number]
        up = smoothstep((time + rise - note.onset) / rise)
        down = 1 - smoothstep((time - note.onset - note.duration) / 0.1)
        if number and time < note.onset:
            before = self.notes[number - 1]
            left = 1 - smoothstep((time - before.onset - before.duration) / 0.1)
            return max(up * note.velocity, (1 - up) * left * before.velocity) / 127
        return up * down * note.velocity / 127

    def breath(self, time: float | int, length: float | int = 0.35) -> float:
        """Share of a breath taken: rises from 0 to 1 before each phrase, falls when it begins."""
        number = self.last(time) + 1
        value = 0.0
        for note in self.notes[number : number + 1]:
            if note.begins_phrase:
                value = smoothstep(1 - (note.onset - time) / length)
        if number and self.notes[number - 1].begins_phrase:
            value = max(value, 1 - smoothstep((time - self.notes[number - 1].onset) / 0.5))
        return value


class Sampled:
    """A curve known on a regular grid, read off between its points."""

    def __init__(self, values: Float[np.ndarray, " point"], rate: float | int) -> None:
        self._values = values
        self._rate = rate

    def at(self, time: float | int) -> float:
        """Value at ``time`` seconds by linear interpolation, held at the ends."""
        place = min(max(time * self._rate, 0.0), len(self._values) - 1.000001)
        left = int(place)
        share = place - left
        return float(self._values[left] * (1 - share) + self._values[left + 1] * share)


def travel(
    notes: Sequence[Note],
    *,
    seconds: float | int,
    turns: Callable[[Note], bool],
    speed: float | int,
    rate: float | int = 200.0,
) -> Sampled:
    """Way of a bow or of bellows: one direction through a note, faster when louder, turning where asked.

    Args:
        notes: Melody in order of onset.
        seconds: Length of the clip.
        turns: Whether the direction changes at the onset of a note.
        speed: Way per second at full loudness, where the whole way is -1 to 1.
        rate: Points of the curve per second.

    Returns:
        Position in [-1, 1] over time; it stands still while nothing sounds.
    """
    steps = np.zeros(int(seconds * rate) + 2)
    position, direction, course = 0.0, 1.0, []
    groups: list[list[Note]] = []
    for note in notes:
        if not groups or turns(note):
            groups.append([])
        groups[-1].append(note)
    for group in groups:
        direction = -direction
        wanted = sum(note.duration * speed * (0.35 + 0.65 * note.velocity / 127) for note in group)
        room = max(0.3, 0.97 - direction * position)
        course.append((group, direction * min(1.0, room / wanted) * speed))
        position = float(np.clip(position + direction * min(wanted, room), -1, 1))
    for group, way in course:
        for number, note in enumerate(group):
            stop = note.onset + note.duration
            if number + 1 < len(group):
                stop = group[number + 1].onset
            span = slice(int(note.onset * rate), max(int(stop * rate), int(note.onset * rate) + 1))
            steps[span] = way * (0.35 + 0.65 * note.velocity / 127) / rate
    kernel = np.hanning(7)[1:-1]
    steps = np.convolve(steps, kernel / kernel.sum(), mode="same")
    return Sampled(np.clip(np.cumsum(steps), -1.05, 1.05), rate)


def share_between_hands(notes: Sequence[Note], across: Sequence[float | int]) -> list[int]:
    """Say which of two hands plays each note.

    Notes struck together are shared by their place from left to right; otherwise the hands alternate when the music is
    quick, and the nearer one plays when there is time.

    Args:
        notes: Notes in order of onset.
        across: Place of each note from left to right.

    Returns:
        0 (left) or 1 (right) for each note.
    """
    hands: list[int] = []
    last_time, last_place = [-1.0, -1.0], [-0.1, 0.1]
    if len(across):
        last_place = [float(min(across)), float(max(across))]
    for number, note in enumerate(notes):
        partner = next(
            (
                other
                for other in (number - 1, number + 1)
                if 0 <= other < len(notes) and abs(notes[other].onset - note.onset) < 0.025
            ),
            None,
        )
        if partner is not None and partner < number:
            hand = 1 - hands[partner]
        elif partner is not None:
            hand = int(across[number] > across[partner])
        else:
            free = [note.onset - time for time in last_time]
            near = [abs(across[number] - place) for place in last_place]
            hand = int(near[1] < near[0])
            if free[hand] < 0.22 and free[1 - hand] > free[hand]:
                hand = 1 - hand
        hands.append(hand)
        last_time[hand], last_place[hand] = note.onset, float(across[number])
    return hands
