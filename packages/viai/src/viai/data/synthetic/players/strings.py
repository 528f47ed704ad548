"""Violin, cello and guitar: a bow or a plucking hand, and a left hand that goes to the pitch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.motion import Glide, Point, Timeline, mix, smoothstep, travel
from viai.data.synthetic.players.body import Body
from viai.data.synthetic.scene import Canvas, Style, View, shade
from viai.data.synthetic.scores import Note

OPEN_STRINGS = {"violin": (55, 62, 69, 76), "cello": (36, 43, 50, 57), "guitar": (40, 45, 50, 55, 59, 64)}
"""MIDI keys of the open strings, the lowest first."""


def finger_place(pitch: int, strings: Sequence[int]) -> tuple[int, float]:
    """Say on which string, and where, a pitch is stopped.

    Args:
        pitch: MIDI key.
        strings: Open strings, the lowest first.

    Returns:
        Number of the string and the place of the finger as a share of the string's length from the nut: 0 for the open
        string, 0.5 an octave higher.
    """
    string = max((number for number, key in enumerate(strings) if key <= pitch), default=0)
    return string, 1 - 2 ** (-max(0, pitch - strings[string]) / 12)


class _Neck:
    """The four or six strings of an instrument, from nut to bridge, in the picture."""

    def __init__(self, nut: Point, bridge: Point, spread: float | int, count: int) -> None:
        self.nut, self.bridge, self.count = nut, bridge, count
        dx, dy = bridge[0] - nut[0], bridge[1] - nut[1]
        self.length = math.hypot(dx, dy)
        self.along = (dx / self.length, dy / self.length)
        self.across = (-self.along[1], self.along[0])
        self._spread = spread

    def point(self, string: float | int, share: float | int, aside: float | int = 0.0) -> Point:
        """Point of a string (0 the lowest) at a share of its length from the nut; ``aside`` in world units across."""
        offset = (string - (self.count - 1) / 2) * self._spread * (0.7 + 0.5 * share) + aside
        x, y = mix(self.nut, self.bridge, share)
        return (x + self.across[0] * offset, y + self.across[1] * offset)


class _LeftHand:
    """Where the left hand and its stopping finger are: it moves before the onset, and shakes in long notes."""

    def __init__(
        self, notes: Sequence[Note], strings: Sequence[int], rng: np.random.Generator, *, vibrato: float | int
    ) -> None:
        places = [finger_place(note.pitch, strings) for note in notes]
        onsets = [note.onset for note in notes]
        self.string = Glide(onsets, [float(string) for string, _ in places], lead=0.09)
        self.place = Glide(onsets, [share for _, share in places], lead=float(rng.uniform(0.08, 0.14)))
        hand = [share for _, share in places]
        # The hand covers four fingers' width and follows the fingers sluggishly.
        for number in range(1, len(hand)):
            hand[number] = hand[number - 1] + float(np.sign(hand[number] - hand[number - 1])) * max(
                0.0, abs(hand[number] - hand[number - 1]) - 0.12
            )
        self.hand = Glide(onsets, hand, lead=0.16)
        self._notes = Timeline(notes)
        self._vibrato = vibrato
        self._rate = rng.uniform(4.8, 6.5)

    def shake(self, time: float | int) -> float:
        """Vibrato as a share of the string's length."""
        number = self._notes.last(time)
        if number < 0:
            return 0.0
        since = time - self._notes.notes[number].onset
        if since > self._notes.notes[number].duration + 0.1:
            return 0.0
        return self._vibrato * smoothstep((since - 0.15) / 0.2) * math.sin(2 * math.pi * self._rate * since)

    def draw(self, canvas: Canvas, neck: _Neck, style: Style, time: float | int, wide: float | int) -> Point:
        """Draw hand and finger; returns the place of the wrist."""
        share = self.place.at(time) + self.shake(time)
        finger = neck.point(self.string.at(time), share)
        hand = neck.point((neck.count - 1) / 2, self.hand.at(time) * 0.9 + 0.06 + self.shake(time), aside=wide)
        for number in range(4):
            knuckle = (
                hand[0] + neck.along[0] * 0.022 * (number - 1.5),
                hand[1] + neck.along[1] * 0.022 * (number - 1.5),
            )
            tip = mix(
                knuckle,
                (finger[0] + neck.along[0] * 0.02 * (number - 1), finger[1] + neck.along[1] * 0.02 * (number - 1)),
                0.55,
            )
            canvas.line(knuckle, tip, 0.02, shade(style.skin, 0.92))
        canvas.line(hand, finger, 0.024, style.skin)
        canvas.disc(finger, 0.018, shade(style.skin, 1.2))
        canvas.disc(hand, 0.034, style.skin)
        return hand


class BowedPlayer:
    """Violin under the chin, or cello between the knees."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        self._cello = instrument.preset == 42
        strings = OPEN_STRINGS["cello" if self._cello else "violin"]
        self._count = len(strings)
        self._notes = Timeline(notes)
        self._body = Body(style, self._notes, (-0.02, -0.3) if self._cello else (0.02, -0.12), rng)
        if self._cello:
            nut, bridge = (0.11 + rng.normal(0, 0.015), -0.26), (-0.02 + rng.normal(0, 0.015), 0.2)
            self._bow_length, self._size = 0.6, 0.2
            self.view = View(centre=(0.0, -0.02), height=1.05, width=1.0)
        else:
            nut, bridge = (0.42 + rng.normal(0, 0.02), -0.02 + rng.normal(0, 0.03)), (0.1, -0.05 + rng.normal(0, 0.015))
            self._bow_length, self._size = 0.52, 0.1
            self.view = View(centre=(0.08, -0.05), height=0.78, width=0.95)
        self._nut, self._bridge = nut, bridge
        self._way = travel(
            notes, seconds=seconds, turns=lambda note: not note.slurred, speed=float(rng.uniform(1.6, 3.4))
        )
        onsets = [note.onset for note in notes]
        self._tilt = Glide(onsets, [finger_place(n.pitch, strings)[0] - (self._count - 1) / 2 for n in notes], lead=0.1)
        self._left = _LeftHand(notes, strings, rng, vibrato=float(rng.uniform(0.006, 0.016)))
        self._sway = rng.uniform(0.004, 0.016)
        self._contact = rng.uniform(0.86, 0.93)
        self._string_angle = rng.uniform(0.1, 0.17)

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, instrument, bow and both hands."""
        style = self._style
        posture = self._body.posture(time)
        dx = posture.neck[0] + 0.02 if self._cello else posture.neck[0] - 0.02
        bob = self._sway * math.sin(2 * math.pi * 0.31 * time + 1.0)
        neck = _Neck(
            (self._nut[0] + dx, self._nut[1] + bob), (self._bridge[0] + dx, self._bridge[1] + 0.3 * bob),
            0.017 if self._cello else 0.011, self._count,
        )  # fmt: skip
        if self._cello:
            for side in (-1, 1):
                knee = (dx + side * 0.27, 0.27)
                canvas.line((dx + side * 0.1, 0.2), knee, 0.1, style.trousers)
                canvas.line(knee, (dx + side * 0.24, 0.62), 0.085, style.trousers)
        self._body.draw(canvas, posture)
        if self._cello:
            self._body.draw_head(canvas, posture, turn=-0.3)
        self._draw_instrument(canvas, neck, time)
        if not self._cello:
            self._body.draw_head(canvas, posture, turn=0.7)
        wrist = self._left.draw(canvas, neck, style, time, 0.05 if self._cello else 0.045)
        self._body.draw_arm(canvas, posture.right, wrist, outwards=1 if self._cello else -1, length=0.26)
        self._left.draw(canvas, neck, style, time, 0.05 if self._cello else 0.045)
        self._draw_bow(canvas, neck, posture.left, time)

    def _draw_bow(self, canvas: Canvas, neck: _Neck, shoulder: Point, time: float | int) -> None:
        string = self._tilt.at(time)
        touching = self._notes.blowing(time, 0.05)
        contact = neck.point(string + (self._count - 1) / 2, self._contact)
        lift = 0.03 * (1 - smoothstep(touching * 4))
        angle = math.atan2(neck.across[1], neck.across[0]) + self._string_angle * string * (1 if self._cello else -1)
        if math.cos(angle) > 0:
            angle += math.pi  # the frog, and the right hand, are on the left of the picture
        way = self._way.at(time)
        ux, uy = math.cos(angle), math.sin(angle)
        if not self._cello:
            # Seen from the front the violin's bow is held low and points up past the ear.
            ux, uy = (ux * 0.6 - 0.55, abs(uy) * 0.5 + 0.42)
            norm = math.hypot(ux, uy)
            turn = self._string_angle * string
            ux, uy = (
                (ux * math.cos(turn) - uy * math.sin(turn)) / norm,
                (ux * math.sin(turn) + uy * math.cos(turn)) / norm,
            )
        frog_distance = self._bow_length * (0.5 + 0.42 * way)
        frog = (contact[0] + ux * frog_distance, contact[1] + uy * frog_distance - lift)
        tip = (frog[0] - ux * self._bow_length, frog[1] - uy * self._bow_length)
        aside = 0.014
        stick = [(frog[0] + neck.along[0] * -aside, frog[1] - aside), (tip[0], tip[1] - aside * 0.5)]
        canvas.line(frog, tip, 0.01, (235, 232, 220))
        canvas.line(stick[0], stick[1], 0.014, shade(self._style.body, 0.55))
        canvas.disc(frog, 0.018, (30, 26, 24))
        self._body.draw_arm(canvas, shoulder, frog, outwards=-1, length=0.27)

    def _draw_instrument(self, canvas: Canvas, neck: _Neck, time: float | int) -> None:
        style, size = self._style, self._size
        turn = math.atan2(neck.along[1], neck.along[0])
        wood = style.body
        upper, waist, lower = neck.point(1.5, 0.72), neck.point(1.5, 0.9), neck.point(1.5, 1.1)
        if self._cello:
            canvas.line(lower, neck.point(1.5, 1.75), 0.015, (60, 60, 60))
        for grow, colour in ((1.06, shade(wood, 0.5)), (1.0, wood)):
            canvas.ellipse(upper, (size * 0.8 * grow, size * 0.78 * grow), colour, turn=turn)
            canvas.ellipse(lower, (size * 0.98 * grow, size * grow), colour, turn=turn)
            canvas.ellipse(waist, (size * 0.95 * grow, size * 0.62 * grow), colour, turn=turn)
        dark = (28, 22, 20)
        wide = 0.024 if self._cello else 0.018
        canvas.line(neck.point(1.5, -0.12), neck.point(1.5, 0.72), wide * 2, dark)
        canvas.disc(neck.point(1.5, -0.14), wide * 1.3, shade(wood, 0.6))
        canvas.line(neck.point(-0.6, 1.0), neck.point(self._count - 0.4, 1.0), 0.014, (214, 184, 130))
        canvas.line(neck.point(1.5, 1.06), neck.point(1.5, 1.22), wide * 1.6, dark)
        active, pulse = round(self._tilt.at(time) + 1.5), self._notes.blowing(time)
        for string in range(self._count):
            shake = 0.004 * pulse * math.sin(time * 167) if string == active else 0.0
            middle = neck.point(string, 0.6, shake)
            canvas.curve([neck.point(string, 0), middle, neck.point(string, 1.0)], 0.003, (205, 205, 200))


class GuitarPlayer:
    """A guitar across the body: strokes of the right hand alternate down and up through the string that sounds."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        strings = OPEN_STRINGS["guitar"]
        self._notes = Timeline(notes)
        self._body = Body(style, self._notes, (0.0, -0.36), rng)
        self._electric = instrument.preset in (26, 27)
        self._neck_ends = (
            (0.52 + rng.normal(0, 0.02), -0.14 + rng.normal(0, 0.03)),
            (-0.13, 0.1 + rng.normal(0, 0.015)),
        )
        melody = [note for n, note in enumerate(notes) if n == 0 or note.onset - notes[n - 1].onset > 0.02]
        self._melody = melody
        self._left = _LeftHand(melody, strings, rng, vibrato=float(rng.uniform(0.0, 0.006)))
        self._strings = [finger_place(note.pitch, strings)[0] for note in melody]
        self._onsets = Timeline(melody)
        self._reach = rng.uniform(0.05, 0.075)
        self._pluck = rng.uniform(0.86, 0.93)
        by_string: dict[int, list[Note]] = {}
        for note in notes:
            by_string.setdefault(finger_place(note.pitch, strings)[0], []).append(note)
        self._sounding = {string: Timeline(those) for string, those in by_string.items()}
        self.view = View(centre=(0.12, -0.03), height=0.86, width=1.0)

    def _hand_across(self, time: float | int) -> tuple[float, float]:
        """String under the plectrum, and how far it has swung across it (0 exactly at an onset)."""
        number = self._onsets.last(time)
        following = number + 1
        sign = 1.0 if number % 2 == 0 else -1.0
        swing, string = 0.0, float(self._strings[max(number, 0)]) if self._strings else 2.5
        if number >= 0:
            note = self._melody[number]
            since = time - note.onset
            follow = 0.5 + 0.5 * note.velocity / 127
            swing = sign * follow * (1 - math.exp(-since / 0.035)) * (0.45 + 0.55 * math.exp(-since / 0.25))
        if following < len(self._melody):
            note = self._melody[following]
            until = note.onset - time
            gap = note.onset - self._melody[number].onset if number >= 0 else 1.0
            lead = min(0.2, 0.75 * gap)
            if until < lead:
                phase = 1 - until / lead
                # The stroke starts on the side opposite to where it goes, which is where the last one ended.
                start = sign * (0.5 + 0.6 * note.velocity / 127)
                raised = smoothstep(phase / 0.55)
                string += (self._strings[following] - string) * raised
                fall = max(0.0, (phase - 0.55) / 0.45)
                swing = (swing * (1 - raised) + start * raised) * (1 - fall**2)
        return string, swing

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, guitar and both hands."""
        style = self._style
        posture = self._body.posture(time)
        dx = posture.neck[0]
        nut, bridge = self._neck_ends
        neck = _Neck((nut[0] + dx, nut[1]), (bridge[0] + dx, bridge[1]), 0.011, 6)
        self._body.draw(canvas, posture, length=0.75)
        self._body.draw_head(canvas, posture, turn=0.3)
        self._draw_guitar(canvas, neck, time)
        wrist = self._left.draw(canvas, neck, style, time, 0.05)
        self._body.draw_arm(canvas, posture.right, wrist, outwards=-1, length=0.27)
        self._left.draw(canvas, neck, style, time, 0.05)
        string, swing = self._hand_across(time)
        tip = neck.point(string, self._pluck, self._reach * swing)
        # The string numbers grow towards the floor: the wrist hangs above and left of the plectrum.
        wrist = (tip[0] - 0.07, tip[1] - 0.035 + 0.2 * self._reach * swing)
        self._body.draw_arm(canvas, posture.left, (wrist[0] - 0.02, wrist[1] - 0.01), outwards=-1, length=0.25)
        canvas.line(wrist, tip, 0.035, style.skin)
        canvas.line((wrist[0] + 0.02, wrist[1] + 0.03), (tip[0] + 0.01, tip[1] + 0.012), 0.025, shade(style.skin, 0.9))
        canvas.disc(tip, 0.014, style.accent)

    def _draw_guitar(self, canvas: Canvas, neck: _Neck, time: float | int) -> None:
        style = self._style
        turn = math.atan2(neck.along[1], neck.along[0])
        lower, waist, upper = neck.point(2.5, 1.03), neck.point(2.5, 0.83), neck.point(2.5, 0.68)
        for grow, colour in ((1.05, shade(style.body, 0.45)), (1.0, style.body)):
            canvas.ellipse(lower, (0.16 * grow, 0.19 * grow), colour, turn=turn)
            canvas.ellipse(waist, (0.13 * grow, 0.125 * grow), colour, turn=turn)
            canvas.ellipse(upper, (0.115 * grow, 0.145 * grow), colour, turn=turn)
        if self._electric:
            for share in (0.8, 0.9):
                canvas.line(neck.point(-0.5, share), neck.point(5.5, share), 0.025, (30, 30, 30))
        else:
            canvas.disc(neck.point(2.5, 0.78), 0.058, (36, 26, 20))
        canvas.line(neck.point(2.5, -0.02), neck.point(2.5, 0.68), 0.055, (58, 40, 30))
        canvas.line(neck.point(2.5, -0.04), neck.point(2.5, -0.18), 0.07, shade(style.body, 0.6))
        for fret in range(1, 13):
            share = 1 - 2 ** (-fret / 12)
            canvas.line(neck.point(-0.3, share), neck.point(5.3, share), 0.003, (190, 190, 180))
        canvas.line(neck.point(-0.8, 1.0), neck.point(5.8, 1.0), 0.02, (40, 30, 26))
        for string in range(6):
            swing = 0.0
            if string in self._sounding:
                swing = 0.009 * self._sounding[string].pulse(time, 0.35) * math.sin(time * 211 + string)
            canvas.curve(
                [neck.point(string, 0), neck.point(string, 0.6, swing), neck.point(string, 1.0)], 0.003, (226, 222, 205)
            )
