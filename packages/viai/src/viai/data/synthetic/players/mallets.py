"""Xylophone, marimba, vibraphone and glockenspiel: bars in the order of a keyboard, struck with two mallets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from viai.data.synthetic.instruments import Instrument
from viai.data.synthetic.motion import Point, Strokes, Timeline, share_between_hands
from viai.data.synthetic.players.body import Body
from viai.data.synthetic.scene import Canvas, Style, View, shade
from viai.data.synthetic.scores import Note

_SHARP = (1, 3, 6, 8, 10)
_WHITE_PLACE = {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5, 4: 2.0, 5: 3.0, 6: 3.5, 7: 4.0, 8: 4.5, 9: 5.0, 10: 5.5, 11: 6.0}
_HEIGHT = 0.26  # world units from the bar to the top of the loudest stroke


class MalletPlayer:
    """Seen from the front and above: deep bars on the left of the player or of the viewer."""

    def __init__(
        self,
        notes: Sequence[Note],
        instrument: Instrument,
        style: Style,
        seconds: float | int,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        keys = range(instrument.low, instrument.high + 1)
        place = {key: 7 * (key // 12) + _WHITE_PLACE[key % 12] for key in keys}
        first, last = min(place.values()), max(place.values())
        self._width = 1.16
        self._step = self._width / (last - first + 1)
        self._far = rng.uniform(0.78, 1.0)  # perspective: width of the far side against the near one
        rows = style.variant % 3  # two rows, two rows wide apart, or a single row as on a folk instrument
        self._bars: dict[int, tuple[float, float, float]] = {}
        for key in keys:
            x = (place[key] - (first + last) / 2) * self._step
            share = (key - keys[0]) / len(keys)
            is_sharp = key % 12 in _SHARP
            y = -0.015 - (0.155, 0.19, 0.11)[rows] * is_sharp + 0.12
            self._bars[key] = (x, y, 0.105 * (1 - 0.45 * share))
        self._notes = Timeline(notes)
        hands = share_between_hands(notes, [self._bars[note.pitch][0] for note in notes])
        self._hits: dict[int, list[tuple[float, float]]] = {}
        for note in notes:
            self._hits.setdefault(note.pitch, []).append((note.onset, note.velocity / 127))
        self._strokes = []
        jitter = rng.normal(0, 0.008, len(notes))
        for hand in (0, 1):
            chosen = [number for number, who in enumerate(hands) if who == hand]
            places = [(self._bars[notes[n].pitch][0], self._bars[notes[n].pitch][1] + float(jitter[n])) for n in chosen]
            approach = float(rng.uniform(0.16, 0.26))
            self._strokes.append(
                Strokes([notes[n] for n in chosen], places, approach=approach, rest=float(rng.uniform(0.18, 0.35)))
            )
        self._body = Body(style, self._notes, (rng.uniform(-0.08, 0.08), -0.47 + rng.uniform(-0.03, 0.03)), rng)
        self._colour = style.metal if instrument.preset in (9, 11) else style.body
        self._rainbow = style.variant % 7 == 0
        self._head = rng.uniform(0.02, 0.03)
        self._stick = rng.uniform(0.26, 0.34)
        self._legs = 0.5
        with_player = rng.random() < 0.6
        self.view = (
            View(centre=(0, -0.16), height=0.98, width=1.2)
            if with_player
            else View(centre=(0, -0.02), height=0.7, width=1.2, closer=0.1)
        )

    def _at(self, x: float | int, y: float | int) -> Point:
        """Perspective: what lies farther back (smaller y) is drawn closer together."""
        depth = (0.26 - y) / 0.5
        return (x * (1 - (1 - self._far) * depth), y)

    def draw(self, canvas: Canvas, time: float | int) -> None:
        """Draw player, bars and mallets."""
        posture = self._body.posture(time)
        self._body.draw(canvas, posture)
        self._body.draw_head(canvas, posture)
        frame = shade(self._style.body, 0.45)
        half = self._width / 2
        for x in (-half + 0.05, half - 0.05):
            canvas.line((x, 0.15), (x * 1.03, 0.15 + self._legs), 0.03, frame)
        canvas.convex([self._at(-half, -0.1), self._at(half, -0.06), self._at(half, 0.2), self._at(-half, 0.25)], frame)
        for key, (x, y, length) in self._bars.items():
            self._draw_bar(canvas, key, x, y, length, time)
        heads, hands = [], []
        for number, side in ((0, -1.0), (1, 1.0)):
            state = self._strokes[number].at(time, (side * 0.18, 0.08))
            ground = self._at(*state.position)
            heads.append((ground, (ground[0], ground[1] - _HEIGHT * state.height)))
            centre = ground[0] * 0.55 + side * 0.14
            lift = 0.5 * _HEIGHT * state.height
            hands.append(
                (centre, ground[1] - math.sqrt(max(0.01, self._stick**2 - (centre - ground[0]) ** 2)) - lift + 0.02)
            )
        for (ground, head), hand, side, shoulder in zip(
            heads, hands, (-1.0, 1.0), (posture.left, posture.right), strict=True
        ):
            away = min(1.0, (ground[1] - head[1]) / _HEIGHT)
            canvas.ellipse(
                ground, (self._head * (1.1 + 0.5 * away), self._head * 0.6), shade(self._colour, 0.35 + 0.35 * away)
            )
            self._body.draw_arm(canvas, shoulder, hand, outwards=side, length=0.26)
            canvas.line(hand, head, 0.012, (196, 164, 120))
            canvas.disc(head, self._head, self._style.accent)
            canvas.disc(
                (head[0] - 0.3 * self._head, head[1] - 0.3 * self._head),
                0.35 * self._head,
                shade(self._style.accent, 1.5),
            )

    def _draw_bar(
        self, canvas: Canvas, key: int, x: float | int, y: float | int, length: float | int, time: float | int
    ) -> None:
        is_sharp = key % 12 in _SHARP
        colour = shade(self._colour, 0.62 if is_sharp else 1.0)
        if self._rainbow:
            wave = 2 * math.pi * (key % 12) / 12
            colour = (150 + 90 * math.sin(wave), 150 + 90 * math.sin(wave + 2.1), 150 + 90 * math.sin(wave + 4.2))
        shift, glow = 0.0, 0.0
        for onset, loudness in self._hits.get(key, ()):
            since = time - onset
            if 0 <= since < 0.5:
                shift += 0.012 * loudness * math.exp(-since / 0.1) * math.cos(2 * math.pi * 9 * since)
                glow += 0.3 * loudness * math.exp(-since / 0.08)
        wide = 0.42 * self._step
        corners = [(x - wide, y - length), (x + wide, y - length), (x + wide, y + length), (x - wide, y + length)]
        shown = [(px, py + shift) for px, py in (self._at(*corner) for corner in corners)]
        canvas.convex(shown, shade(colour, 1 + glow))
        canvas.line(shown[3], shown[2], 0.008, shade(colour, 0.6))
