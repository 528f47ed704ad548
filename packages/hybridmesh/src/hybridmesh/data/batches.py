"""Batches of crops with their labels, augmented the same way in picture, map, points, pose and joints."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from hr_common import image
from hr_common.errors import InputError
from hybridmesh import iuv
from hybridmesh.body.arrays import WrongBodyError
from hybridmesh.body.model import BodyModel
from hybridmesh.config import AugmentConfig, Input
from hybridmesh.correspondence import Correspondence
from hybridmesh.data.crops import Crop
from hybridmesh.data.mirroring import IUVMirror
from hybridmesh.data.people import PeopleSet
from hybridmesh.joints import KEYPOINTS, SMPL24, flip_permutation
from hybridmesh.losses import MAX_DENSE, MIN_DENSE
from hybridmesh.rotations import axis_angle_to_matrix, mirror_pose

SMPL_VERTICES = 6890
_FLIP, _FLIP_JOINTS = flip_permutation(KEYPOINTS), flip_permutation(SMPL24)
_CHUNK = 1024  # people posed at once
_KEPT_PICTURES = 64  # files that stay in memory


@dataclass(frozen=True)
class _Draws:
    """What happens to some samples, one row each."""

    flip: Bool[np.ndarray, " sample"]
    angle: Float[np.ndarray, " sample"]
    scale: Float[np.ndarray, " sample"]
    gain: Float[np.ndarray, "sample 3"]
    offset: Float[np.ndarray, " sample"]
    """Where, in [0, 1), the dense points that are taken begin."""

    def take(self, rows: Int[np.ndarray, " row"]) -> "_Draws":
        return _Draws(self.flip[rows], self.angle[rows], self.scale[rows], self.gain[rows], self.offset[rows])


def _draw(augment: AugmentConfig | None, count: int, rng: np.random.Generator) -> _Draws:
    if augment is None:
        return _Draws(np.zeros(count, bool), np.zeros(count), np.ones(count), np.ones((count, 3)), np.full(count, 0.5))
    flip, turns = rng.random((2, count)) < np.array([[augment.flip], [augment.rotated]])
    turn, growth = rng.normal(size=(2, count))
    return _Draws(
        flip,
        np.where(turns, np.deg2rad(augment.rotation) * turn.clip(-2, 2), 0.0),
        1 + augment.scale * growth.clip(-1, 1),
        1 + augment.gain * rng.uniform(-1, 1, (count, 3)),
        rng.random(count),
    )


class PeopleDataset(Dataset[dict[str, Tensor]]):
    """Crops of people and their labels as tensors.

    Each sample is a dictionary, and so is each batch, with one row more in front:

    - ``image``, ``iuv`` and ``segment`` as far as the inputs name them, 3×S×S, [-1, 1]
    - ``keypoints``, 25×3: x and y, [-1, 1] inside the crop, and 1 where visible and known to the body
    - ``dense_xy`` N×2, ``dense_vertex`` N×3, ``dense_bary`` N×3 and ``dense_valid`` N
    - ``pose`` 24×3×3, the root in camera axes; ``betas`` 10; ``joints3d`` 24×3 in metres from the pelvis
    - ``has_smpl``, ``has_dense`` and ``studio``, 0 or 1, and ``index``, the row of the set
    """

    def __init__(
        self,
        people: PeopleSet,
        body: BodyModel,
        *,
        size: int,
        inputs: Input = "image",
        augment: AugmentConfig | None = None,
        dense_points: int = MAX_DENSE,
        seed: int = 0,
    ) -> None:
        """Prepare what all samples share.

        Args:
            people: Whom to crop.
            body: Whose surface the dense points lie on.
            size: Height and width of a crop in pixels.
            inputs: What the network sees.
            augment: How crops are changed; without it none is.
            dense_points: N; of more points every so many-th is taken, others in each epoch if there is augmentation.
            seed: Settles augmentation, together with the epoch and the row.

        Raises:
            InputError: A column that the inputs need is missing, or flips are asked of a body without symmetry.
            WrongBodyError: The set was made for another body.
        """
        self.people, self.body, self.size, self.inputs = people, body, size, inputs.split("+")
        self.augment, self.dense_points, self.seed = augment, dense_points, seed
        if "image" in self.inputs and not {"crops", "imgname"} & set(people.columns):
            raise InputError("these people have no pictures; choose other inputs than image")
        if {"iuv", "segment"} & set(self.inputs) and not {"iuv_crops", "iuv"} & set(people.columns):
            raise InputError(f"these people have no IUV maps; choose other inputs than {inputs}")
        require_body(people, body)
        self._mirror: IUVMirror | None = None
        if augment is not None and augment.flip > 0:
            if body.mirror is None:
                raise InputError(f"body {body.name} is not symmetric; train without flips: --set augment.flip=0")
            if {"iuv", "segment"} & set(self.inputs):
                self._mirror = _mirror(body)
        corners, self._weights = surface_points(people, body)
        self._corners = [corners] if body.mirror is None else [corners, body.mirror[0][corners]]
        sides = 200 * people["scale"]
        self._keypoints = np.zeros((len(people), len(KEYPOINTS), 3), np.float32)
        if "keypoints" in people:
            moved = (people["keypoints"][..., :2] - people["center"][:, None]) * (2 / sides)[:, None, None]
            self._keypoints[:] = np.dstack([moved, people["keypoints"][..., 2] * body.keypoint_available])
        self._xy = np.zeros((0, 2), np.float32)
        if len(corners):
            owner = np.repeat(np.arange(len(people)), people.dense_counts)
            moved = (people["dp_xy"] - people["center"][owner]) * (2 / sides)[owner, None]
            self._xy = moved.astype(np.float32)
        self._pose, self._betas, self._joints = self._pose_all()
        source = people.columns.get("source", np.full(len(people), ""))
        self._studio = torch.from_numpy((source == "studio").astype(np.float32))
        self.set_epoch(0)

    def _pose_all(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation matrices, shape, and joints relative to the pelvis, of everybody."""
        pose, betas = torch.zeros(len(self), 24, 3), torch.zeros(len(self), 10)
        if "pose" in self.people:
            pose = torch.from_numpy(np.asarray(self.people["pose"], np.float32)).reshape(-1, 24, 3)
            betas = torch.from_numpy(np.asarray(self.people["shape"], np.float32))
        matrices, joints = axis_angle_to_matrix(pose), torch.zeros(len(self), 24, 3)
        like, used = self.body.template, self.body.num_betas
        with torch.no_grad():
            for start in range(0, len(self), _CHUNK):
                part = slice(start, start + _CHUNK)
                nothing = torch.zeros((len(matrices[part]), 0), dtype=torch.int64, device=like.device)
                posed = self.body(betas[part, :used].to(like), matrices[part].to(like), vertex_ids=nothing).joints
                joints[part] = (posed - posed[:, :1]).float().cpu()
        return matrices, betas, joints

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Give one sample."""
        return {name: each[0] for name, each in self.batch([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Give a batch to a DataLoader whose ``collate_fn`` is :meth:`collate`."""
        return self.batch(indices)

    @staticmethod
    def collate(batch: Any) -> dict[str, Tensor]:
        """Pass on what is a batch already."""
        whole: dict[str, Tensor] = batch
        return whole

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations; they depend on seed, epoch and row only."""
        self.epoch = epoch
        self._draws = _draw(self.augment, len(self), np.random.default_rng([self.seed, epoch]))

    def batch(self, indices: Sequence[int] | Int[np.ndarray, " row"]) -> dict[str, Tensor]:
        """Give several samples, stacked."""
        rows = np.asarray(indices, int)
        draws = self._draws.take(rows)
        out = {"index": torch.from_numpy(rows), "studio": self._studio[rows]}
        if "image" in self.inputs:
            pictures = self._cut(rows, draws, "crops", "imgname")
            pictures[draws.flip] = pictures[draws.flip][:, :, ::-1]
            if self.augment is not None and self.augment.gain:
                pictures = (pictures * draws.gain[:, None, None]).clip(0, 255).round().astype(np.uint8)
            out["image"] = encode_image(pictures)
        if {"iuv", "segment"} & set(self.inputs):
            maps = self._cut(rows, draws, "iuv_crops", "iuv")
            if self._mirror is not None and draws.flip.any():
                maps[draws.flip] = self._mirror(maps[draws.flip])
            for name in {"iuv", "segment"} & set(self.inputs):
                out[name] = encode_map(maps, name)
        return out | self._points(rows, draws) | self._bodies(rows, draws)

    def _cut(
        self, rows: Int[np.ndarray, " row"], draws: _Draws, packed: str, named: str
    ) -> UInt8[np.ndarray, "row size size 3"]:
        """Crop pictures, upright or turned, but not mirrored yet."""
        crops = [
            Crop(self.people.box(row), angle).changed(scale=scale)
            for row, angle, scale in zip(rows.tolist(), draws.angle.tolist(), draws.scale.tolist(), strict=True)
        ]
        pictures = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, (row, crop) in enumerate(zip(rows.tolist(), crops, strict=True)):
            cut = crop.cut if packed == "crops" else crop.cut_labels
            pictures[place] = cut(self._picture(row, packed, named), self.size)
        return pictures

    def _picture(self, row: int, packed: str, named: str) -> UInt8[np.ndarray, "height width 3"]:
        if packed in self.people:
            return np.asarray(self.people[packed][row])
        name = str(self.people[named][row])
        if not name:  # nothing is known of this person
            return np.zeros((1, 1, 3), np.uint8)
        return _read_picture(self.people.root / name, named == "iuv")

    def _points(self, rows: Int[np.ndarray, " row"], draws: _Draws) -> dict[str, Tensor]:
        """Keypoints and dense points in the crop."""
        cosine, sine = np.cos(draws.angle) / draws.scale, np.sin(draws.angle) / draws.scale
        side = np.where(draws.flip, -1.0, 1.0)
        turn = np.stack([cosine * side, -sine * side, sine, cosine], -1).reshape(-1, 2, 2).astype(np.float32)
        keypoints = self._keypoints[rows]
        keypoints[..., :2] = keypoints[..., :2] @ turn.transpose(0, 2, 1)
        keypoints[draws.flip] = keypoints[draws.flip][:, _FLIP]
        count = self.dense_points
        out: dict[str, np.ndarray] = {
            "dense_xy": np.zeros((len(rows), count, 2), np.float32),
            "dense_vertex": np.zeros((len(rows), count, 3), np.int64),
            "dense_bary": np.zeros((len(rows), count, 3), np.float32),
            "dense_valid": np.zeros((len(rows), count), bool),
        }
        has = self.people.dense_counts[rows]
        has[has < MIN_DENSE] = 0
        if has.any():
            steps = np.arange(count)
            # Of too many points every so many-th, from a random one on.
            chosen = np.where(has[:, None] > count, (steps + draws.offset[:, None]) * has[:, None] / count, steps)
            valid = steps < has[:, None]
            points = (self.people["dp_ptr"][rows][:, None] + chosen.astype(int))[valid]
            owner = np.repeat(np.arange(len(rows)), valid.sum(1))
            out["dense_xy"][valid] = np.einsum("pij,pj->pi", turn[owner], self._xy[points])
            corners = self._corners[0][points]
            if draws.flip.any():
                corners = np.where(draws.flip[owner, None], self._corners[1][points], corners)
            out["dense_vertex"][valid], out["dense_bary"][valid] = corners, self._weights[points]
            out["dense_valid"] = valid
        tensors = {name: torch.from_numpy(each) for name, each in out.items()}
        has_dense = torch.from_numpy((has > 0).astype(np.float32))
        return tensors | {"keypoints": torch.from_numpy(keypoints), "has_dense": has_dense}

    def _bodies(self, rows: Int[np.ndarray, " row"], draws: _Draws) -> dict[str, Tensor]:
        """Pose, shape and joints in the axes of the crop's camera."""
        pose, joints = self._pose[rows], self._joints[rows]
        if draws.angle.any():
            turn = torch.zeros(len(rows), 3)
            turn[:, 2] = torch.from_numpy(draws.angle)
            matrices = axis_angle_to_matrix(turn)
            pose[:, 0], joints = matrices @ pose[:, 0], joints @ matrices.mT
        flips = torch.from_numpy(draws.flip)
        if draws.flip.any():  # the crop was turned first, and mirrored then
            pose[flips] = mirror_pose(pose[flips])
            joints[flips] = joints[flips][:, _FLIP_JOINTS] * joints.new_tensor([-1.0, 1.0, 1.0])
        has_smpl = torch.from_numpy(self.people.has_smpl[rows].astype(np.float32))
        return {"pose": pose, "betas": self._betas[rows], "joints3d": joints, "has_smpl": has_smpl}


def encode_map(maps: UInt8[np.ndarray, "batch size size 3"], kind: str) -> Float[Tensor, "batch 3 size size"]:
    """Turn IUV pictures into what a network sees, [-1, 1]: I, U, V, or I three times for ``segment``.

    Background is -1 everywhere.
    """
    channels = torch.from_numpy(maps).permute(0, 3, 1, 2)
    if kind == "segment":
        return channels[:, :1].float().mul_(2 / iuv.CHARTS).sub_(1).expand(-1, 3, -1, -1).contiguous()
    steps = torch.tensor([2 / iuv.CHARTS, 2 / 255, 2 / 255])
    return channels.contiguous().float().mul_(steps[:, None, None]).sub_(1)


def encode_image(pictures: UInt8[np.ndarray, "batch size size 3"]) -> Float[Tensor, "batch 3 size size"]:
    """Turn crops of photos into what a network sees: (x / 255 - 0.5) / 0.5, red first."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().float().mul_(2 / 255).sub_(1)


def require_body(people: PeopleSet, body: BodyModel) -> None:
    """Refuse pose, shape or dense points of another body; 2D keypoints go with any.

    Raises:
        WrongBodyError: The message names both bodies.
    """
    theirs = people.manifest.get("body_id")
    if theirs is None or theirs == body.id or not (people.has_smpl.any() or people.dense_counts.any()):
        return
    if theirs == "smpl" and body.num_vertices == SMPL_VERTICES:
        return
    name = people.manifest.get("body", "")
    raise WrongBodyError(
        f"these people have shape or dense points of the body {name or theirs[:12]!r}, not of {body.name!r}; choose "
        f"the right one with --body"
    )


def surface_points(
    people: PeopleSet, body: BodyModel
) -> tuple[Int[np.ndarray, "point 3"], Float[np.ndarray, "point 3"]]:
    """Give the corners and barycentrics of all dense points of a set.

    Raises:
        InputError: Points are given in none of the three forms, or lie beyond the body's faces or vertices.
        WrongBodyError: I, U and V are of other charts than the body's.
    """
    if not people.dense_counts.any():
        return np.zeros((0, 3), np.int64), np.zeros((0, 3), np.float32)
    if "dp_IUV" in people and "dp_bary" not in people:
        charts, family = body.require_charts(), people.manifest.get("charts")
        if family not in (None, charts.family):
            raise WrongBodyError(f"the dense points have the charts of {family!r}, the body those of {charts.family!r}")
        found = _phi(body)(people["dp_IUV"][:, 0].astype(int), people["dp_IUV"][:, 1:].astype(np.float64))
        return found.vertex_ids.astype(np.int64), found.barycentrics.astype(np.float32)
    name, limit = ("dp_vertex", body.num_vertices) if "dp_vertex" in people else ("dp_face", len(body.faces))
    if "dp_bary" not in people or name not in people:
        raise InputError("dense points need dp_IUV, or dp_bary and one of dp_vertex and dp_face")
    numbers = people[name]
    if numbers.min() < 0 or numbers.max() >= limit:
        raise WrongBodyError(f"{name} goes up to {numbers.max()}, body {body.name} ends at {limit - 1}")
    corners = numbers if name == "dp_vertex" else body.faces[numbers]
    return corners.astype(np.int64), people["dp_bary"].astype(np.float32)


@lru_cache(4)
def _phi(body: BodyModel) -> Correspondence:
    return Correspondence(body.require_charts(), body.faces)


@lru_cache(4)
def _mirror(body: BodyModel) -> IUVMirror:
    assert body.mirror is not None
    return IUVMirror(_phi(body), body.mirror[0])


@lru_cache(_KEPT_PICTURES)
def _read_picture(path: Path, is_map: bool) -> UInt8[np.ndarray, "height width 3"]:
    return iuv.read(path).as_picture() if is_map else image.read(path)
