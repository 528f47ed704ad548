"""Delete from a dense map what contradicts accurate keypoints: limbs on the wrong side, parts of somebody else.

The paper says that sparse keypoints clean predicted maps, its code reads maps that were cleaned before; the rule is not
published. This one is ours: nothing is repaired or relabelled, only removed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import label

from hybridmesh.iuv import PART_NAMES, IUVMap
from hybridmesh.joints import KEYPOINTS, Keypoints, mirrored

MIRROR_FACTOR = 0.5
"""A piece goes if the mirrored limb is nearer by this factor."""
FAR_LIMB, FAR_TRUNK = 0.6, 1.0
"""It goes if it is farther from its own limb than this, in units of the person's scale."""
SPECK, NEAR = 0.002, 0.25
"""It goes if it has a smaller share of the foreground than the first, unless it is nearer to its own limb than the
second: what shows of a limb behind another one may be small."""

_ENDS = {
    "upper leg": ("hip", "knee"), "lower leg": ("knee", "ankle"), "upper arm": ("shoulder", "elbow"),
    "lower arm": ("elbow", "wrist"), "hand": ("wrist",), "foot": ("ankle",),
}  # fmt: skip
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_QUAD = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")


@dataclass(frozen=True)
class Removal:
    """A piece of a part that was removed, and why."""

    part: str
    pixels: int
    reason: str


@dataclass(frozen=True)
class Refinement:
    """A cleaned map and what was taken out of it."""

    map: IUVMap
    log: list[Removal]


def refine(iuv: IUVMap, keypoints: Keypoints, *, box_side: float) -> Refinement:
    """Remove pieces of a map that lie where their part cannot be.

    A piece is a connected set of pixels of one part (the two charts of a limb are one part). Parts whose keypoints are
    not visible are left alone, but for specks.

    Args:
        iuv: Of one person.
        keypoints: ``keypoints25`` in pixels of the same picture; confidence 0 is invisible.
        box_side: Of the person, in pixels; a quarter of it is the scale where shoulders and hips are not visible.
    """
    points = {name: point for name, point, seen in zip(KEYPOINTS, *keypoints, strict=True) if seen > 0}
    scale = _scale(points, box_side)
    parts, total = iuv.parts, int(iuv.mask.sum())
    kept, log = iuv.mask.copy(), []
    for part, name in enumerate(PART_NAMES[1:], 1):
        pieces, count = label(parts == part, np.ones((3, 3)))
        for number in range(1, count + 1):
            piece = pieces == number
            if reason := _contradiction(piece, name, points, scale, total):
                kept &= ~piece
                log.append(Removal(name, int(piece.sum()), reason))
    return Refinement(iuv.keep(kept), log)


def _scale(points: dict[str, Float[np.ndarray, "2"]], box_side: float) -> float:
    """From the middle of the shoulders to the middle of the hips, or a quarter of the box."""
    if all(name in points for name in _QUAD):
        left, right, right_hip, left_hip = (points[name] for name in _QUAD)
        length = float(np.linalg.norm((left + right - left_hip - right_hip) / 2))
        # Seen from above or below the trunk is short, but the limbs are not.
        return max(length, box_side / 8)
    return box_side / 4


def _contradiction(
    piece: Bool[np.ndarray, "height width"],
    part: str,
    points: dict[str, Float[np.ndarray, "2"]],
    scale: float,
    total: int,
) -> str | None:
    rows, columns = np.nonzero(piece)
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=1)
    names = _outline(part)
    own = _distance(pixels, [points[name] for name in names if name in points], len(names))
    if len(rows) < SPECK * total and (own is None or own > NEAR * scale):
        return "speck"
    if own is None:
        return None
    if own > (FAR_TRUNK if part in ("torso", "head") else FAR_LIMB) * scale:
        return "far from its keypoints"
    other_names = [mirrored(name) for name in names]
    if part not in ("torso", "head"):
        other = _distance(pixels, [points[name] for name in other_names if name in points], len(names))
        # Where left and right lie on each other, as seen from the side, nobody can tell.
        if other is not None and other < MIRROR_FACTOR * own and own > 0.1 * scale:
            return "on the other side"
    return None


def _outline(part: str) -> list[str]:
    """The keypoints that a part lies between."""
    if part == "torso":
        return list(_QUAD)
    if part == "head":
        return list(_FACE)
    side, _, limb = part.partition(" ")
    return [f"{side}_{end}" for end in _ENDS[limb]]


def _distance(pixels: Float[np.ndarray, "pixel 2"], ends: list[Float[np.ndarray, "2"]], wanted: int) -> float | None:
    """Median distance to a point, a segment, the mean of a face, or a quadrilateral; ``None`` if it is not visible."""
    if not ends or (wanted in (2, 4) and len(ends) < wanted):
        return None
    if wanted == 5:
        ends = [np.mean(ends, axis=0)]
    if len(ends) == 1:
        return float(np.median(np.linalg.norm(pixels - ends[0], axis=1)))
    sides = list(zip(ends, [*ends[1:], ends[0]], strict=True)) if len(ends) == 4 else [(ends[0], ends[1])]
    nearest = np.full(len(pixels), np.inf)
    for a, b in sides:
        edge = b - a
        along = ((pixels - a) @ edge / max(float(edge @ edge), 1e-9)).clip(0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(a + along[:, None] * edge - pixels, axis=1))
    if len(ends) == 4:
        turns = [
            np.cross(np.append(b - a, 0), np.column_stack([pixels - a, np.zeros(len(pixels))]))[:, 2] for a, b in sides
        ]
        inside = np.all([turn >= 0 for turn in turns], axis=0) | np.all([turn <= 0 for turn in turns], axis=0)
        nearest[inside] = 0
    return float(np.median(nearest))
