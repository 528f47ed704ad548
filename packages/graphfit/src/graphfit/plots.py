"""The hue circle as a picture, with the hues of an outfit marked on it."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from skimage.color import hsv2rgb

from graphfit.colour.schemes import Scheme
from graphfit.colour.wheels import hues, to_hsv

_SHARP = 3  # drawn so many times larger, then reduced
_INK = (52, 50, 48)


def wheel_colours(angles: Float[np.ndarray, "*place"], wheel: str) -> Float[np.ndarray, "*place 3"]:
    """Say which saturated colour (RGB, 0 to 1) stands at angles, in degrees, of a circle."""
    if wheel == "ryb":
        hue = to_hsv(angles)
    elif wheel == "hsv":
        hue = np.asarray(angles, np.float64) % 360
    else:  # OKLCh has no formula for the most saturated colour of a hue: look it up among those of HSV.
        around = np.arange(0, 360, 0.5)
        found = hues(_lab_of_hsv(around), wheel)
        order = np.argsort(found)
        hue = around[order][np.searchsorted(found[order], np.asarray(angles) % 360).clip(max=len(around) - 1)]
    hsv = np.stack([hue / 360, np.full(np.shape(hue), 0.72), np.full(np.shape(hue), 0.92)], axis=-1)
    return np.asarray(hsv2rgb(hsv[None])[0] if hsv.ndim == 2 else hsv2rgb(hsv))


def hue_wheel(
    scheme: Scheme, size: int = 240, ground: tuple[int, int, int] = (255, 255, 255)
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw the circle with a dot for each hue, and a line for each group from the middle to its centre.

    0 degrees is at the top and angles run clockwise.

    Args:
        scheme: Names the circle, the hues and the groups.
        size: Side of the picture in pixels.
        ground: RGB of what lies around the circle.
    """
    side = size * _SHARP
    drawn = Image.fromarray(_ring(scheme.wheel, side, ground))
    pen = ImageDraw.Draw(drawn)

    def place(degrees: float, share: float) -> tuple[float, float]:
        turn = np.radians(degrees)
        return (side - 1) / 2 + share * side / 2 * np.sin(turn), (side - 1) / 2 - share * side / 2 * np.cos(turn)

    middle = place(0.0, 0.0)
    width = max(2, round(side * 0.008))
    for group in scheme.groups:
        pen.line([middle, place(group.centre, 0.70)], fill=_INK, width=width)
        spread = max(group.arc, 3.0) / 2
        box = [(side - 1) / 2 - 0.70 * side / 2, (side - 1) / 2 + 0.70 * side / 2]
        start = (group.hues[0] + group.arc / 2) - 90
        pen.arc([box[0], box[0], box[1], box[1]], start - spread, start + spread, fill=_INK, width=2 * width)
    for hue in scheme.hues:
        fill = tuple(int(255 * part) for part in wheel_colours(np.array([hue]), scheme.wheel)[0])
        _dot(pen, place(hue, 0.85), 0.055 * side, fill, width)
    if not scheme.hues:
        _dot(pen, middle, 0.06 * side, (150, 150, 150), width)
    return np.asarray(drawn.resize((size, size), Image.Resampling.LANCZOS))


@lru_cache(maxsize=4)
def _ring(wheel: str, side: int, ground: tuple[int, int, int]) -> UInt8[np.ndarray, "side side 3"]:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(x, y) / (side / 2)
    is_ring = (radius >= 0.74) & (radius <= 0.96)
    picture = np.empty((side, side, 3), np.uint8)
    picture[:] = ground
    angle = np.degrees(np.arctan2(x[is_ring], -y[is_ring])) % 360
    picture[is_ring] = 255 * wheel_colours(angle, wheel)
    return picture


def _dot(pen: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, fill: tuple[int, ...], width: int) -> None:
    for reach, colour in ((radius + width, _INK), (radius, (255, 255, 255)), (radius - 1.6 * width, fill)):
        pen.ellipse([at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach], fill=colour)


def _lab_of_hsv(hue: Float[np.ndarray, " place"]) -> Float[np.ndarray, "place 3"]:
    from skimage.color import rgb2lab

    hsv = np.stack([hue / 360, np.full_like(hue, 0.72), np.full_like(hue, 0.92)], axis=-1)
    return np.asarray(rgb2lab(hsv2rgb(hsv[None]))[0])
