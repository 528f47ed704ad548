"""Motion capture as poses of the body: BVH, and ASF with AMC.

A recorded skeleton has rest directions of its own; each bone of the body is first turned from its own rest direction
into the recorded one, and then moves as that was recorded. CMU's names of joints are known, of either format.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError, reader
from hr_common.files import atomic_path, read_lines
from hybridmesh.body.arrays import read_archive
from hybridmesh.body.model import BodyModel
from hybridmesh.joints import SMPL24

_AMC_FPS = 120.0  # of CMU's recordings; the files do not say
_BVH_NAMES = {
    "pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1", "neck": "Neck", "head": "Head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand",
}  # fmt: skip
_ASF_NAMES = {
    "pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax", "neck": "lowerneck",
    "head": "head", "hip": "femur", "knee": "tibia", "ankle": "foot", "foot": "toes", "collar": "clavicle",
    "shoulder": "humerus", "elbow": "radius", "wrist": "hand",
}  # fmt: skip
_ALIGNED = {"hip": "knee", "knee": "ankle", "ankle": "foot", "shoulder": "elbow", "elbow": "wrist"}
"""Bones whose rest directions are matched; the trunk, neck and hands are taken as they are."""


@dataclass(frozen=True)
class Motion:
    """Poses over time, y up."""

    name: str
    poses: Float[np.ndarray, "frame 24 3 3"]
    """Rotations against the parents."""
    translations: Float[np.ndarray, "frame 3"]
    """Of the pelvis in metres, scaled from the recorded legs to those of the body."""
    fps: float


@dataclass(frozen=True)
class _Recording:
    """A recorded skeleton and how it moved."""

    directions: dict[str, Float[np.ndarray, "3"]]
    """Along each bone at rest."""
    lengths: dict[str, float]
    turns: dict[str, Float[np.ndarray, "frame 3 3"]]
    """Of each bone from its rest direction, against the world."""
    places: Float[np.ndarray, "frame 3"]
    fps: float


@reader
def read_motion(path: Path, body: BodyModel, *, skeleton: Path | None = None) -> Motion:
    """Read a motion and put it on a body.

    Args:
        path: ``.bvh``, ``.amc``, or an ``.npz`` that :func:`write_motion` wrote.
        body: Whose rest directions and legs.
        skeleton: The ASF file of an AMC file; by default the one in its folder that its name begins with.

    Raises:
        InputError: The file is damaged, of another format, or names joints otherwise than CMU does.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays = read_archive(path)
        if missing := {"poses", "translations", "fps"} - set(arrays):
            raise InputError(f"{path} holds no {', '.join(sorted(missing))}; convert a motion with: hybridmesh convert")
        return Motion(path.stem, arrays["poses"], arrays["translations"], float(arrays["fps"]))
    if suffix == ".bvh":
        return _retarget(path, _read_bvh(path), _BVH_NAMES, body)
    if suffix == ".amc":
        skeleton = skeleton or path.with_name(path.stem.partition("_")[0] + ".asf")
        if not skeleton.is_file():
            raise InputError(f"{path} needs its skeleton: there is no {skeleton}; name it with --skeleton FILE.asf")
        return _retarget(path, _read_amc(path, skeleton), _ASF_NAMES, body)
    raise InputError(f"{path} is no motion: .bvh, .amc and .npz are read")


def write_motion(path: Path, motion: Motion) -> None:
    """Write a motion as plain arrays, with axis-angles for other programs."""
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            poses=motion.poses.astype(np.float32),
            pose_aa=Rotation.from_matrix(motion.poses.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 24, 3),
            translations=motion.translations,
            fps=motion.fps,
        )


def _retarget(path: Path, recording: _Recording, names: dict[str, str], body: BodyModel) -> Motion:
    frames = len(recording.places)
    rest = body.arrays.joint_template
    world = np.empty((frames, len(SMPL24), 3, 3))
    prefixes = {"left": "Left", "right": "Right"} if names is _BVH_NAMES else {"left": "l", "right": "r"}
    for joint, name in enumerate(SMPL24):
        side, _, part = name.partition("_")
        if part == "hand":
            world[:, joint] = world[:, body.parents[joint]]
            continue
        source = prefixes[side] + names[part] if part else names[name]
        if source not in recording.turns:
            raise InputError(f"{path} has no joint {source!r}; joints have to be named as in CMU's recordings")
        turn = recording.turns[source]
        if part in _ALIGNED:
            bone = rest[SMPL24.index(f"{side}_{_ALIGNED[part]}")] - rest[joint]
            turn = turn @ _turn(bone, recording.directions[source])
        world[:, joint] = turn
    poses = world.copy()
    for joint, parent in enumerate(body.parents[1:], 1):
        poses[:, joint] = world[:, parent].transpose(0, 2, 1) @ world[:, joint]
    leg = [SMPL24.index(f"left_{part}") for part in ("hip", "knee", "ankle")]
    own = np.linalg.norm(np.diff(rest[leg], axis=0), axis=1).sum()
    theirs = sum(recording.lengths[prefixes["left"] + names[part]] for part in ("hip", "knee"))
    return Motion(path.stem, poses, recording.places * (own / theirs), recording.fps)


def _turn(source: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation of one direction into another."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    length = np.linalg.norm(axis)
    angle = np.arctan2(length, a @ b)
    return np.asarray(Rotation.from_rotvec(axis / max(length, 1e-12) * angle).as_matrix())


def _read_bvh(path: Path) -> _Recording:
    """Read any hierarchy; the rotations of a joint are multiplied in the order of its channels."""
    tokens = iter("\n".join(read_lines(path)).split())
    names, parents, offsets, channels = [], [], [], []
    stack: list[int] = []
    ends: dict[int, np.ndarray] = {}
    at_end = False
    try:
        if next(tokens).upper() != "HIERARCHY":
            raise InputError(f"{path} is no BVH file: it does not begin with HIERARCHY")
        for token in tokens:
            if token in ("ROOT", "JOINT"):
                names.append(next(tokens))
                parents.append(stack[-1] if stack else -1)
                channels.append(list[str]())
            elif token == "End":
                next(tokens)
                at_end = True
            elif token == "{" and not at_end:
                stack.append(len(names) - 1)
            elif token == "}":
                if at_end:
                    at_end = False
                else:
                    stack.pop()
            elif token == "OFFSET":
                offset = np.array([float(next(tokens)) for _ in range(3)])
                if at_end:
                    ends[stack[-1]] = offset
                else:
                    offsets.append(offset)
            elif token == "CHANNELS":
                channels[-1] = [next(tokens) for _ in range(int(next(tokens)))]
            elif token == "MOTION":
                break
        next(tokens)  # "Frames:"
        frames = int(next(tokens))
        next(tokens), next(tokens)  # "Frame Time:"
        step = float(next(tokens))
        values = np.array([float(token) for token in tokens])
        width = sum(map(len, channels))
        if frames < 1 or values.size != frames * width:
            raise InputError(f"{path} promises {frames} frames of {width} numbers and has {values.size} numbers")
    except (StopIteration, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no whole BVH file") from None
    table = values.reshape(frames, width)
    directions: dict[str, np.ndarray] = {}
    lengths: dict[str, float] = {}
    turns: dict[str, np.ndarray] = {}
    places, column = np.zeros((frames, 3)), 0
    for joint, name in enumerate(names):
        turn = np.tile(np.eye(3), (frames, 1, 1))
        for channel in channels[joint]:
            axis = "XYZ".index(channel[0].upper())
            if channel.endswith("rotation"):
                turn = turn @ Rotation.from_euler("xyz"[axis], table[:, column : column + 1], degrees=True).as_matrix()
            elif joint == 0:
                places[:, axis] = table[:, column]
            column += 1
        turns[name] = turn if parents[joint] < 0 else turns[names[parents[joint]]] @ turn
        along = [offsets[child] for child, parent in enumerate(parents) if parent == joint] or [
            ends.get(joint, np.array([0.0, 1.0, 0.0]))
        ]
        # The child that leads on; CMU's hips have dummies of no length.
        directions[name] = max(along, key=lambda each: float(np.linalg.norm(each)))
        lengths[name] = float(np.linalg.norm(directions[name]))
    return _Recording(directions, lengths, turns, places, 1 / step)


@dataclass(frozen=True)
class _Bone:
    direction: Float[np.ndarray, "3"]
    length: float
    axes: Float[np.ndarray, "3 3"]
    dof: list[str]


def _read_amc(path: Path, skeleton: Path) -> _Recording:
    bones, parents, root_order = _read_asf(skeleton)
    frames: list[dict[str, list[float]]] = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        if not words or words[0].startswith(("#", ":")):
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
            continue
        try:
            frames[-1][words[0]] = [float(word) for word in words[1:]]
        except (ValueError, IndexError):
            raise InputError(f"{path}, line {number}: expected a bone and its numbers, not {line[:40]!r}") from None
    if not frames:
        raise InputError(f"{path} holds no frames")
    turns: dict[str, np.ndarray] = {}
    places = np.zeros((len(frames), 3))
    for name, parent in parents:
        dof = root_order if name == "root" else bones[name].dof
        try:
            table = np.array([frame[name] if dof else [] for frame in frames]).reshape(len(frames), len(dof))
        except (KeyError, ValueError):
            raise InputError(f"{path} does not give {len(dof)} numbers for {name!r} in every frame") from None
        turn = np.tile(np.eye(3), (len(frames), 1, 1))
        for column, degree in enumerate(dof):
            if degree.lower().startswith("r"):
                # First about x, then y, then z, each about a fixed axis: the later ones stand on the left.
                turn = (
                    Rotation.from_euler(degree[1].lower(), table[:, column : column + 1], degrees=True).as_matrix()
                    @ turn
                )
            elif name == "root" and degree.lower().startswith("t"):
                places[:, "xyz".index(degree[1].lower())] = table[:, column]
        if name == "root":
            turns[name] = turn
        else:
            axes = bones[name].axes
            turns[name] = turns[parent] @ (axes @ turn @ axes.T)
    directions = {name: bone.direction for name, bone in bones.items()}
    lengths = {name: bone.length for name, bone in bones.items()}
    return _Recording(directions, lengths, turns, places, _AMC_FPS)


def _read_asf(path: Path) -> tuple[dict[str, _Bone], list[tuple[str, str]], list[str]]:
    """Read the bones, the tree with parents first, and the order of the root's numbers."""
    bones: dict[str, _Bone] = {}
    parents: list[tuple[str, str]] = [("root", "")]
    order: list[str] = []
    section, entry = "", dict[str, list[str]]()
    for line in read_lines(path):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":root" and words[0] == "order":
            order = words[1:]
        elif section == ":bonedata" and words[0] == "end" and entry:
            try:
                angles = [float(each) for each in entry["axis"][:3]]
                kind = entry["axis"][3].lower()
                bones[entry["name"][0]] = _Bone(
                    np.array([float(each) for each in entry["direction"]]),
                    float(entry["length"][0]),
                    # Lower case letters turn about fixed axes, in this order.
                    np.asarray(Rotation.from_euler(kind, angles, degrees=True).as_matrix()),
                    entry.get("dof", []),
                )
            except (KeyError, ValueError, IndexError):
                raise InputError(f"{path}: bone {' '.join(entry.get('name', ['?']))} is not whole") from None
            entry = {}
        elif section == ":bonedata":
            entry[words[0]] = words[1:]
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents += [(child, words[0]) for child in words[1:]]
    if not bones or not order:
        raise InputError(f"{path} is no ASF skeleton: it has no :bonedata or no order of the :root")
    return bones, parents, order
