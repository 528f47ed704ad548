"""The body: shape and pose to vertices and joints, by linear blend skinning as SMPL does it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from hybridmesh.body.arrays import BodyArrays, Charts, NoChartsError
from hybridmesh.body.chaining import CompiledChain
from hybridmesh.body.gathering import GatheredSkinning, Rows, gather_in_torch, make_rows
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
        rotations = axis_angle_to_matrix(pose) if pose.ndim == 3 else pose
        used = betas.shape[1]
        rest = self.joint_template + torch.einsum("bk,jck->bjc", betas, self.joint_directions[..., :used])
        transforms = self._chain(rotations, rest)
        strengths = betas
        if self.has_pose_directions:
            bends = (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)).flatten(1)
            # Directions of shape that are not used are left out, so that the two blocks meet.
            strengths = torch.cat([betas, bends], dim=1)
        vertices = (
            self._skin_all(strengths, used, transforms)
            if vertex_ids is None
            else self._skin_some(strengths, used, transforms, vertex_ids)
        )
        placed = (transforms[:, :, :3, :3] * rest[:, :, None]).sum(-1) + transforms[:, :, :3, 3]
        if transl is not None:
            vertices, placed = vertices + transl[:, None], placed + transl[:, None]
        return BodyOutput(vertices, placed, transforms)

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
        picked: Tensor = self(betas, pose, vertex_ids=vertex_ids.flatten(1)).vertices
        return (picked.reshape(*barycentrics.shape, 3) * barycentrics[..., None]).sum(2)

    def _used_directions(self, used: int) -> Tensor:
        if used == self.num_betas:
            return self.directions
        return torch.cat([self.directions[:used], self.directions[self.num_betas :]])

    def _chain(
        self, rotations: Float[Tensor, "batch 24 3 3"], rest: Float[Tensor, "batch 24 3"]
    ) -> Float[Tensor, "batch 24 4 4"]:
        """Follow the skeleton from the pelvis outwards; in torch, all joints of one depth at a time."""
        last = rotations.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*rotations.shape[:2], 1, 4)
        if HAS_NUMBA and rotations.device.type == "cpu":
            upper: Tensor = CompiledChain.apply(rotations, rest, self._parents)
            return torch.cat([upper, last], -2)
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
        return torch.cat([torch.cat([turn, shift[..., None]], -1), last], -2)

    def _skin_all(self, strengths: Tensor, used: int, transforms: Tensor) -> Float[Tensor, "batch vertex 3"]:
        directions = self._used_directions(used)
        rest = torch.addmm(self.template.flatten(), strengths, directions.flatten(1)).view(len(strengths), 3, -1)
        skinned: Tensor = _Skinning.apply(rest, transforms[:, :, :3].transpose(1, 2), self.weights)
        return skinned.transpose(1, 2)

    def _skin_some(
        self, strengths: Tensor, used: int, transforms: Tensor, vertex_ids: Int[Tensor, "batch picked"]
    ) -> Float[Tensor, "batch picked 3"]:
        if self._rows is None:
            self._rows = make_rows(self.template, self.directions, self.weights)
        rows = self._rows
        if used != self.num_betas:
            kept = [*range(used + 1), *range(self.num_betas + 1, rows.blended.shape[2])]
            rows = rows._replace(blended=rows.blended[..., kept].contiguous())
        factors = torch.cat([strengths.new_ones(len(strengths), 1), strengths], 1)
        if not HAS_NUMBA or vertex_ids.device.type != "cpu":
            return gather_in_torch(factors, transforms[:, :, :3], vertex_ids, rows)
        picked: Tensor = GatheredSkinning.apply(factors, transforms[:, :, :3], vertex_ids, rows)
        return picked


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


class _Skinning(torch.autograd.Function):
    """Blend the joints' transforms for each vertex and apply them; keeps less than autograd would, and is faster."""

    @staticmethod
    def forward(
        ctx: Any,
        rest: Float[Tensor, "batch 3 vertex"],
        transforms: Float[Tensor, "batch 3 24 4"],
        weights: Float[Tensor, "24 vertex"],
    ) -> Float[Tensor, "batch 3 vertex"]:
        """Blend and apply."""
        mixed = transforms.transpose(2, 3).reshape(-1, len(weights)) @ weights
        mixed = mixed.view(len(rest), 3, 4, -1)
        out = mixed[:, :, 3].clone()
        for axis in range(3):
            out.addcmul_(mixed[:, :, axis], rest[:, None, axis])
        ctx.save_for_backward(rest, mixed, weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "batch 3 vertex"]) -> tuple[Tensor | None, Tensor | None, None]:
        """Pull at vertices and transforms."""
        rest, mixed, weights = ctx.saved_tensors
        grad_rest = grad_transforms = None
        if ctx.needs_input_grad[0]:
            grad_rest = mixed[:, 0, :3] * grad[:, :1]
            for axis in (1, 2):
                grad_rest.addcmul_(mixed[:, axis, :3], grad[:, axis : axis + 1])
        if ctx.needs_input_grad[1]:
            outer = torch.empty_like(mixed)
            torch.mul(grad[:, :, None], rest[:, None], out=outer[:, :, :3])
            outer[:, :, 3] = grad
            flat = outer.view(-1, outer.shape[-1]) @ weights.T
            grad_transforms = flat.view(*outer.shape[:3], -1).transpose(2, 3)
        return grad_rest, grad_transforms, None
