"""Drawing cloth: closed outlines that are filled, rounded at the edges, folded, lit from the upper left and woven.

Lengths are in units of a hundredth of the picture's width; x runs from -50 to 50, y from 0 at the top to about 133.
Everything is drawn at twice the size and reduced at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

WIDTH, HEIGHT = 330, 440
_SCALE = 2 * WIDTH / 100  # pixels of the drawing in one unit
_SIZE = (2 * WIDTH, 2 * HEIGHT)

Number = float | int  # the check of types in the tests takes no int for a float
Step = tuple[Number, Number] | tuple[Number, Number, Number, Number]
Colour = tuple[int, int, int]
Points = Float[np.ndarray, "_ 2"]


def path(*steps: Step) -> Points:
    """Follow steps: (x, y) is a straight line, (control x, control y, x, y) a quadratic Bézier curve."""
    points = [np.array(steps[0][-2:], float)[None]]
    for step in steps[1:]:
        start, end = points[-1][-1], np.array(step[-2:], float)
        if len(step) == 2:
            points.append(end[None])
            continue
        t = np.linspace(0, 1, 17)[1:, None]
        points.append((1 - t) ** 2 * start + 2 * t * (1 - t) * np.array(step[:2]) + t**2 * end)
    return np.concatenate(points)


def flip(points: Points) -> Points:
    """Mirror at the middle of the picture."""
    return points * (-1, 1)


def both(*steps: Step) -> Points:
    """Close the right half of an outline, from the middle at the top to the middle at the bottom, with its mirror."""
    half = path(*steps)
    return np.concatenate([half, flip(half)[::-1]])


def shift(points: Points, x: Number, y: Number, scale: Number = 1.0) -> Points:
    """Scale about the origin, then move."""
    return points * scale + (x, y)


def ellipse(x: Number, y: Number, width: Number, height: Number) -> Points:
    """An ellipse by its centre and radii."""
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.stack([x + width * np.cos(t), y + height * np.sin(t)], axis=1)


@dataclass(frozen=True, kw_only=True)
class Cloth:
    """What a part is made of."""

    colour: Colour
    """RGB, 0 to 255."""
    weave: str = "cotton"
    """cotton, knit, rib, denim, wool, satin, leather, straw or metal."""
    print: str = ""
    """stripes, dots, check or nothing."""
    second: Colour = (245, 243, 238)
    """Colour of the print."""

    def darker(self, share: Number = 0.82) -> "Cloth":
        """The same cloth in shade."""
        red, green, blue = (round(value * share) for value in self.colour)
        second_red, second_green, second_blue = (round(value * share) for value in self.second)
        return Cloth(
            colour=(red, green, blue),
            weave=self.weave,
            print=self.print,
            second=(second_red, second_green, second_blue),
        )


_GLOSS = {"satin": 0.30, "leather": 0.36, "metal": 0.75}  # strength of the highlight
_RELIEF = {"satin": 1.35, "wool": 0.8, "leather": 0.9, "metal": 1.3}  # of folds and edges


@dataclass
class Canvas:
    """A garment in the making: colour and coverage."""

    seed: int
    """Settles folds and weave."""
    rgb: np.ndarray = field(init=False, repr=False)
    alpha: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rgb = np.zeros((_SIZE[1], _SIZE[0], 3), np.float32)
        self.alpha = np.zeros((_SIZE[1], _SIZE[0]), np.float32)
        self._random = np.random.default_rng(self.seed)
        # Smooth hills, longer downwards than across, as cloth hangs; half as large again as the picture.
        hills = ndimage.gaussian_filter(self._random.standard_normal((40, 44)).astype(np.float32), (2.2, 1.0))
        size = (_SIZE[0] * 3 // 2 + 8, _SIZE[1] * 3 // 2 + 8)
        self._relief = np.asarray(Image.fromarray(hills).resize(size, Image.Resampling.BICUBIC)) * (
            11 / hills.std() / 3
        )

    def part(
        self,
        outline: Points,
        cloth: Cloth,
        *,
        round_edge: Number = 3.2,
        folds: Number = 1.0,
        creases: Sequence[Points] = (),
        lift: Number = 0.35,
    ) -> None:
        """Lay a piece of cloth over what is there.

        Args:
            outline: Closed.
            cloth: Colour and weave.
            round_edge: Width over which the edge is rounded, in units.
            folds: Depth of random soft folds; 0 is stiff.
            creases: Lines along which the cloth is pulled in.
            lift: Darkness of the shadow on what lies under it, 0 to 1.
        """
        pixels = outline * _SCALE + (WIDTH, 0)
        low = np.maximum(np.floor(pixels.min(0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(pixels.max(0)).astype(int) + 3, _SIZE)
        if (high <= low).any():
            return
        width, height = (high - low).tolist()
        mask = _fill(pixels - low, (width, height))
        inside = np.pad(mask > 0.5, 1)
        depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1].astype(np.float32)
        edge = max(round_edge * _SCALE, 1.0)
        level = edge * np.sqrt(np.clip(1 - (1 - np.minimum(depth, edge) / edge) ** 2, 0, 1)) * 0.45
        level += folds * self._folds((height, width))
        for crease in creases:
            level -= _groove(crease * _SCALE + (WIDTH, 0) - low, (width, height))
        relief = _RELIEF.get(cloth.weave, 1.0)
        slope_y, slope_x = np.gradient(ndimage.gaussian_filter(level, 1.6) * relief)
        normal = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
        light = (0.42 * slope_x + 0.55 * slope_y + 0.72) * normal / 0.72
        colour = self._woven(cloth, (height, width), low)
        shade = np.clip(0.30 + 0.70 * light, 0.35, 1.22) * (1 - 0.16 * np.exp(-depth / (0.9 * _SCALE)))
        lit = colour * shade[..., None]
        if gloss := _GLOSS.get(cloth.weave, 0.0):
            half = np.clip((0.24 * slope_x + 0.32 * slope_y + 0.92) * normal, 0, 1) ** 38
            lit = lit + gloss * (np.clip(half - 0.35, 0, 1) / 0.65)[..., None] * (0.35 + 0.65 * colour)
        self._lay(mask, lit, low, lift)

    def seam(self, line: Points, *, width: Number = 0.35, dark: Number = 0.30, dashed: bool = False) -> None:
        """Draw a seam: a dark line with a light one below it, only where there is cloth."""
        points = line * _SCALE + (WIDTH, 0)
        low = np.maximum(np.floor(points.min(0)).astype(int) - 6, 0)
        high = np.minimum(np.ceil(points.max(0)).astype(int) + 8, _SIZE)
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        (across, down), alpha = (high - low).tolist(), self.alpha[rows, columns]
        for offset, strength in ((0.0, -dark), (0.35 * _SCALE, 0.35 * dark)):
            drawn = _stroke(points - low + (0, offset), (across, down), max(1, round(width * _SCALE)), dashed)
            self.rgb[rows, columns] *= (1 + strength * drawn * alpha)[..., None]

    def stroke(self, line: Points, cloth: Cloth, width: Number, *, lift: Number = 0.3) -> None:
        """Draw a cord, strap or wire of even width."""
        self.part(_widen(line, width), cloth, round_edge=width / 2, folds=0, lift=lift)

    def button(self, x: Number, y: Number, radius: Number, colour: Colour) -> None:
        """Sew on a button with four holes."""
        self.part(ellipse(x, y, radius, radius), Cloth(colour=colour), round_edge=radius * 0.6, folds=0, lift=0.5)
        for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            hole = ellipse(x + dx * radius * 0.3, y + dy * radius * 0.3, radius * 0.13, radius * 0.13)
            self.part(hole, Cloth(colour=(40, 36, 34)), round_edge=0.1, folds=0, lift=0)

    def cut(self, outline: Points) -> None:
        """Take a hole out of everything."""
        self.alpha *= 1 - _fill(outline * _SCALE + (WIDTH, 0), _SIZE)

    def photo(self) -> UInt8[np.ndarray, "height width 3"]:
        """Put the garment on a light grey ground with a soft shadow, at the final size."""
        y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None]
        cover, colour = _halved(self.alpha), _halved(self.rgb.clip(0, 255) * self.alpha[..., None])
        ground = 243 - 9 * y - 5 * x**2 + 3 * (1 - y) * (1 - np.abs(x))
        ground = ground * (1 - 0.26 * np.roll(_blur(cover, 4.5), (6, 4), (0, 1)))
        picture = ground[..., None] * np.array([1.0, 0.998, 0.992], np.float32)
        return np.asarray((picture * (1 - cover[..., None]) + colour).clip(0, 255), np.uint8)

    def _lay(self, mask: np.ndarray, lit: np.ndarray, low: np.ndarray, lift: Number) -> None:
        (left, top), (height, width) = low.tolist(), mask.shape
        if lift:
            margin = 16
            rows = slice(max(top - margin, 0), min(top + height + margin, _SIZE[1]))
            columns = slice(max(left - margin, 0), min(left + width + margin, _SIZE[0]))
            padded = np.zeros_like(self.alpha[rows, columns])
            padded[
                top - rows.start : top - rows.start + height, left - columns.start : left - columns.start + width
            ] = mask
            cast = np.roll(_blur(padded, 4.0), (5, 3), (0, 1))
            self.rgb[rows, columns] *= (1 - lift * cast)[..., None]
        rows, columns = slice(top, top + height), slice(left, left + width)
        old = self.alpha[rows, columns]
        # Where nothing is yet, the colour must not be mixed with black.
        cover = np.where(old > 0, mask, 1)[..., None]
        under = self.rgb[rows, columns]
        under += (lit.astype(np.float32) - under) * cover
        self.alpha[rows, columns] = np.maximum(old, mask)

    def _folds(self, shape: tuple[int, int]) -> np.ndarray:
        """A random piece of the relief of this canvas."""
        top, left = (int(self._random.integers(0, _SIZE[axis] // 2)) for axis in (1, 0))
        piece: np.ndarray = self._relief[top : top + shape[0], left : left + shape[1]]
        return piece

    def _woven(self, cloth: Cloth, shape: tuple[int, int], low: np.ndarray) -> np.ndarray:
        """Colour of each pixel before it is lit."""
        y, x = np.mgrid[low[1] : low[1] + shape[0], low[0] : low[0] + shape[1]].astype(np.float32)
        share = np.zeros(shape, np.float32)
        if cloth.print == "stripes":
            share = ((y / _SCALE) % 5.6 < 1.9).astype(np.float32)
        elif cloth.print == "dots":
            row = np.floor(y / _SCALE / 3.6)
            dx, dy = (x / _SCALE + 1.8 * (row % 2)) % 3.6 - 1.8, (y / _SCALE) % 3.6 - 1.8
            share = (dx**2 + dy**2 < 0.75).astype(np.float32)
        elif cloth.print == "check":
            across, down = (x / _SCALE) % 7 < 2.6, (y / _SCALE) % 7 < 2.6
            share = 0.42 * across + 0.42 * down + 0.0
        base: np.ndarray = np.array(cloth.colour, np.float32)
        if cloth.print:
            share = ndimage.gaussian_filter(share, 0.9)[..., None]
            base = base * (1 - share) + np.array(cloth.second, np.float32) * share
        noise = self._random.standard_normal(shape, dtype=np.float32)
        grain: np.ndarray
        if cloth.weave == "knit":
            stitch = np.abs(((x / 8) % 1) - 0.5) * 8
            grain = (
                0.055 * np.sin((y + stitch * 1.1) * 2 * np.pi / 7) + 0.03 * np.cos(x * 2 * np.pi / 8) + 0.015 * noise
            )
        elif cloth.weave == "rib":
            grain = 0.085 * np.sin(x * 2 * np.pi / 11) + 0.02 * noise
        elif cloth.weave == "denim":
            twill = np.sin((x + 1.7 * y) * 2 * np.pi / 5)
            grain = 0.045 * twill + 0.10 * ndimage.gaussian_filter(noise, (3.0, 0.8)) + 0.025 * noise
        elif cloth.weave == "wool":
            grain = 0.15 * ndimage.gaussian_filter(noise, 1.3) + 0.02 * noise
        elif cloth.weave == "straw":
            grain = 0.09 * np.sin(x * 2 * np.pi / 9) * np.sign(np.sin(y * 2 * np.pi / 14)) + 0.03 * noise
        elif cloth.weave == "leather":
            grain = 0.05 * ndimage.gaussian_filter(noise, 1.6)
        elif cloth.weave in ("satin", "metal"):
            grain = 0.006 * noise
        else:
            grain = 0.016 * noise + 0.05 * ndimage.gaussian_filter(noise, (0.6, 2.2))
        return np.asarray(base * (1 + grain[..., None]))


def _halved(array: np.ndarray) -> np.ndarray:
    """Average squares of two by two pixels."""
    rows = array[::2] + array[1::2]
    halved: np.ndarray = (rows[:, ::2] + rows[:, 1::2]) / 4
    return halved


def _fill(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Coverage of a closed outline, 0 to 1, with soft edges."""
    drawn = Image.new("L", (2 * size[0], 2 * size[1]))
    ImageDraw.Draw(drawn).polygon([tuple(point) for point in (2 * points).tolist()], fill=255)
    return np.asarray(drawn.resize(size, Image.Resampling.BOX), np.float32) / 255


def _stroke(points: np.ndarray, size: tuple[int, int], width: int, dashed: bool) -> np.ndarray:
    drawn = Image.new("L", size)
    pen = ImageDraw.Draw(drawn)
    if dashed:
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        places = np.arange(0, along[-1], 8.0)
        ends = [
            np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], 1) for at in (places, places + 4.5)
        ]
        for start, end in zip(*ends, strict=True):
            pen.line([*start, *end], fill=255, width=width)
    else:
        pen.line([tuple(point) for point in points.tolist()], fill=255, width=width, joint="curve")
    return np.asarray(drawn.filter(ImageFilter.GaussianBlur(0.7)), np.float32) / 255


def _blur(coverage: np.ndarray, radius: Number) -> np.ndarray:
    """Blur coverage from 0 to 1; in eight bits, which is much faster and fine enough for shadows."""
    drawn = Image.fromarray((coverage * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(drawn, np.float32) / 255


def _groove(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    drawn = Image.new("L", size)
    ImageDraw.Draw(drawn).line([tuple(point) for point in points.tolist()], fill=255, width=7, joint="curve")
    return np.asarray(drawn.filter(ImageFilter.GaussianBlur(8)), np.float32) / 255 * 9


def _widen(line: Points, width: Number) -> Points:
    """Outline of a line of even width."""
    ahead = np.gradient(line, axis=0)
    side = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / (np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9)
    return np.concatenate([line + side * width / 2, (line - side * width / 2)[::-1]])
