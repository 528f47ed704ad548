"""Accordion: bellows that open and close, and a right hand on upright keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.motion import Glide, Point, Timeline, travel
from viai.data.synthetic.players.body import Body
from viai.data.synthetic.scene import Canvas, Style, View, shade
from viai.data.synthetic.scores import Note

_SHARP = (1, 3, 6, 8, 10)


class AccordionPlayer:
    """Keys on the left of the picture stand upright, low ones on top; the other side moves with the bellows."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        self._notes = Timeline(notes)
        self._low, self._high = instrument.low, instrument.high
        self._buttons = instrument.preset == 23
        self._body = Body(style, self._notes, (0.0, -0.3), rng)
        melody = [
            note for number, note in enumerate(notes) if number == 0 or note.onset - notes[number - 1].onset > 0.02
        ]
        self._way = travel(melody, seconds=seconds, turns=_turns_at(melody), speed=float(rng.uniform(0.7, 1.5)))
        self._pressed: dict[int, Timeline] = {}
        for key in {note.pitch for note in notes}:
            self._pressed[key] = Timeline([note for note in notes if note.pitch == key])
        hand = [self._key_y(note.pitch) for note in melody]
        for number in range(1, len(hand)):
            step = hand[number] - hand[number - 1]
            hand[number] = hand[number - 1] + math.copysign(max(0.0, abs(step) - 0.05), step)
        self._hand = Glide([note.onset for note in melody], hand, lead=float(rng.uniform(0.12, 0.2)))
        self._span = rng.uniform(0.16, 0.24)
        self._fan = rng.uniform(0.05, 0.3)
        self._folds = int(rng.integers(9, 15))
        self.view = View(centre=(-0.04, -0.04), height=0.8, width=0.9)

    def _key_y(self, pitch: int) -> float:
        return -0.2 + 0.46 * (pitch - self._low) / (self._high - self._low)

    def _down(self, pitch: int, time: float | int) -> float:
        """How far a key is pressed, 0 to 1: down within the last 30 ms before the onset, up after the release."""
        line = self._pressed.get(pitch)
        if line is None:
            return 0.0
        value = 0.0
        number = line.last(time)
        if number + 1 < len(line.notes):
            value = max(0.0, 1 - (line.notes[number + 1].onset - time) / 0.035)
        if number >= 0:
            note = line.notes[number]
            value = max(value, 1 - max(0.0, time - note.onset - note.duration) / 0.05)
        return min(1.0, value)

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, keys, bellows and hands."""
        style = self._style
        posture = self._body.posture(time)
        self._body.draw(canvas, posture, length=0.75)
        self._body.draw_head(canvas, posture, turn=-0.3)
        left = posture.neck[0] - 0.13
        open_by = self._span * (1 + self._way.at(time)) / 2 + 0.12
        self._draw_bellows(canvas, left, open_by)
        far = [(left + open_by, -0.2), (left + open_by + 0.1, -0.23 - self._fan * open_by * 0.5)]
        far += [(left + open_by + 0.1 + 0.3 * self._fan * open_by, 0.22), (left + open_by, 0.24)]
        canvas.convex(far, style.body)
        for row in range(5):
            for column in range(2):
                canvas.disc((left + open_by + 0.035 + 0.03 * column, -0.13 + 0.07 * row), 0.009, (235, 235, 230))
        wrist = (left + open_by + 0.09, 0.06)
        self._body.draw_arm(canvas, posture.right, wrist, outwards=1, length=0.27)
        canvas.convex([(left - 0.11, -0.24), (left, -0.24), (left, 0.28), (left - 0.11, 0.28)], style.body)
        canvas.line((left - 0.05, -0.19), (left - 0.05, 0.23), 0.02, style.accent)
        self._draw_keys(canvas, left - 0.11, time)
        self._draw_hand(canvas, posture.left, left - 0.11, time)

    def _draw_bellows(self, canvas: Canvas, left: float | int, width: float | int) -> None:
        count = self._folds
        slope = self._fan * width
        for number in range(count):
            start, stop = left + width * number / count, left + width * (number + 1) / count
            shift = 0.1 * slope * number / count
            colour = shade(self._style.accent, 0.95 if number % 2 else 0.45)
            canvas.convex(
                [(start, -0.2 - shift), (stop, -0.2 - shift), (stop, 0.24 - shift), (start, 0.24 - shift)], colour
            )

    def _draw_keys(self, canvas: Canvas, right: float | int, time: float | int) -> None:
        step = 0.46 / (self._high - self._low)
        for is_sharp in (False, True):
            for pitch in range(self._low, self._high + 1):
                if (pitch % 12 in _SHARP) != is_sharp:
                    continue
                down = self._down(pitch, time)
                y = self._key_y(pitch)
                if self._buttons:
                    x = right - 0.03 - 0.03 * (pitch % 3)
                    canvas.disc((x, y), 0.014 - 0.003 * down, shade((238, 236, 230), 1 - 0.55 * down))
                    continue
                high = step * (0.42 if is_sharp else 0.8)
                length = (0.065 if is_sharp else 0.11) * (1 - 0.08 * down)
                colour = shade((34, 32, 32) if is_sharp else (240, 238, 232), 1 - 0.35 * down + 0.8 * down * is_sharp)
                canvas.convex(
                    [(right - length, y - high), (right, y - high), (right, y + high), (right - length, y + high)],
                    colour,
                )

    def _draw_hand(self, canvas: Canvas, shoulder: Point, right: float | int, time: float | int) -> None:
        style = self._style
        y = self._hand.at(time) if self._notes.notes else 0.0
        palm = (right - 0.155, y + 0.01)
        self._body.draw_arm(canvas, shoulder, (palm[0] - 0.03, palm[1] + 0.01), outwards=-1, length=0.27)
        targets = [(pitch, down) for pitch in self._pressed if (down := self._down(pitch, time)) > 0.05]
        taken: dict[int, tuple[Point, float]] = {}
        for pitch, down in sorted(targets):
            place = self._key_y(pitch)
            finger = min(4, max(0, round(2 + (place - y) / 0.03)))
            while finger in taken and finger < 4:
                finger += 1
            taken[finger] = ((right - 0.05 - 0.03 * self._buttons, place), down)
        for finger in range(5):
            idle = (right - 0.085, y + 0.03 * (finger - 2))
            target, down = taken.get(finger, (idle, 0.0))
            tip = (idle[0] + (target[0] - idle[0]) * down, idle[1] + (target[1] - idle[1]) * down)
            knuckle = (palm[0] + 0.02, palm[1] + 0.017 * (finger - 2))
            canvas.line(knuckle, tip, 0.022, shade(style.skin, 0.88 + 0.25 * down))
            canvas.disc(tip, 0.013, shade(style.skin, 1.0 + 0.25 * down))
        canvas.disc(palm, 0.04, style.skin)


def _turns_at(melody: Sequence[Note]) -> Callable[[Note], bool]:
    """The bellows turn at phrases, and after two seconds at the latest."""
    turning: set[float] = set()
    since = -math.inf
    for note in melody:
        if (note.begins_phrase and note.onset - since > 0.8) or note.onset - since > 2.0:
            turning.add(note.onset)
            since = note.onset
    return lambda note: note.onset in turning
