import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hr_common import image
from hr_common.files import read_json
from hybridmesh import iuv
from hybridmesh.body import BodyModel
from hybridmesh.cli import main
from hybridmesh.meshes import read_mesh

QUICK = ("--body", "free-lo", "--preset", "tiny", "--set", "fit.flipping_steps=1")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def refused(result: Result, *words: str) -> None:
    """One line, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


@pytest.fixture(scope="module")
def folder(scene, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """A photo, its keypoints and its map."""
    out = tmp_path_factory.mktemp("cli")
    photo, person, dense, _, points = scene
    image.write(out / "photo.png", photo)
    iuv.write(out / "photo_iuv.png", dense)
    iuv.write(out / "photo_iuv.npz", dense)
    image.write(out / "mask.png", (255 * dense.mask).astype(np.uint8))
    np.savez(out / "photo_keypoints.npz", keypoints=np.column_stack([points, person.keypoints.confidence]))
    return out


@pytest.fixture(scope="module")
def recovered(folder: Path) -> Path:
    result = run(
        "recover", folder / "photo.png", "--keypoints", folder / "photo_keypoints.npz", "--iuv",
        folder / "photo_iuv.npz", "--format", "glb", "--rigged", "--out", folder / "out", *QUICK,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == f"wrote 1 of 1 photos to {folder / 'out'}"
    assert "mask IoU" in result.output
    return folder / "out" / "photo"


def test_recover_writes_a_folder_for_the_photo(recovered: Path) -> None:
    names = {each.name for each in recovered.iterdir()}
    assert {
        "result.json",
        "overlay.png",
        "person0.npz",
        "person0.glb",
        "person0_rigged.glb",
        "person0_iuv.png",
    } <= names
    assert [each.name for each in recovered.parent.iterdir()] == ["photo"]  # no hidden half of it
    assert read_json(recovered / "result.json")["people"][0]["mask_iou"] > 0.6


@pytest.mark.parametrize("kind", ["RGBA", "L", "I;16"])
def test_photos_of_every_depth_and_kind_are_read(kind: str, folder: Path, tmp_path: Path) -> None:
    grey = image.read(folder / "photo.png").mean(-1)
    picture = Image.fromarray(grey.astype(np.uint8)).convert("L" if kind == "L" else "RGBA")
    if kind == "I;16":
        picture = Image.fromarray((grey * 257).astype(np.uint16))
    assert picture.mode == kind
    picture.save(tmp_path / "photo.png")
    keypoints, out = folder / "photo_keypoints.npz", tmp_path / "out"
    result = run("fit", tmp_path / "photo.png", "--keypoints", keypoints, "--out", out, *QUICK)
    assert result.exit_code == 0, result.output
    overlay = image.read(out / "photo" / "overlay.png").astype(int)
    apart = np.abs(overlay - grey[..., None])
    # Where there is no body the photo shows, as bright as it was.
    assert overlay.shape == (*grey.shape, 3)
    assert (apart.max(-1) <= 2).mean() > 0.5


def test_what_is_there_is_kept_unless_forced(recovered: Path, folder: Path) -> None:
    before = (recovered / "result.json").read_bytes()
    arguments = ("fit", folder / "photo.png", "--mask", folder / "mask.png", "--out", folder / "out", *QUICK)
    refused(run(*arguments), "exists; add --force")
    assert (recovered / "result.json").read_bytes() == before


def test_fit_reports_as_json(folder: Path, tmp_path: Path) -> None:
    result = run("fit", folder / "photo.png", "--keypoints", folder, "--out", tmp_path / "new", "--json", *QUICK)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["failed"] == {}
    assert report["photos"][0]["people"][0]["keypoint_error_px_of_224"] < 15
    assert report["photos"][0]["people"][0]["mask_iou"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.png",), ("none.png does not exist",)),
        (("photo.png", "--keypoints", "photo.png"), ("not UTF-8",)),
        (("photo.png", "--keypoints", "bad.json"), ("bad.json", "expected JSON of this program")),
        (("photo.png", "--keypoints", "photo_keypoints.npz", "--box", "1,2"), ("X,Y,W,H",)),
        (("photo.png", "--box", "0,0,300,400"), ("give keypoints, dense points or a mask",)),
        (("photo.png", "--mask", "photo.png", "--iuv", "mask.png"), ("Is it an IUV map",)),
        (("photo.png", "--keypoints", "photo_keypoints.npz", "--body", "none"), ("there is no body 'none'",)),
        (("photo.png", "--keypoints", "photo_keypoints.npz", "--set", "fit.dens=1"), ("did you mean 'fit.dense'",)),
        (("bad.json", "--keypoints", "photo_keypoints.npz"), ("is no picture",)),
        (("photo.png", "mask.png", "--mask", "mask.png"), ("are for one photo",)),
        (("photo.png", "--detector", "/nowhere/python"), ("cannot run /nowhere/python", "--detector")),
    ],
)
def test_wrong_input_ends_in_one_line_and_writes_nothing(
    arguments: tuple[str, ...], words: tuple[str, ...], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.json").write_text("{}")
    monkeypatch.chdir(folder)
    body = () if "--body" in arguments else ("--body", "free-lo")
    refused(run("recover", *arguments, *body, "--preset", "tiny", "--out", tmp_path / "new"), *words)
    assert not (tmp_path / "new").exists()


def test_smpl_that_is_not_there_is_explained(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYBRIDMESH_SMPL_DIR", raising=False)
    result = run(
        "fit", folder / "photo.png", "--mask", folder / "mask.png", "--body", "smpl", "--out", tmp_path / "new"
    )
    refused(result, "HYBRIDMESH_SMPL_DIR", "https://smpl.is.tue.mpg.de", "--body free")


def test_a_bad_photo_among_good_ones_is_reported(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    result = run(
        "fit", folder / "photo.png", tmp_path / "broken.png", "--keypoints", folder / "photo_keypoints.npz",
        "--out", tmp_path / "new", *QUICK,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "broken.png is no picture" in result.stderr
    assert "wrote 1 of 2 photos" in result.stdout
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["photo"]


def test_a_photo_without_anybody_says_so_in_its_folder(folder: Path, tmp_path: Path) -> None:
    image.write(tmp_path / "empty.png", np.zeros((20, 20, 3), np.uint8))
    marks = [{"set": "coco17", "keypoints": [[100.0, 100.0 + 10 * row, 1.0] for row in range(17)]}]
    document = {"format": "hybridmesh-landmarks", "version": 1, "photos": {"photo.png": marks, "empty.png": []}}
    (tmp_path / "found.json").write_text(json.dumps(document))
    arguments = ("--keypoints", tmp_path / "found.json", "--out", tmp_path / "new", *QUICK)
    result = run("fit", folder / "photo.png", tmp_path / "empty.png", *arguments)
    assert result.exit_code == 1, result.output
    assert "empty.png: no person was found" in result.stderr
    assert "wrote 1 of 2 photos" in result.stdout
    assert [each.name for each in (tmp_path / "new" / "empty").iterdir()] == ["result.json"]
    assert read_json(tmp_path / "new" / "empty" / "result.json")["people"] == []
    assert "no person was found" in read_json(tmp_path / "new" / "empty" / "result.json")["message"]
    refused(run("fit", tmp_path / "empty.png", *arguments, "--force"), "empty.png: no person was found")


@pytest.mark.parametrize("kind", ["shaded", "overlay", "iuv", "segment", "mask", "depth", "normal"])
def test_render_draws_every_kind_at_the_size_of_the_photo(
    kind: str, recovered: Path, folder: Path, tmp_path: Path
) -> None:
    photo = ("--photo", folder / "photo.png") if kind == "overlay" else ()
    out = tmp_path / f"{kind}.png"
    result = run("render", recovered / "person0.npz", "--kind", kind, *photo, "--body", "free-lo", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == f"wrote {out}"
    picture = image.read(out)
    assert picture.shape == (480, 400, 3)
    assert len(np.unique(picture)) > 1


def test_render_writes_meshes_and_turntables(recovered: Path, tmp_path: Path, lo: BodyModel) -> None:
    assert run("render", recovered / "person0.npz", "--body", "free-lo", "--out", tmp_path / "a.ply").exit_code == 0
    assert len(read_mesh(tmp_path / "a.ply")[0]) == lo.num_vertices
    refused(run("render", recovered / "person0.npz", "--out", tmp_path / "b.ply"), "choose the right one with --body")
    over = ("render", recovered / "person0.npz", "--kind", "overlay", "--body", "free-lo", "--out", tmp_path / "c.png")
    refused(run(*over), "add --photo FILE")


def test_refine_and_convert_a_map(folder: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean.png"
    result = run("refine-iuv", folder / "photo_iuv.png", folder / "photo_keypoints.npz", "--out", clean)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(image.read(clean), image.read(folder / "photo_iuv.png"))
    assert run("convert", clean, "--out", tmp_path / "map.npz").exit_code == 0
    assert run("convert", tmp_path / "map.npz", "--out", tmp_path / "back.png").exit_code == 0
    np.testing.assert_array_equal(image.read(tmp_path / "back.png"), image.read(clean))
    refused(run("convert", clean, "--out", tmp_path / "map.npz"), "add --force")


def test_assets_are_listed_verified_and_imported(smpl_file: Path, tmp_path: Path) -> None:
    entries = json.loads(run("assets", "list", "--json").stdout)
    assert [each["name"] for each in entries[:2]] == ["free", "free-lo"]
    assert all("CC0" in each["license"] for each in entries[:2])
    result = run("assets", "verify")
    assert result.output.splitlines()[-1] == "2 bodies are whole"
    out = tmp_path / "SMPL.npz"
    assert run("assets", "import-smpl", smpl_file, "--out", out).exit_code == 0
    with np.load(smpl_file) as first, np.load(out) as second:
        np.testing.assert_allclose(second["posedirs"], first["posedirs"], atol=1e-7)
    refused(run("assets", "import-smpl", smpl_file, "--out", out), "add --force")


def test_the_charts_of_densepose_are_added_to_smpl(tmp_path: Path, lo: BodyModel) -> None:
    from scipy.io import savemat

    from hybridmesh.body import load_body
    from hybridmesh.body.smpl_files import write_smpl

    write_smpl(tmp_path / "smpl.npz", lo.arrays)
    charts = lo.require_charts()
    count = len(lo.faces)
    # In the original's layout: every corner a vertex of its own, numbers from 1, two triangles missing.
    kept = np.setdiff1d(np.arange(count), [5, count - 9])
    doubled = np.arange(3 * len(kept)).reshape(-1, 3) + 1
    uv = charts.corners[kept].reshape(-1, 2)
    savemat(tmp_path / "UV.mat", {
        "All_Faces": doubled, "All_FaceIndices": charts.index[kept][:, None], "All_U_norm": uv[:, :1],
        "All_V_norm": uv[:, 1:], "All_vertices": lo.faces[kept].reshape(1, -1) + 1,
    })  # fmt: skip
    arguments = ("assets", "import-densepose", tmp_path / "UV.mat", "--smpl", tmp_path / "smpl.npz")
    result = run(*arguments, "--out", tmp_path / "body.npz")
    assert result.exit_code == 0, result.output
    body = load_body(tmp_path / "body.npz")
    assert isinstance(body, BodyModel)
    assert body.require_charts().family == "densepose"
    np.testing.assert_array_equal(body.require_charts().index[kept], charts.index[kept])
    np.testing.assert_allclose(body.require_charts().corners[kept], charts.corners[kept], atol=1e-5)
    (tmp_path / "no.mat").write_text("nothing")
    refused(run("assets", "import-densepose", tmp_path / "no.mat", "--smpl", tmp_path / "smpl.npz", "--out", "x.npz"),
            "is not DensePose's UV_Processed.mat")  # fmt: skip


def _hear_interrupts() -> None:
    """A shell lets what runs in its background ignore Ctrl-C; so would our child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_130_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "hybridmesh", "-v", "fit", str(folder / "photo.png"), "--mask", str(folder / "mask.png"),
        "--set", "fit.shaping_steps=100000", "--set", "fit.posing_steps=100000", "--set", "fit.yaws=64",
        "--set", "fit.placing_steps=100000", "--body", "free-lo", "--out", str(tmp_path / "new"),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=_hear_interrupts
    ) as process:
        assert process.stderr is not None
        assert "fitting" in process.stderr.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        try:
            rest = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert rest.strip() == "Interrupted."
    assert not (tmp_path / "new").exists()
