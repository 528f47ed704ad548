"""The colours of a garment: k-means in CIELAB over its foreground, with near colours merged and small ones dropped."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

from graphfit.colour.difference import delta_e
from graphfit.colour.foreground import find_foreground
from graphfit.config import ColourConfig

_SIDE = 128  # pixels; colours do not need more, and the time grows with the area
_PIXELS = 1_500


@dataclass(frozen=True, eq=False)
class Palette:
    """A garment's colours, the largest first."""

    colours: Float[np.ndarray, "colour 3"]
    """CIELAB (D65)."""
    weights: Float[np.ndarray, " colour"]
    """Shares of the garment's area; they sum to 1."""


def garment_palette(image: UInt8[np.ndarray, "height width channel"], config: ColourConfig | None = None) -> Palette:
    """Find the colours of the garment in a photo; the same picture always gives the same palette.

    Args:
        image: RGB or RGBA, 0 to 255.
        config: Number of colours and what is merged or dropped.
    """
    config = config or ColourConfig()
    small = _shrink(image)
    mask = find_foreground(small, config).mask
    inner = ndimage.binary_erosion(mask)  # the outline is a mixture with the backdrop
    pixels = small[inner if inner.sum() >= 50 else mask][:, :3]
    pixels = pixels[:: max(1, len(pixels) // _PIXELS)]
    lab = rgb2lab(pixels)
    count = min(config.colours, len(np.unique(pixels.astype(np.int64) @ (65_536, 256, 1))))
    # Slow to import, and not needed where palettes are read from a file.
    from sklearn.cluster import KMeans

    clusters = KMeans(count, n_init=1, random_state=0).fit(lab)
    shares = np.bincount(clusters.labels_, minlength=count) / len(lab)
    return _tidy(clusters.cluster_centers_.astype(np.float64), shares, config)


def _shrink(image: UInt8[np.ndarray, "height width channel"]) -> UInt8[np.ndarray, "small_height small_width channel"]:
    if max(image.shape[:2]) <= _SIDE:
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(picture)


def _tidy(
    colours: Float[np.ndarray, "colour 3"], weights: Float[np.ndarray, " colour"], config: ColourConfig
) -> Palette:
    """Merge the nearest pair while it is too near, then drop what is small; never the largest."""
    while len(colours) > 1:
        difference = delta_e(colours[:, None], colours[None]) + np.where(np.eye(len(colours)), np.inf, 0)
        one, other = np.unravel_index(int(difference.argmin()), difference.shape)
        if difference[one, other] >= config.merge_difference:
            break
        colours[one] = np.average(colours[[one, other]], axis=0, weights=weights[[one, other]])
        weights[one] += weights[other]
        colours, weights = np.delete(colours, other, axis=0), np.delete(weights, other)
    keep = (weights >= config.least_weight) | (weights == weights.max())
    order = np.argsort(-weights[keep], kind="stable")
    kept = weights[keep][order]
    return Palette(colours[keep][order], kept / kept.sum())


def palettes_from_rows(rows: Float[np.ndarray, "item colour 4"]) -> list[Palette]:
    """Turn rows of L*, a*, b* and weight, as features keep them, into palettes; rows of zero weight are empty."""
    return [
        Palette(row[row[:, 3] > 0, :3].astype(np.float64), row[row[:, 3] > 0, 3].astype(np.float64)) for row in rows
    ]
