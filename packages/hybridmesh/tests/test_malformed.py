"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from click.testing import CliRunner

from hr_common import image
from hr_common.testing import reader_faults
from hybridmesh.ablation import read_rows
from hybridmesh.body import BodyModel
from hybridmesh.body.arrays import write_body
from hybridmesh.body.registry import load_arrays
from hybridmesh.body.smpl_files import read_densepose_charts, read_smpl
from hybridmesh.cli import main
from hybridmesh.config import load_learning, load_recovery, load_synth
from hybridmesh.data.formats.coco import read_coco
from hybridmesh.data.formats.mpii import read_lsp, read_mpii
from hybridmesh.data.formats.reference import read_reference
from hybridmesh.data.formats.threedpw import read_3dpw
from hybridmesh.data.formats.up3d import read_up3d
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize
from hybridmesh.iuv import read as read_iuv
from hybridmesh.joints import COCO17
from hybridmesh.landmarks import read_landmarks, read_mask
from hybridmesh.meshes import read_mesh, write_mesh
from hybridmesh.motion import read_motion
from hybridmesh.regressor import Regressor
from hybridmesh.training.start import train

SIZE = (60, 80)
GREY = np.full((*SIZE, 3), 120, np.uint8)


def refused_or_read(read: Callable[[Path], object], *paths: Path, most: int = 1000) -> None:
    found = {path.name: reader_faults(read, path, most=most) for path in paths}
    assert found == {path.name: [] for path in paths}


def landmark_files() -> dict[str, object]:
    points = [[float(k), float(2 * k), 0.9] for k in range(33)]
    flat = [number for point in points[:25] for number in point]
    person = {"set": "mediapipe33", "keypoints": points, "landmarks3d": [[0.1, 0, 0]] * 33, "score": 0.7}
    coco = {
        "id": 1,
        "image_id": 7,
        "bbox": [1, 2, 30, 40],
        "keypoints": flat[:51],
        "segmentation": [[1, 2, 3, 9, 9, 4]],
    }
    return {
        "own": {"format": "hybridmesh-landmarks", "version": 1, "photos": {"a.jpg": [person]}},
        "openpose": {"people": [{"pose_keypoints_2d": flat}]},
        "coco": {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [coco]},
    }


@pytest.mark.parametrize("form", ["own", "openpose", "coco"])
def test_landmarks(form: str, tmp_path: Path) -> None:
    (tmp_path / "landmarks.json").write_text(json.dumps(landmark_files()[form]))
    refused_or_read(lambda path: read_landmarks(path, "a.jpg", SIZE), tmp_path / "landmarks.json")


def test_landmarks_in_an_archive_masks_and_maps(tmp_path: Path) -> None:
    np.savez(tmp_path / "landmarks.npz", keypoints=np.zeros((17, 3)), set="coco17")
    refused_or_read(lambda path: read_landmarks(path, "a.jpg", SIZE), tmp_path / "landmarks.npz")
    mask = np.zeros(SIZE, np.uint8)
    mask[10:30, 20:40] = 255
    image.write(tmp_path / "mask.png", np.repeat(mask[..., None], 3, axis=2))
    refused_or_read(lambda path: read_mask(path, SIZE), tmp_path / "mask.png")
    charts = np.zeros((*SIZE, 3), np.uint8)
    charts[10:30, 20:40] = (3, 100, 200)
    image.write(tmp_path / "iuv.png", charts)
    np.savez(tmp_path / "iuv.npz", I=charts[..., 0], UV=np.zeros((*SIZE, 2), np.float16), family="densepose")
    refused_or_read(read_iuv, tmp_path / "iuv.png", tmp_path / "iuv.npz")


def test_motions(lo: BodyModel, tmp_path: Path) -> None:
    joint = "CHANNELS 3 Zrotation Xrotation Yrotation\n"
    (tmp_path / "a.bvh").write_text(
        f"HIERARCHY\nROOT Hips\n{{\nOFFSET 0 0 0\n{joint.replace('3', '6 Xposition Yposition Zposition')}"
        f"JOINT LeftUpLeg\n{{\nOFFSET 1 -1 0\n{joint}JOINT LeftLeg\n{{\nOFFSET 0 -4 0\n{joint}"
        "End Site\n{\nOFFSET 0 -4 0\n}\n}\n}\n}\nMOTION\nFrames: 2\nFrame Time: 0.01\n"
        + "0 5 0 1 2 3 4 5 6 7 8 9\n"
        * 2
    )
    refused_or_read(lambda path: read_motion(path, lo), tmp_path / "a.bvh")
    bone = "direction 0 -1 0\nlength 4\naxis 0 0 0 XYZ\ndof rx ry rz\nlimits (-180 180)\n(-180 180)\n(-180 180)\nend\n"
    (tmp_path / "a.asf").write_text(
        ":version 1.10\n:root\norder TX TY TZ RX RY RZ\naxis XYZ\nposition 0 0 0\norientation 0 0 0\n:bonedata\n"
        f"begin\nid 1\nname lfemur\n{bone}begin\nid 2\nname ltibia\n{bone}"
        ":hierarchy\nbegin\nroot lfemur\nlfemur ltibia\nend\n"
    )
    frame = "root 0 5 0 1 2 3\nlfemur 4 5 6\nltibia 7 8 9\n"
    (tmp_path / "a.amc").write_text(f":FULLY-SPECIFIED\n:DEGREES\n1\n{frame}2\n{frame}")
    read_amc = lambda _: read_motion(tmp_path / "a.amc", lo, skeleton=tmp_path / "a.asf")  # noqa: E731
    refused_or_read(read_amc, tmp_path / "a.amc", tmp_path / "a.asf")


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_meshes(suffix: str, tmp_path: Path) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    write_mesh(tmp_path / f"a{suffix}", corners, np.array([[0, 1, 2], [0, 2, 3]]))
    refused_or_read(read_mesh, tmp_path / f"a{suffix}")


def test_bodies(tmp_path: Path) -> None:
    arrays = load_arrays("free-lo")
    write_body(tmp_path / "body.npz", arrays)
    refused_or_read(load_arrays, tmp_path / "body.npz", most=40)
    rows, faces = 120, np.random.default_rng(0).integers(0, 120, (60, 3))
    smpl = {
        "v_template": np.zeros((rows, 3)), "shapedirs": np.zeros((rows, 3, 10)), "posedirs": np.zeros((rows, 3, 207)),
        "weights": np.full((rows, 24), 1 / 24), "J_regressor": np.full((24, rows), 1 / rows), "f": faces,
        "kintree_table": np.array([[-1, *range(23)], range(24)]),
    }  # fmt: skip
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(smpl, protocol=2))
    refused_or_read(read_smpl, tmp_path / "SMPL_NEUTRAL.pkl", most=60)
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **smpl)
    refused_or_read(read_smpl, tmp_path / "SMPL_NEUTRAL.npz", most=100)
    scipy.io.savemat(
        tmp_path / "UV_Processed.mat",
        {
            "All_Faces": faces + 1, "All_FaceIndices": np.ones((60, 1)), "All_U_norm": np.zeros((rows, 1)),
            "All_V_norm": np.zeros((rows, 1)), "All_vertices": np.arange(1, rows + 1)[None],
        },
    )  # fmt: skip
    refused_or_read(lambda path: read_densepose_charts(path, faces), tmp_path / "UV_Processed.mat", most=80)


def test_coco(tmp_path: Path) -> None:
    keypoints = [0] * 51
    keypoints[3 * COCO17.index("nose") : 3 * COCO17.index("nose") + 3] = [33, 44, 1]
    dense = {"dp_I": [1.0, 24.0], "dp_U": [0.25, 0.5], "dp_V": [0.5, 1.0], "dp_x": [0, 255], "dp_y": [51, 255]}
    rows = [{"id": 2, "image_id": 7, "bbox": [0, 10, 51, 25.5], "keypoints": keypoints, "iscrowd": 0, **dense}] * 2
    path = tmp_path / "annotations" / "densepose_coco_2014_minival.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": rows}))
    refused_or_read(read_coco, path)


def test_up3d(tmp_path: Path) -> None:
    image.write(tmp_path / "00003_image.png", GREY)
    drawn = np.full((*SIZE, 3), 255, np.uint8)
    drawn[10:40, 20:30] = 90
    image.write(tmp_path / "00003_render_light.png", drawn)
    np.save(tmp_path / "00003_joints.npy", np.ones((3, 14)))
    body = {"pose": np.full(72, 0.1), "betas": np.arange(10.0), "rt": np.array([0.0, 0.3, 0.0]), "f": 1.0}
    (tmp_path / "00003_body.pkl").write_bytes(pickle.dumps(body, protocol=2))
    (tmp_path / "test.txt").write_text("/00003_image.png 3\n")
    parts = ("test.txt", "00003_joints.npy", "00003_body.pkl", "00003_render_light.png")
    refused_or_read(lambda _: read_up3d(tmp_path, "test"), *(tmp_path / name for name in parts))


def test_3dpw(tmp_path: Path) -> None:
    points = np.ones((2, 3, 18))
    content = {
        "poses": [np.zeros((2, 72))], "betas": [np.zeros(10)], "poses2d": [points], "genders": ["m"],
        "cam_poses": np.tile(np.eye(4), (2, 1, 1)), "cam_intrinsics": np.eye(3), "campose_valid": [np.ones(2)],
        "sequence": "walk_00", "jointPositions": [np.zeros((2, 72))], "trans": [np.zeros((2, 3))],
    }  # fmt: skip
    path = tmp_path / "sequenceFiles" / "test" / "walk_00.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    refused_or_read(lambda _: read_3dpw(tmp_path, "test"), path)


def test_leeds_sports_pose_and_mpii(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.ones((3, 14, 4))})
    refused_or_read(lambda _: read_lsp(tmp_path, "test"), tmp_path / "joints.mat")
    points = np.array([(10.0, 20.0, 5, 1)], dtype=[("x", "O"), ("y", "O"), ("id", "O"), ("is_visible", "O")])
    person = {"scale": 1.0, "objpos": {"x": 20.0, "y": 30.0}, "annopoints": {"point": points}}
    rows = np.empty(1, object)
    rows[:] = [{"image": {"name": "a.jpg"}, "annorect": person}]
    scipy.io.savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": {"annolist": rows}})
    refused_or_read(lambda _: read_mpii(tmp_path), tmp_path / "mpii_human_pose_v1_u12_1.mat")


def test_pickles_of_the_papers_code(tmp_path: Path) -> None:
    image.write(tmp_path / "a.png", GREY)
    rows = [{"image_path": "a.png", "joints_2d": np.ones((3, 19)), "smpl_pose": np.ones(72), "smpl_shape": np.ones(10)}]
    (tmp_path / "list.pkl").write_bytes(pickle.dumps(rows, protocol=2))
    refused_or_read(read_reference, tmp_path / "list.pkl")


def test_people_and_a_regressor(lo: BodyModel, tmp_path: Path) -> None:
    people = synthesize(lo, [], load_synth("tiny"), count=6, domain="studio", seed=0)
    people.save(tmp_path / "people")
    parts = [path for path in (tmp_path / "people").iterdir() if path.is_file() and path.suffix in (".json", ".npz")]
    assert parts
    refused_or_read(lambda _: PeopleSet.load(tmp_path / "people"), *parts, most=100)
    train(
        [people],
        lo,
        tmp_path / "run",
        load_learning("tiny", overrides=("training.supervision=3d_sparse",)),
        device="cpu",
    )
    refused_or_read(Regressor.load, tmp_path / "run" / "model.safetensors", most=100)


def test_a_table_that_is_gone_on_with(tmp_path: Path) -> None:
    header = "input,supervision,seed,pve,mpjpe,pve_t,steps,seconds,settings"
    (tmp_path / "grid.csv").write_text(f"{header}\niuv,dense,0,80.5,70.5,60.5,12,1.5,abc\n")
    refused_or_read(lambda path: read_rows(path, "abc"), tmp_path / "grid.csv")


def test_settings(tmp_path: Path) -> None:
    for name, load in (("recovery", load_recovery), ("synth", load_synth), ("learning", load_learning)):
        (tmp_path / f"{name}.toml").write_text("[training]\nepochs = 3\n" if name == "learning" else "size = 64\n")
        refused_or_read(lambda path, load=load: load("tiny", file=path), tmp_path / f"{name}.toml")  # type: ignore[misc,operator]


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", bytes(range(256))])
def test_the_command_line_says_it_in_one_line(raw: bytes, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    (tmp_path / "landmarks.json").write_text(json.dumps(landmark_files()["openpose"]))
    image.write(tmp_path / "a.jpg", GREY)
    names = ("bad.png", "bad.json", "bad.npz", "bad.pkl", "bad.safetensors", "bad.toml", "bad.bvh", "bad.mat")
    for name in names:
        (tmp_path / name).write_bytes(raw)
    for line in (
        "recover bad.png --keypoints landmarks.json --out out",
        "recover a.jpg --keypoints bad.json --out out",
        "recover a.jpg --keypoints landmarks.json --iuv bad.png --out out",
        "recover a.jpg --keypoints landmarks.json --mask bad.png --out out",
        "recover a.jpg --keypoints landmarks.json --body bad.npz --out out",
        "predict a.jpg --keypoints landmarks.json --weights bad.safetensors --out out",
        "refine-iuv bad.png landmarks.json --out out.png",
        "render bad.npz --out out.png",
        "convert bad.bvh --out out.npz",
        "assets import-smpl bad.pkl --out out.npz",
        "info --weights bad.safetensors",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            result = CliRunner().invoke(main, line.split())
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1), (line, result.output)
    assert {path.name for path in tmp_path.iterdir()} == {"landmarks.json", "a.jpg", *names}
