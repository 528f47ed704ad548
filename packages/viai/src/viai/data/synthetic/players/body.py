"""The person who plays: trunk, head, arms that reach for a hand's place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from viai.data.synthetic.motion import Point, Timeline
from viai.data.synthetic.scene import Canvas, Style, shade


@dataclass(frozen=True)
class Posture:
    """Where the trunk and the head are at one instant, world units."""

    neck: Point
    left: Point
    """Shoulder on the left of the picture."""
    right: Point
    head: Point


class Body:
    """A seated or standing person who sways, breathes and nods with the accents."""

    def __init__(self, style: Style, notes: Timeline, neck: Point, rng: np.random.Generator) -> None:
        self._style = style
        self._notes = notes
        self._neck = neck
        self._sway = rng.uniform(0.003, 0.02, 2)
        self._speed = rng.uniform(0.12, 0.5, 2)
        self._phase = rng.uniform(0, 2 * np.pi, 2)
        self._nod = rng.uniform(0.0, 0.012)
        self._lean = rng.normal(0, 0.015)

    def posture(self, time: float | int, breath: float | int = 0.0) -> Posture:
        """Place of the trunk; ``breath`` lifts the shoulders."""
        waves = self._sway * np.sin(2 * np.pi * self._speed * time + self._phase)
        x, y = self._neck[0] + float(waves[0]), self._neck[1] + float(waves[1]) * 0.4
        wide = self._style.build / 2
        nod = self._nod * self._notes.pulse(time, 0.12)
        drop = 0.035 - 0.018 * breath
        head = (x + self._lean + float(waves[0]) * 0.6, y - self._style.head * 1.25 + nod - 0.008 * breath)
        return Posture((x, y), (x - wide, y + drop), (x + wide, y + drop), head)

    def draw(self, canvas: Canvas, posture: Posture, *, length: float | int = 0.55, swell: float | int = 0.0) -> None:
        """Draw trunk, neck and head; ``swell`` (0 to 1) widens the chest."""
        style = self._style
        x, y = posture.neck
        wide = style.build / 2 * (1 + 0.07 * swell)
        hip = style.build * 0.42
        trunk = [
            (x - 0.04, y),
            (x + 0.04, y),
            (posture.right[0] + wide - style.build / 2, posture.right[1]),
            (x + wide * 1.02, y + 0.25 * length),
            (x + hip, y + length),
            (x - hip, y + length),
            (x - wide * 1.02, y + 0.25 * length),
            (posture.left[0] - wide + style.build / 2, posture.left[1]),
        ]
        canvas.polygon(trunk, style.clothes)
        canvas.line((x, y + 0.06), (x, y + length), 0.008, shade(style.clothes, 0.75))
        canvas.line((x, y + 0.02), posture.head, style.head * 0.9, shade(style.skin, 0.85))

    def draw_head(
        self, canvas: Canvas, posture: Posture, *, cheeks: float | int = 0.0, turn: float | int = 0.0
    ) -> None:
        """Draw the head; ``cheeks`` (0 to 1) blows them up, ``turn`` looks left (-1) or right (1)."""
        style = self._style
        x, y = posture.head
        size = style.head
        if style.hair_kind == 1:
            canvas.ellipse((x, y + 0.35 * size), (1.2 * size, 1.5 * size), style.hair)
        elif style.hair_kind == 2:
            canvas.disc((x - turn * 0.5 * size, y - 1.1 * size), 0.5 * size, style.hair)
        canvas.ellipse((x, y - 0.12 * size), (1.05 * size, 1.2 * size), style.hair)
        face = (x + 0.18 * turn * size, y + 0.15 * size)
        canvas.ellipse(face, (0.85 * size, 1.05 * size), style.skin)
        puff = 0.26 + 0.22 * cheeks
        for side in (-1, 1):
            canvas.disc((face[0] + side * 0.55 * size, face[1] + 0.3 * size), puff * size, shade(style.skin, 1.05))
            canvas.disc(
                (face[0] + side * 0.33 * size + 0.15 * turn * size, face[1] - 0.2 * size), 0.1 * size, (25, 20, 20)
            )
        mouth = (face[0] + 0.2 * turn * size, face[1] + 0.55 * size)
        canvas.line(
            (mouth[0] - 0.18 * size, mouth[1]), (mouth[0] + 0.18 * size, mouth[1]), 0.1 * size, shade(style.skin, 0.6)
        )

    def draw_arm(
        self, canvas: Canvas, shoulder: Point, hand: Point, *, outwards: float | int, length: float | int = 0.3
    ) -> None:
        """Draw an arm from shoulder to hand.

        The elbow bends to one side: with ``outwards`` 1 to the right of an arm that hangs down, which is above an arm
        stretched to the right, and with -1 to the opposite one.
        """
        style = self._style
        elbow = _elbow(shoulder, hand, length, outwards)
        canvas.line(shoulder, elbow, style.limb * 1.15, shade(style.clothes, 0.92))
        wrist = (elbow[0] + 0.85 * (hand[0] - elbow[0]), elbow[1] + 0.85 * (hand[1] - elbow[1]))
        canvas.line(elbow, wrist, style.limb, shade(style.clothes, 1.08))
        canvas.line(wrist, hand, style.limb * 0.75, style.skin)
        canvas.disc(hand, style.limb * 0.55, style.skin)


def _elbow(shoulder: Point, hand: Point, length: float | int, outwards: float | int) -> Point:
    dx, dy = hand[0] - shoulder[0], hand[1] - shoulder[1]
    distance = math.hypot(dx, dy)
    middle = (shoulder[0] + dx / 2, shoulder[1] + dy / 2)
    bend = math.sqrt(max(0.0, length**2 - (distance / 2) ** 2)) * 0.8
    if distance < 1e-6:
        return (middle[0], middle[1] + bend)
    # Always the same side of the line from shoulder to hand, so that the elbow never jumps.
    return (middle[0] + outwards * bend * dy / distance, middle[1] - outwards * bend * dx / distance)
