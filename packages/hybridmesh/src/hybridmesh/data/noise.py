"""Errors that labels have in the wild: shaky and missing keypoints, maps with parts missing or on the wrong side.

The kinds are those that the paper names for predicted maps; how often each happens is our choice.
"""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import binary_erosion

from hybridmesh.config import SynthConfig
from hybridmesh.iuv import MIRRORED_CHART, PARTS, IUVMap

_LIMBS = ((2, 13), (3, 12), (4, 9), (5, 8), (6,), (7,), (10,), (11,))
"""Parts that are mistaken for those of the other side together: a hand goes with its lower arm, a foot with its leg."""


def spoil_keypoints(
    rng: np.random.Generator, keypoints: Float[np.ndarray, "25 3"], size: int, config: SynthConfig
) -> Float[np.ndarray, "25 3"]:
    """Shift keypoints and lose some."""
    out = keypoints.copy()
    out[:, :2] += rng.normal(0, config.keypoint_noise * size / 224, (len(out), 2))
    out[rng.random(len(out)) < config.keypoint_drop, 2] = 0
    return out


def spoil_map(rng: np.random.Generator, iuv: IUVMap, config: SynthConfig) -> IUVMap:
    """Take limbs for those of the other side, lose parts, and fall short of the outline."""
    index = iuv.index.copy()
    parts = PARTS[index]
    for limb in _LIMBS:
        if rng.random() < config.limb_swap:
            index = np.where(np.isin(parts, limb), MIRRORED_CHART[index], index)
    lost = np.flatnonzero(rng.random(15) < config.part_drop)
    kept = iuv.mask & ~np.isin(parts, lost)
    depth = config.erosion * len(index) / 128
    if steps := int(depth) + int(rng.random() < depth % 1):
        kept &= binary_erosion(iuv.mask, iterations=steps)
    return IUVMap(index.astype(np.uint8), iuv.uv, iuv.family).keep(kept)
