"""φ: from a pixel of dense correspondence (I, U, V) to a point of the surface, and back.

DensePose's tools return the nearest vertex where no triangle of the chart contains (U, V). Here it is the nearest point
of the chart, flagged as outside, with its distance.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from hr_common.errors import InputError
from hybridmesh.body.arrays import Charts

CHARTS = 24
_CELLS = 128  # of the grid over a chart, each way; a cell is two steps of an 8-bit coordinate
_EDGE = 1e-9  # barycentrics this far below zero still count as inside


@dataclass(frozen=True)
class SurfacePoints:
    """Points of the surface, each in a face."""

    face: Int[np.ndarray, " point"]
    vertex_ids: Int[np.ndarray, "point 3"]
    barycentrics: Float[np.ndarray, "point 3"]
    inside: Bool[np.ndarray, " point"]
    """Whether a triangle of the chart contains (U, V)."""
    distance: Float[np.ndarray, " point"]
    """How far outside, in units of U and V."""


class Correspondence:
    """φ and its inverse for one body. Making it sorts the faces into grids once; then 400 points take a millisecond."""

    def __init__(self, charts: Charts, faces: Int[np.ndarray, "face 3"]) -> None:
        self.charts, self.faces = charts, faces
        low = np.floor(charts.corners.min(1) * _CELLS).astype(int).clip(0, _CELLS - 1)
        high = np.floor(charts.corners.max(1) * _CELLS).astype(int).clip(0, _CELLS - 1)
        size = high - low + 1
        face = np.repeat(np.arange(len(faces)), size.prod(1))
        step = np.arange(len(face)) - np.repeat(np.cumsum(size.prod(1)) - size.prod(1), size.prod(1))
        u, v = low[face, 0] + step % size[face, 0], low[face, 1] + step // size[face, 0]
        cell = self._cell(charts.index[face], u, v)
        order = np.argsort(cell, kind="stable")
        self._members = face[order]
        self._starts = np.searchsorted(cell[order], np.arange((CHARTS + 1) * _CELLS**2 + 1))
        origin, *ends = charts.corners.transpose(1, 0, 2)
        edges = np.stack([end - origin for end in ends], axis=-1)
        determinant = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
        # Two faces at a chart's rim may have no extent in U and V; they contain nothing.
        flat = np.abs(determinant) < 1e-14
        adjugate = np.stack(
            [np.stack([edges[:, 1, 1], -edges[:, 0, 1]], -1), np.stack([-edges[:, 1, 0], edges[:, 0, 0]], -1)], 1
        )
        self._inverse = np.where(flat[:, None, None], np.nan, adjugate / np.where(flat, 1, determinant)[:, None, None])

    def __call__(self, index: Int[np.ndarray, " point"], uv: Float[np.ndarray, "point 2"]) -> SurfacePoints:
        """Find the points of the surface.

        Args:
            index: Chart of each point, 1 to 24.
            uv: Coordinates in the chart, [0, 1].

        Raises:
            InputError: A chart does not exist, or a coordinate lies outside [0, 1].
        """
        if len(index) and not (index.min() >= 1 and index.max() <= CHARTS):
            raise InputError(f"chart numbers run from 1 to {CHARTS}; there are {index.min()} and {index.max()}")
        if len(uv) and not (uv.min() >= 0 and uv.max() <= 1):
            raise InputError(f"U and V run from 0 to 1; there are {uv.min():.3g} and {uv.max():.3g}")
        cell = np.floor(uv * _CELLS).astype(int).clip(0, _CELLS - 1)
        point, face = self._candidates(self._cell(index, cell[:, 0], cell[:, 1]))
        weights = self._solve(face, uv[point])
        worst = weights.min(1)
        worst[np.isnan(worst)] = -np.inf
        # The candidate that contains the point best; the lowest face among equals. Pairs come point by point, and of
        # a point face by face.
        begins = np.flatnonzero(np.diff(point, prepend=-1))
        score = worst.clip(max=0)
        best = (
            np.repeat(np.maximum.reduceat(score, begins), np.diff(begins, append=len(point))) if len(point) else score
        )
        order = np.where(score == best, np.arange(len(point)), len(point))
        first = np.minimum.reduceat(order, begins) if len(point) else order
        hit = first[worst[first] >= -_EDGE]
        found = np.full(len(index), -1)
        barycentrics, distance = np.zeros((len(index), 3)), np.zeros(len(index))
        found[point[hit]] = face[hit]
        barycentrics[point[hit]] = weights[hit].clip(0)
        inside = found >= 0
        outside = np.flatnonzero(~inside)
        if len(outside):
            found[outside], barycentrics[outside], distance[outside] = self._nearest(index[outside], uv[outside])
        barycentrics /= barycentrics.sum(1, keepdims=True)
        return SurfacePoints(found, self.faces[found], barycentrics, inside, distance)

    def inverse(
        self, face: Int[np.ndarray, " point"], barycentrics: Float[np.ndarray, "point 3"]
    ) -> tuple[Int[np.ndarray, " point"], Float[np.ndarray, "point 2"]]:
        """Give I and (U, V) of points of the surface."""
        return self.charts.index[face], np.einsum("pk,pkc->pc", barycentrics, self.charts.corners[face])

    def mirror(
        self,
        vertex_ids: Int[np.ndarray, "point 3"],
        barycentrics: Float[np.ndarray, "point 3"],
        vertex_mirror: Int[np.ndarray, " vertex"],
    ) -> SurfacePoints:
        """Give the points on the other side of a symmetric body.

        Raises:
            InputError: The mirror image of a face is no face of this body.
        """
        if not hasattr(self, "_by_vertices"):
            self._by_vertices = {tuple(sorted(face)): number for number, face in enumerate(self.faces.tolist())}
        images = vertex_mirror[vertex_ids]
        try:
            face = np.array([self._by_vertices[tuple(sorted(image))] for image in images.tolist()], int)
        except KeyError:
            raise InputError("the faces of this body are not symmetric; dense points cannot be mirrored") from None
        order = np.argmax(self.faces[face][:, :, None] == images[:, None], axis=2)
        moved = np.take_along_axis(barycentrics, order, 1)
        return SurfacePoints(face, self.faces[face], moved, np.ones(len(face), bool), np.zeros(len(face)))

    @staticmethod
    def _cell(index: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray((index * _CELLS + v) * _CELLS + u)

    def _candidates(self, cell: Int[np.ndarray, " point"]) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a point and a face that reaches into its cell."""
        counts = self._starts[cell + 1] - self._starts[cell]
        point = np.repeat(np.arange(len(cell)), counts)
        step = np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts)
        return point, self._members[self._starts[cell][point] + step]

    def _solve(self, face: Int[np.ndarray, " pair"], uv: Float[np.ndarray, "pair 2"]) -> Float[np.ndarray, "pair 3"]:
        away, inverse = uv - self.charts.corners[face, 0], self._inverse[face]
        second = inverse[:, 0, 0] * away[:, 0] + inverse[:, 0, 1] * away[:, 1]
        third = inverse[:, 1, 0] * away[:, 0] + inverse[:, 1, 1] * away[:, 1]
        return np.column_stack([1 - second - third, second, third])

    def _nearest(
        self, index: Int[np.ndarray, " point"], uv: Float[np.ndarray, "point 2"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The nearest point of the chart: among the cells around, or among all faces if those are too far away."""
        face = np.zeros(len(index), int)
        weights, distance = np.zeros((len(index), 3)), np.full(len(index), np.inf)
        base = np.floor(uv * _CELLS).astype(int).clip(0, _CELLS - 1)
        for shift in np.ndindex(3, 3):
            cell = base + np.array(shift) - 1
            valid = np.flatnonzero(((cell >= 0) & (cell < _CELLS)).all(1))
            point, candidate = self._candidates(self._cell(index[valid], cell[valid, 0], cell[valid, 1]))
            self._improve(valid[point], candidate, uv, face, weights, distance)
        for far in np.flatnonzero(distance > 1 / _CELLS):
            candidate = np.flatnonzero(self.charts.index == index[far])
            self._improve(np.full(len(candidate), far), candidate, uv, face, weights, distance)
        return face, weights, distance

    def _improve(
        self,
        point: Int[np.ndarray, " pair"],
        candidate: Int[np.ndarray, " pair"],
        uv: Float[np.ndarray, "point 2"],
        face: Int[np.ndarray, " point"],
        weights: Float[np.ndarray, "point 3"],
        distance: Float[np.ndarray, " point"],
    ) -> None:
        """Take what is nearer than what was found before; the nearest point lies on an edge."""
        corners = self.charts.corners[candidate]
        best, share = np.full(len(point), np.inf), np.zeros((len(point), 3))
        for a, b in ((0, 1), (1, 2), (2, 0)):
            edge = corners[:, b] - corners[:, a]
            along = np.einsum("pc,pc->p", uv[point] - corners[:, a], edge) / np.maximum((edge**2).sum(1), 1e-30)
            along = along.clip(0, 1)
            away = np.linalg.norm(corners[:, a] + along[:, None] * edge - uv[point], axis=1)
            nearer = away < best
            best[nearer] = away[nearer]
            share[nearer] = 0
            share[nearer, a], share[nearer, b] = 1 - along[nearer], along[nearer]
        order = np.lexsort((candidate, best, point))
        first = order[np.append(True, np.diff(point[order]) > 0)] if len(order) else order
        first = first[best[first] < distance[point[first]]]
        at = point[first]
        face[at], weights[at], distance[at] = candidate[first], share[first], best[first]
