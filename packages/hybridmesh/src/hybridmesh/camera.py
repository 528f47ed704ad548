"""Pixels and cameras.

One convention everywhere: the centre of the pixel in column 0, row 0 lies at (0.5, 0.5); y points down; a square crop
of side b is normalised to [-1, 1], so that 0 is its left edge at -1. (The paper's code maps pixel p of 224 to
p / 224 · 2 - 1, which is the same with coordinates counted this way.)
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

FOCAL = 5000.0
"""Focal length in pixels that is assumed where none is known, as in SPIN."""


@dataclass(frozen=True)
class Box:
    """A square in a picture: its centre and its side in pixels. It may reach beyond the picture."""

    cx: float
    cy: float
    side: float

    @classmethod
    def around(cls, points: Float[np.ndarray, "point 2"], *, margin: float = 1.2) -> "Box":
        """Enclose points with a margin: the side is ``margin`` times the longer side of their tight box."""
        low, high = points.min(0), points.max(0)
        cx, cy = (low + high) / 2
        return cls(float(cx), float(cy), float(max((high - low).max() * margin, 1.0)))

    @classmethod
    def from_scale(cls, center: tuple[float, float], scale: float) -> "Box":
        """Read the box of a SPIN-style file, whose scale is the side in units of 200 pixels."""
        return cls(center[0], center[1], 200.0 * scale)

    def normalise(self, points: Float[np.ndarray, "*point 2"]) -> Float[np.ndarray, "*point 2"]:
        """Map pixels of the picture to [-1, 1] inside the box."""
        return np.asarray((points - np.array([self.cx, self.cy])) * (2 / self.side))

    def to_pixels(self, points: Float[np.ndarray, "*point 2"]) -> Float[np.ndarray, "*point 2"]:
        """Map [-1, 1] inside the box to pixels of the picture."""
        return np.asarray(points * (self.side / 2) + np.array([self.cx, self.cy]))


def project(points: Float[Tensor, "batch point 3"], camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch point 2"]:
    """Project with the weak-perspective camera of a crop: x = s (X + tx), y = s (Y + ty).

    The translation is in metres and is added before scaling, as in the paper's code; in SPIN's the order is the same,
    in HMR's it is not.

    Args:
        points: Metres, camera axes: x right, y down, z forward.
        camera: ``(s, tx, ty)``.

    Returns:
        Coordinates in the crop, [-1, 1] from edge to edge, y down.
    """
    return camera[:, None, :1] * (points[..., :2] + camera[:, None, 1:])


@dataclass(frozen=True)
class FullCamera:
    """A pinhole camera for the whole picture: focal length and size in pixels, principal point in the middle."""

    focal: float
    width: int
    height: int

    def translation(self, camera: Float[np.ndarray, "3"], box: Box) -> Float[np.ndarray, "3"]:
        """Say where the body has to stand, in metres, to appear as the crop's weak-perspective camera shows it."""
        scale, tx, ty = (float(number) for number in camera)
        per_pixel = 2 / (box.side * scale)
        return np.array([
            tx + per_pixel * (box.cx - self.width / 2),
            ty + per_pixel * (box.cy - self.height / 2),
            self.focal * per_pixel,
        ])  # fmt: skip

    def project(self, points: Float[np.ndarray, "*point 3"]) -> Float[np.ndarray, "*point 2"]:
        """Project points in metres, camera axes, to pixels."""
        centre = np.array([self.width / 2, self.height / 2])
        return np.asarray(points[..., :2] * (self.focal / points[..., 2:]) + centre)


def weak_perspective_pixels(
    points: Float[np.ndarray, "*point 3"], camera: Float[np.ndarray, "3"], box: Box
) -> Float[np.ndarray, "*point 3"]:
    """Place points in the whole picture as the crop's camera shows them.

    Returns:
        x and y in pixels, and z in pixels too (metres times the same scale), so that several people with different
        cameras may share one z-buffer only after their depths are offset.
    """
    scale = box.side / 2 * float(camera[0])
    moved = (points + np.array([float(camera[1]), float(camera[2]), 0.0])) * scale
    return np.asarray(moved + np.array([box.cx, box.cy, 0.0]))


def mirror_camera(camera: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Give the camera of the mirrored crop."""
    return camera * torch.tensor([1.0, -1.0, 1.0], dtype=camera.dtype, device=camera.device)
