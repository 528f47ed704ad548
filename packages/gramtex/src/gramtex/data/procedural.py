"""Cloth drawn by the program: patterns with a seed, for tests and the demo, without any file."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from hr_common.errors import InputError

_Plane = Float[np.ndarray, "height width"]
_Draw = Callable[["_Loom"], Float[np.ndarray, "height width 3"]]


class _Loom:
    """Coordinates, colours and chance for one piece of cloth."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        self.rng = rng
        self.size = size
        self.y, self.x = np.mgrid[: size[0], : size[1]].astype(np.float64)

    def colours(self, count: int) -> Float[np.ndarray, "count 3"]:
        """Draw colours that can be told apart: brightness in even steps, in random order."""
        brightness = np.linspace(0.12, 0.88, count) if count > 1 else np.array([0.5])
        hue = self.rng.normal(0, 0.16, (count, 3))
        colours = self.rng.permutation(brightness)[:, None] + hue - hue.mean(axis=1, keepdims=True)
        return np.asarray(colours.clip(0.02, 0.98))

    def period(self, low: int, high: int) -> int:
        """Draw a length in pixels."""
        return int(self.rng.integers(low, high + 1))

    def paint(self, which: np.ndarray, colours: Float[np.ndarray, "count 3"]) -> Float[np.ndarray, "height width 3"]:
        """Colour each pixel by number."""
        return colours[which.astype(np.int64)]

    def smooth(self, sigma: float | int) -> _Plane:
        """Draw noise without features smaller than ``sigma`` pixels, of unit variance; periodic."""
        drawn = ndimage.gaussian_filter(self.rng.standard_normal(self.size), sigma, mode="wrap")
        return np.asarray(drawn / drawn.std())

    def scattered(self, spacing: int) -> list[tuple[float, float]]:
        """Draw places that keep a distance: one in each cell of a grid, shaken."""
        places = []
        for row in range(-1, self.size[0] // spacing + 2):
            for column in range(-1, self.size[1] // spacing + 2):
                shake = self.rng.uniform(-0.3, 0.3, 2)
                places.append(((row + 0.5 * (column % 2) + shake[0]) * spacing, (column + shake[1]) * spacing))
        return places


def _threads(loom: _Loom) -> tuple[np.ndarray, Float[np.ndarray, "count 3"]]:
    """Colour numbers of a symmetric sett, from random thread counts."""
    colours = loom.colours(4)
    half = [(number, loom.period(2, 14)) for number in loom.rng.integers(0, 4, 5)]
    counts = half + half[-2:0:-1]
    return np.repeat([number for number, _ in counts], [count for _, count in counts]), colours


def _stripes(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    sett, colours = _threads(loom)
    place = loom.y if loom.rng.random() < 0.5 else loom.x
    return loom.paint(sett[place.astype(int) % len(sett)], colours)


def _plaid(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    sett, colours = _threads(loom)
    warp, weft = sett[loom.x.astype(int) % len(sett)], sett[loom.y.astype(int) % len(sett)]
    over = (loom.x + loom.y).astype(int) % 4 < 2  # a 2/2 twill
    return loom.paint(np.where(over, warp, weft), colours)


def _gingham(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    period, colour = loom.period(5, 12), loom.colours(2).min(axis=0)
    dark = (loom.x // period % 2 + loom.y // period % 2)[..., None] / 2
    return np.asarray(0.95 * (1 - dark) + colour * dark)


def _dots(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    period = loom.period(12, 24)
    row = np.round(loom.y / period)
    x = loom.x - (row % 2) * period / 2
    distance = np.hypot(x - np.round(x / period) * period, loom.y - row * period)
    return loom.paint(distance < loom.rng.uniform(0.2, 0.35) * period, loom.colours(2))


def _houndstooth(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    # Four dark and four light threads in both directions, woven as a 2/2 twill.
    unit = loom.period(1, 3)
    x, y = (loom.x // unit).astype(int), (loom.y // unit).astype(int)
    return loom.paint(np.where((x + y) % 4 < 2, x // 4 % 2, y // 4 % 2), loom.colours(2))


def _herringbone(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    width, period = loom.period(10, 20), loom.period(4, 8)
    way = np.where(loom.x // width % 2 == 0, loom.x, -loom.x)
    return loom.paint((loom.y + way) % period < period / 2, loom.colours(2))


def _chevron(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    width, period = loom.period(12, 24), loom.period(10, 20)
    fold = np.abs(loom.x % (2 * width) - width)
    return loom.paint((loom.y + fold) % period < period / 2, loom.colours(2))


def _argyle(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    width, height = loom.period(14, 22), loom.period(20, 32)
    u, v = loom.x / width + loom.y / height, loom.x / width - loom.y / height
    line = (np.abs((u + 0.5) % 1 - 0.5) < 0.04) | (np.abs((v + 0.5) % 1 - 0.5) < 0.04)
    return loom.paint(np.where(line, 2, (np.floor(u) + np.floor(v)) % 2), loom.colours(3))


def _camouflage(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    sigma, which = loom.rng.uniform(4, 8), np.zeros(loom.size)
    for number in (1, 2, 3):
        which[loom.smooth(sigma) > 0.45] = number
    return loom.paint(which, loom.colours(4))


def _speckle(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    return loom.paint(np.digitize(loom.smooth(loom.rng.uniform(0.8, 1.6)), (-0.4, 1.0)), loom.colours(3))


def _leopard(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    ground, heart, ring = sorted(loom.colours(3), key=lambda colour: -float(colour.sum()))
    image = np.broadcast_to(ground, (*loom.size, 3)).copy()
    wobble_y, wobble_x = 2 * loom.smooth(3), 2 * loom.smooth(3)
    gaps = loom.smooth(3) < 0.7
    for top, left in loom.scattered(loom.period(13, 18)):
        radius = loom.rng.uniform(3.5, 6)
        distance = np.hypot(loom.y - top + wobble_y, 1.2 * (loom.x - left + wobble_x))
        image[distance < radius] = heart
        image[(np.abs(distance - radius) < 1.6) & gaps] = ring
    return image


def _floral(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    colours = loom.colours(5)
    image = np.broadcast_to(colours[0], (*loom.size, 3)).copy()
    for top, left in loom.scattered(loom.period(20, 30)):
        y, x, turn = loom.y - top, loom.x - left, loom.rng.uniform(0, 2 * np.pi)
        radius, angle = np.hypot(y, x), np.arctan2(y, x) + turn
        for leaf in (0.0, 2.3):
            along = x * np.cos(turn + leaf) + y * np.sin(turn + leaf)
            aside = -x * np.sin(turn + leaf) + y * np.cos(turn + leaf)
            image[((along - 8) / 5) ** 2 + (aside / 2) ** 2 < 1] = colours[1]
        image[radius < loom.rng.uniform(5, 8) * (0.7 + 0.3 * np.cos(5 * angle))] = colours[int(loom.rng.integers(2, 4))]
        image[radius < 1.8] = colours[4]
    return image


def _knit(loom: _Loom) -> Float[np.ndarray, "height width 3"]:
    width, height = loom.period(8, 12), loom.period(6, 9)
    colour, shade = loom.colours(1)[0], loom.smooth(1)
    u = loom.x % width / width - 0.5
    v = (loom.y - 1.2 * width * np.abs(u) + 0.6 * loom.smooth(4)) % height / height
    stitch = np.sin(np.pi * v) * np.cos(np.pi * (np.abs(u) * 2 - 0.5)) ** 0.5
    light = 0.45 + 0.65 * stitch + 0.05 * shade
    return np.asarray(colour * light[..., None] + 0.08)


PATTERNS: dict[str, _Draw] = {
    "stripes": _stripes,
    "plaid": _plaid,
    "gingham": _gingham,
    "dots": _dots,
    "houndstooth": _houndstooth,
    "herringbone": _herringbone,
    "chevron": _chevron,
    "argyle": _argyle,
    "camouflage": _camouflage,
    "speckle": _speckle,
    "leopard": _leopard,
    "floral": _floral,
    "knit": _knit,
}
"""All there are."""


def draw(pattern: str, size: tuple[int, int] = (128, 128), *, seed: int = 0) -> UInt8[np.ndarray, "height width 3"]:
    """Draw a piece of cloth; colours, widths and places come from the seed.

    Args:
        pattern: One of :data:`PATTERNS`.
        size: Height and width in pixels.
        seed: Settles everything else.

    Raises:
        InputError: There is no such pattern.
    """
    if pattern not in PATTERNS:
        raise InputError(f"unknown pattern '{pattern}'; choose one of {', '.join(PATTERNS)}")
    loom = _Loom(size, np.random.default_rng([seed, list(PATTERNS).index(pattern)]))
    image = PATTERNS[pattern](loom)
    weave = 0.015 * loom.rng.standard_normal(size)  # real cloth is never of one colour
    shaded = ndimage.gaussian_filter(image, (0.5, 0.5, 0)) + weave[..., None]
    return np.asarray(np.rint(shaded.clip(0, 1) * 255), dtype=np.uint8)
