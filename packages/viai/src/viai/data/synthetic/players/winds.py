"""Flute, recorder, saxophone, trumpet, tuba: fingers or valves for the pitch, breath and swaying for the loudness."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.motion import Glide, Point, Timeline, mix
from viai.data.synthetic.players.body import Body, Posture
from viai.data.synthetic.scene import Canvas, Style, View, shade
from viai.data.synthetic.scores import Note

_CLOSED = (6.0, 5.5, 5.0, 4.5, 4.0, 3.0, 3.5, 2.0, 2.5, 1.0, 1.5, 0.0)
"""Holes closed from the top for each semitone of an octave; halves are forked fingerings."""


def fingering(pitch: int) -> tuple[float | int, ...]:
    """Fingers of a woodwind for a pitch.

    Args:
        pitch: MIDI key.

    Returns:
        Eight values from 0 (lifted) to 1 (down): thumb or octave key, six holes from the top, little finger.
    """
    step = pitch % 12
    count = _CLOSED[step]
    whole = int(count)
    holes = [float(number < whole) for number in range(6)]
    if count != whole and whole + 1 < 6:
        holes[whole + 1] = 1.0
    return (float((pitch // 12) % 2), *holes, float(step in (0, 1, 3, 8)))


def valves(pitch: int, *, fundamental: int) -> tuple[float | int, ...]:
    """Valves of a brass instrument for a pitch.

    Args:
        pitch: MIDI key.
        fundamental: Key of the open tube's pedal note.

    Returns:
        Three values from 0 (up) to 1 (pressed): the shortest tubing of the lowest natural note that reaches the pitch.
    """
    naturals = [fundamental + round(12 * math.log2(number)) for number in range(1, 17)]
    above = next((natural for natural in naturals if natural >= pitch), naturals[-1])
    lowered = min(6, max(0, above - pitch))
    # Lowering by n semitones: 2nd valve 1, 1st valve 2, 3rd valve 3.
    return ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1))[lowered]


class _Blower:
    """What all wind players share: a body that breathes, cheeks, an instrument that nods with each attack."""

    def __init__(
        self,
        notes: Sequence[Note],
        style: Style,
        neck: Point,
        fingers: Sequence[tuple[float | int, ...]],
        rng: np.random.Generator,
    ) -> None:
        self.style = style
        self.notes = Timeline(notes)
        self.body = Body(style, self.notes, neck, rng)
        onsets = [note.onset for note in notes]
        count = len(fingers[0]) if fingers else 0
        lead = float(rng.uniform(0.05, 0.085))
        self.fingers = [Glide(onsets, [each[n] for each in fingers], lead=lead, arrive=0.012) for n in range(count)]
        self.height = Glide(onsets, [note.pitch / 12 for note in notes], lead=0.1)
        self._middle = float(np.mean([note.pitch for note in notes])) / 12 if notes else 5.0
        self._attacks = Timeline([note for note in notes if not note.slurred])
        self._swing = rng.uniform(0.01, 0.05)
        self._speed, self._phase = rng.uniform(0.15, 0.5), rng.uniform(0, 2 * np.pi)
        self._jab = rng.uniform(0.015, 0.05)
        self._lift = rng.uniform(0.02, 0.07)

    def breathing(self, time: float | int) -> tuple[float, float]:
        """Loudness of the tone and depth of the breath, 0 to 1."""
        return self.notes.blowing(time), self.notes.breath(time)

    def tilt(self, time: float | int) -> float:
        """Angle in radians by which the instrument is raised: it sways, nods with attacks, rises with loudness."""
        tone, breath = self.breathing(time)
        sway = self._swing * math.sin(2 * math.pi * self._speed * time + self._phase)
        attack = self._jab * self._attacks.pulse(time, 0.09)
        high = 0.05 * (self.height.at(time) - self._middle)
        return sway + attack + self._lift * (tone - 0.5 * breath) + high

    def draw_body(self, canvas: Canvas, time: float | int, *, turn: float | int) -> Posture:
        """Draw trunk and head with their breathing."""
        tone, breath = self.breathing(time)
        posture = self.body.posture(time, breath)
        self.body.draw(canvas, posture, length=0.7, swell=1.4 * breath + 0.3 * tone)
        self.body.draw_head(canvas, posture, cheeks=tone, turn=turn)
        return posture


def _mouth(posture: Posture, style: Style, turn: float | int) -> Point:
    return (posture.head[0] + 0.4 * turn * style.head, posture.head[1] + 0.72 * style.head)


class WoodwindPlayer:
    """Flute held sideways, recorder held downwards, saxophone with its bow and bell."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._kind = {73: "flute", 74: "recorder"}.get(instrument.preset, "saxophone")
        fingers = [fingering(note.pitch) for note in notes]
        self._player = _Blower(notes, style, (-0.08 if self._kind == "flute" else 0.0, -0.2), fingers, rng)
        self._style = style
        low = instrument.low
        self._length = {"flute": 0.58, "recorder": 0.4, "saxophone": 0.38 + 0.006 * (60 - low)}[self._kind]
        self._turn = {"flute": 0.35, "recorder": 0.0, "saxophone": 0.0}[self._kind]
        self._lean = rng.normal(0, 0.06)
        self._wide = {"flute": 0.026, "recorder": 0.038, "saxophone": 0.045}[self._kind]
        self._colour = {"flute": style.metal, "recorder": style.body, "saxophone": style.metal}[self._kind]
        self.view = {
            "flute": View(centre=(0.08, -0.16), height=0.66, width=0.9),
            "recorder": View(centre=(0.0, -0.1), height=0.68, width=0.6, closer=0.35),
            "saxophone": View(centre=(0.06, -0.04), height=0.84, width=0.7),
        }[self._kind]

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, instrument and fingers."""
        style, player = self._style, self._player
        posture = player.draw_body(canvas, time, turn=self._turn)
        mouth = _mouth(posture, style, self._turn)
        angle = {"flute": 0.1, "recorder": 1.25, "saxophone": 1.2}[self._kind] + self._lean
        angle -= player.tilt(time) * (1.0 if self._kind == "flute" else 1.6)
        direction = (math.cos(angle), math.sin(angle))
        start = (mouth[0] - 0.07 * direction[0], mouth[1]) if self._kind == "flute" else mouth
        if self._kind == "saxophone":
            start = (mouth[0] + 0.05, mouth[1] + 0.05)
            canvas.curve([mouth, (mouth[0] + 0.04, mouth[1] + 0.005), start], 0.026, shade(self._colour, 0.8))
        end = (start[0] + self._length * direction[0], start[1] + self._length * direction[1])
        normal = (direction[1], -direction[0])
        canvas.line(start, end, self._wide * 1.3, shade(self._colour, 0.5))
        canvas.line(start, end, self._wide, self._colour)
        if self._kind == "saxophone":
            self._draw_bell(canvas, end, direction, normal)
        self._draw_fingers(canvas, posture, start, end, normal, time)

    def _draw_bell(self, canvas: Canvas, end: Point, direction: Point, normal: Point) -> None:
        bow = []
        for angle in np.linspace(0, math.pi, 7):
            out, down = 0.055 * (1 - math.cos(angle)), 0.06 * math.sin(angle)
            bow.append((end[0] + out * normal[0] + down * direction[0], end[1] + out * normal[1] + down * direction[1]))
        canvas.curve(bow, self._wide * 1.5, self._colour)
        bottom = bow[-1]
        top = (bottom[0] - 0.2 * direction[0] + 0.06 * normal[0], bottom[1] - 0.2 * direction[1] + 0.06 * normal[1])
        wide = 0.09

        def beside(point: Point, distance: float | int) -> Point:
            return (point[0] + distance * normal[0], point[1] + distance * normal[1])

        horn = [beside(bottom, -0.03), beside(bottom, 0.03), beside(top, wide), beside(top, -wide)]
        canvas.convex(horn, self._colour)
        canvas.ellipse(top, (wide, 0.03), shade(self._colour, 0.45), turn=math.atan2(normal[1], normal[0]))

    def _draw_fingers(
        self, canvas: Canvas, posture: Posture, start: Point, end: Point, normal: Point, time: float | int
    ) -> None:
        style = self._style
        values = [glide.at(time) for glide in self._player.fingers]
        spots = [mix(start, end, share) for share in (0.3, 0.37, 0.44, 0.66, 0.73, 0.8)]
        # The palms lie beside the tube, the fingers reach over it and are lifted off open holes.
        palms = []
        for group in (spots[:3], spots[3:]):
            away = 0.055 if self._kind == "flute" else 0.06
            palms.append((group[1][0] - away * normal[0], group[1][1] - away * normal[1]))
        if self._kind != "flute":
            palms[0] = (spots[1][0] - 0.06 * normal[0], spots[1][1] - 0.06 * normal[1])
            palms[1] = (spots[4][0] + 0.06 * normal[0], spots[4][1] + 0.06 * normal[1])
        shoulders = (posture.right, posture.left) if self._kind == "flute" else (posture.left, posture.right)
        for palm, shoulder, side in zip(
            palms, shoulders, (-1.0, -1.0) if self._kind == "flute" else (-1.0, 1.0), strict=True
        ):
            self._player.body.draw_arm(canvas, shoulder, palm, outwards=side, length=0.24)
        for number, spot in enumerate(spots):
            down = values[1 + number] if values else 0.0
            canvas.disc(spot, self._wide * 0.42, shade(self._colour, 0.35 if down > 0.5 else 0.8))
            palm = palms[number // 3]
            base = (palm[0] + 0.5 * (spot[0] - palm[0]), palm[1] + 0.5 * (spot[1] - palm[1]))
            out = 0.05 * (1 - down)
            reach = 1.0 if self._kind == "flute" or number < 3 else -1.0
            tip = (spot[0] + reach * out * normal[0], spot[1] + reach * out * normal[1] - 0.012 * (1 - down))
            canvas.line(base, tip, 0.021, shade(style.skin, 0.8 + 0.3 * (1 - down)))
            canvas.disc(tip, 0.013, shade(style.skin, 1.0 + 0.25 * (1 - down)))
        if values:
            thumb = mix(start, end, 0.22)
            out = 0.04 * (1 - values[0])
            canvas.disc((thumb[0] - normal[0] * (0.02 + out), thumb[1] - normal[1] * (0.02 + out)), 0.016, style.skin)


class BrassPlayer:
    """Trumpet seen from the side, or tuba in front of the body: three valves."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._tuba = instrument.preset == 58
        self._muted = instrument.preset == 59
        fundamental = 22 if self._tuba else 46
        fingers = [valves(note.pitch, fundamental=fundamental) for note in notes]
        self._player = _Blower(notes, style, (-0.02 if self._tuba else -0.2, -0.16), fingers, rng)
        self._style = style
        self._turn = 0.35 if self._tuba else 0.9
        self._lean = rng.normal(0, 0.04)
        self._bell = rng.uniform(0.85, 1.15)
        self.view = (
            View(centre=(0.08, -0.1), height=0.9, width=0.7)
            if self._tuba
            else View(centre=(0.08, -0.2), height=0.6, width=0.85)
        )

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, instrument, valves and fingers."""
        posture = self._player.draw_body(canvas, time, turn=self._turn)
        mouth = _mouth(posture, self._style, self._turn)
        pressed = [glide.at(time) for glide in self._player.fingers] or [0.0, 0.0, 0.0]
        if self._tuba:
            self._draw_tuba(canvas, posture, mouth, pressed, time)
        else:
            self._draw_trumpet(canvas, posture, mouth, pressed, time)

    def _draw_trumpet(
        self, canvas: Canvas, posture: Posture, mouth: Point, pressed: Sequence[float | int], time: float | int
    ) -> None:
        metal = self._style.metal
        angle = self._lean - self._player.tilt(time)
        c, s = math.cos(angle), math.sin(angle)

        def at(along: float | int, down: float | int) -> Point:
            return (mouth[0] + along * c - down * s, mouth[1] + along * s + down * c)

        canvas.line(at(0, 0), at(0.42, 0), 0.02, metal)
        canvas.curve(
            [at(0.4, 0), at(0.44, 0.02), at(0.44, 0.06), at(0.4, 0.085), at(0.14, 0.085)], 0.018, shade(metal, 0.8)
        )
        canvas.curve(
            [at(0.14, 0.085), at(0.11, 0.06), at(0.12, 0.03), at(0.16, 0.022), at(0.42, 0.022)],
            0.018,
            shade(metal, 0.9),
        )
        wide = 0.075 * self._bell
        canvas.convex([at(0.4, 0.01), at(0.4, 0.035), at(0.56, 0.022 + wide), at(0.56, 0.022 - wide)], metal)
        canvas.ellipse(at(0.56, 0.022), (0.018, wide), shade(metal, 0.6), turn=angle)
        if self._muted:
            canvas.ellipse(at(0.585, 0.022), (0.04, 0.055), shade(self._style.accent, 0.8), turn=angle)
        self._player.body.draw_arm(canvas, posture.right, at(0.2, 0.13), outwards=-1, length=0.22)
        hand = at(0.24, -0.085)
        self._player.body.draw_arm(canvas, posture.left, at(0.17, 0.04), outwards=-1, length=0.26)
        for number in range(3):
            along = 0.2 + 0.042 * number
            canvas.line(at(along, 0.1), at(along, -0.005), 0.033, shade(metal, 0.7))
            top = -0.055 + 0.035 * pressed[number]
            canvas.line(at(along, 0.0), at(along, top), 0.012, (230, 230, 225))
            canvas.line(
                at(along - 0.05, -0.06 + 0.01 * pressed[number]), at(along, top - 0.014), 0.024, self._style.skin
            )
            canvas.disc(at(along, top - 0.014), 0.018, shade(self._style.skin, 1.12))
        canvas.disc(mix(hand, at(0.16, -0.04), 0.7), 0.03, self._style.skin)

    def _draw_tuba(
        self, canvas: Canvas, posture: Posture, mouth: Point, pressed: Sequence[float | int], time: float | int
    ) -> None:
        metal = self._style.metal
        angle = self._lean + 0.12 - 0.6 * self._player.tilt(time)
        base = (mouth[0] + 0.12, mouth[1] + 0.3)
        c, s = math.cos(angle), math.sin(angle)

        def at(x: float | int, y: float | int) -> Point:
            return (base[0] + x * c - y * s, base[1] + x * s + y * c)

        for grow, colour in ((1.0, shade(metal, 0.5)), (0.86, metal), (0.5, shade(metal, 0.45))):
            canvas.ellipse(at(0, 0.02), (0.15 * grow, 0.24 * grow), colour, turn=angle)
        wide = 0.2 * self._bell
        canvas.polygon([at(0.06, -0.05), at(0.14, -0.05), at(0.1 + wide, -0.52), at(0.1 - wide, -0.52)], metal)
        canvas.polygon(
            [at(0.08, -0.05), at(0.11, -0.05), at(0.11 + 0.4 * wide, -0.52), at(0.1 - 0.1 * wide, -0.52)],
            shade(metal, 1.2),
        )
        canvas.ellipse(at(0.1, -0.52), (wide, 0.05), shade(metal, 0.4), turn=angle)
        canvas.curve(
            [mouth, (mouth[0] + 0.05, mouth[1] + 0.02), at(-0.02, -0.16), at(-0.06, -0.05)], 0.026, shade(metal, 0.9)
        )
        self._player.body.draw_arm(canvas, posture.right, at(0.14, 0.05), outwards=1, length=0.25)
        self._player.body.draw_arm(canvas, posture.left, at(-0.15, 0.07), outwards=-1, length=0.25)
        for number in range(3):
            x = -0.085 + 0.058 * number
            canvas.line(at(x, 0.16), at(x, 0.02), 0.045, shade(metal, 0.8))
            top = -0.045 + 0.04 * pressed[number]
            canvas.line(at(x, 0.02), at(x, top), 0.016, (232, 232, 226))
            canvas.line(at(-0.15, 0.02), at(x, top - 0.018), 0.028, self._style.skin)
            canvas.disc(at(x, top - 0.018), 0.023, shade(self._style.skin, 1.15))
