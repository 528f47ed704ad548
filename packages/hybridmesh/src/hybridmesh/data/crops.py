"""Crops: a square of a picture, upright or turned, as a small picture, and points in its coordinates.

A crop maps a point p of the picture to q = R (p - centre) · 2 / side, [-1, 1] from edge to edge, y down; the centre of
the pixel in column 0, row 0 is (0.5, 0.5) in both. Outside the picture is black.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from hybridmesh.camera import Box


@dataclass(frozen=True)
class Crop:
    """A square of a picture."""

    box: Box
    angle: float = 0.0
    """Radians by which the picture's content is turned in the crop, from x towards y: clockwise on the screen."""

    @classmethod
    def whole(cls, height: int, width: int) -> "Crop":
        """Pad the whole picture to a square around its middle, as the paper's code does."""
        return cls(Box(width / 2, height / 2, float(max(height, width))))

    def changed(self, *, angle: float = 0.0, scale: float = 1.0) -> "Crop":
        """Turn the content, and let the square grow by a factor."""
        return replace(self, angle=self.angle + angle, box=replace(self.box, side=self.box.side * scale))

    @property
    def turn(self) -> Float[np.ndarray, "2 2"]:
        """The rotation R."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])

    def normalise(self, points: Float[np.ndarray, "*point 2"]) -> Float[np.ndarray, "*point 2"]:
        """Map pixels of the picture to [-1, 1] inside the crop."""
        return np.asarray(self.box.normalise(points) @ self.turn.T)

    def to_pixels(self, points: Float[np.ndarray, "*point 2"]) -> Float[np.ndarray, "*point 2"]:
        """Map [-1, 1] inside the crop to pixels of the picture."""
        return self.box.to_pixels(points @ self.turn)

    def cut(self, picture: UInt8[np.ndarray, "height width 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Cut a photo, bilinearly; one that shrinks a lot is averaged down first."""
        if self._is_whole(picture, size):
            return picture
        source, shrink = Image.fromarray(picture), int(self.box.side / size)
        if shrink >= 2:
            source = source.reduce(shrink)
        return self._warp(source, size, max(shrink, 1), Image.Resampling.BILINEAR)

    def cut_labels(self, picture: UInt8[np.ndarray, "height width 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Cut an IUV picture, by the nearest pixel; anything smoother would mix charts."""
        if self._is_whole(picture, size):
            return picture
        return self._warp(Image.fromarray(picture), size, 1, Image.Resampling.NEAREST)

    def _is_whole(self, picture: UInt8[np.ndarray, "height width 3"], size: int) -> bool:
        middle = size / 2
        return picture.shape == (size, size, 3) and (self.box, self.angle) == (Box(middle, middle, float(size)), 0.0)

    def _warp(
        self, source: Image.Image, size: int, shrink: int, resampling: Image.Resampling
    ) -> UInt8[np.ndarray, "size size 3"]:
        # From pixels of the crop to those of the source; Pillow has the same convention of pixel centres.
        step = self.turn.T * (self.box.side / size / shrink)
        offset = np.array([self.box.cx, self.box.cy]) / shrink - step @ np.array([size / 2, size / 2])
        numbers = (step[0, 0], step[0, 1], offset[0], step[1, 0], step[1, 1], offset[1])
        return np.asarray(source.transform((size, size), Image.Transform.AFFINE, numbers, resampling))
