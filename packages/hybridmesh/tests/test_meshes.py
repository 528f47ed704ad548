from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.fitting import BodyState
from hybridmesh.meshes import FORMATS, read_mesh, write_mesh, write_rigged
from hybridmesh.recovery import pose_body

BETAS = np.array([1.0, -0.5, 0.3, 0, 0, 0, 0, 0, 0, 0.8])


@pytest.fixture
def poses() -> np.ndarray:
    return (
        Rotation.from_rotvec(np.random.default_rng(0).normal(size=(3 * 24, 3)) * 0.3).as_matrix().reshape(3, 24, 3, 3)
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mesh_is_read_back_as_it_was_written(kind: str, lo: BodyModel, tmp_path: Path) -> None:
    path = tmp_path / f"body.{kind}"
    write_mesh(path, lo.arrays.template, lo.faces)
    vertices, faces = read_mesh(path)
    np.testing.assert_allclose(vertices, lo.arrays.template, atol=1e-6)  # single precision in PLY and GLB
    np.testing.assert_array_equal(faces, lo.faces)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_person_stands_upright_in_metres_with_the_inside_inside(kind: str, lo: BodyModel, tmp_path: Path) -> None:
    write_mesh(tmp_path / f"body.{kind}", lo.arrays.template, lo.faces)
    mesh = trimesh.load_mesh(tmp_path / f"body.{kind}")
    assert 1.5 < np.ptp(mesh.vertices[:, 1]) < 2.0
    head = lo.keypoints(lo.template.T[None], "keypoints25")[0]
    assert head[14, 1] > head[0, 1]  # the nose above the right ankle
    assert mesh.volume > 0.03  # positive only if faces run counter-clockwise from outside


def test_another_ending_is_refused(lo: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="meshes are written as obj, ply, glb"):
        write_mesh(tmp_path / "body.stl", lo.arrays.template, lo.faces)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_mesh_is_refused(tmp_path: Path) -> None:
    (tmp_path / "body.glb").write_bytes(b"glTF but not really")
    with pytest.raises(InputError, match="is no mesh"):
        read_mesh(tmp_path / "body.glb")


def skinned(document: pygltflib.GLTF2, frame: int) -> np.ndarray:
    """Pose a rigged file as a viewer does, from nothing but what stands in it."""
    types = {5126: np.float32, 5123: np.uint16, 5125: np.uint32}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
    data = document.binary_blob()

    def read(index: int) -> np.ndarray:
        accessor = document.accessors[index]
        view = document.bufferViews[accessor.bufferView]
        width = widths[accessor.type]
        return np.frombuffer(data, types[accessor.componentType], accessor.count * width, view.byteOffset).reshape(
            -1, width
        )

    locals_ = []
    for node in document.nodes:
        matrix = np.eye(4)
        matrix[:3, 3] = node.translation or [0, 0, 0]
        locals_.append(matrix)
    (animation,) = document.animations
    for channel in animation.channels:
        values = read(animation.samplers[channel.sampler].output)[frame]
        if channel.target.path == "rotation":
            locals_[channel.target.node][:3, :3] = Rotation.from_quat(values).as_matrix()
        else:
            locals_[channel.target.node][:3, 3] = values
    world = {}

    def walk(index: int, above: np.ndarray) -> None:
        world[index] = above @ locals_[index]
        for child in document.nodes[index].children or []:
            walk(child, world[index])

    for root in document.scenes[0].nodes:
        walk(root, np.eye(4))
    (skin,) = document.skins
    bind = read(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    moves = np.stack([world[joint] @ inverse for joint, inverse in zip(skin.joints, bind, strict=True)])
    attributes = document.meshes[0].primitives[0].attributes
    points, joints, weights = read(attributes.POSITION), read(attributes.JOINTS_0), read(attributes.WEIGHTS_0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    homogeneous = np.column_stack([points, np.ones(len(points))])
    return np.einsum("vk,vkab,vb->va", weights, moves[joints], homogeneous)[:, :3]


def test_a_rigged_file_posed_by_its_own_skin_is_the_posed_body(
    lo: BodyModel, poses: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "rigged.glb"
    places = np.array([[0, 0, 0], [0.1, 0.2, 0.3], [1, 0, 0]])
    write_rigged(path, lo, BETAS, poses, translations=places)
    document = pygltflib.GLTF2().load(str(path))
    assert len(document.skins[0].joints) == 24
    for frame in range(3):
        expected, _ = pose_body(lo, BodyState(poses[frame], BETAS, np.ones(3)))
        away = np.linalg.norm(skinned(document, frame) - expected - places[frame], axis=1)
        # Only vertices with more than four influences differ.
        assert np.median(away) < 1e-5
        assert away.max() < 0.02


@pytest.mark.parametrize("frames", [1, 3])
def test_a_rigged_file_has_what_the_validator_of_the_format_looks_at(
    frames: int, lo: BodyModel, poses: np.ndarray, tmp_path: Path
) -> None:
    # What Khronos' validator checks of such a file: it has no complaint about ours, still or moving.
    path = tmp_path / "rigged.glb"
    write_rigged(path, lo, BETAS, poses[:frames], translations=np.zeros((frames, 3)))
    document = pygltflib.GLTF2().load(str(path))
    data = document.binary_blob()
    types = {5126: np.float32, 5123: np.uint16, 5125: np.uint32}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
    arrays = []
    for accessor in document.accessors:
        view = document.bufferViews[accessor.bufferView]
        kind, width = types[accessor.componentType], widths[accessor.type]
        assert view.byteOffset % 4 == 0
        assert view.byteLength == accessor.count * width * np.dtype(kind).itemsize
        assert view.byteOffset + view.byteLength <= document.buffers[0].byteLength <= len(data)
        arrays.append(np.frombuffer(data, kind, accessor.count * width, view.byteOffset).reshape(-1, width))
        assert np.isfinite(arrays[-1]).all()
        if accessor.min:  # to the last bit
            np.testing.assert_array_equal(np.float32(accessor.min), arrays[-1].min(0))
            np.testing.assert_array_equal(np.float32(accessor.max), arrays[-1].max(0))
    attributes = document.meshes[0].primitives[0].attributes
    assert document.accessors[attributes.POSITION].min
    weights, joints = arrays[attributes.WEIGHTS_0], arrays[attributes.JOINTS_0]
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(1), 1, atol=2e-7 * 4)
    assert joints.max() < len(document.skins[0].joints)
    assert not joints[weights == 0].any()  # a joint without weight is number 0
    for row, used in zip(joints, weights > 0, strict=True):
        assert len(set(row[used])) == used.sum()
    assert arrays[document.meshes[0].primitives[0].indices].max() == lo.num_vertices - 1
    bind = arrays[document.skins[0].inverseBindMatrices].reshape(-1, 4, 4)
    np.testing.assert_array_equal(bind[:, :, 3], np.tile([0, 0, 0, 1], (24, 1)))
    (animation,) = document.animations
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        times, values = arrays[sampler.input][:, 0], arrays[sampler.output]
        assert document.accessors[sampler.input].min
        assert times[0] >= 0
        assert (np.diff(times) > 0).all()
        assert len(values) == len(times) == frames
        if channel.target.path == "rotation":
            np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)


def test_a_rigged_file_rests_in_the_t_pose_for_an_outside_reader(
    lo: BodyModel, poses: np.ndarray, tmp_path: Path
) -> None:
    write_rigged(tmp_path / "rigged.glb", lo, np.zeros(10), poses[:1])
    mesh = trimesh.load_mesh(tmp_path / "rigged.glb", process=False)
    np.testing.assert_allclose(mesh.vertices, lo.arrays.template, atol=1e-6)
    assert np.ptp(mesh.vertices[:, 0]) > 1.4  # the arms are spread
    np.testing.assert_array_equal(mesh.faces, lo.faces)
