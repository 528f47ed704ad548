"""Hue circles: where a colour stands on the painters' wheel, in HSV or in OKLCh, in degrees.

The circle decides which colours are opposites: red faces green on the painters' wheel (``ryb``) and cyan in HSV.
"""

import numpy as np
from jaxtyping import Bool, Float
from skimage.color import lab2rgb, rgb2hsv

from graphfit.config import ColourConfig
from hr_common.errors import InputError

WHEELS = ("ryb", "hsv", "oklch")

# From HSV hue to the painters' wheel, where red, yellow and blue are a third of the circle apart: linear in between.
_HSV_STOPS = (0.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0)
_RYB_STOPS = (0.0, 60.0, 120.0, 180.0, 210.0, 240.0, 300.0, 360.0)

# Ottosson, "A perceptual color space for image processing" (2020): linear sRGB to cone responses, and those to OKLab.
_OKLAB_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def hues(lab: Float[np.ndarray, "*colour 3"], wheel: str = "ryb") -> Float[np.ndarray, "*colour"]:
    """Say where colours stand on a circle.

    Args:
        lab: Colours in CIELAB (D65).
        wheel: ``ryb``, ``hsv`` or ``oklch``.

    Returns:
        Angles from 0 to 360 degrees. A grey has an angle too, which means nothing: ask :func:`is_achromatic`.

    Raises:
        InputError: There is no such circle.
    """
    if wheel not in WHEELS:
        raise InputError(f"--wheel {wheel} is unknown; choose {', '.join(WHEELS)}")
    rgb = lab2rgb(np.asarray(lab, np.float64)).clip(0, 1)
    if wheel == "oklch":
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        a_b = (np.cbrt(linear @ _OKLAB_CONES.T) @ _OKLAB.T)[..., 1:]
        return np.asarray(np.degrees(np.arctan2(a_b[..., 1], a_b[..., 0])) % 360)
    hsv: np.ndarray = rgb2hsv(rgb)[..., 0] * 360
    return hsv if wheel == "hsv" else from_hsv(hsv)


def from_hsv(hue: Float[np.ndarray, "*colour"]) -> Float[np.ndarray, "*colour"]:
    """Turn HSV hue into an angle of the painters' wheel; both in degrees."""
    return np.asarray(np.interp(np.asarray(hue) % 360, _HSV_STOPS, _RYB_STOPS))


def to_hsv(angle: Float[np.ndarray, "*colour"]) -> Float[np.ndarray, "*colour"]:
    """Turn an angle of the painters' wheel into HSV hue, the inverse of :func:`from_hsv`; both in degrees."""
    return np.asarray(np.interp(np.asarray(angle) % 360, _RYB_STOPS, _HSV_STOPS))


def is_achromatic(
    lab: Float[np.ndarray, "*colour 3"], config: ColourConfig | None = None
) -> Bool[np.ndarray, "*colour"]:
    """Tell which colours count as black, grey or white: too little chroma, too dark, or too light for it."""
    config = config or ColourConfig()
    lightness, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    pale = (lightness > config.achromatic_light) & (chroma < config.achromatic_light_chroma)
    return np.asarray((chroma < config.achromatic_chroma) | (lightness < config.achromatic_dark) | pale)
