"""The body: shape and pose to vertices and joints, by linear blend skinning as SMPL does it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hybridmesh.body.arrays import BodyArrays, Charts, NoChartsError
from hybridmesh.body.chaining import CompiledChain
from hybridmesh.body.gathering import GatheredPoints, Rows, gather_in_torch, make_rows
from hybridmesh.body.skinning import Skinning
from hybridmesh.compiled import HAS_NUMBA
from hybridmesh.joints import KEYPOINTS, SETS, SMPL24, SMPL_PARENTS, flip_permutation
from hybridmesh.rotations import axis_angle_to_matrix


@dataclass(frozen=True)
class BodyOutput:
    """What a body looks like in some shape and pose, in metres."""

    vertices: Float[Tensor, "batch vertex 3"]
    joints: Float[Tensor, "batch 24 3"]
    transforms: Float[Tensor, "batch 24 4 4"]
    """Takes points of the rest pose along with each joint; without ``transl``."""


class BodyModel(nn.Module):
    """A body in the form of SMPL, batch first, in the precision of its buffers (``.double()`` works).

    Attributes:
        name, license, id: What it is called, whose it is, and the SHA-256 of its arrays.
        faces: Vertices of each triangle, counter-clockwise from outside.
        parents, joint_names: The skeleton.
        mirror: For each vertex and each joint its mirror image; ``None`` if the mesh is not symmetric.
        charts: Dense correspondence, or ``None``.
        regressors: Matrices from posed vertices to keypoints, by the name of the set; ``keypoints25`` is there always.
        keypoint_available: Which of ``keypoints25`` this body knows; the rows of the others are zero.
        levels: Coarser levels by name, as the vertices of this one that stay.

    References:
        Loper, Mahmood, Romero, Pons-Moll and Black, "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia 2015,
        eq. (2) to (10).
    """

    template: Tensor
    directions: Tensor
    weights: Tensor
    joint_template: Tensor
    joint_directions: Tensor

    def __init__(self, arrays: BodyArrays, levels: dict[str, Int[np.ndarray, " vertex"]] | None = None) -> None:
        super().__init__()
        self.arrays = arrays
        self.name, self.license, self.id = arrays.name, arrays.license, arrays.digest
        self.joint_names, self.parents = SMPL24, SMPL_PARENTS
        self.faces = arrays.faces
        self.charts = arrays.charts
        self.mirror = None if arrays.mirror is None else (arrays.mirror, flip_permutation(SMPL24))
        self.levels = levels or {}
        self.num_vertices, _, self.num_betas = arrays.shape_directions.shape
        self.has_pose_directions = arrays.pose_directions is not None
        parts = [arrays.shape_directions] if arrays.pose_directions is None else [
            arrays.shape_directions, arrays.pose_directions,
        ]  # fmt: skip
        # One axis after the other, vertices last: what is done to all vertices then runs along memory.
        for name, value in (
            ("template", arrays.template.T),
            ("directions", np.concatenate(parts, axis=2).transpose(2, 1, 0)),
            ("weights", arrays.weights.T),
            ("joint_template", arrays.joint_template),
            ("joint_directions", arrays.joint_directions),
        ):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(value)).float(), persistent=False)
        self._rows: Rows | None = None
        matrices, self.keypoint_available = _with_keypoints(arrays.regressors)
        self.regressors = {name: torch.from_numpy(matrix).float() for name, matrix in matrices.items()}
        self._parents = np.array(SMPL_PARENTS)
        depth = [0] * len(SMPL_PARENTS)
        for joint, parent in enumerate(SMPL_PARENTS[1:], 1):
            depth[joint] = depth[parent] + 1
        self._tiers = [[joint for joint, own in enumerate(depth) if own == tier] for tier in range(1, max(depth) + 1)]

    def _apply(self, fn: Any, recurse: bool = True) -> "BodyModel":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.regressors = {name: fn(matrix) for name, matrix in self.regressors.items()}
        self._rows = None
        return self

    def require_charts(self) -> Charts:
        """Give the charts.

        Raises:
            NoChartsError: This body has none.
        """
        if self.charts is None:
            raise NoChartsError(
                f"body {self.name} has no dense correspondence; use --body free, or add DensePose's charts to SMPL "
                "with: hybridmesh assets import-densepose UV_Processed.mat --smpl SMPL.npz"
            )
        return self.charts

    def forward(
        self,
        betas: Float[Tensor, "batch beta"],
        pose: Float[Tensor, "batch 24 3"] | Float[Tensor, "batch 24 3 3"],
        transl: Float[Tensor, "batch 3"] | None = None,
        vertex_ids: Int[Tensor, "batch picked"] | None = None,
    ) -> BodyOutput:
        """Shape, pose and place the body.

        Args:
            betas: Shape; as many numbers as the body has, or fewer.
            pose: Rotations of the joints against their parents, as axis-angles or matrices.
            transl: Added to everything.
            vertex_ids: Skin only these vertices of each body; for dense points, which touch few of them.
        """
        rotations, rest, moves = self._skeleton(betas, pose)
        if vertex_ids is None:
            vertices = self._skin_all(betas, rotations, moves)
        else:
            whole = moves.new_ones((1, 1, 1)).expand(*vertex_ids.shape, 1)
            vertices = self._place(betas, rotations, moves, vertex_ids[..., None], whole)
        placed = (moves[..., :3] * rest[:, :, None]).sum(-1) + moves[..., 3]
        if transl is not None:
            vertices, placed = vertices + transl[:, None], placed + transl[:, None]
        last = moves.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*moves.shape[:2], 1, 4)
        return BodyOutput(vertices, placed, torch.cat([moves, last], -2))

    def keypoints(self, vertices: Float[Tensor, "batch vertex 3"], name: str) -> Float[Tensor, "batch joint 3"]:
        """Regress a set of keypoints from posed vertices."""
        return torch.einsum("jv,bvc->bjc", self.regressors[name], vertices)

    def surface(
        self,
        betas: Float[Tensor, "batch beta"],
        pose: Float[Tensor, "batch 24 3"] | Float[Tensor, "batch 24 3 3"],
        vertex_ids: Int[Tensor, "batch point 3"],
        barycentrics: Float[Tensor, "batch point 3"],
    ) -> Float[Tensor, "batch point 3"]:
        """Place points of the surface, skinning nothing but their triangles' corners."""
        rotations, _, moves = self._skeleton(betas, pose)
        return self._place(betas, rotations, moves, vertex_ids, barycentrics)

    def _skeleton(self, betas: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations against the parents, joints at rest, and what takes points of the rest pose along."""
        rotations = axis_angle_to_matrix(pose) if pose.ndim == 3 else pose
        rest = self.joint_template + torch.einsum("bk,jck->bjc", betas, self.joint_directions[..., : betas.shape[1]])
        return rotations, rest, self._chain(rotations, rest)

    def _strengths(self, betas: Tensor, rotations: Tensor) -> Tensor:
        """What the directions are multiplied with: the shape, and how far joints are bent where that counts."""
        if not self.has_pose_directions:
            return betas
        bends = (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)).flatten(1)
        return torch.cat([betas, bends], 1)

    def _used_directions(self, used: int) -> Tensor:
        if used == self.num_betas:
            return self.directions
        return torch.cat([self.directions[:used], self.directions[self.num_betas :]])

    def _chain(
        self, rotations: Float[Tensor, "batch 24 3 3"], rest: Float[Tensor, "batch 24 3"]
    ) -> Float[Tensor, "batch 24 3 4"]:
        """Follow the skeleton from the pelvis outwards; in torch, all joints of one depth at a time."""
        if HAS_NUMBA and rotations.device.type == "cpu":
            compiled: Tensor = CompiledChain.apply(rotations, rest, self._parents)
            return compiled
        turns, places = [rotations[:, :1]], [rest[:, :1]]
        order, at = [0], {0: 0}
        whole_turns, whole_places = turns[0], places[0]
        for tier in self._tiers:
            rows = [at[self.parents[joint]] for joint in tier]
            parents = [self.parents[joint] for joint in tier]
            above = whole_turns[:, rows]
            turn = above @ rotations[:, tier]
            place = whole_places[:, rows] + (above @ (rest[:, tier] - rest[:, parents])[..., None])[..., 0]
            for joint in tier:
                at[joint] = len(order)
                order.append(joint)
            whole_turns, whole_places = torch.cat([whole_turns, turn], 1), torch.cat([whole_places, place], 1)
        back = [at[joint] for joint in range(len(self.parents))]
        turn, place = whole_turns[:, back], whole_places[:, back]
        shift = place - (turn @ rest[..., None])[..., 0]
        return torch.cat([turn, shift[..., None]], -1)

    def _skin_all(self, betas: Tensor, rotations: Tensor, moves: Tensor) -> Float[Tensor, "batch vertex 3"]:
        strengths, directions = self._strengths(betas, rotations), self._used_directions(betas.shape[1])
        rest = torch.addmm(self.template.flatten(), strengths, directions.flatten(1)).view(len(strengths), 3, -1)
        skinned: Tensor = Skinning.apply(rest, moves, self.weights)
        return skinned.transpose(1, 2)

    def _place(
        self, betas: Tensor, rotations: Tensor, moves: Tensor, vertex_ids: Tensor, shares: Tensor
    ) -> Float[Tensor, "batch point 3"]:
        if self._rows is None:
            self._rows = make_rows(self.template, self.directions, self.weights)
        padded = nn.functional.pad(betas, (0, self.num_betas - betas.shape[1]))
        factors = nn.functional.pad(self._strengths(padded, rotations), (1, 0), value=1.0)
        if not HAS_NUMBA or vertex_ids.device.type != "cpu" or shares.requires_grad:
            return gather_in_torch(factors, moves, vertex_ids, shares, self._rows)
        placed: Tensor = GatheredPoints.apply(factors, moves, vertex_ids, shares, self._rows)
        return placed


def _with_keypoints(regressors: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Add the union of all keypoints: from the most specific set that has a point, at last from the skeleton itself."""
    sets = [name for name in ("cocoplus19", "coco23", "smpl24") if name in regressors]
    rows, available = [], []
    for point in KEYPOINTS:
        home = next((name for name in sets if point in SETS[name]), None)
        available.append(home is not None)
        rows.append(
            np.zeros_like(regressors["smpl24"][0]) if home is None else regressors[home][SETS[home].index(point)]
        )
    return regressors | {"keypoints25": np.stack(rows)}, np.array(available)
