"""Each reader on a miniature in the original layout of its data set."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from scipy.spatial.transform import Rotation

from hr_common import image
from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.formats.coco import read_coco
from hybridmesh.data.formats.mpii import read_lsp, read_mpii
from hybridmesh.data.formats.reference import read_reference
from hybridmesh.data.formats.threedpw import read_3dpw
from hybridmesh.data.formats.up3d import read_up3d
from hybridmesh.data.people import PeopleSet
from hybridmesh.joints import COCO17, COCOPLUS19, KEYPOINTS, LSP14

from ...conftest import smpl_like

GREY = np.full((60, 80, 3), 120, np.uint8)


class Bad:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 + 1",)


def at(people: PeopleSet, row: int, name: str) -> list[float]:
    return [float(number) for number in people["keypoints"][row, KEYPOINTS.index(name)]]


def coco_file(path: Path, **more: Any) -> Path:
    keypoints = [0] * 51
    place = 3 * COCO17.index("left_wrist")
    keypoints[place : place + 3] = [33, 44, 1]
    dense = {"dp_I": [1.0, 24.0], "dp_U": [0.25, 0.5], "dp_V": [0.5, 1.0], "dp_x": [0, 255], "dp_y": [51, 255]}
    annotations = [
        {"id": 1, "image_id": 7, "bbox": [10, 20, 40, 30], "keypoints": keypoints, "iscrowd": 0},
        {"id": 2, "image_id": 7, "bbox": [0, 10, 51, 25.5], "keypoints": [0] * 51, **dense, **more},
        {"id": 3, "image_id": 7, "bbox": [0, 0, 9, 9], "keypoints": keypoints, "iscrowd": 1},
        {"id": 4, "image_id": 7, "bbox": [0, 0, 9, 9], "keypoints": [0] * 51},
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": 7, "file_name": "COCO_train2014_000000000007.jpg"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def test_coco_densepose_gives_keypoints_and_points_in_their_boxes(tmp_path: Path) -> None:
    coco_file(tmp_path / "annotations" / "densepose_coco_2014_minival.json")
    image.write(tmp_path / "x.png", GREY)
    (tmp_path / "train2014").mkdir()
    (tmp_path / "train2014" / "COCO_train2014_000000000007.jpg").touch()
    people = read_coco(tmp_path, "minival")
    assert len(people) == 2  # neither crowds nor people without annotations
    assert at(people, 0, "left_wrist") == [33, 44, 1]
    assert at(people, 0, "nose") == [0, 0, 0]
    assert people["imgname"][0] == "train2014/COCO_train2014_000000000007.jpg"
    assert people.box(0).side == pytest.approx(1.2 * 40)
    assert (people.box(0).cx, people.box(0).cy) == (30, 35)
    assert people.dense_counts.tolist() == [0, 2]
    np.testing.assert_allclose(people["dp_xy"], [[0, 10 + 51 / 255 * 25.5], [51, 35.5]], rtol=1e-6)
    np.testing.assert_allclose(people["dp_IUV"], [[1, 0.25, 0.5], [24, 0.5, 1.0]])
    assert people.manifest["charts"] == "densepose"
    assert not people.has_smpl.any()


def test_coordinates_up_to_255_are_divided_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = coco_file(tmp_path / "densepose_coco_2014_train.json", dp_U=[63.75, 127.5])
    people = read_coco(file)
    np.testing.assert_allclose(people["dp_IUV"][:, 1], [0.25, 0.5])
    assert "divided by 255" in caplog.text


def test_coco_files_that_are_not_whole_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no densepose_coco_2014_train\.json or"):
        read_coco(tmp_path, "train")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match="no 'images' and 'annotations'"):
        read_coco(tmp_path / "a.json")
    with pytest.raises(InputError, match="charts outside 1 to 24"):
        read_coco(coco_file(tmp_path / "b.json", dp_I=[0.0, 30.0]))
    (tmp_path / "c.json").write_text(json.dumps({"images": [], "annotations": [{"image_id": 1}]}))
    with pytest.raises(InputError, match="not written as COCO does: KeyError"):
        read_coco(tmp_path / "c.json")


def up3d_folder(root: Path) -> Path:
    for number in (3, 4):
        stem = f"{number:05d}"
        image.write(root / f"{stem}_image.png", GREY)
        rendering = np.full((60, 80, 3), 255, np.uint8)
        rendering[10:40, 20:30] = 90
        image.write(root / f"{stem}_render_light.png", rendering)
        joints = np.zeros((3, 14))
        joints[:, LSP14.index("left_knee")] = (25, 30, 1)
        np.save(root / f"{stem}_joints.npy", joints)
        body = {"pose": np.full(72, 0.1), "betas": np.arange(10.0), "rt": np.array([0.0, 0.3, 0.0]), "f": 1.0}
        (root / f"{stem}_body.pkl").write_bytes(pickle.dumps(body, protocol=2))
    (root / "test.txt").write_text("/00004_image.png 4\n")
    return root


def test_up3d_gives_bodies_before_their_cameras(tmp_path: Path) -> None:
    folder = up3d_folder(tmp_path)
    assert len(read_up3d(folder)) == 2
    people = read_up3d(folder, "test")
    assert people["imgname"].tolist() == ["00004_image.png"]
    assert people["box"].tolist() == [[20, 10, 10, 30]]
    assert people.box(0).side == pytest.approx(36)
    assert at(people, 0, "left_knee") == [25, 30, 1]
    np.testing.assert_allclose(people["shape"][0], np.arange(10))
    root = Rotation.from_euler("y", 0.3) * Rotation.from_rotvec([0.1, 0.1, 0.1])
    np.testing.assert_allclose(people["pose"][0, :3], root.as_rotvec(), atol=1e-6)
    np.testing.assert_allclose(people["pose"][0, 3:], 0.1, rtol=1e-6)
    with pytest.raises(InputError, match=r"has no val\.txt"):
        read_up3d(folder, "val")


@pytest.mark.parametrize("name", ["00003_body.pkl", "00003_joints.npy", "00003_render_light.png"])
def test_missing_files_of_up3d_are_named(tmp_path: Path, name: str) -> None:
    (up3d_folder(tmp_path) / name).unlink()
    with pytest.raises(InputError, match=f"has no {name}"):
        read_up3d(tmp_path)


def test_pickles_that_name_anything_but_arrays_are_refused(tmp_path: Path) -> None:
    (up3d_folder(tmp_path) / "00003_body.pkl").write_bytes(pickle.dumps({"pose": Bad()}))
    with pytest.raises(InputError, match=r"builtins\.eval, which is neither an array nor a plain value"):
        read_up3d(tmp_path)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([{"image_path": Bad()}]))
    with pytest.raises(InputError, match=r"builtins\.eval"):
        read_reference(tmp_path / "list.pkl")


def test_3dpw_uses_frames_with_a_known_camera_and_visible_keypoints(tmp_path: Path) -> None:
    frames = 4
    points = np.zeros((frames, 3, 18))
    points[:, 2] = 0.8
    points[:, 0], points[:, 1] = np.arange(18), 2 * np.arange(18)
    points[3, 2, 5:] = 0  # hardly visible
    cameras = np.tile(np.eye(4), (frames, 1, 1))
    cameras[:, :3, :3] = Rotation.from_euler("x", np.pi).as_matrix()
    content = {
        "poses": [np.zeros((frames, 72)), np.full((frames, 72), 0.1)], "betas": [np.arange(12.0), np.zeros(10)],
        "poses2d": [points, np.zeros_like(points)], "cam_poses": cameras, "cam_intrinsics": np.eye(3),
        "campose_valid": [np.array([1, 0, 1, 1]), np.ones(frames)], "genders": ["m", "f"],
        "sequence": "walk_00", "jointPositions": [np.zeros((frames, 72))] * 2, "trans": [np.zeros((frames, 3))] * 2,
    }  # fmt: skip
    folder = tmp_path / "sequenceFiles" / "test"
    folder.mkdir(parents=True)
    (folder / "walk_00.pkl").write_bytes(pickle.dumps(content, protocol=2))
    people = read_3dpw(tmp_path, "test")
    assert people["imgname"].tolist() == [f"imageFiles/walk_00/image_{frame:05d}.jpg" for frame in (0, 2)]
    assert people["gender"].tolist() == ["m", "m"]
    np.testing.assert_allclose(np.abs(people["pose"][:, :3]), [[np.pi, 0, 0]] * 2, atol=1e-6)
    assert not people["pose"][:, 3:].any()
    np.testing.assert_allclose(people["shape"][0], np.arange(10))
    assert at(people, 0, "right_shoulder")[:2] == [2, 4]
    assert at(people, 0, "neck") == [0, 0, 0]  # OpenPose's is another point
    assert people.box(0).side == pytest.approx(1.2 * 34)
    with pytest.raises(InputError, match="holds no sequences"):
        read_3dpw(tmp_path, "train")
    (folder / "walk_00.pkl").write_bytes(pickle.dumps({"poses": []}))
    with pytest.raises(InputError, match="holds no betas, cam_poses"):
        read_3dpw(tmp_path, "test")


@pytest.mark.parametrize("extension", [False, True])
def test_leeds_sports_pose_is_read_in_both_layouts(tmp_path: Path, extension: bool) -> None:
    joints = np.zeros((4, 14, 3))
    joints[:, :, :2] = np.random.default_rng(0).uniform(1, 50, (4, 14, 2))
    joints[:, 0, 2] = 1
    joints[:, 1, 2] = 1
    layout = joints.transpose(1, 2, 0) if extension else joints.transpose(2, 1, 0)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": layout})
    people = read_lsp(tmp_path, "" if extension else "test")
    assert people["imgname"][0] == ("images/im00001.jpg" if extension else "images/im0003.jpg")
    assert len(people) == (4 if extension else 2)
    first = joints[0 if extension else 2]
    np.testing.assert_allclose(at(people, 0, "right_ankle"), [*first[0, :2], 1], rtol=1e-6)
    # In the first set the third number says what is hidden, in the extension what is seen.
    assert at(people, 0, "head_top")[2] == (0 if extension else 1)
    with pytest.raises(InputError, match="train and test, not 'val'"):
        read_lsp(tmp_path, "val")


def test_mpii_gives_the_people_with_joints(tmp_path: Path) -> None:
    points = np.array(
        [(10.0, 20.0, 5, 1), (30.0, 40.0, 9, [])], dtype=[("x", "O"), ("y", "O"), ("id", "O"), ("is_visible", "O")]
    )
    person = {"scale": 1.0, "objpos": {"x": 20.0, "y": 30.0}, "annopoints": {"point": points}}
    bare = {"scale": 2.0, "objpos": {"x": 1.0, "y": 1.0}, "annopoints": np.zeros((0, 0))}
    rows = np.empty(2, object)
    rows[:] = [
        {"image": {"name": "a.jpg"}, "annorect": np.array([person, bare], object)},
        {"image": {"name": "b.jpg"}, "annorect": bare},
    ]
    scipy.io.savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": {"annolist": rows}})
    people = read_mpii(tmp_path)
    assert people["imgname"].tolist() == ["images/a.jpg"]
    assert at(people, 0, "left_ankle") == [10, 20, 1]
    assert at(people, 0, "head_top") == [30, 40, 1]
    with pytest.raises(InputError, match="only, not for 'test'"):
        read_mpii(tmp_path, "test")
    scipy.io.savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"other": 1})
    with pytest.raises(InputError, match="not written as MPII does"):
        read_mpii(tmp_path)
    newer = b"MATLAB 7.3 MAT-file, HDF5 schema 1.00".ljust(124) + b"\x00\x02IM" + bytes(512)
    (tmp_path / "mpii_human_pose_v1_u12_1.mat").write_bytes(newer)
    with pytest.raises(InputError, match=r"saved as MATLAB 7\.3; save it again with -v7"):
        read_mpii(tmp_path)
    (tmp_path / "mpii_human_pose_v1_u12_1.mat").write_bytes(b"no")
    with pytest.raises(InputError, match="no MATLAB file"):
        read_mpii(tmp_path)


def reference_rows(root: Path) -> list[dict[str, Any]]:
    image.write(root / "a.png", GREY)
    refined = np.zeros((60, 80, 3), np.uint8)
    refined[:, :40, 0] = 3
    image.write(root / "a_refined.png", refined)
    joints = np.zeros((3, 19))
    joints[:, COCOPLUS19.index("right_ear")] = (11, 12, 1)
    dense = {
        "dp_x": np.linspace(1, 79, 20), "dp_y": np.full(20, 30.0),
        "smpl_vert_indices": np.arange(60).reshape(20, 3), "barycentric_coords": np.full((20, 3), 1 / 3),
    }  # fmt: skip
    return [
        {"image_path": "a.png", "IUV_path": "", "IUV_refined_path": "a_refined.png", "joints_2d": joints, **dense},
        {"image_path": "a.png", "joints_2d": joints, "smpl_pose": np.full(72, 0.2), "smpl_shape": np.ones(10)},
    ]


def test_pickles_of_the_papers_code_keep_points_on_the_refined_map(tmp_path: Path) -> None:
    rows = reference_rows(tmp_path)
    (tmp_path / "coco.pkl").write_bytes(pickle.dumps(rows, protocol=2))
    people = read_reference(tmp_path / "coco.pkl")
    assert people.has_smpl.tolist() == [0, 1]
    assert (people.box(0).cx, people.box(0).cy, people.box(0).side) == (40, 30, 80)
    assert at(people, 0, "right_ear") == [11, 12, 1]
    assert people.dense_counts.tolist() == [10, 0]
    assert people["dp_xy"][:, 0].max() < 40
    np.testing.assert_array_equal(people["dp_vertex"], np.arange(30).reshape(10, 3))
    np.testing.assert_allclose(people["pose"][1], 0.2, rtol=1e-6)
    # As a dictionary of lists, too.
    lists = {name: [rows[0][name]] for name in rows[0]}
    (tmp_path / "lists.pkl").write_bytes(pickle.dumps(lists, protocol=2))
    np.testing.assert_array_equal(read_reference(tmp_path / "lists.pkl")["dp_vertex"], people["dp_vertex"])


def test_converted_people_can_be_trained_with_a_body_of_smpls_size(tmp_path: Path) -> None:
    (tmp_path / "coco.pkl").write_bytes(pickle.dumps(reference_rows(tmp_path), protocol=2))
    read_reference(tmp_path / "coco.pkl").save(tmp_path / "set")
    people = PeopleSet.load(tmp_path / "set")
    batch = PeopleDataset(people, BodyModel(smpl_like(6890)), size=32).batch([0, 1])
    assert batch["has_dense"].tolist() == [1.0, 0.0]
    assert batch["image"].shape == (2, 3, 32, 32)
    with pytest.raises(InputError, match="body 'smpl', not of 'synthetic'"):
        PeopleDataset(people, BodyModel(smpl_like(300)), size=32)


def test_pickles_that_are_not_whole_are_named(tmp_path: Path) -> None:
    for content, message in (
        ("text", "neither a list of dictionaries"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ([{"joints_2d": np.zeros((3, 19))}], "person 0: KeyError 'image_path'"),
        ([{"image_path": "gone.png"}], "gone.png is missing or no picture"),
    ):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(InputError, match=message):
            read_reference(tmp_path / "x.pkl")
