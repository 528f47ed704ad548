"""Mirror IUV pictures through the surface: what is seen at a pixel becomes the same place on the other side.

The paper's code changes U and V by rules that only nearly hold for DensePose's charts. Here the charts that are mirror
images of each other change places, and in those that are not (the trunk's), each (U, V) is looked up in a table that
goes to the surface, over to the other side, and back.
"""

import numpy as np
from jaxtyping import Int, UInt8
from scipy.ndimage import distance_transform_edt

from hybridmesh.correspondence import CHARTS, Correspondence
from hybridmesh.iuv import MIRRORED_CHART
from hybridmesh.rasteriser import rasterise

_LEVELS = 256
_SAME = 1e-6  # difference of U and V from which on two charts are no mirror images


class IUVMirror:
    """Mirrors 8-bit IUV pictures of one body."""

    def __init__(self, phi: Correspondence, vertex_mirror: Int[np.ndarray, " vertex"]) -> None:
        """Find out which charts need a table, and make it.

        Raises:
            InputError: The mirror image of a face is no face of the body.
        """
        faces = np.arange(len(phi.faces))
        # Three different weights tell the corners apart.
        weights = np.tile([0.5, 0.3, 0.2], (len(faces), 1))
        index, uv = phi.inverse(faces, weights)
        image = phi.mirror(phi.faces, weights, vertex_mirror)
        chart, mirrored = phi.inverse(image.face, image.barycentrics)
        self._tables: dict[int, UInt8[np.ndarray, "256 256 2"]] = {}
        for each in range(1, CHARTS + 1):
            mine = np.flatnonzero(index == each)
            alike = (chart[mine] == MIRRORED_CHART[each]).all()
            if not alike or np.abs(uv[mine] - mirrored[mine]).max(initial=0) > _SAME:
                self._tables[each] = self._table(phi, mine, vertex_mirror)

    @staticmethod
    def _table(
        phi: Correspondence, faces: Int[np.ndarray, " face"], vertex_mirror: Int[np.ndarray, " vertex"]
    ) -> UInt8[np.ndarray, "256 256 2"]:
        """Draw a chart with V to the right and U downwards, so that each pixel is one pair of levels."""
        corners = phi.charts.corners[faces][..., ::-1] * (_LEVELS - 1) + 0.5
        flat = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], -1).reshape(-1, 3)
        raster = rasterise(flat, np.arange(len(flat)).reshape(-1, 3), _LEVELS, _LEVELS)
        # Between the islands of a chart, and beyond its rim, counts what is nearest.
        rows, columns = distance_transform_edt(~raster.mask, return_distances=False, return_indices=True)
        face, weights = faces[raster.face[rows, columns].ravel()], raster.barycentrics[rows, columns].reshape(-1, 3)
        image = phi.mirror(phi.faces[face], weights.astype(np.float64), vertex_mirror)
        _, target = phi.inverse(image.face, image.barycentrics)
        return np.asarray(np.rint(target * (_LEVELS - 1)), np.uint8).reshape(_LEVELS, _LEVELS, 2)

    def __call__(
        self, picture: UInt8[np.ndarray, "*batch height width 3"]
    ) -> UInt8[np.ndarray, "*batch height width 3"]:
        """Mirror pictures with the channels I, U, V."""
        out = np.ascontiguousarray(picture[..., ::-1, :]).reshape(-1, 3)
        index = out[:, 0].copy()
        for each, table in self._tables.items():
            at = np.flatnonzero(index == each)
            out[at, 1:] = table[out[at, 1], out[at, 2]]
        out[:, 0] = MIRRORED_CHART.astype(np.uint8)[index]
        return out.reshape(picture.shape)
