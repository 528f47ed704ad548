"""Dense points of a person: places of the surface and where they are seen."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from hybridmesh.correspondence import Correspondence
from hybridmesh.iuv import PARTS, IUVMap
from hybridmesh.losses import MAX_DENSE

Draw = Literal["stratified", "uniform"]


@dataclass(frozen=True)
class DensePoints:
    """Dense points; positions are pixel centres, in pixels."""

    positions: Float[np.ndarray, "point 2"]
    vertex_ids: Int[np.ndarray, "point 3"]
    barycentrics: Float[np.ndarray, "point 3"]

    def __len__(self) -> int:
        return len(self.positions)


def sample_dense(
    iuv: IUVMap,
    phi: Correspondence,
    rng: np.random.Generator,
    *,
    count: int = MAX_DENSE,
    draw: Draw = "stratified",
) -> DensePoints:
    """Draw pixels of a map without putting any back, and find the places of the surface that they show.

    Args:
        iuv: Of one person.
        phi: Of the body.
        rng: Draws.
        count: How many points, at most.
        draw: ``uniform`` over the foreground; ``stratified`` gives each visible part an equal share, up to the pixels
            that it has, so that small limbs are represented. The second is our choice: the paper says only that
            points are sampled from predicted maps.
    """
    rows, columns = choose_pixels(iuv, rng, count=count, draw=draw)
    places = phi(iuv.index[rows, columns].astype(int), iuv.uv[rows, columns])
    positions = np.stack([columns + 0.5, rows + 0.5], axis=1)
    return DensePoints(positions, places.vertex_ids, places.barycentrics)


def choose_pixels(
    iuv: IUVMap, rng: np.random.Generator, *, count: int = MAX_DENSE, draw: Draw = "stratified"
) -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Draw rows and columns of the foreground, as :func:`sample_dense` does; all of it if there is no more."""
    rows, columns = np.nonzero(iuv.mask)
    if len(rows) <= count:
        return rows, columns
    order = rng.permutation(len(rows))
    chosen = order[:count] if draw == "uniform" else _equal_shares(PARTS[iuv.index[rows, columns]], order, count)
    return rows[chosen], columns[chosen]


def _equal_shares(
    parts: Int[np.ndarray, " pixel"], order: Int[np.ndarray, " pixel"], count: int
) -> Int[np.ndarray, " chosen"]:
    """Take pixels from all parts in turn until there are enough."""
    shuffled = parts[order]
    turn = np.zeros(len(order), int)
    for part in np.unique(shuffled):
        mine = shuffled == part
        turn[mine] = np.arange(mine.sum())
    return np.asarray(order[np.argsort(turn, kind="stable")[:count]])
