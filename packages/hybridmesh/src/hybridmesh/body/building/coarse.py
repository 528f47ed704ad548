"""A coarser level of the free body: a subset of its vertices, evenly spread, watertight and symmetric.

MakeHuman puts 65 % of its vertices on head, hands and toes. Here the shortest edge, in units of the spacing wanted at
its place, is collapsed onto one of its ends until none is short; the vertices that stay keep all their data. One half
is thinned, with the seam in the middle kept on the middle, and mirrored.
"""

import heapq
from collections import defaultdict

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from hybridmesh.body.building.charts import Atlas
from hybridmesh.joints import SMPL24

_SPACING = {"wrist": 0.0075, "hand": 0.0075, "foot": 0.0095, "ankle": 0.013, "head": 0.0105, "neck": 0.015}
_ELSEWHERE = 0.0185  # metres between neighbours
_MIDDLE = 1e-6


def thin_out(
    template: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    weights: Float[np.ndarray, "vertex 24"],
    mirror: Int[np.ndarray, " vertex"],
) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, "coarse 3"]]:
    """Choose the vertices that stay, and connect them.

    Returns:
        Which vertices stay, and the triangles between them as numbers into that list.
    """
    spacing = weights @ np.array([_SPACING.get(name.rpartition("_")[2], _ELSEWHERE) for name in SMPL24])
    half = faces[(template[faces][..., 0] >= -_MIDDLE).all(1)]
    kept = _collapse(template, half, spacing)
    whole = np.concatenate([kept, mirror[kept][:, ::-1]])
    ids, coarse = np.unique(whole, return_inverse=True)
    return ids, coarse.reshape(-1, 3)


def _collapse(
    points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"], spacing: Float[np.ndarray, " vertex"]
) -> Int[np.ndarray, "coarse 3"]:
    triangles: dict[int, tuple[int, int, int]] = dict(enumerate(map(tuple, faces.tolist())))
    around: dict[int, set[int]] = defaultdict(set)
    for number, triangle in triangles.items():
        for vertex in triangle:
            around[vertex].add(number)

    def neighbours(vertex: int) -> set[int]:
        return {other for number in around[vertex] for other in triangles[number]} - {vertex}

    def seam(vertex: int) -> bool:
        return bool(abs(points[vertex, 0]) < _MIDDLE)

    def cost(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a] - points[b]) / (spacing[a] + spacing[b]) * 2)

    queue = [(cost(a, b), a, b) for a in around for b in neighbours(a)]
    heapq.heapify(queue)
    while queue:
        length, gone, stays = heapq.heappop(queue)
        if length > 1:
            break
        if gone not in around or stays not in around or stays not in neighbours(gone):
            continue
        shared = around[gone] & around[stays]
        # Along the middle only edges that lie on it may go, and what lies on it must not be drawn off it.
        if seam(gone) and not (seam(stays) and len(shared) == 1):
            continue
        if len(neighbours(gone) & neighbours(stays)) != len(shared):
            continue  # the surface would touch itself
        changed = {n: tuple(stays if v == gone else v for v in triangles[n]) for n in around[gone] - shared}
        if any(_turned(points, triangles[n], new) for n, new in changed.items()):
            continue
        for number in shared:
            for vertex in triangles.pop(number):
                around[vertex].discard(number)
        for number, new in changed.items():
            triangles[number] = (new[0], new[1], new[2])
            around[stays].add(number)
        del around[gone]
        for other in neighbours(stays):
            heapq.heappush(queue, (cost(other, stays), other, stays))
            heapq.heappush(queue, (cost(stays, other), stays, other))
    return np.array([triangles[number] for number in sorted(triangles)])


def _turned(points: np.ndarray, old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether a triangle would turn by more than about 60 degrees or become a needle."""
    normals = [np.cross(points[b] - points[a], points[c] - points[a]) for a, b, c in (old, new)]
    sizes = [float(np.linalg.norm(normal)) for normal in normals]
    longest = max(float(np.sum((points[new[k]] - points[new[k - 1]]) ** 2)) for k in range(3))
    return bool(normals[0] @ normals[1] < 0.5 * sizes[0] * sizes[1]) or sizes[1] < 0.1 * longest


def transfer_charts(
    template: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    atlas: Atlas,
    ids: Int[np.ndarray, " kept"],
    coarse: Int[np.ndarray, "coarse 3"],
    mirror: Int[np.ndarray, " vertex"],
    mirror_index: Int[np.ndarray, "25"],
) -> Atlas:
    """Give the coarse faces the charts and coordinates of the fine ones beneath them, so that maps are compatible.

    A corner on another chart's ground takes the coordinates of the nearest vertex that the face's own chart has.
    """
    corners = template[ids][coarse]
    left = corners.mean(1)[:, 0] > 0
    _, nearest = cKDTree(template[faces].mean(1)).query(corners.mean(1))
    index, islands, centre = atlas.index[nearest].copy(), atlas.island[nearest], atlas.corners[nearest].mean(1)
    uv = np.zeros((len(coarse), 3, 2))
    for chart in range(1, 25):
        for island in np.unique(islands[index == chart]):
            mine = np.flatnonzero((index == chart) & (islands == island))
            theirs = np.flatnonzero((atlas.index == chart) & (atlas.island == island))
            options = atlas.corners[theirs].reshape(-1, 2)
            places = template[faces[theirs]].reshape(-1, 3)
            for number in mine:
                # A seam may run beneath the face: take corners from the side of it on which the centre lies.
                reach = 1.5 * _stretch(template[faces[nearest[number]]], atlas.corners[nearest[number]])
                size = np.linalg.norm(corners[number] - corners[number].mean(0), axis=1).max()
                near = np.linalg.norm(options - centre[number], axis=1) <= reach * size
                near[np.linalg.norm(options - centre[number], axis=1).argmin()] = True
                away = np.linalg.norm(places[near] - corners[number][:, None], axis=-1)
                away += 1e-6 * np.linalg.norm(options[near] - centre[number], axis=1)
                uv[number] = options[near][away.argmin(1)]
    # The right half is the mirror image of the left: the same coordinates in the mirrored chart. The charts of the
    # trunk cross the middle and keep what they have.
    position = {tuple(sorted(face)): number for number, face in enumerate(ids[coarse].tolist())}
    for number in np.flatnonzero(~left):
        image = mirror[ids[coarse[number]]]
        other = position[tuple(sorted(image.tolist()))]
        index[number] = mirror_index[index[other]]
        if index[number] > 2:
            uv[number] = uv[other][[ids[coarse[other]].tolist().index(vertex) for vertex in image.tolist()]]
    return Atlas(index, uv, islands)


def _stretch(corners: Float[np.ndarray, "3 3"], uv: Float[np.ndarray, "3 2"]) -> float:
    """How far a chart moves for a metre on the surface, in the direction in which it moves most."""
    flat = np.linalg.qr((corners[1:] - corners[0]).T)[1]
    jacobian = (uv[1:] - uv[0]).T @ np.linalg.pinv(flat)
    return float(np.linalg.norm(jacobian, 2))
