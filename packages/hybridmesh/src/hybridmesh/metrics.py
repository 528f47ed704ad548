"""How far a predicted body is from the true one: errors of vertices and joints in millimetres, one value a sample.

A figure means nothing without its protocol: which root rotation, which alignment, which joints. :data:`PROTOCOLS` has
those of the paper's code, of SPIN (and HMR), and a plain one; :func:`evaluate_bodies` computes all figures under one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import roma  # type: ignore[import-untyped]
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from hr_common.errors import InputError
from hybridmesh.body.model import BodyModel

MILLIMETRES = 1000.0
H36M_TO_LSP14 = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
"""SPIN's choice among the 17 joints of the Human3.6M regressor."""
_CHUNK = 64  # bodies posed at once


@dataclass(frozen=True)
class Protocol:
    """What is done to truth and prediction before they are compared."""

    name: str
    zero_root: bool
    """Whether the rotation of the root is taken away on both sides."""
    subtract_pelvis: bool
    joints: Literal["smpl24", "lsp14"]
    description: str


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("dct", True, False, "smpl24", "root rotation zero on both sides, no alignment, 24 SMPL joints"),
        Protocol("spin", False, True, "lsp14", "root rotation kept, pelvis subtracted, 14 LSP joints of the surface"),
        Protocol("smpl24", False, True, "smpl24", "root rotation kept, pelvis subtracted, 24 SMPL joints"),
    )
}
"""The paper's code, SPIN and HMR, and ours."""

TITLES = {
    "pve": "PVE", "mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "pve_t": "PVE-T", "pve_area": "PVE by area",
    "pve_root": "PVE at the pelvis", "pa_pve": "PA-PVE", "pve_slide_sumsq": "sum of squares (slides)",
    "pck_05": "PCK@0.05", "pck_10": "PCK@0.1", "dense_px": "dense error (px of 224)", "mask_iou": "mask IoU",
    "part_iou": "part IoU", "gps": "GPS",
}  # fmt: skip
"""How each figure is called in tables. Those without another unit are in millimetres."""


def per_vertex_error(
    prediction: Float[Tensor, "batch point 3"],
    target: Float[Tensor, "batch point 3"],
    weights: Float[Tensor, " point"] | None = None,
) -> Float[Tensor, " batch"]:
    """Mean distance of corresponding points, in their own unit: PVE of vertices, MPJPE of joints.

    Args:
        prediction: Points.
        target: Points.
        weights: Of each point; from :func:`area_weights`, so that a mesh that is dense at fingers and toes does not
            count those most.
    """
    distances: Tensor = torch.linalg.vector_norm(prediction - target, dim=-1)
    return distances.mean(1) if weights is None else distances @ (weights / weights.sum()).to(distances)


def sum_of_squares(
    prediction: Float[Tensor, "batch vertex 3"], target: Float[Tensor, "batch vertex 3"]
) -> Float[Tensor, " batch"]:
    """The formula that the paper's slides print for PVE, taken literally; its table has means of plain distances."""
    return (prediction - target).square().sum((1, 2))


def align_similarity(
    prediction: Float[Tensor, "batch point 3"], target: Float[Tensor, "batch point 3"]
) -> Float[Tensor, "batch point 3"]:
    """Move, turn and scale the prediction of each sample onto the target with the least squared distance.

    The rotation is proper: no mirror image is taken, also where that would fit better.

    References:
        Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", PAMI 1991.
    """
    turn, shift, scale = roma.rigid_points_registration(prediction, target, compute_scaling=True)
    moved: Tensor = scale[:, None, None] * prediction @ turn.mT + shift[:, None]
    return moved


def aligned_error(
    prediction: Float[Tensor, "batch point 3"], target: Float[Tensor, "batch point 3"]
) -> Float[Tensor, " batch"]:
    """Mean distance after the best similarity transform of each sample: PA-MPJPE of joints, PA-PVE of vertices."""
    return per_vertex_error(align_similarity(prediction, target), target)


def area_weights(vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> Float[Tensor, " vertex"]:
    """A third of the area of the faces around each vertex, divided by the whole."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = np.bincount(faces.ravel(), np.repeat(areas, 3), len(vertices))
    return torch.from_numpy(total / total.sum())


def correct_keypoints(
    prediction: Float[Tensor, "batch joint 2"],
    target: Float[Tensor, "batch joint 2"],
    confidence: Float[Tensor, "batch joint"],
    *,
    threshold: float,
) -> Float[Tensor, " batch"]:
    """PCK: share of the visible keypoints that lie within ``threshold`` sides of the box; NaN where none is visible.

    Coordinates are in [-1, 1] inside the box.
    """
    distances: Tensor = torch.linalg.vector_norm(prediction - target, dim=-1)
    near = distances <= 2 * threshold
    seen = confidence > 0
    return (near & seen).double().sum(1) / seen.double().sum(1)


def mask_iou(prediction: Bool[np.ndarray, "height width"], target: Bool[np.ndarray, "height width"]) -> float:
    """Overlap of two masks over their union; 1 if both are empty."""
    union = (prediction | target).sum()
    return float((prediction & target).sum() / union) if union else 1.0


def part_iou(prediction: Int[np.ndarray, "height width"], target: Int[np.ndarray, "height width"]) -> float:
    """Mean of :func:`mask_iou` over the parts that the target shows; NaN if it shows none."""
    parts = np.setdiff1d(np.unique(target), [0])
    return float(np.mean([mask_iou(prediction == part, target == part) for part in parts])) if len(parts) else np.nan


class Geodesics:
    """Distances along the surface of a mesh, over its edges, so up to a tenth too long."""

    def __init__(self, vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> None:
        """Take a mesh; for people in the T-pose, in metres."""
        pairs = np.unique(
            np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0
        )
        lengths = np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1)
        self._graph = csr_matrix((lengths, pairs.T), shape=(len(vertices), len(vertices)))

    def between(
        self, first: Int[np.ndarray, " point"], second: Int[np.ndarray, " point"], *, limit: float = 1.5
    ) -> Float[np.ndarray, " point"]:
        """Measure from vertex to vertex; beyond the limit it is infinite."""
        sources, back = np.unique(first, return_inverse=True)
        rows = dijkstra(self._graph, directed=False, indices=sources, limit=limit)
        return np.asarray(rows[back, second])


def point_similarity(distances: Float[np.ndarray, " point"], *, kappa: float = 0.255) -> float:
    """GPS of one person: the mean of exp(-g² / 2κ²) over geodesic distances in metres; NaN without points.

    References:
        Güler, Neverova and Kokkinos, "DensePose: Dense Human Pose Estimation in the Wild", CVPR 2018, eq. (5).
    """
    return float(np.exp(-(distances**2) / (2 * kappa**2)).mean()) if len(distances) else np.nan


@dataclass(frozen=True)
class BodyBatch:
    """Bodies: rotations of the joints against their parents, the root's in camera axes, and shape."""

    pose: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch beta"]

    def split(self, size: int) -> "Iterator[BodyBatch]":
        """Give so many at once."""
        for start in range(0, len(self.pose), size):
            yield BodyBatch(self.pose[start : start + size], self.betas[start : start + size])


def evaluate_bodies(
    prediction: BodyBatch,
    target: BodyBatch,
    body: BodyModel,
    protocol: str = "dct",
    *,
    target_body: BodyModel | None = None,
    h36m: Float[Tensor, "17 vertex"] | None = None,
) -> dict[str, Float[Tensor, " batch"]]:
    """Compute every figure that needs two bodies.

    Args:
        prediction: As estimated.
        target: The truth.
        body: Poses both.
        protocol: A name in :data:`PROTOCOLS`.
        target_body: Poses the truth, if it is another one of the same mesh (SMPL of the person's gender).
        h36m: The regressor that SPIN takes its 14 joints from; by default the body's own one is used, and the pelvis
            is that of the skeleton.

    Returns:
        Millimetres, but for ``pve_slide_sumsq`` (square metres), by the names in :data:`TITLES`.

    Raises:
        InputError: There is no such protocol, or the body has no regressor for its joints.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    settings = PROTOCOLS[protocol]
    weights = area_weights(body.arrays.template, body.faces)
    parts = [
        _evaluate(settings, mine, truth, body, target_body or body, weights, h36m)
        for mine, truth in zip(prediction.split(_CHUNK), target.split(_CHUNK), strict=True)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}


@torch.no_grad()
def _evaluate(
    protocol: Protocol,
    prediction: BodyBatch,
    target: BodyBatch,
    body: BodyModel,
    target_body: BodyModel,
    weights: Float[Tensor, " vertex"],
    h36m: Tensor | None,
) -> dict[str, Tensor]:
    vertices, joints, pelvis = _pose(protocol, prediction, body, h36m)
    true_vertices, true_joints, true_pelvis = _pose(protocol, target, target_body, h36m)
    rooted, true_rooted = vertices - pelvis, true_vertices - true_pelvis
    if protocol.subtract_pelvis:
        vertices, true_vertices = rooted, true_rooted
        joints, true_joints = joints - pelvis, true_joints - true_pelvis
    rest, true_rest = (
        each(some.betas[:, : each.num_betas].to(each.template), _identities(len(some.betas)).to(each.template)).vertices
        for each, some in ((body, prediction), (target_body, target))
    )
    lengths = {
        "pve": per_vertex_error(vertices, true_vertices),
        "mpjpe": per_vertex_error(joints, true_joints),
        "pa_mpjpe": aligned_error(joints, true_joints),
        "pve_t": per_vertex_error(rest.double(), true_rest.double()),
        "pve_area": per_vertex_error(vertices, true_vertices, weights),
        "pve_root": per_vertex_error(rooted, true_rooted),
        "pa_pve": aligned_error(vertices, true_vertices),
    }
    figures = {name: MILLIMETRES * each.cpu() for name, each in lengths.items()}
    return figures | {"pve_slide_sumsq": sum_of_squares(vertices, true_vertices).cpu()}


def _pose(
    protocol: Protocol, some: BodyBatch, body: BodyModel, h36m: Tensor | None
) -> tuple[Float[Tensor, "batch vertex 3"], Float[Tensor, "batch joint 3"], Float[Tensor, "batch 1 3"]]:
    pose = some.pose.to(body.template)
    if protocol.zero_root:
        pose = torch.cat([_identities(len(pose))[:, :1].to(pose), pose[:, 1:]], 1)
    out = body(some.betas[:, : body.num_betas].to(pose), pose)
    vertices, joints = out.vertices.double(), out.joints.double()
    if protocol.joints == "smpl24":
        return vertices, joints, joints[:, :1]
    if h36m is not None:
        every = torch.einsum("jv,bvc->bjc", h36m.to(vertices), vertices)
        return vertices, every[:, list(H36M_TO_LSP14)], every[:, :1]
    if "cocoplus19" not in body.regressors:
        raise InputError(
            f"body {body.name} has no regressor for the 14 joints of LSP; give Human3.6M's with --h36m-regressor FILE"
        )
    return vertices, body.keypoints(vertices.to(body.template), "cocoplus19")[:, :14].double(), joints[:, :1]


def _identities(count: int) -> Float[Tensor, "batch 24 3 3"]:
    return torch.eye(3).expand(count, 24, 3, 3)


def summarise(values: Mapping[str, Float[np.ndarray, " sample"]]) -> dict[str, dict[str, float]]:
    """Give mean, median, standard deviation and number of each figure, over the samples that have it."""
    out = {}
    for name, every in values.items():
        known = every[np.isfinite(every)]
        if len(known):
            out[name] = {
                "mean": float(known.mean()), "median": float(np.median(known)), "std": float(known.std()),
                "n": len(known),
            }  # fmt: skip
    return out
