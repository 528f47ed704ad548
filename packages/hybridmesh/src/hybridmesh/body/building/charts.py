"""Cut the free body into 24 charts with the meaning of DensePose's indices, and lay each flat in a unit square.

The indices mean what DensePose means by them, so that part maps, refinement and flips agree; the coordinates inside a
chart are our own, since those of DensePose may not be redistributed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hybridmesh.joints import SMPL24

_TORSO = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")
_GAP = 0.015  # between the islands of a chart, in its unit square; four steps of an 8-bit coordinate
MIRROR = np.array([0, 1, 2, *(index + 1 if index % 2 else index - 1 for index in range(3, 25))])
"""Which chart is the mirror image of each."""


@dataclass(frozen=True)
class Atlas:
    """Charts of a mesh: for each face its index I (1 to 24), and U, V in [0, 1] at its corners."""

    index: Int[np.ndarray, " face"]
    corners: Float[np.ndarray, "face 3 2"]
    island: Int[np.ndarray, " face"]


def triangulate(
    quads: Int[np.ndarray, "quad 4"],
    atlas_quads: Int[np.ndarray, "quad 4"],
    template: Float[np.ndarray, "vertex 3"],
    mirror: Int[np.ndarray, " vertex"],
) -> tuple[Int[np.ndarray, "face 3"], Int[np.ndarray, "face 3"], Int[np.ndarray, " face"]]:
    """Cut each quad along its shorter diagonal, the same way on both sides.

    Returns:
        The triangles as vertices, as points of the atlas, and for each face its mirror image.
    """
    lengths = [np.linalg.norm(template[quads[:, k]] - template[quads[:, k + 2]], axis=1) for k in (0, 1)]
    # On a tie, and between mirror images that differ in the last bit, the rule must not depend on the side.
    shorter = np.round(lengths[1], 7) < np.round(lengths[0], 7)
    pattern = np.where(shorter[:, None, None], [[1, 2, 3], [1, 3, 0]], [[0, 1, 2], [0, 2, 3]])
    faces = np.take_along_axis(quads[:, None], pattern, 2).reshape(-1, 3)
    atlas_faces = np.take_along_axis(atlas_quads[:, None], pattern, 2).reshape(-1, 3)
    position = {tuple(sorted(face)): index for index, face in enumerate(faces.tolist())}
    return faces, atlas_faces, np.array([position[tuple(sorted(face))] for face in mirror[faces].tolist()])


def cut_charts(
    faces: Int[np.ndarray, "face 3"],
    atlas_faces: Int[np.ndarray, "face 3"],
    atlas: Float[np.ndarray, "uv 2"],
    template: Float[np.ndarray, "vertex 3"],
    weights: Float[np.ndarray, "vertex 24"],
    joints: Float[np.ndarray, "24 3"],
    mirror: Int[np.ndarray, " vertex"],
    mirror_faces: Int[np.ndarray, " face"],
) -> Atlas:
    """Label every face and lay out the charts; those of one side are the mirror images of the other's."""
    centres = template[faces].mean(1)
    index = _one_piece(_label(centres, weights[faces].mean(1), joints), faces)
    # The head is cut along the middle, limbs belong to a side; where pieces were given away, the sides may disagree.
    left = centres[:, 0] > 0
    index = np.where(left, index, MIRROR[index[mirror_faces]])
    corners, islands = np.zeros((len(faces), 3, 2)), np.zeros(len(faces), int)
    for chart in range(1, 25):
        if chart > 2 and MIRROR[chart] < chart:
            continue
        mine = np.flatnonzero(index == chart)
        corners[mine], islands[mine] = _lay_out(faces[mine], atlas_faces[mine], atlas, template)
        if chart > 2:
            other = mirror_faces[mine]
            islands[other] = islands[mine]
            for corner in range(3):  # which corner of the mirror image is the image of this corner
                image = mirror[faces[mine, corner]]
                corners[other, np.argmax(faces[other] == image[:, None], axis=1)] = corners[mine, corner]
    return Atlas(index, corners, islands)


def _label(
    centres: Float[np.ndarray, "face 3"], weights: Float[np.ndarray, "face 24"], joints: Float[np.ndarray, "24 3"]
) -> Int[np.ndarray, " face"]:
    """Which chart a face belongs to: by the joint that moves it most, and by its side of the bone.

    Of the arms, "inner" is what faces the trunk when they hang, so what faces down in the T-pose.
    """
    names = np.array(SMPL24)
    owner = names[weights.argmax(1)]
    index = np.zeros(len(centres), int)

    def line(start: str, end: str, along: int, across: int) -> np.ndarray:
        a, b = joints[SMPL24.index(start)], joints[SMPL24.index(end)]
        return np.asarray(a[across] + (centres[:, along] - a[along]) / (b[along] - a[along]) * (b[across] - a[across]))

    torso = np.isin(owner, _TORSO)
    slices = np.linspace(float(centres[torso, 1].min()), float(centres[torso, 1].max()), 30)
    near = torso & (np.abs(centres[:, 0]) < 0.12)
    middle = [np.ptp(z) / 2 + z.min() if (z := centres[near & (np.abs(centres[:, 1] - y) < 0.03), 2]).size else 0.0
              for y in slices]  # fmt: skip
    front = centres[:, 2] > np.interp(
        centres[:, 1], slices, np.convolve(np.pad(middle, 2, "edge"), np.ones(5) / 5, "valid")
    )
    index[torso] = np.where(front, 2, 1)[torso]
    index[np.isin(owner, ("neck", "head"))] = np.where(centres[:, 0] > 0, 24, 23)[np.isin(owner, ("neck", "head"))]
    for side, hand, foot, upper_leg, lower_leg, upper_arm, lower_arm in (
        ("left", 4, 5, (8, 10), (12, 14), (15, 17), (19, 21)),
        ("right", 3, 6, (7, 9), (11, 13), (16, 18), (20, 22)),
    ):
        for start, end, pair, (along, across) in (
            ("hip", "knee", upper_leg, (1, 2)),
            ("knee", "ankle", lower_leg, (1, 2)),
            ("shoulder", "elbow", upper_arm, (0, 1)),
            ("elbow", "wrist", lower_arm, (0, 1)),
        ):
            mine = owner == f"{side}_{start}"
            beyond = centres[:, across] > line(f"{side}_{start}", f"{side}_{end}", along, across)
            index[mine] = np.where(beyond, pair[1], pair[0])[mine]
        index[np.isin(owner, (f"{side}_wrist", f"{side}_hand"))] = hand
        index[np.isin(owner, (f"{side}_ankle", f"{side}_foot"))] = foot
    return index


def _neighbours(faces: Int[np.ndarray, "face 3"]) -> Int[np.ndarray, "pair 2"]:
    """Pairs of faces that share an edge."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], axis=2).reshape(-1, 2)
    order = np.lexsort(edges.T)
    same = np.all(edges[order][1:] == edges[order][:-1], axis=1)
    return np.stack([order[:-1][same] // 3, order[1:][same] // 3], axis=1)


def _pieces(pairs: Int[np.ndarray, "pair 2"], count: int) -> Int[np.ndarray, " face"]:
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _one_piece(index: Int[np.ndarray, " face"], faces: Int[np.ndarray, "face 3"]) -> Int[np.ndarray, " face"]:
    """Keep the largest piece of each chart and give the faces of the others to the charts around them."""
    index, pairs = index.copy(), _neighbours(faces)
    pieces = _pieces(pairs[index[pairs[:, 0]] == index[pairs[:, 1]]], len(faces))
    sizes = np.bincount(pieces)
    for chart in range(1, 25):
        mine = np.unique(pieces[index == chart])
        index[np.isin(pieces, mine[mine != mine[sizes[mine].argmax()]])] = 0
    both = np.concatenate([pairs, pairs[:, ::-1]])
    while (index == 0).any():
        border = both[(index[both[:, 0]] == 0) & (index[both[:, 1]] > 0)]
        index[border[:, 0]] = index[border[:, 1]]
    return index


def _lay_out(
    faces: Int[np.ndarray, "face 3"],
    atlas_faces: Int[np.ndarray, "face 3"],
    atlas: Float[np.ndarray, "uv 2"],
    template: Float[np.ndarray, "vertex 3"],
) -> tuple[Float[np.ndarray, "face 3 2"], Int[np.ndarray, " face"]]:
    """Pack the islands that MakeHuman's atlas has for these faces into the unit square, each turned to lie straight."""
    count = len(faces)
    islands = _pieces(_neighbours(atlas_faces), count)
    points = atlas[atlas_faces]
    edges = template[faces[:, 1:]] - template[faces[:, :1]]
    surface = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    boxes, sizes = [], []
    for island in range(islands.max() + 1):
        mine = islands == island
        flat = _straighten(points[mine].reshape(-1, 2))
        scale = np.sqrt(surface[mine].sum() / max(2 * _area(flat.reshape(-1, 3, 2)).sum(), 1e-12))
        boxes.append(flat * scale)
        sizes.append(boxes[-1].max(0))
    places, extent = _pack(np.array(sizes))
    corners = np.zeros((count, 3, 2))
    for island, (box, place) in enumerate(zip(boxes, places, strict=True)):
        corners[islands == island] = (box + place).reshape(-1, 3, 2)
    return corners / extent, islands


def _area(corners: Float[np.ndarray, "face 3 2"]) -> Float[np.ndarray, " face"]:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)


def _straighten(points: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 2"]:
    """Turn points so that their box is smallest, wide rather than high, and move it to the origin."""
    best, smallest = points, np.inf
    for angle in np.radians(np.arange(0, 180, 3)):
        turned = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        size = np.ptp(turned, axis=0)
        if size.prod() < smallest and size[0] >= size[1]:
            best, smallest = turned, size.prod()
    return np.asarray(best - best.min(0))


def _pack(sizes: Float[np.ndarray, "box 2"]) -> tuple[Float[np.ndarray, "box 2"], Float[np.ndarray, "2"]]:
    """Stack boxes on shelves, the highest first; of several widths the one that wastes least wins."""
    order = np.argsort(-sizes[:, 1])
    best: tuple[np.ndarray, np.ndarray] | None = None
    for stretch in (1.0, 1.25, 1.5, 2.0, 3.0):
        width = max(sizes[:, 0].max(), np.sqrt(sizes.prod(1).sum()) * stretch)
        places, x, y, shelf = np.zeros_like(sizes), 0.0, 0.0, 0.0
        gap = _GAP * width
        for box in order:
            if x > 0 and x + sizes[box, 0] > width * (1 + 1e-9):
                x, y, shelf = 0.0, y + shelf + gap, 0.0
            places[box] = x, y
            x, shelf = x + sizes[box, 0] + gap, max(shelf, sizes[box, 1])
        extent = (places + sizes).max(0)
        if best is None or extent.prod() < best[1].prod():
            best = places, extent
    assert best is not None
    return best
