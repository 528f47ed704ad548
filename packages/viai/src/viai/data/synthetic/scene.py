"""Everything in the picture except the player: canvas, camera, light, colours, background, things in the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from viai.data.synthetic.motion import Point

Colour = tuple[float | int, float | int, float | int]
FAMILIES = 80
"""Number of style families; each fixes colours, body, background and light, and belongs to one split."""
_SHIFT = 4  # cv2 draws with 4 fractional bits


class Canvas:
    """Draws anti-aliased shapes, given in world units, into a picture.

    World units: x to the right, y down, (0, 0) the middle of the stage; an unzoomed camera sees one unit of height.
    """

    def __init__(self, image: UInt8[np.ndarray, "height width 3"], matrix: Float[np.ndarray, "2 3"]) -> None:
        self.image = image
        self._linear = np.ascontiguousarray(matrix[:, :2].T) * (1 << _SHIFT)
        self._offset = matrix[:, 2] * (1 << _SHIFT)
        self._scale = math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))

    def _pixels(self, points: Sequence[Point] | Float[np.ndarray, "point 2"]) -> np.ndarray:
        pixels: np.ndarray = np.rint(np.asarray(points) @ self._linear + self._offset).astype(np.int32)
        return pixels

    def polygon(self, points: Sequence[Point] | Float[np.ndarray, "point 2"], colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.image, [self._pixels(points)], colour, cv2.LINE_AA, _SHIFT)

    def convex(self, points: Sequence[Point] | Float[np.ndarray, "point 2"], colour: Colour) -> None:
        """Fill a convex polygon."""
        cv2.fillConvexPoly(self.image, self._pixels(points), colour, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: Point, radius: float | int, colour: Colour) -> None:
        """Fill a circle."""
        x, y = self._pixels([centre])[0]
        size = max(8, round(radius * self._scale * (1 << _SHIFT)))
        cv2.circle(self.image, (int(x), int(y)), size, colour, -1, cv2.LINE_AA, _SHIFT)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, *, turn: float | int = 0.0) -> None:
        """Fill an ellipse turned by ``turn`` radians."""
        self.convex(centre + _CIRCLE * radii @ _rotation(turn), colour)

    def line(self, a: Point, b: Point, width: float | int, colour: Colour) -> None:
        """Draw a straight line with round ends."""
        start, end = self._pixels([a, b])
        thickness = max(1, round(width * self._scale))
        cv2.line(self.image, start.tolist(), end.tolist(), colour, thickness, cv2.LINE_AA, _SHIFT)

    def curve(self, points: Sequence[Point] | Float[np.ndarray, "point 2"], width: float | int, colour: Colour) -> None:
        """Draw a line through several points."""
        thickness = max(1, round(width * self._scale))
        cv2.polylines(self.image, [self._pixels(points)], False, colour, thickness, cv2.LINE_AA, _SHIFT)


_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def _rotation(turn: float | int) -> np.ndarray:
    return np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])


def shade(colour: Colour, factor: float | int) -> Colour:
    """Make a colour darker (below 1) or lighter."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))


def hsv(hue: float | int, saturation: float | int, value: float | int) -> Colour:
    """Colour from hue (turns), saturation and value in [0, 1]."""
    sector, rest = divmod((hue % 1.0) * 6, 1.0)
    low, falling, rising = 1 - saturation, 1 - saturation * rest, 1 - saturation * (1 - rest)
    table = [
        (1, rising, low),
        (falling, 1, low),
        (low, 1, rising),
        (low, falling, 1),
        (rising, low, 1),
        (1, low, falling),
    ]
    red, green, blue = table[int(sector) % 6]
    return (255 * value * red, 255 * value * green, 255 * value * blue)


@dataclass(frozen=True, kw_only=True)
class Style:
    """Looks of one clip: those of its family, varied a little."""

    family: int
    skin: Colour
    hair: Colour
    clothes: Colour
    trousers: Colour
    body: Colour
    """Main colour of the instrument."""
    metal: Colour
    accent: Colour
    head: float
    """Radius of the head, world units."""
    build: float
    """Width of the shoulders, world units."""
    limb: float
    """Width of an arm, world units."""
    hair_kind: int
    variant: int
    """Number that players use to choose between shapes of their instrument."""
    backdrop: int
    backdrop_hue: float
    backdrop_value: float
    backdrop_saturation: float


def draw_style(family: int, rng: np.random.Generator) -> Style:
    """Draw the looks of one clip.

    Args:
        family: Number of the style family, 0 to ``FAMILIES - 1``.
        rng: Source of the variation inside the family.

    Returns:
        The style.
    """
    base = np.random.default_rng((70_841, family))

    def colour(hue: float | int, saturation: float | int, value: float | int) -> Colour:
        wobble = rng.normal(0, (0.015, 0.04, 0.05))
        return hsv(
            hue + wobble[0], float(np.clip(saturation + wobble[1], 0, 1)), float(np.clip(value + wobble[2], 0.04, 1))
        )

    wood = colour(base.uniform(0.03, 0.11), base.uniform(0.45, 0.85), base.uniform(0.25, 0.85))
    painted = colour(base.random(), base.uniform(0.2, 0.9), base.uniform(0.15, 0.95))
    gold = colour(base.uniform(0.1, 0.14), base.uniform(0.4, 0.75), base.uniform(0.6, 0.95))
    silver = colour(base.random(), base.uniform(0.0, 0.1), base.uniform(0.6, 0.92))
    return Style(
        family=family,
        skin=colour(base.uniform(0.03, 0.08), base.uniform(0.25, 0.6), base.uniform(0.35, 0.95)),
        hair=colour(base.uniform(0.02, 0.12), base.uniform(0.1, 0.7), base.uniform(0.05, 0.7)),
        clothes=colour(base.random(), base.uniform(0.0, 0.9), base.uniform(0.08, 0.95)),
        trousers=colour(base.random(), base.uniform(0.0, 0.5), base.uniform(0.08, 0.6)),
        body=wood if base.random() < 0.7 else painted,
        metal=gold if base.random() < 0.6 else silver,
        accent=colour(base.random(), base.uniform(0.4, 1.0), base.uniform(0.3, 1.0)),
        head=float(base.uniform(0.065, 0.09) * rng.uniform(0.95, 1.05)),
        build=float(base.uniform(0.2, 0.3) * rng.uniform(0.95, 1.05)),
        limb=float(base.uniform(0.04, 0.06)),
        hair_kind=int(base.integers(0, 4)),
        variant=int(base.integers(0, 1000)),
        backdrop=int(base.integers(0, 6)),
        backdrop_hue=float(base.random() + rng.normal(0, 0.02)),
        backdrop_value=float(base.uniform(0.15, 0.9)),
        backdrop_saturation=float(base.uniform(0.0, 0.6)),
    )


class Backdrop:
    """The wall, floor and furniture behind the player, painted once and then moved by the camera."""

    _UNITS = 2.6  # width and height of the painted square, world units

    def __init__(self, style: Style, rng: np.random.Generator, resolution: int) -> None:
        pixels = int(self._UNITS * resolution * 0.8)
        self._to_world = self._UNITS / pixels
        wall = hsv(style.backdrop_hue, style.backdrop_saturation, style.backdrop_value)
        floor = shade(
            hsv(style.backdrop_hue + rng.uniform(-0.1, 0.1), style.backdrop_saturation * 0.7, 0.5),
            rng.uniform(0.4, 1.4),
        )
        picture = np.empty((pixels, pixels, 3), np.uint8)
        picture[:] = wall
        matrix = np.array([[1 / self._to_world, 0, pixels / 2], [0, 1 / self._to_world, pixels / 2]])
        canvas = Canvas(picture, matrix)
        _PAINTERS[style.backdrop](canvas, wall, rng)
        line = rng.uniform(0.2, 0.45)
        canvas.polygon([(-2, line), (2, line + rng.uniform(-0.03, 0.03)), (2, 2), (-2, 2)], floor)
        if rng.random() < 0.6:
            _pictures(canvas, wall, rng)
        relief = _clouds(rng, pixels, int(rng.integers(4, 9))) * rng.uniform(0.05, 0.35)
        relief += _clouds(rng, pixels, int(rng.integers(20, 60))) * rng.uniform(0.02, 0.2)
        self._picture = np.clip(picture * (1 + relief[..., None]), 0, 255).astype(np.uint8)

    def paint(self, size: tuple[int, int], matrix: Float[np.ndarray, "2 3"]) -> UInt8[np.ndarray, "height width 3"]:
        """Show the backdrop as a camera sees it; ``size`` is (height, width)."""
        half = self._picture.shape[0] / 2
        place = matrix.copy()
        place[:, :2] *= self._to_world
        place[:, 2] -= place[:, :2] @ (half, half)
        shown: np.ndarray = cv2.warpAffine(
            self._picture, place, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return shown


def _clouds(rng: np.random.Generator, pixels: int, cells: int) -> np.ndarray:
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    clouds: np.ndarray = cv2.resize(coarse, (pixels, pixels), interpolation=cv2.INTER_CUBIC)
    return clouds


def _paint_plain(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    gradient = np.linspace(rng.uniform(0.6, 1.3), rng.uniform(0.6, 1.3), canvas.image.shape[0])[:, None, None]
    canvas.image[:] = np.clip(canvas.image * gradient, 0, 255)


def _paint_curtain(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    folds = rng.uniform(8, 30)
    along = np.linspace(0, folds * 2 * np.pi, canvas.image.shape[1])[None, :, None]
    canvas.image[:] = np.clip(canvas.image * (1 + rng.uniform(0.1, 0.3) * np.sin(along + np.sin(along * 0.37))), 0, 255)


def _paint_bricks(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    height, length = rng.uniform(0.04, 0.09), rng.uniform(0.1, 0.22)
    for row, y in enumerate(np.arange(-1.3, 1.3, height)):
        for x in np.arange(-1.4, 1.4, length) + length / 2 * (row % 2):
            canvas.convex(
                [(x, y), (x + 0.93 * length, y), (x + 0.93 * length, y + 0.88 * height), (x, y + 0.88 * height)],
                shade(wall, float(rng.uniform(0.75, 1.15))),
            )


def _paint_shelves(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    for y in np.arange(-1.2, 0.8, rng.uniform(0.18, 0.3)):
        canvas.line((-1.3, y), (1.3, y), 0.015, shade(wall, 0.5))
        x = -1.3
        while x < 1.3:
            width, height = rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.15)
            colour = hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
            canvas.convex([(x, y), (x + width, y), (x + width, y - height), (x, y - height)], colour)
            x += width + (rng.uniform(0.05, 0.3) if rng.random() < 0.15 else 0.003)


def _paint_stage(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    canvas.image[:] = np.clip(canvas.image * 0.3, 0, 255)
    for _ in range(int(rng.integers(2, 5))):
        x, spread = rng.uniform(-0.8, 0.8), rng.uniform(0.1, 0.35)
        glow = shade(wall, float(rng.uniform(0.4, 0.9)))
        canvas.convex([(x, -1.3), (x + 0.04, -1.3), (x + spread, 1), (x - spread, 1)], glow)


def _paint_window(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    for x in rng.uniform(-0.8, 0.5, int(rng.integers(1, 4))):
        top, width, height = rng.uniform(-0.6, -0.3), rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.6)
        light = hsv(rng.uniform(0.1, 0.6), rng.uniform(0.0, 0.4), rng.uniform(0.7, 1.0))
        canvas.convex([(x, top), (x + width, top), (x + width, top + height), (x, top + height)], light)
        canvas.line((x + width / 2, top), (x + width / 2, top + height), 0.02, shade(wall, 0.6))
        canvas.line((x, top + height / 2), (x + width, top + height / 2), 0.02, shade(wall, 0.6))


_PAINTERS = (_paint_plain, _paint_curtain, _paint_bricks, _paint_shelves, _paint_stage, _paint_window)


def _pictures(canvas: Canvas, wall: Colour, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 4))):
        x, y, width, height = (
            rng.uniform(-0.8, 0.6),
            rng.uniform(-0.5, 0.0),
            rng.uniform(0.08, 0.3),
            rng.uniform(0.08, 0.3),
        )
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        canvas.convex(corners, shade(wall, 0.5))
        inner = 0.015
        canvas.convex(
            [
                (x + inner, y + inner),
                (x + width - inner, y + inner),
                (x + width - inner, y + height - inner),
                (x + inner, y + height - inner),
            ],
            hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.2, 0.9)),
        )


@dataclass(frozen=True, kw_only=True)
class View:
    """What a camera must show of a player, world units."""

    centre: Point
    height: float
    width: float
    closer: float = 0.2
    """How much closer the camera may come, as a share."""


class Camera:
    """Place, zoom, roll, slow drift and shaking of the camera, and whether the picture is mirrored."""

    def __init__(self, view: View, size: tuple[int, int], rng: np.random.Generator) -> None:
        self._size = size
        self._mirror = -1.0 if rng.random() < 0.5 else 1.0
        self._zoom = min(size[0] / view.height, size[1] / view.width) * rng.uniform(0.82, 1.0 + view.closer)
        slack = 0.07 * view.height
        self._centre = (view.centre[0] + rng.uniform(-slack, slack), view.centre[1] + rng.uniform(-slack, slack) * 0.7)
        self._roll = rng.normal(0, 0.04)
        self._stretch = rng.uniform(0.9, 1.12)
        hand_held = rng.random() < 0.45
        self._shake = rng.uniform(0.002, 0.008) if hand_held else rng.uniform(0, 0.0006)
        self._drift = rng.uniform(0.0, 0.03) if rng.random() < 0.5 else 0.0
        self._pull = rng.uniform(-0.08, 0.08) if rng.random() < 0.3 else 0.0
        self._speeds = rng.uniform(0.3, 3.0, (3, 4))
        self._phases = rng.uniform(0, 2 * np.pi, (3, 4))
        self._heading = rng.uniform(0, 2 * np.pi)

    def matrix(self, time: float | int) -> Float[np.ndarray, "2 3"]:
        """Affine map from world units to pixels at a time."""
        waves = np.sin(2 * np.pi * self._speeds * time + self._phases).sum(axis=1)
        drift = self._drift * math.sin(0.5 * time + self._phases[0, 0])
        x = self._centre[0] + self._shake * waves[0] + drift * math.cos(self._heading)
        y = self._centre[1] + self._shake * waves[1] + drift * math.sin(self._heading)
        roll = self._roll + 0.6 * self._shake * waves[2]
        zoom = self._zoom * (1 + self._pull * math.sin(0.3 * time + self._phases[1, 1]))
        cosine, sine = zoom * math.cos(roll), zoom * math.sin(roll)
        linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([self._mirror * self._stretch, 1.0])
        offset = np.array([self._size[1] / 2, self._size[0] / 2]) - linear @ (x, y)
        return np.column_stack([linear, offset])

    def describe(self) -> dict[str, float | bool]:
        """Settings worth keeping with a clip."""
        return {
            "mirrored": self._mirror < 0,
            "zoom": round(float(self._zoom / self._size[0]), 4),
            "shake": round(float(self._shake), 5),
            "drift": round(float(self._drift), 5),
        }


class Light:
    """Brightness, gradient, colour cast and flicker of the light, and the grain of the picture."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        height, width = size
        level = rng.uniform(0.75, 1.2)
        cast = 1 + rng.uniform(-0.12, 0.12, 3)
        slope = rng.uniform(-0.4, 0.4, 2)
        across = np.linspace(-0.5, 0.5, width)[None, :, None] * slope[0]
        down = np.linspace(-0.5, 0.5, height)[:, None, None] * slope[1]
        self._gain = np.ascontiguousarray(level * cast * (1 + across + down), np.float32)
        self._flicker = rng.uniform(0.01, 0.05) if rng.random() < 0.3 else 0.0
        self._speed, self._phase = rng.uniform(0.3, 9.0), rng.uniform(0, 2 * np.pi)
        strength = rng.uniform(0.3, 3.5)
        self._lift = rng.uniform(0, 18)
        self._grain = [
            (rng.standard_normal((height, width, 1), dtype=np.float32) * strength).repeat(3, axis=2)
            + np.float32(self._lift)
            for _ in range(5)
        ]
        self._order = rng.permutation(997) % 5

    def expose(self, linear: np.ndarray, time: float | int, number: int) -> UInt8[np.ndarray, "height width 3"]:
        """Turn a float32 picture in [0, 255] into the recorded one."""
        factor = 1 + self._flicker * math.sin(2 * np.pi * self._speed * time + self._phase)
        lit = cv2.multiply(linear, self._gain, scale=factor)
        lit += self._grain[self._order[number % 997]]
        recorded: np.ndarray = cv2.convertScaleAbs(np.maximum(lit, 0))
        return recorded


class Distractions:
    """Things that move without any relation to the music, behind the player and in front."""

    def __init__(self, style: Style, view: View, seconds: float | int, rng: np.random.Generator) -> None:
        self._rng_values = rng.uniform(0, 1, 16)
        self._height = view.height
        self._centre = view.centre
        self._plant = rng.random() < 0.3
        self._blink = rng.random() < 0.25
        self._person = rng.random() < 0.25
        self._passer = rng.random() < 0.12
        self._stand = rng.random() < 0.15
        self._colours = [hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.8)) for _ in range(4)]
        self._pass_time = rng.uniform(0, seconds)
        self._skin = shade(style.skin, float(rng.uniform(0.6, 1.1)))
        self._leaves = rng.uniform(-1, 1, (7, 2))

    def _edge(self, share: float | int) -> float:
        """A place left or right of what matters."""
        side = -1 if share < 0.5 else 1
        return self._centre[0] + side * self._height * (0.42 + 0.5 * abs(share - 0.5))

    def draw_behind(self, canvas: Canvas, time: float | int) -> None:
        """Draw what moves behind the player."""
        value, height = self._rng_values, self._height
        base_y = self._centre[1]
        if self._person:
            x = self._edge(value[0]) + 0.05 * height * math.sin(
                2 * np.pi * (0.2 + 0.8 * value[1]) * time + 6 * value[2]
            )
            nod = 0.01 * math.sin(2 * np.pi * (0.5 + 1.5 * value[3]) * time)
            canvas.ellipse((x, base_y + 0.35 * height), (0.14 * height, 0.4 * height), self._colours[0])
            canvas.disc((x, base_y - 0.15 * height + nod), 0.085 * height, self._skin)
            hand = (x + 0.1 * height * math.sin(2 * np.pi * (0.3 + 1.2 * value[4]) * time), base_y + 0.1 * height)
            canvas.line((x + 0.1 * height, base_y + 0.05 * height), hand, 0.05 * height, self._colours[0])
            canvas.disc(hand, 0.03 * height, self._skin)
        if self._plant:
            x = self._edge(value[5])
            for number, (dx, dy) in enumerate(self._leaves):
                sway = 0.03 * math.sin(2 * np.pi * (0.15 + 0.5 * value[6]) * time + number)
                tip = (x + height * (0.13 * dx + sway), base_y - height * (0.1 + 0.12 * dy))
                canvas.line((x, base_y + 0.4 * height), tip, 0.02 * height, (40 + 20 * dx, 110 + 30 * dy, 50))
        if self._blink:
            on = math.sin(2 * np.pi * (0.4 + 2.5 * value[7]) * time + 6 * value[8]) > 0
            place = (self._edge(value[9]), base_y - height * (0.15 + 0.3 * value[10]))
            canvas.disc(place, 0.03 * height, shade(self._colours[1], 1.6 if on else 0.4))

    def draw_in_front(self, canvas: Canvas, time: float | int) -> None:
        """Draw what covers a part of the player."""
        value, height = self._rng_values, self._height
        if self._stand:
            x, y = self._edge(value[11]) * 0.8, self._centre[1] + 0.42 * height
            wide, tall = 0.12 * height, 0.14 * height
            canvas.line((x, y), (x, y + 0.5), 0.015, self._colours[2])
            canvas.convex(
                [(x - wide, y - tall), (x + wide, y - tall), (x + 1.1 * wide, y), (x - 1.1 * wide, y)], self._colours[2]
            )
            canvas.convex(
                [
                    (x - 0.7 * wide, y - 0.95 * tall),
                    (x + 0.6 * wide, y - 0.95 * tall),
                    (x + 0.6 * wide, y - 0.1 * tall),
                    (x - 0.7 * wide, y - 0.1 * tall),
                ],
                (225, 222, 210),
            )
        if self._passer:
            x = self._centre[0] + height * (0.9 + value[12]) * (time - self._pass_time)
            canvas.ellipse((x, self._centre[1] + 0.3 * height), (0.13 * height, 0.5 * height), self._colours[3])
            canvas.disc((x, self._centre[1] - 0.3 * height), 0.1 * height, shade(self._colours[3], 0.6))
