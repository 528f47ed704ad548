"""Drum kit, congas and bongos: two sticks or hands and, for the kit, a foot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.motion import Point, Strokes, StrokeState, Timeline, share_between_hands
from viai.data.synthetic.players.body import Body
from viai.data.synthetic.scene import Canvas, Style, View, shade
from viai.data.synthetic.scores import CLOSED_HAT, CRASH, KICK, OPEN_HAT, RIDE, SNARE, TOMS, Note


@dataclass(frozen=True)
class _Drum:
    """A skin or a cymbal: where it is, its radii and how it looks."""

    centre: Point
    radii: Point
    is_cymbal: bool = False
    depth: float = 0.12
    """Height of the shell below the skin."""


def _hits(notes: Sequence[Note]) -> dict[int, Timeline]:
    keys = {note.pitch for note in notes}
    return {key: Timeline([note for note in notes if note.pitch == key]) for key in keys}


class KitPlayer:
    """A drum kit from the front or, for some styles, from above."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        self._above = style.variant % 3 == 0
        flat = 0.85 if self._above else rng.uniform(0.32, 0.48)
        wobble = rng.normal(0, 0.012, (12, 2))
        lift = 0.0 if self._above else -0.12
        plan = {
            SNARE: (-0.16, 0.14, 0.115, False),
            TOMS[0]: (-0.12, -0.06 + lift * 0.4, 0.085, False),
            TOMS[1]: (0.12, -0.06 + lift * 0.4, 0.095, False),
            TOMS[2]: (0.36, 0.16, 0.125, False),
            CLOSED_HAT: (-0.42, 0.03 + lift * 0.3, 0.105, True),
            CRASH: (-0.4, -0.2 + lift, 0.13, True),
            RIDE: (0.44, -0.14 + lift, 0.15, True),
        }
        self._drums = {}
        for number, (key, (x, y, radius, is_cymbal)) in enumerate(plan.items()):
            centre = (x + float(wobble[number, 0]), y + float(wobble[number, 1]))
            squeeze = flat * (0.7 if is_cymbal and not self._above else 1.0)
            self._drums[key] = _Drum(centre, (radius, radius * squeeze), is_cymbal, 0.14 if key == TOMS[2] else 0.085)
        self._drums[OPEN_HAT] = self._drums[CLOSED_HAT]
        self._kick = (0.04, -0.02) if self._above else (0.06, 0.27)
        self._kick_radius = rng.uniform(0.17, 0.21)
        self._notes, self._sounding = Timeline(notes), _hits(notes)
        struck = [note for note in notes if note.pitch != KICK]
        hands = share_between_hands(struck, [self._drums[note.pitch].centre[0] for note in struck])
        self._strokes = []
        for hand in (0, 1):
            mine = [note for note, who in zip(struck, hands, strict=True) if who == hand]
            places = [self._strike_point(note, hand, rng) for note in mine]
            self._strokes.append(
                Strokes(mine, places, approach=float(rng.uniform(0.14, 0.24)), rest=float(rng.uniform(0.2, 0.4)))
            )
        kicks = [note for note in notes if note.pitch == KICK]
        self._foot = Strokes(kicks, [self._kick] * len(kicks), approach=0.16, rest=0.25)
        neck = (0.0, 0.5) if self._above else (rng.uniform(-0.03, 0.05), -0.38)
        self._body = Body(style, self._notes, neck, rng)
        self._swing = rng.uniform(0.16, 0.22)
        self._plate = shade(style.accent, 1.0)
        self.view = View(centre=(0, 0.02), height=0.86 if self._above else 1.0, width=1.1)

    def _strike_point(self, note: Note, hand: int, rng: np.random.Generator) -> Point:
        drum = self._drums[note.pitch]
        side = (-0.25, 0.25)[hand] + rng.normal(0, 0.08)
        out = 0.6 if drum.is_cymbal else 0.1
        return (drum.centre[0] + side * drum.radii[0], drum.centre[1] + out * drum.radii[1])

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw drummer, kit and sticks."""
        posture = self._body.posture(time)
        if not self._above:
            self._body.draw(canvas, posture)
            self._body.draw_head(canvas, posture)
        self._draw_kick(canvas, time)
        for key in (*TOMS, SNARE):
            self._draw_drum(canvas, key, time)
        for key in (CLOSED_HAT, CRASH, RIDE):
            self._draw_cymbal(canvas, key, time)
        if self._above:
            self._body.draw_head(canvas, posture)
        for number, side in ((0, -1.0), (1, 1.0)):
            home = (side * 0.14 - 0.05, 0.1)
            state = self._strokes[number].at(time, home)
            self._draw_stick(canvas, state, side, posture.left if side < 0 else posture.right)

    def _draw_stick(self, canvas: Canvas, state: StrokeState, side: float | int, shoulder: Point) -> None:
        x, y = state.position
        rise = self._swing * state.height
        tip = (x, y - rise)
        if self._above:
            hand = (0.62 * x + side * 0.06, y + 0.2 - 0.3 * rise + 0.05)
        else:
            hand = (0.72 * x + side * 0.05, y - 0.13 - 0.45 * rise if y > -0.1 else y + 0.02 - 0.45 * rise)
        self._body.draw_arm(canvas, shoulder, hand, outwards=side, length=0.28)
        canvas.line(hand, tip, 0.016, (222, 190, 140))
        canvas.disc(tip, 0.013, (238, 214, 170))

    def _draw_kick(self, canvas: Canvas, time: float | int) -> None:
        foot = self._foot.at(time, self._kick)
        hit = self._sounding[KICK].pulse(time, 0.06) if KICK in self._sounding else 0.0
        x, y = self._kick
        radius = self._kick_radius
        if self._above:
            canvas.ellipse((x, y - 0.1), (radius, radius * 0.75), shade(self._style.body, 0.8))
            beater = (x, y + 0.04 + 0.09 * foot.height)
            canvas.line((x, y + 0.2), beater, 0.02, self._style.metal)
            canvas.disc(beater, 0.03, shade(self._style.metal, 0.7 + 0.6 * hit))
            canvas.ellipse((x, y + 0.24 - 0.03 * foot.height), (0.04, 0.09), shade(self._style.trousers, 1.0))
            return
        canvas.disc((x, y), radius * 1.05, shade(self._style.body, 0.7))
        canvas.disc((x, y), radius * (0.95 + 0.03 * hit), shade((228, 224, 214), 0.9 + 0.25 * hit))
        canvas.disc((x, y), radius * (0.35 + 0.08 * hit), self._plate)
        # The knee beside the drum shows the pedal.
        knee = (x - 0.28, y - 0.02 - 0.06 * foot.height)
        canvas.line((x - 0.22, y - 0.16), knee, 0.075, self._style.trousers)
        canvas.line(knee, (x - 0.24, y + 0.22), 0.06, self._style.trousers)
        toe = (x - 0.17, y + 0.24 - 0.07 * foot.height)
        canvas.line((x - 0.25, y + 0.24), toe, 0.045, shade(self._style.trousers, 0.5))

    def _draw_drum(self, canvas: Canvas, key: int, time: float | int) -> None:
        drum = self._drums[key]
        hit = self._sounding[key].pulse(time, 0.07) if key in self._sounding else 0.0
        (x, y), (wide, tall) = drum.centre, drum.radii
        y += 0.008 * hit
        if not self._above:
            canvas.polygon(
                [(x - wide, y), (x + wide, y), (x + wide, y + drum.depth), (x - wide, y + drum.depth)], self._style.body
            )
            canvas.ellipse((x, y + drum.depth), drum.radii, self._style.body)
        canvas.ellipse((x, y), (wide * 1.04, tall * 1.06), self._style.metal)
        canvas.ellipse((x, y), drum.radii, shade((226, 222, 212), 0.88 + 0.3 * hit))

    def _draw_cymbal(self, canvas: Canvas, key: int, time: float | int) -> None:
        drum = self._drums[key]
        keys = (CLOSED_HAT, OPEN_HAT) if key == CLOSED_HAT else (key,)
        tilt, press = 0.0, 0.0
        for sounding in keys:
            line = self._sounding.get(sounding)
            number = line.last(time) if line else -1
            if line is None or number < 0:
                continue
            since = time - line.notes[number].onset
            loud = line.notes[number].velocity / 127
            length, speed = (0.1, 7.0) if key == CLOSED_HAT else (0.6, 2.6)
            tilt += 0.28 * loud * math.exp(-since / length) * math.sin(2 * math.pi * speed * since + 0.6)
            press += loud * math.exp(-since / 0.06)
        x, y = drum.centre
        if not self._above:
            canvas.line((x, y), (x, y + 0.5), 0.012, shade(self._style.metal, 0.5))
        gold = shade((214, 178, 84), 0.8 + 0.3 * press)
        canvas.ellipse((x, y + 0.01 * press), drum.radii, gold, turn=tilt)
        canvas.ellipse((x, y + 0.01 * press), (drum.radii[0] * 0.3, drum.radii[1] * 0.35), shade(gold, 1.2), turn=tilt)
        if key == CLOSED_HAT and not self._above:
            canvas.ellipse((x, y + 0.025), (drum.radii[0], drum.radii[1] * 0.7), shade(gold, 0.7))


class HandDrumPlayer:
    """Two or three congas, or bongos, played with flat hands."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        bongos = any(note.pitch in (60, 61) for note in notes)
        # Muted and open strokes of the high conga (62, 63) fall on the same skin.
        places = {60: -1.0, 61: 1.0} if bongos else {62: -1.0, 63: -1.0, 64: 1.0}
        self._wide = 0.15 if bongos else 0.17
        self._flat = rng.uniform(0.38, 0.75)
        self._shell = 0.14 if bongos else 0.42
        apart = self._wide * rng.uniform(1.08, 1.3)
        self._centre_y = rng.uniform(0.1, 0.16)
        self._drums = {key: (side * apart, self._centre_y) for key, side in places.items()}
        self._size = {key: self._wide * (1.1 if key in (61, 64) else 0.95) for key in places}
        self._notes, self._sounding = Timeline(notes), _hits(notes)
        hands = share_between_hands(notes, [self._drums[note.pitch][0] for note in notes])
        self._strokes = []
        for hand, side in ((0, -1.0), (1, 1.0)):
            mine = [note for note, who in zip(notes, hands, strict=True) if who == hand]
            targets = []
            for note in mine:
                x, y = self._drums[note.pitch]
                # Muted strokes fall on the middle, open ones on the rim next to the player.
                reach = 0.05 if note.pitch == 62 else -0.5
                offset = side * 0.3 + float(rng.normal(0, 0.06))
                targets.append((x + offset * self._size[note.pitch], y + reach * self._flat * self._size[note.pitch]))
            self._strokes.append(
                Strokes(mine, targets, approach=float(rng.uniform(0.14, 0.22)), rest=float(rng.uniform(0.2, 0.4)))
            )
        self._body = Body(style, self._notes, (rng.uniform(-0.04, 0.04), -0.42), rng)
        self._swing = rng.uniform(0.15, 0.22)
        self.view = (
            View(centre=(0, -0.08), height=1.0, width=0.8)
            if rng.random() < 0.6
            else View(centre=(0, 0.06), height=0.66, width=0.75)
        )

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, drums and hands."""
        posture = self._body.posture(time)
        self._body.draw(canvas, posture)
        self._body.draw_head(canvas, posture)
        for key in sorted(self._drums, key=lambda key: -self._size[key]):
            if key == 62:
                continue
            keys = (62, 63) if key == 63 else (key,)
            hit = max((self._sounding[k].pulse(time, 0.07) for k in keys if k in self._sounding), default=0.0)
            self._draw_drum(canvas, key, hit)
        for number, side in ((0, -1.0), (1, 1.0)):
            state = self._strokes[number].at(time, (side * 0.16, self._centre_y - 0.06))
            x, y = state.position
            rise = self._swing * state.height
            palm = (x, y - 0.055 - rise)
            shadow = min(1.0, state.height)
            canvas.ellipse((x, y), (0.045 + 0.01 * shadow, 0.022), shade((205, 190, 165), 0.45 + 0.35 * shadow))
            shoulder = posture.left if side < 0 else posture.right
            self._body.draw_arm(canvas, shoulder, (palm[0] + side * 0.02, palm[1] - 0.04), outwards=side, length=0.27)
            fingers = (x - side * 0.01, y - 0.8 * rise)
            canvas.line(palm, fingers, 0.06, self._style.skin)
            canvas.disc(fingers, 0.032, shade(self._style.skin, 1.08))

    def _draw_drum(self, canvas: Canvas, key: int, hit: float | int) -> None:
        x, y = self._drums[key]
        wide = self._size[key]
        tall = wide * self._flat
        y += 0.008 * hit
        low = y + self._shell
        canvas.polygon([(x - wide, y), (x + wide, y), (x + 0.72 * wide, low), (x - 0.72 * wide, low)], self._style.body)
        canvas.polygon(
            [(x - 0.5 * wide, y), (x - 0.1 * wide, y), (x - 0.08 * wide, low), (x - 0.36 * wide, low)],
            shade(self._style.body, 1.2),
        )
        canvas.ellipse((x, low), (0.72 * wide, 0.5 * tall), shade(self._style.body, 0.8))
        canvas.ellipse((x, y), (1.05 * wide, 1.07 * tall), self._style.metal)
        canvas.ellipse((x, y), (wide, tall), shade((214, 198, 170), 0.9 + 0.28 * hit))
        canvas.ellipse((x, y), (0.55 * wide, 0.55 * tall), shade((206, 188, 158), 0.9 + 0.28 * hit))
