"""Which triangle is seen in each pixel: a z-buffer on the CPU, without any graphics library.

Pixels are sampled at their centres. An edge shared by two triangles is drawn by exactly one of them: the top-left
rule, with an edge function of which both sides see exactly opposite values, so that rounding cannot open a hole. The
result does not depend on the order of the triangles, but that the lowest face number wins where depths are equal to the
last bit.

The inner loops are compiled by numba; the fallback in numpy gives the same bits. Most faces of a body are smaller than
a pixel, so that what takes time is not arithmetic but branches that a processor cannot foresee: whether a pixel is
covered only moves the end of a list, and the list is worked off when it is full.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from hybridmesh.compiled import HAS_NUMBA, compile_loops

Engine = Literal["auto", "compiled", "numpy"]
_WAITING = 2048  # covered pixels that wait for their depth test
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
def _find_boxes(vertices: np.ndarray, width: int, height: int, boxes: np.ndarray) -> None:
    """Number the first and the last pixel centre at or beyond each vertex, in x and in y, inside the picture."""
    for v in range(vertices.shape[0]):
        x = min(max(vertices[v, 0] - 0.5, -1.0), width + 0.0)
        y = min(max(vertices[v, 1] - 0.5, -1.0), height + 0.0)
        boxes[v, 0], boxes[v, 1] = np.int32(max(np.ceil(x), 0.0)), np.int32(min(np.floor(x), width - 1.0))
        boxes[v, 2], boxes[v, 3] = np.int32(max(np.ceil(y), 0.0)), np.int32(min(np.floor(y), height - 1.0))


@compile_loops()
def _owns(turn: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """A centre exactly on an edge belongs to the triangle of which this is a top or a left edge."""
    along, down = turn * (bx - ax), turn * (by - ay)
    return down < 0 or (down == 0 and along > 0)


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
    face, weights, depth = out_face.reshape(-1), out_weights.reshape(-1, 3), out_depth.reshape(-1)
    boxes = np.empty((vertices.shape[0], 4), np.int32)
    _find_boxes(vertices, width, height, boxes)
    found, pixels = np.empty(_WAITING + width, np.int32), np.empty(_WAITING + width, np.int32)
    shares, count = np.empty((_WAITING + width, 3)), 0
    for f in range(faces.shape[0]):
        ia, ib, ic = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        first_x, last_x = min(boxes[ia, 0], boxes[ib, 0], boxes[ic, 0]), max(boxes[ia, 1], boxes[ib, 1], boxes[ic, 1])
        first_y, last_y = min(boxes[ia, 2], boxes[ib, 2], boxes[ic, 2]), max(boxes[ia, 3], boxes[ib, 3], boxes[ic, 3])
        if (first_x > last_x) | (first_y > last_y):
            continue
        ax, ay = vertices[ia, 0], vertices[ia, 1]
        bx, by = vertices[ib, 0], vertices[ib, 1]
        cx, cy = vertices[ic, 0], vertices[ic, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Written so that NaN, of which the box may be anything, fails too.
        if not 0 < abs(area) < np.inf or (cull and area < 0):
            continue
        turn = 1.0 if area > 0 else -1.0
        for row in range(first_y, last_y + 1):
            py = row + 0.5
            a1, b1, c1 = turn * (ay - py), turn * (by - py), turn * (cy - py)
            for column in range(first_x, last_x + 1):
                px = column + 0.5
                a0, b0, c0 = ax - px, bx - px, cx - px
                w0, w1, w2 = b0 * c1 - b1 * c0, c0 * a1 - c1 * a0, a0 * b1 - a1 * b0
                least = w0 if w0 < w1 else w1
                least = least if least < w2 else w2
                inside = least > 0
                if least == 0:
                    inside = (
                        (w0 > 0 or (w0 == 0 and _owns(turn, bx, by, cx, cy)))
                        and (w1 > 0 or (w1 == 0 and _owns(turn, cx, cy, ax, ay)))
                        and (w2 > 0 or (w2 == 0 and _owns(turn, ax, ay, bx, by)))
                    )
                found[count], pixels[count] = f, row * width + column
                shares[count, 0], shares[count, 1], shares[count, 2] = w0, w1, w2
                count += int(inside)
            if count >= _WAITING:
                _test_depths(count, found, pixels, shares, vertices, faces, perspective, face, weights, depth)
                count = 0
    _test_depths(count, found, pixels, shares, vertices, faces, perspective, face, weights, depth)


@compile_loops()
def _test_depths(
    count: int,
    found: np.ndarray,
    pixels: np.ndarray,
    shares: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    perspective: bool,
    out_face: np.ndarray,
    out_weights: np.ndarray,
    out_depth: np.ndarray,
) -> None:
    """Keep what is nearer than what was there, in the order of the faces."""
    for i in range(count):
        f, pixel = np.uint32(found[i]), np.uint32(pixels[i])
        az, bz, cz = vertices[faces[f, 0], 2], vertices[faces[f, 1], 2], vertices[faces[f, 2], 2]
        w0, w1, w2 = shares[i, 0], shares[i, 1], shares[i, 2]
        if perspective:
            w0, w1, w2 = w0 / az, w1 / bz, w2 / cz
        total = w0 + w1 + w2
        if not total > 0:
            continue
        z = (w0 * az + w1 * bz + w2 * cz) / total
        if z < out_depth[pixel]:
            out_depth[pixel], out_face[pixel] = z, f
            out_weights[pixel, 0], out_weights[pixel, 1], out_weights[pixel, 2] = w0 / total, w1 / total, w2 / total


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
    with np.errstate(invalid="ignore", over="ignore"):
        area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
        inside = (high_x >= 0.5) & (low_x <= width - 0.5) & (high_y >= 0.5) & (low_y <= height - 0.5)
        kept = np.flatnonzero(inside & (area > 0 if cull else area != 0) & np.isfinite(area))
    first_x, first_y = (
        np.ceil((low[kept] - 0.5).clip(0, size)).astype(np.int64) for low, size in ((low_x, width), (low_y, height))
    )
    last_x, last_y = (
        np.floor((high[kept] - 0.5).clip(-1, size - 1)).astype(np.int64)
        for high, size in ((high_x, width), (high_y, height))
    )
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
    x, y = corners[face, :, 0].T, corners[face, :, 1].T
    across, down = x - px, turn * (y - py)
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        weights[k] = across[a] * down[b] - down[a] * across[b]
        own = (turn * (y[b] - y[a]) < 0) | ((y[b] == y[a]) & (turn * (x[b] - x[a]) > 0))
        covered &= (weights[k] > 0) | ((weights[k] == 0) & own)
    face, row, column, weights = face[covered], row[covered], column[covered], weights[:, covered]
    depths = corners[face, :, 2].T
    if perspective:
        weights = weights / depths
    total = weights[0] + weights[1] + weights[2]
    good = total > 0
    face, row, column, weights, depths = face[good], row[good], column[good], weights[:, good], depths[:, good]
    z = (weights[0] * depths[0] + weights[1] * depths[1] + weights[2] * depths[2]) / total[good]
    weights = weights / total[good]
    pixel = row * out_face.shape[1] + column
    order = np.lexsort((face, z, pixel))
    first = order[np.append(True, np.diff(pixel[order]) > 0)] if len(order) else order
    first = first[z[first] < out_depth[row[first], column[first]]]
    at = row[first], column[first]
    out_face[at], out_depth[at], out_weights[at] = face[first], z[first], weights[:, first].T
