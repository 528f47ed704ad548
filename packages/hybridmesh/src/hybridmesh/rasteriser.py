"""Which triangle is seen in each pixel: a z-buffer on the CPU, without any graphics library.

Pixels are sampled at their centres. An edge shared by two triangles is drawn by exactly one of them (the top-left
rule, with each edge evaluated from the same end on both sides, so that rounding cannot open a hole). The result does
not depend on the order of the triangles, but that the lowest face number wins where depths are equal to the last bit.

The inner loop is compiled by numba; the fallback in numpy gives the same bits.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from hybridmesh.compiled import HAS_NUMBA, compile_loops

Engine = Literal["auto", "compiled", "numpy"]
_CHUNK = 4_000_000  # pairs of triangle and pixel that the fallback holds at once


@dataclass(frozen=True)
class Raster:
    """What is seen in each pixel."""

    face: Int32[np.ndarray, "*batch height width"]
    """Number of the face, -1 where there is none."""
    barycentrics: Float32[np.ndarray, "*batch height width 3"]
    """Where in the face, in space (perspective-correct); zero on the background."""
    depth: Float32[np.ndarray, "*batch height width"]
    """Depth, infinite on the background."""

    @property
    def mask(self) -> np.ndarray:
        """Where something is seen."""
        return np.asarray(self.face >= 0)

    def interpolate(
        self, corners: Float[np.ndarray, "face 3 channel"], background: float = 0.0
    ) -> Float[np.ndarray, "height width channel"]:
        """Spread what stands at the corners of each face over the pixels of one picture."""
        out = np.full((*self.face.shape, corners.shape[-1]), background)
        seen = self.mask
        out[seen] = np.einsum("pk,pkc->pc", self.barycentrics[seen].astype(np.float64), corners[self.face[seen]])
        return out


def rasterise(
    vertices: Float[np.ndarray, "*batch vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    height: int,
    width: int,
    *,
    perspective: bool = False,
    cull: bool = False,
    engine: Engine = "auto",
) -> Raster:
    """Draw one mesh, or a batch of meshes with the same faces.

    Args:
        vertices: x and y in pixels (the first pixel's centre at 0.5), and depth, which grows away from the viewer.
        faces: Vertices of each triangle.
        height: Of the picture in pixels.
        width: Of the picture in pixels.
        perspective: The depth is that of a pinhole camera (in front of it, so positive), and is interpolated as
            such; otherwise linearly.
        cull: Leave out faces that are seen from inside: those that run counter-clockwise on the screen.
        engine: ``auto`` compiles if numba is there.
    """
    batched = vertices[None] if vertices.ndim == 2 else vertices
    corners = np.ascontiguousarray(batched, np.float64)
    indices = np.ascontiguousarray(faces, np.int64)
    shape = (len(corners), height, width)
    face = np.full(shape, -1, np.int32)
    weights = np.zeros((*shape, 3), np.float32)
    depth = np.full(shape, np.inf)
    use_numba = HAS_NUMBA if engine == "auto" else engine == "compiled"
    for index in range(len(corners)):
        draw = _draw if use_numba else _draw_in_numpy
        draw(corners[index], indices, perspective, cull, face[index], weights[index], depth[index])
    raster = Raster(face, weights, depth.astype(np.float32))
    return raster if vertices.ndim > 2 else Raster(raster.face[0], raster.barycentrics[0], raster.depth[0])


def rasterise_pinhole(
    points: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    height: int,
    width: int,
    *,
    focal: float,
    near: float = 0.01,
    cull: bool = False,
    engine: Engine = "auto",
) -> Raster:
    """Draw a mesh as a pinhole camera sees it, with what lies before the near plane cut away.

    Args:
        points: Metres, camera axes: x right, y down, z forward.
        faces: Vertices of each triangle.
        height: Of the picture in pixels.
        width: Of the picture in pixels.
        focal: Focal length in pixels; the principal point is the middle of the picture.
        near: Distance of the near plane, in metres.
        cull: As in :func:`rasterise`.
        engine: As in :func:`rasterise`.
    """
    corners, owners, parts = _clip(np.asarray(points, np.float64), faces, near)
    screen = np.empty_like(corners)
    screen[..., 2] = corners[..., 2]
    screen[..., :2] = corners[..., :2] * (focal / corners[..., 2:]) + np.array([width / 2, height / 2])
    loose = np.arange(3 * len(corners)).reshape(-1, 3)
    raster = rasterise(screen.reshape(-1, 3), loose, height, width, perspective=True, cull=cull, engine=engine)
    seen = raster.mask
    face, weights = raster.face.copy(), raster.barycentrics.copy()
    weights[seen] = np.einsum("pk,pkc->pc", raster.barycentrics[seen], parts[raster.face[seen]])
    face[seen] = owners[raster.face[seen]]
    return Raster(face, weights, raster.depth)


def _clip(
    points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"], near: float
) -> tuple[Float[np.ndarray, "piece 3 3"], Int[np.ndarray, " piece"], Float[np.ndarray, "piece 3 3"]]:
    """Cut faces at the near plane.

    Returns:
        The pieces, the face each comes from, and its corners in barycentrics of that face.
    """
    ahead = points[faces, 2] >= near
    whole = ahead.all(1)
    pieces = [points[faces[whole]]]
    owners = [np.flatnonzero(whole)]
    parts = [np.tile(np.eye(3), (int(whole.sum()), 1, 1))]
    for number in np.flatnonzero(ahead.any(1) & ~whole):
        triangle, outline = points[faces[number]], []
        for a, b in ((0, 1), (1, 2), (2, 0)):
            if ahead[number, a]:
                outline.append(np.eye(3)[a])
            if ahead[number, a] != ahead[number, b]:
                share = (near - triangle[a, 2]) / (triangle[b, 2] - triangle[a, 2])
                outline.append((1 - share) * np.eye(3)[a] + share * np.eye(3)[b])
        for k in range(1, len(outline) - 1):
            part = np.stack([outline[0], outline[k], outline[k + 1]])
            pieces.append((part @ triangle)[None])
            owners.append(np.array([number]))
            parts.append(part[None])
    return np.concatenate(pieces), np.concatenate(owners), np.concatenate(parts)


@compile_loops()
def _draw(
    vertices: np.ndarray,
    faces: np.ndarray,
    perspective: bool,
    cull: bool,
    out_face: np.ndarray,
    out_weights: np.ndarray,
    out_depth: np.ndarray,
) -> None:
    height, width = out_face.shape
    for f in range(faces.shape[0]):
        ia, ib, ic = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[ia, 0], vertices[ia, 1], vertices[ia, 2]
        bx, by, bz = vertices[ib, 0], vertices[ib, 1], vertices[ib, 2]
        cx, cy, cz = vertices[ic, 0], vertices[ic, 1], vertices[ic, 2]
        # Pixels whose centres lie in the box around the triangle; written so that NaN fails too.
        low_x, high_x = min(ax, bx, cx), max(ax, bx, cx)
        low_y, high_y = min(ay, by, cy), max(ay, by, cy)
        if not (high_x >= 0.5 and low_x <= width - 0.5 and high_y >= 0.5 and low_y <= height - 0.5):
            continue
        first_x, last_x = max(int(np.ceil(low_x - 0.5)), 0), min(int(np.floor(high_x - 0.5)), width - 1)
        first_y, last_y = max(int(np.ceil(low_y - 0.5)), 0), min(int(np.floor(high_y - 0.5)), height - 1)
        if first_x > last_x or first_y > last_y:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (cull and area < 0):
            continue
        turn = 1.0 if area > 0 else -1.0
        # Each edge from the end that comes first in (x, y), with the sign that makes the inside positive.
        if bx < cx or (bx == cx and by < cy):
            s0, x0, y0, dx0, dy0 = turn, bx, by, cx - bx, cy - by
        else:
            s0, x0, y0, dx0, dy0 = -turn, cx, cy, bx - cx, by - cy
        if cx < ax or (cx == ax and cy < ay):
            s1, x1, y1, dx1, dy1 = turn, cx, cy, ax - cx, ay - cy
        else:
            s1, x1, y1, dx1, dy1 = -turn, ax, ay, cx - ax, cy - ay
        if ax < bx or (ax == bx and ay < by):
            s2, x2, y2, dx2, dy2 = turn, ax, ay, bx - ax, by - ay
        else:
            s2, x2, y2, dx2, dy2 = -turn, bx, by, ax - bx, ay - by
        # A centre exactly on an edge belongs to the triangle of which this is a top or a left edge.
        own0 = s0 * dy0 < 0 or (dy0 == 0 and s0 * dx0 > 0)
        own1 = s1 * dy1 < 0 or (dy1 == 0 and s1 * dx1 > 0)
        own2 = s2 * dy2 < 0 or (dy2 == 0 and s2 * dx2 > 0)
        for row in range(first_y, last_y + 1):
            py = row + 0.5
            e0, e1, e2 = dx0 * (py - y0), dx1 * (py - y1), dx2 * (py - y2)
            for column in range(first_x, last_x + 1):
                px = column + 0.5
                w0 = s0 * (e0 - dy0 * (px - x0))
                w1 = s1 * (e1 - dy1 * (px - x1))
                w2 = s2 * (e2 - dy2 * (px - x2))
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                if (w0 == 0 and not own0) or (w1 == 0 and not own1) or (w2 == 0 and not own2):
                    continue
                if perspective:
                    w0, w1, w2 = w0 / az, w1 / bz, w2 / cz
                total = w0 + w1 + w2
                if total <= 0:
                    continue
                w0, w1, w2 = w0 / total, w1 / total, w2 / total
                z = w0 * az + w1 * bz + w2 * cz
                if z < out_depth[row, column]:
                    out_depth[row, column] = z
                    out_face[row, column] = f
                    out_weights[row, column, 0] = w0
                    out_weights[row, column, 1] = w1
                    out_weights[row, column, 2] = w2


def _draw_in_numpy(
    vertices: np.ndarray,
    faces: np.ndarray,
    perspective: bool,
    cull: bool,
    out_face: np.ndarray,
    out_weights: np.ndarray,
    out_depth: np.ndarray,
) -> None:
    """The same steps, for all pairs of a triangle and a pixel in its box at once."""
    height, width = out_face.shape
    corners = vertices[faces]
    x, y = corners[..., 0], corners[..., 1]
    low_x, high_x, low_y, high_y = x.min(1), x.max(1), y.min(1), y.max(1)
    with np.errstate(invalid="ignore"):
        area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
        inside = (high_x >= 0.5) & (low_x <= width - 0.5) & (high_y >= 0.5) & (low_y <= height - 0.5)
        kept = np.flatnonzero(inside & (area > 0 if cull else area != 0) & np.isfinite(area))
    first_x = np.maximum(np.ceil(low_x[kept] - 0.5).astype(np.int64), 0)
    last_x = np.minimum(np.floor(high_x[kept] - 0.5).astype(np.int64), width - 1)
    first_y = np.maximum(np.ceil(low_y[kept] - 0.5).astype(np.int64), 0)
    last_y = np.minimum(np.floor(high_y[kept] - 0.5).astype(np.int64), height - 1)
    columns, rows = np.maximum(last_x - first_x + 1, 0), np.maximum(last_y - first_y + 1, 0)
    sizes = columns * rows
    ends = np.cumsum(sizes)
    start = 0
    while start < len(kept):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _CHUNK, side="right")), start + 1)
        part = slice(start, stop)
        which = np.repeat(np.arange(start, stop), sizes[part])
        offset = np.arange(len(which)) - np.repeat(ends[part] - sizes[part] - before, sizes[part])
        row = first_y[which] + offset // np.maximum(columns[which], 1)
        column = first_x[which] + offset % np.maximum(columns[which], 1)
        _settle(corners, kept[which], area, row, column, perspective, out_face, out_weights, out_depth)
        start = stop


def _settle(
    corners: np.ndarray,
    face: np.ndarray,
    area: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    perspective: bool,
    out_face: np.ndarray,
    out_weights: np.ndarray,
    out_depth: np.ndarray,
) -> None:
    """Weigh pairs of a triangle and a pixel, and keep for each pixel the nearest one that covers it."""
    px, py = column + 0.5, row + 0.5
    turn = np.where(area > 0, 1.0, -1.0)[face]
    weights, covered = np.empty((3, len(face))), np.ones(len(face), bool)
    for k in range(3):
        a, b = corners[face, (k + 1) % 3, :2], corners[face, (k + 2) % 3, :2]
        forward = (a[:, 0] < b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] < b[:, 1]))
        origin = np.where(forward[:, None], a, b)
        dx, dy = (np.where(forward[:, None], b, a) - origin).T
        sign = np.where(forward, turn, -turn)
        weights[k] = sign * (dx * (py - origin[:, 1]) - dy * (px - origin[:, 0]))
        own = (sign * dy < 0) | ((dy == 0) & (sign * dx > 0))
        covered &= (weights[k] > 0) | ((weights[k] == 0) & own)
    face, row, column, weights = face[covered], row[covered], column[covered], weights[:, covered]
    depths = corners[face, :, 2].T
    if perspective:
        weights = weights / depths
    total = weights[0] + weights[1] + weights[2]
    good = total > 0
    face, row, column, weights, depths = face[good], row[good], column[good], weights[:, good], depths[:, good]
    weights = weights / total[good]
    z = weights[0] * depths[0] + weights[1] * depths[1] + weights[2] * depths[2]
    pixel = row * out_face.shape[1] + column
    order = np.lexsort((face, z, pixel))
    first = order[np.append(True, np.diff(pixel[order]) > 0)] if len(order) else order
    first = first[z[first] < out_depth[row[first], column[first]]]
    at = row[first], column[first]
    out_face[at], out_depth[at], out_weights[at] = face[first], z[first], weights[:, first].T
