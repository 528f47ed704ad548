from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common import image
from hr_common.errors import InputError
from hr_common.files import read_json
from hybridmesh.body import BodyModel, WrongBodyError
from hybridmesh.config import load_recovery
from hybridmesh.iuv import IUVMap
from hybridmesh.joints import Keypoints
from hybridmesh.landmarks import SeenPerson
from hybridmesh.meshes import read_mesh
from hybridmesh.recovery import Recoverer, Recovery, find_photos, load_parameters, person_box, pose_body, save

QUICK = ("fit.flipping_steps=1",)


@pytest.fixture(scope="module")
def recovery(scene, lo: BodyModel) -> Recovery:  # type: ignore[no-untyped-def]
    """Two people: the rendered one, and the same without a map, half a picture to the right."""
    photo, person, iuv, _, _ = scene
    moved = Keypoints(person.keypoints.points + np.array([200.0, 0.0]), person.keypoints.confidence)
    wide = np.concatenate([photo, photo], 1)
    padded = IUVMap(np.pad(iuv.index, ((0, 0), (0, 400))), np.pad(iuv.uv, ((0, 0), (0, 400), (0, 0))), iuv.family)
    people = [person, SeenPerson(keypoints=moved)]
    return Recoverer(lo, load_recovery("tiny", overrides=QUICK)).recover(wide, people, maps=[padded])


@pytest.fixture(scope="module")
def folder(recovery: Recovery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saved") / "photo"
    save(recovery, out, formats=("obj", "ply", "glb"), rigged=True, with_turntable=True)
    return out


def test_everything_that_is_promised_is_written(folder: Path) -> None:
    per_person = ("npz", "obj", "ply", "glb")
    expected = {f"person{k}.{end}" for k in (0, 1) for end in per_person}
    expected |= {f"person{k}_iuv.{end}" for k in (0, 1) for end in ("png", "npz")}
    expected |= {"person0_rigged.glb", "person1_rigged.glb", "overlay.png", "result.json"}
    expected |= {"turntable.gif", "turntable1.gif"}
    assert {each.name for each in folder.iterdir()} == expected


def test_saved_parameters_give_the_same_vertices(folder: Path, lo: BodyModel) -> None:
    with np.load(folder / "person0.npz") as arrays:
        person = load_parameters(folder / "person0.npz", lo)
        vertices, joints = pose_body(lo, person.state)
        np.testing.assert_allclose(vertices, arrays["vertices"], atol=1e-5)
        np.testing.assert_allclose(joints, arrays["joints"], atol=1e-5)
        out = lo(torch.tensor(arrays["betas"])[None].float(), torch.tensor(arrays["pose_aa"])[None].float())
        np.testing.assert_allclose(out.vertices[0].numpy(), arrays["vertices"], atol=1e-5)
        assert person.size == (480, 800)


def test_meshes_stand_upright_and_face_the_viewer(folder: Path, recovery: Recovery) -> None:
    vertices, faces = read_mesh(folder / "person0.obj")
    person = recovery.people[0]
    np.testing.assert_allclose(vertices, person.vertices * [1, -1, -1], atol=1e-8)
    np.testing.assert_array_equal(faces, recovery.body.faces)


def test_the_full_camera_sees_what_the_crop_sees(recovery: Recovery) -> None:
    # The camera is far away, so that a pinhole and weak perspective agree to a pixel.
    for person in recovery.people:
        regressor = recovery.body.regressors["keypoints25"].double().numpy()
        points = recovery.camera.project(regressor @ person.vertices + person.transl)
        assert np.linalg.norm(points - person.keypoints2d, axis=1).max() < 12


def test_the_overlay_has_the_size_of_the_photo_and_changes_only_where_people_are(
    folder: Path, recovery: Recovery
) -> None:
    overlay = image.read(folder / "overlay.png")
    assert overlay.shape == recovery.photo.shape
    changed = (overlay != recovery.photo).any(2)
    assert 0.05 < changed.mean() < 0.5
    assert not changed[:20].any()


def test_the_summary_says_how_well_it_fits_and_whose_the_body_is(folder: Path, lo: BodyModel) -> None:
    result = read_json(folder / "result.json")
    assert result["body"] == {"name": "free-lo", "id": lo.id, "license": lo.license}
    first, second = result["people"]
    assert first["mask_iou"] > 0.6
    assert first["dense_error_px_of_224"] < 10
    assert second["dense_error_px_of_224"] is None
    assert 1.2 < second["height_m"] < 2.4
    assert result["camera"]["full"]["focal"] == "assumed"


def test_a_predictor_has_the_first_or_the_last_word(scene, lo: BodyModel) -> None:  # type: ignore[no-untyped-def]
    photo, person, iuv, truth, _ = scene
    recoverer = Recoverer(lo, load_recovery("tiny", overrides=QUICK), predictor=lambda *_: truth)
    (only,) = recoverer.recover(photo, [person], fit=False).people
    assert only.state is truth
    assert only.fit is None
    (refined,) = recoverer.recover(photo, [person], maps=[iuv]).people
    assert refined.fit is not None
    assert refined.fit.keypoint_error is not None


def test_what_cannot_be_done_is_said(scene, lo: BodyModel, folder: Path, free: BodyModel) -> None:  # type: ignore[no-untyped-def]
    photo, person, iuv, _, _ = scene
    recoverer = Recoverer(lo, load_recovery("tiny"))
    with pytest.raises(InputError, match="no person was found"):
        recoverer.recover(photo, [])
    with pytest.raises(InputError, match="a trained regressor is needed"):
        recoverer.recover(photo, [person], fit=False)
    with pytest.raises(InputError, match="2 IUV maps were given for 1 people"):
        recoverer.recover(photo, [person], maps=[iuv, iuv])
    with pytest.raises(InputError, match="the IUV map has 400×480 pixels, the photo 10×10"):
        recoverer.recover(photo[:10, :10], [person], maps=[iuv])
    with pytest.raises(WrongBodyError, match="'densepose'"):
        recoverer.recover(photo, [person], maps=[IUVMap(iuv.index, iuv.uv, "densepose")])
    with pytest.raises(WrongBodyError, match="was made with body free-lo"):
        load_parameters(folder / "person0.npz", free)


def test_the_box_comes_from_what_there_is() -> None:
    given = person_box(SeenPerson(box=(10.0, 20.0, 40.0, 100.0)), None, None, margin=1.2)
    assert (given.cx, given.cy, given.side) == (30, 70, 120)
    mask = np.zeros((100, 100), bool)
    mask[20:61, 30:51] = True
    from_mask = person_box(SeenPerson(mask=mask), None, None, margin=1.0)
    assert from_mask.cx == pytest.approx(40, abs=1)
    assert from_mask.side == pytest.approx(40, abs=1)
    with pytest.raises(InputError, match="neither two visible keypoints nor a mask"):
        person_box(SeenPerson(), None, None, margin=1.2)


def test_photos_are_found_whatever_their_ending_looks_like(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.jpeg", "c.PNG", "d.webp", "notes.txt"):
        (tmp_path / name).touch()
    assert [each.name for each in find_photos([tmp_path])] == ["a.jpeg", "b.JPG", "c.PNG", "d.webp"]
    with pytest.raises(InputError, match="does not exist"):
        find_photos([tmp_path / "none.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        find_photos([tmp_path / "empty"])
