"""Where the garment is in a product photo: what differs from a smooth backdrop fitted to the picture's border.

The backdrop of a catalogue photo is seldom plain white: grey, beige, with a gradient towards the floor. A polynomial in
CIELAB follows that; a bed or a carpet it does not, and then the picture is said to have no plain backdrop.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage
from skimage.color import rgb2lab

from graphfit.config import ColourConfig

_ORDER = 3
_ROUNDS = 3
_RING = 0.06  # width of the border that the backdrop is fitted to, as a share of the shorter side
_LEAST_SHARE = 0.004  # of the picture; the thinnest necklace of the photos that were looked at covers 0.006
_UNEVEN = 6.0  # typical CIELAB distance of the border from its fit beyond which there is no plain backdrop
_PALE_LIGHTNESS, _PALE_CHROMA, _PALE_DIFFERENCE = 62.0, 12.0, 3.0  # CIELAB; what may be the shading of white
_FAINT = (1.0, 0.6, 0.4, 0.25)  # of the threshold: a white shirt on white stands out by its shading only


@dataclass(frozen=True, eq=False)
class Foreground:
    """A garment cut out of its photo."""

    mask: Bool[np.ndarray, "height width"]
    """True where the garment is."""
    backdrop: Float[np.ndarray, "height width 3"] | None
    """The fitted backdrop in CIELAB; None for a picture with transparency or without a plain backdrop."""
    is_plain: bool
    """Whether the backdrop could be told from the garment; if not, the mask is the middle of the picture."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the garment in pixels, the last two exclusive."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def find_foreground(image: UInt8[np.ndarray, "height width channel"], config: ColourConfig | None = None) -> Foreground:
    """Find the garment in a product photo.

    Args:
        image: RGB or RGBA, 0 to 255. Where transparency marks the garment, it is believed.
        config: ``foreground_difference`` is the threshold.

    Returns:
        A mask that holds at least one pixel.
    """
    config = config or ColourConfig()
    height, width = image.shape[:2]
    if image.shape[2] == 4 and (image[..., 3] < 128).any() and (image[..., 3] >= 128).any():
        return Foreground(image[..., 3] >= 128, None, is_plain=True)
    if min(height, width) < 16:
        return Foreground(np.ones((height, width), bool), None, is_plain=False)
    lab = rgb2lab(image[..., :3])
    backdrop, unevenness = _fit_backdrop(lab)
    difference = np.linalg.norm(lab - backdrop, axis=2)
    for share in _FAINT if unevenness <= _UNEVEN else ():
        mask = _clean(difference > max(share * config.foreground_difference, 2.5 * unevenness))
        if _LEAST_SHARE <= mask.mean() <= 0.95:
            return Foreground(_fill_pale(mask, lab, difference, unevenness), backdrop, is_plain=True)
    # A phone photo on a bed: the garment fills the middle.
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return Foreground(np.asarray(x**2 + y**2 < 0.6**2), None, is_plain=False)


def _fit_backdrop(lab: Float[np.ndarray, "height width 3"]) -> tuple[Float[np.ndarray, "height width 3"], float]:
    """Fit a polynomial in x and y to the border, leaving out what does not belong to it; also its typical residual."""
    design, is_border = _design(*lab.shape[:2])
    border, target = design[is_border], lab[is_border]
    keep, typical = np.ones(len(target), bool), 0.0
    coefficients = np.zeros((design.shape[2], 3))
    for _ in range(_ROUNDS + 1):
        # Normal equations: ten well-scaled terms, and five times faster than a least-squares solver.
        used = border[keep]
        coefficients = np.linalg.solve(used.T @ used + 1e-6 * np.eye(used.shape[1]), used.T @ target[keep])
        residual = np.linalg.norm(target - border @ coefficients, axis=1)
        typical = float(np.median(residual))
        keep = residual <= max(3.0, 2.5 * typical)
    return design @ coefficients, typical


@lru_cache(maxsize=8)
def _design(height: int, width: int) -> tuple[Float[np.ndarray, "height width term"], Bool[np.ndarray, "height width"]]:
    """The terms of the polynomial at each pixel, and which pixels are of the border."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([x**i * y**j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)], axis=2)
    ring = max(2, round(_RING * min(height, width)))
    is_border = np.ones((height, width), bool)
    is_border[ring:-ring, ring:-ring] = False
    return terms, is_border


def _fill_pale(
    mask: Bool[np.ndarray, "height width"],
    lab: Float[np.ndarray, "height width 3"],
    difference: Float[np.ndarray, "height width"],
    unevenness: float,
) -> Bool[np.ndarray, "height width"]:
    """Add the inside of a white garment, of which only folds and shadows differ clearly from a white backdrop."""
    middle = np.median(lab[mask], axis=0)
    if middle[0] < _PALE_LIGHTNESS or np.hypot(middle[1], middle[2]) > _PALE_CHROMA:
        return mask
    faint = ndimage.binary_closing(mask | (difference > max(_PALE_DIFFERENCE, 2.5 * unevenness)), iterations=2)
    labels, _ = ndimage.label(ndimage.binary_fill_holes(faint), structure=np.ones((3, 3)))
    touched = np.unique(labels[mask])
    grown = np.isin(labels, touched[touched > 0])
    # What has run out to the border, or over the whole picture, is backdrop.
    spilt = _on_border(grown) > _on_border(mask) or grown.mean() > 0.7
    return np.asarray(mask if spilt else grown)


def _on_border(mask: Bool[np.ndarray, "height width"]) -> int:
    return int(mask[[0, -1]].sum() + mask[:, [0, -1]].sum())


def _clean(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Drop specks: parts that hold less than a fiftieth of the largest one's pixels."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= max(sizes.max() / 50, 4))[labels])
