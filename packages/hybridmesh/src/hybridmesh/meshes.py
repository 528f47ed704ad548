"""Bodies for other programs: OBJ, PLY and GLB, also with a skeleton; y up, facing the viewer (+z), metres."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable
from hybridmesh.body.model import BodyModel

FORMATS = ("obj", "ply", "glb")
TO_VIEWER = np.array([1.0, -1.0, -1.0])
"""From camera axes (y down, z forward) to those of files (y up, z towards the viewer)."""

_FLOAT, _USHORT, _UINT = 5126, 5123, 5125
_ARRAY, _ELEMENTS = 34962, 34963
_CLAY = [0.78, 0.80, 0.86, 1.0]
_INFLUENCES = 4  # that glTF has room for in one set


def write_mesh(path: Path, vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> None:
    """Write a mesh; the suffix settles the format.

    Args:
        path: ``.obj``, ``.ply`` or ``.glb``.
        vertices: Metres, y up. Turn camera axes by :data:`TO_VIEWER` first.
        faces: Counter-clockwise from outside.

    Raises:
        InputError: The suffix is another one.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"cannot write {path}: meshes are written as {', '.join(FORMATS)}")
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    options: dict[str, Any] = {"digits": 9, "include_normals": False, "header": "hybridmesh"} if kind == "obj" else {}
    data: Any = mesh.export(file_type=kind, **options)
    with atomic_path(path) as temporary:
        if isinstance(data, str):
            temporary.write_text(data, encoding="utf-8")
        else:
            temporary.write_bytes(data)


def read_mesh(path: Path) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """Read vertices and faces back, in their order.

    Raises:
        InputError: The file is missing or no mesh.
    """
    refuse_unreadable(path)
    try:
        mesh = trimesh.load_mesh(path, process=False, maintain_order=True)
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise InputError(f"{path} is no mesh: {error}") from None
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    if faces.ndim != 2 or not len(faces):
        raise InputError(f"{path} is no mesh: it has no faces")
    return vertices, faces


def write_rigged(
    path: Path,
    body: BodyModel,
    betas: Float[np.ndarray, " beta"],
    poses: Float[np.ndarray, "frame 24 3 3"],
    *,
    fps: float = 30.0,
    translations: Float[np.ndarray, "frame 3"] | None = None,
) -> None:
    """Write a GLB with skin, skeleton, rest T-pose and an animation.

    glTF has room for four joints a vertex: the strongest are kept, so that the posed mesh differs from ours by a
    millimetre or so where six meet. Pose directions, which SMPL has and the free body has not, are left out.

    Args:
        path: Ends in ``.glb``.
        body: Whose template, skeleton and weights.
        betas: Shape.
        poses: Rotations against the parents, y up; one frame is a still.
        fps: Frames a second.
        translations: Of the pelvis, metres, y up.
    """
    shape = np.zeros(body.num_betas)
    shape[: len(betas)] = betas
    arrays = body.arrays
    vertices = arrays.template + arrays.shape_directions @ shape
    joints = arrays.joint_template + arrays.joint_directions @ shape
    weights = arrays.weights
    strongest = np.argsort(-weights, axis=1)[:, :_INFLUENCES]
    kept = np.take_along_axis(weights, strongest, 1)
    kept = kept / kept.sum(1, keepdims=True)
    strongest = np.where(kept > 0, strongest, 0)
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    inverse_bind[:, :3, 3] = -joints

    glb = _Glb()
    attributes = {
        "POSITION": glb.add(vertices.astype(np.float32), "VEC3", target=_ARRAY, bounds=True),
        "JOINTS_0": glb.add(strongest.astype(np.uint16), "VEC4", target=_ARRAY),
        "WEIGHTS_0": glb.add(kept.astype(np.float32), "VEC4", target=_ARRAY),
    }
    indices = glb.add(body.faces.astype(np.uint32).ravel(), "SCALAR", target=_ELEMENTS)
    bind = glb.add(np.ascontiguousarray(inverse_bind.transpose(0, 2, 1)), "MAT4")
    times = glb.add((np.arange(len(poses)) / fps).astype(np.float32), "SCALAR", bounds=True)
    samplers, channels = [], []
    for joint in range(len(joints)):
        quaternions = Rotation.from_matrix(poses[:, joint]).as_quat().astype(np.float32)
        samplers.append({"input": times, "output": glb.add(quaternions, "VEC4"), "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": joint, "path": "rotation"}})
    if translations is not None:
        places = (joints[0] + translations).astype(np.float32)
        samplers.append({"input": times, "output": glb.add(places, "VEC3"), "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": 0, "path": "translation"}})
    nodes: list[dict[str, Any]] = []
    for joint, parent in enumerate(body.parents):
        offset = joints[joint] - (joints[parent] if parent >= 0 else 0)
        node: dict[str, Any] = {"name": body.joint_names[joint], "translation": [float(each) for each in offset]}
        if children := [child for child, above in enumerate(body.parents) if above == joint]:
            node["children"] = children
        nodes.append(node)
    nodes.append({"name": "body", "mesh": 0, "skin": 0})
    glb.document |= {
        "scene": 0,
        "scenes": [{"nodes": [0, len(joints)]}],
        "nodes": nodes,
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": _CLAY, "metallicFactor": 0.0}}],
        "skins": [{"inverseBindMatrices": bind, "joints": list(range(len(joints))), "skeleton": 0}],
        "animations": [{"name": "pose", "samplers": samplers, "channels": channels}],
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(glb.encode())


class _Glb:
    """A binary glTF 2.0 file in the making."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "hybridmesh"},
            "accessors": [],
            "bufferViews": [],
        }
        self.data = bytearray()

    def add(self, array: np.ndarray, kind: str, *, target: int | None = None, bounds: bool = False) -> int:
        """Append an array and give the number of its accessor."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        if target is not None:
            view["target"] = target
        component = {np.dtype(np.float32): _FLOAT, np.dtype(np.uint16): _USHORT, np.dtype(np.uint32): _UINT}
        accessor: dict[str, Any] = {
            "bufferView": len(self.document["bufferViews"]),
            "componentType": component[array.dtype],
            "count": len(array),
            "type": kind,
        }
        if bounds:
            flat = array.reshape(len(array), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.document["bufferViews"].append(view)
        self.document["accessors"].append(accessor)
        self.data += array.tobytes()
        self.data += bytes(-len(self.data) % 4)
        return len(self.document["accessors"]) - 1

    def encode(self) -> bytes:
        """Put the header, the JSON and the arrays together."""
        self.document["buffers"] = [{"byteLength": len(self.data)}]
        text = json.dumps(self.document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self.data)
        return b"".join([
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<I4s", len(text), b"JSON"), text,
            struct.pack("<I4s", len(self.data), b"BIN\0"), bytes(self.data),
        ])  # fmt: skip
