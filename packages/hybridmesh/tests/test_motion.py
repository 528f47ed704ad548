from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.spatial.transform import Rotation

from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.cli import main
from hybridmesh.fitting import BodyState
from hybridmesh.joints import SMPL24
from hybridmesh.motion import read_motion, write_motion
from hybridmesh.recovery import pose_body

# Names, parents and offsets of a skeleton in CMU's manner, in the body's T-pose; lengths are arbitrary units.
BONES = [
    ("Hips", "", (0, 0, 0)), ("LowerBack", "Hips", (0, 1, 0)), ("Spine", "LowerBack", (0, 2, 0)),
    ("Spine1", "Spine", (0, 2, 0)), ("Neck", "Spine1", (0, 2, 0)), ("Neck1", "Neck", (0, 1, 0)),
    ("Head", "Neck1", (0, 1, 0)),
    *[bone for side, x in (("Left", 1), ("Right", -1)) for bone in (
        (f"{side}UpLeg", "Hips", (x, -1, 0)), (f"{side}Leg", f"{side}UpLeg", (0, -4, 0)),
        (f"{side}Foot", f"{side}Leg", (0, -4, 0)), (f"{side}ToeBase", f"{side}Foot", (0, -1, 2)),
        (f"{side}Shoulder", "Spine1", (x, 1, 0)), (f"{side}Arm", f"{side}Shoulder", (x, 0, 0)),
        (f"{side}ForeArm", f"{side}Arm", (3 * x, 0, 0)), (f"{side}Hand", f"{side}ForeArm", (3 * x, 0, 0)),
    )],
]  # fmt: skip


def bvh(angles: dict[str, tuple[float, float, float]], order: str = "ZYX", frames: int = 2) -> str:
    """Write a BVH file in which some joints are turned."""
    channels = " ".join(f"{axis}rotation" for axis in order)
    values: list[str] = []

    def block(name: str) -> str:
        offset = next(each[2] for each in BONES if each[0] == name)
        root = name == "Hips"
        values.extend(["0", "5", "0"] if root else [])
        values.extend(str(each) for each in angles.get(name, (0, 0, 0)))
        number = f"6 Xposition Yposition Zposition {channels}" if root else f"3 {channels}"
        inside = "".join(block(each[0]) for each in BONES if each[1] == name) or "End Site\n{\nOFFSET 0 1 0\n}\n"
        return (
            f"{'ROOT' if root else 'JOINT'} {name}\n{{\nOFFSET {' '.join(map(str, offset))}\n"
            f"CHANNELS {number}\n{inside}}}\n"
        )

    hierarchy = block("Hips")
    line = " ".join(values)
    return f"HIERARCHY\n{hierarchy}MOTION\nFrames: {frames}\nFrame Time: 0.01\n" + f"{line}\n" * frames


@pytest.mark.parametrize("order", ["ZYX", "XYZ", "ZXY"])
def test_angles_are_multiplied_in_the_order_of_the_channels(order: str, lo: BodyModel, tmp_path: Path) -> None:
    angles = (20.0, -35.0, 50.0)
    (tmp_path / "a.bvh").write_text(bvh({"Spine": angles}, order))
    motion = read_motion(tmp_path / "a.bvh", lo)
    assert motion.fps == pytest.approx(100)
    # Capital letters of SciPy are turns about axes that turn along, as BVH means them.
    expected = Rotation.from_euler(order, angles, degrees=True).as_matrix()
    np.testing.assert_allclose(motion.poses[0, SMPL24.index("spine2")], expected, atol=1e-12)


def test_a_resting_skeleton_gives_straight_limbs(lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(bvh({}))
    motion = read_motion(tmp_path / "a.bvh", lo)
    _, joints = pose_body(lo, BodyState(motion.poses[0], np.zeros(10), np.ones(3)))
    for a, b, direction in (("left_hip", "left_knee", (0, -1, 0)), ("right_shoulder", "right_elbow", (-1, 0, 0))):
        along = joints[SMPL24.index(b)] - joints[SMPL24.index(a)]
        np.testing.assert_allclose(along / np.linalg.norm(along), direction, atol=1e-6)


def test_places_are_scaled_to_the_legs_of_the_body(lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(bvh({}))
    motion = read_motion(tmp_path / "a.bvh", lo)
    rest = lo.arrays.joint_template
    leg = [SMPL24.index(name) for name in ("left_hip", "left_knee", "left_ankle")]
    own = np.linalg.norm(np.diff(rest[leg], axis=0), axis=1).sum()
    np.testing.assert_allclose(motion.translations[0], [0, 5 * own / 8, 0])  # two bones of 4 units


ASF_NAMES = {
    "Hips": "root", "LowerBack": "lowerback", "Spine": "upperback", "Spine1": "thorax", "Neck": "lowerneck",
    "Neck1": "upperneck", "Head": "head", "UpLeg": "femur", "Leg": "tibia", "Foot": "foot", "ToeBase": "toes",
    "Shoulder": "clavicle", "Arm": "humerus", "ForeArm": "radius", "Hand": "hand",
}  # fmt: skip


def asf_name(name: str) -> str:
    for side in ("Left", "Right"):
        if name.startswith(side):
            return side[0].lower() + ASF_NAMES[name.removeprefix(side)]
    return ASF_NAMES[name]


def asf(axis: str = "0 0 0 XYZ") -> str:
    """Write a skeleton whose bones run to the next joint, as ASF has them."""
    text = ":version 1.10\n:root\norder TX TY TZ RX RY RZ\naxis XYZ\nposition 0 0 0\norientation 0 0 0\n:bonedata\n"
    for number, (name, _, offset) in enumerate(BONES[1:], 1):
        following = [each[2] for each in BONES if each[1] == name]
        along = np.array(following[0] if following else offset, float)
        length = np.linalg.norm(along)
        text += (
            f"begin\nid {number}\nname {asf_name(name)}\ndirection {' '.join(map(str, along / length))}\n"
            f"length {length}\naxis {axis}\ndof rx ry rz\nlimits (-180 180)\n(-180 180)\n(-180 180)\nend\n"
        )
    text += ":hierarchy\nbegin\n"
    for parent in dict.fromkeys(each[1] for each in BONES[1:]):
        text += " ".join([asf_name(parent), *(asf_name(each[0]) for each in BONES if each[1] == parent)]) + "\n"
    return text + "end\n"


def amc(angles: dict[str, tuple[float, float, float]], frames: int = 2) -> str:
    text = ":FULLY-SPECIFIED\n:DEGREES\n"
    for frame in range(1, frames + 1):
        text += f"{frame}\nroot 0 5 0 {' '.join(map(str, angles.get('root', (0, 0, 0))))}\n"
        for name, _, _ in BONES[1:]:
            text += f"{asf_name(name)} {' '.join(map(str, angles.get(asf_name(name), (0, 0, 0))))}\n"
    return text


def test_amc_turns_about_fixed_axes_in_the_frame_of_each_bone(lo: BodyModel, tmp_path: Path) -> None:
    angles = (20.0, -35.0, 50.0)
    (tmp_path / "9.asf").write_text(asf("10 20 30 XYZ").replace("\n", "\r\n"))
    (tmp_path / "9_01.amc").write_text(amc({"upperback": angles}).replace("\n", "\r\n"))
    motion = read_motion(tmp_path / "9_01.amc", lo)
    assert motion.fps == 120
    frame = Rotation.from_euler("xyz", (10, 20, 30), degrees=True)
    expected = frame * Rotation.from_euler("xyz", angles, degrees=True) * frame.inv()
    np.testing.assert_allclose(motion.poses[0, SMPL24.index("spine2")], expected.as_matrix(), atol=1e-12)


def test_both_formats_give_the_same_body(lo: BodyModel, tmp_path: Path) -> None:
    # About one axis only, so that the order does not matter.
    (tmp_path / "9.asf").write_text(asf())
    (tmp_path / "9_01.amc").write_text(amc({"lfemur": (-40.0, 0, 0), "ltibia": (60.0, 0, 0), "rradius": (0, 0, -70.0)}))
    (tmp_path / "a.bvh").write_text(
        bvh({"LeftUpLeg": (-40.0, 0, 0), "LeftLeg": (60.0, 0, 0), "RightForeArm": (0, 0, -70.0)}, "XYZ")
    )
    one, other = read_motion(tmp_path / "9_01.amc", lo), read_motion(tmp_path / "a.bvh", lo)
    np.testing.assert_allclose(one.poses, other.poses, atol=1e-9)


def test_a_motion_is_read_back_as_it_was_written(lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(bvh({"Spine": (10, 20, 30), "Hips": (5, 6, 7)}))
    motion = read_motion(tmp_path / "a.bvh", lo)
    write_motion(tmp_path / "a.npz", motion)
    back = read_motion(tmp_path / "a.npz", lo)
    np.testing.assert_allclose(back.poses, motion.poses, atol=1e-6)
    np.testing.assert_array_equal(back.translations, motion.translations)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.bvh", "MOTION", "does not begin with HIERARCHY"),
        ("a.bvh", bvh({}).rsplit("\n", 2)[0][:-3], "numbers"),
        ("a.bvh", bvh({}).replace("Frame Time: 0.01", "Frame Time:"), "numbers|no whole BVH"),
        ("a.bvh", bvh({}).replace("LeftLeg", "LegL"), "no joint 'LeftLeg'"),
        ("9_01.amc", amc({}).replace("lfemur", "lthigh"), "3 numbers for 'lfemur' in every frame"),
        ("9_01.amc", amc({}).replace("head 0 0 0", "head 0 x 0", 1), "line 10: expected a bone and its numbers"),
        ("9_01.amc", ":DEGREES\n", "holds no frames"),
        ("8_01.amc", amc({}), "--skeleton FILE.asf"),
        ("a.txt", "", "bvh, .amc and .npz are read"),
    ],
)
def test_a_damaged_motion_says_what_is_wrong(name: str, text: str, message: str, lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "9.asf").write_text(asf())
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_motion(tmp_path / name, lo)


def test_a_damaged_skeleton_says_what_is_wrong(lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "9_01.amc").write_text(amc({}))
    (tmp_path / "9.asf").write_text(asf().replace("length 4.0", "length", 1))
    with pytest.raises(InputError, match="is not whole"):
        read_motion(tmp_path / "9_01.amc", lo)
    (tmp_path / "9.asf").write_text(":version 1\n")
    with pytest.raises(InputError, match="is no ASF skeleton"):
        read_motion(tmp_path / "9_01.amc", lo)


def run_command(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_motions_are_converted_and_drawn(tmp_path: Path) -> None:
    (tmp_path / "walk.bvh").write_text(bvh({"LeftLeg": (40.0, 0, 0)}, "XYZ", frames=3))
    for name in ("walk.npz", "walk.glb"):
        result = run_command("convert", tmp_path / "walk.bvh", "--body", "free-lo", "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert "3 frames at 100 Hz" in result.output
    for source, name in (("walk.npz", "a.png"), ("walk.bvh", "a.gif"), ("walk.npz", "a.obj")):
        arguments = ("--body", "free-lo", "--size", 64, "--step", 1, "--out", tmp_path / name)
        assert run_command("render", tmp_path / source, *arguments).exit_code == 0
        assert (tmp_path / name).stat().st_size > 100
    assert (
        "counted from 0"
        in run_command("render", tmp_path / "walk.bvh", "--frame", 3, "--out", tmp_path / "b.png").stderr
    )
    assert ".npz or .glb" in run_command("convert", tmp_path / "walk.bvh", "--out", tmp_path / "b.txt").stderr
