import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.errors import InputError
from hybridmesh.data.people import PeopleSet, convert_many
from hybridmesh.joints import COCO17, KEYPOINTS, OPENPOSE25, SPIN24


def three(**more: np.ndarray) -> PeopleSet:
    """Three people with two, no and three dense points."""
    rng = np.random.default_rng(0)
    columns = {
        "center": rng.uniform(50, 100, (3, 2)),
        "scale": rng.uniform(0.5, 1, 3),
        "imgname": np.array(["a.jpg", "b.jpg", "b.jpg"]),
        "source": np.array(["studio", "wild", "wild"]),
        "keypoints": rng.uniform(1, 100, (3, 25, 3)).astype(np.float32),
        "pose": rng.normal(size=(3, 72)).astype(np.float32),
        "shape": rng.normal(size=(3, 10)).astype(np.float32),
        "has_smpl": np.array([1, 0, 1], np.uint8),
        "dp_ptr": np.array([0, 2, 2, 5]),
        "dp_xy": np.arange(10, dtype=np.float32).reshape(5, 2),
        "dp_face": np.arange(5),
        "dp_bary": np.full((5, 3), 1 / 3, np.float32),
    }
    return PeopleSet(columns=columns | more, manifest={"name": "three", "body_id": "b"})


def equal(a: PeopleSet, b: PeopleSet) -> None:
    assert set(a.columns) == set(b.columns)
    for name, value in a.columns.items():
        np.testing.assert_array_equal(value, b.columns[name], err_msg=name)


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    people = replace(three(), root=tmp_path / "set")
    people.save(tmp_path / "set")
    again = PeopleSet.load(tmp_path / "set")
    equal(people, again)
    assert again.manifest["body_id"] == "b"
    assert again.manifest["name"] == "three"
    assert again.manifest["people"] == 3
    assert again.manifest["with_smpl"] == 2
    assert again.manifest["with_dense"] == 2
    assert again.manifest["sources"] == {"studio": 1, "wild": 2}


def test_rendered_people_keep_their_crops(wild: PeopleSet, tmp_path: Path) -> None:
    wild.save(tmp_path)
    equal(wild, PeopleSet.load(tmp_path))


def test_an_archive_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    three().save(tmp_path)
    with (tmp_path / "people.npz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match=r"is not the file that .*manifest\.json describes"):
        PeopleSet.load(tmp_path)


def test_a_folder_without_manifest_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no manifest.json; make one with: hybridmesh convert"):
        PeopleSet.load(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "other"}))
    (tmp_path / "people.npz").write_bytes(b"")
    with pytest.raises(InputError, match="no manifest of people"):
        PeopleSet.load(tmp_path)


def test_spins_archive_is_read(tmp_path: Path) -> None:
    part, openpose = np.zeros((2, 24, 3)), np.zeros((2, 25, 3))
    part[0, SPIN24.index("left_ankle")] = (5, 6, 1)
    openpose[0, OPENPOSE25.index("left_ankle")] = (7, 8, 0.5)  # what was annotated comes first
    openpose[0, OPENPOSE25.index("left_heel")] = (9, 10, 0.5)
    openpose[1, OPENPOSE25.index("nose")] = (1, 2, 0.25)
    path = tmp_path / "spin.npz"
    np.savez(
        path, imgname=np.array(["x.jpg", "y.jpg"]), center=np.ones((2, 2)), scale=np.ones(2), part=part,
        openpose=openpose, pose=np.zeros((2, 24, 3)), shape=np.zeros((2, 10)), S=np.zeros((2, 24, 4)),
        gender=np.array([b"m", b"f"]),
    )  # fmt: skip
    people = PeopleSet.load(path)
    keypoints = people["keypoints"]
    np.testing.assert_array_equal(keypoints[0, KEYPOINTS.index("left_ankle")], (5, 6, 1))
    np.testing.assert_array_equal(keypoints[0, KEYPOINTS.index("left_heel")], (9, 10, 0.5))
    np.testing.assert_array_equal(keypoints[1, KEYPOINTS.index("nose")], (1, 2, 0.25))
    assert people["pose"].shape == (2, 72)
    assert people.has_smpl.tolist() == [1, 1]
    assert people["gender"].tolist() == ["m", "f"]
    assert people.manifest["body_id"] == "smpl"
    assert people.box(0).side == 200


def test_our_archive_has_spins_keys(tmp_path: Path) -> None:
    people = three()
    people.save(tmp_path)
    with np.load(tmp_path / "people.npz") as archive:
        assert {"imgname", "center", "scale", "part", "openpose", "pose", "shape", "has_smpl"} <= set(archive.files)
        ankle = people["keypoints"][:, KEYPOINTS.index("right_ankle")]
        np.testing.assert_array_equal(archive["part"][:, 0], ankle)
        assert not archive["openpose"][:, OPENPOSE25.index("neck")].any()


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)))
def test_people_keep_their_dense_points_in_any_order(order: list[int]) -> None:
    people = three()
    shuffled = people.take(np.array(order))
    for place, row in enumerate(order):
        mine = slice(*people["dp_ptr"][row : row + 2])
        theirs = slice(*shuffled["dp_ptr"][place : place + 2])
        np.testing.assert_array_equal(shuffled["dp_xy"][theirs], people["dp_xy"][mine])
    equal(shuffled.take(np.argsort(order)), people)


def test_parts_put_together_are_the_whole() -> None:
    people = three()
    equal(PeopleSet.concatenate([people.take(np.array([0])), people.take(np.array([1, 2]))]), people)


def test_files_of_sets_from_two_folders_stay_theirs(tmp_path: Path) -> None:
    both = PeopleSet.concatenate([replace(three(), root=tmp_path / "a"), replace(three(), root=tmp_path / "b")])
    assert both["imgname"][0] == str(tmp_path / "a" / "a.jpg")
    assert both["imgname"][3] == str(tmp_path / "b" / "a.jpg")


def test_files_are_found_from_where_the_set_is_saved(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").touch()
    replace(three(), root=tmp_path / "pictures").save(tmp_path / "sets" / "mine")
    again = PeopleSet.load(tmp_path / "sets" / "mine")
    assert (again.root / str(again["imgname"][0])).is_file()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shape", np.zeros((3, 9)), "column shape of 3 people has the shape (3, 9), not (3, 10)"),
        ("pose", np.full((3, 72), np.nan), "column pose holds numbers that are not finite"),
        ("hats", np.zeros(3), "unknown column 'hats'"),
        ("dp_ptr", np.array([0, 2, 1, 5]), "dp_ptr has to rise from 0"),
        ("dp_xy", np.zeros((4, 2)), "column dp_xy of 3 people has the shape (4, 2), not (5, 2)"),
    ],
)
def test_columns_that_do_not_fit_are_named(name: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(InputError) as error:
        three(**{name: value})
    assert message in str(error.value)


def test_sets_of_different_bodies_or_columns_are_not_joined() -> None:
    with pytest.raises(InputError, match="different bodies"):
        PeopleSet.concatenate([three(), replace(three(), manifest={"body_id": "c"})])
    with pytest.raises(InputError, match="differing: S"):
        PeopleSet.concatenate([three(), three(S=np.zeros((3, 24, 4)))])
    with pytest.raises(InputError, match="no column 'S'; known: center"):
        three()["S"]


def test_many_keypoints_are_converted_by_name() -> None:
    points = np.arange(2 * 17 * 3, dtype=float).reshape(2, 17, 3)
    moved = convert_many(points, "coco17")
    np.testing.assert_array_equal(moved[1, KEYPOINTS.index("left_knee")], points[1, COCO17.index("left_knee")])
    assert not moved[:, KEYPOINTS.index("head_top")].any()
