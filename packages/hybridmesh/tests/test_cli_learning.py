import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hr_common import image
from hybridmesh import config, iuv
from hybridmesh.body import BodyModel
from hybridmesh.cli import learning, main
from hybridmesh.config import load_synth
from hybridmesh.data.synthetic import synthesize
from hybridmesh.plots import plot_losses

LO = ("--body", "free-lo")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(lo: BodyModel, scene, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    out = tmp_path_factory.mktemp("learning")
    for domain in ("studio", "wild"):
        synthesize(lo, [], load_synth("tiny"), count=12, domain=domain, seed=0).save(out / domain)  # type: ignore[arg-type]
    photo, person, dense, _, points = scene
    image.write(out / "photo.png", photo)
    iuv.write(out / "photo_iuv.npz", dense)
    np.savez(out / "points.npz", keypoints=np.column_stack([points, person.keypoints.confidence]))
    return out


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    sets = (folder / "studio", folder / "wild")
    out = folder / "run"
    text = done(run("train", *sets, "--input", "image", "--preset", "tiny", "--out", out, *LO))
    assert text.splitlines()[-1].startswith(f"wrote {out / 'model.safetensors'}; losses of the last epoch: ")
    return out


def test_the_names_of_the_options_are_those_of_the_settings() -> None:
    assert learning.INPUTS == config.INPUTS
    assert learning.SUPERVISIONS == config.SUPERVISIONS


def test_a_trained_regressor_predicts_a_photo_without_a_map(weights: Path, folder: Path) -> None:
    photo, out = folder / "photo.png", folder / "predicted"
    arguments = ("--weights", weights, "--box", "0,0,400,480", "--out", out, *LO)
    text = done(run("predict", photo, *arguments))
    assert text.splitlines()[-1] == f"wrote 1 of 1 photos to {out}"
    people = json.loads((out / "photo" / "result.json").read_text())["people"]
    assert people[0]["losses"] is None  # nothing was fitted
    done(run("predict", photo, "--refine", "--force", "--preset", "tiny", "--keypoints", folder / "points.npz",
             "--weights", weights, "--out", out, *LO))  # fmt: skip
    people = json.loads((out / "photo" / "result.json").read_text())["people"]
    assert people[0]["keypoint_error_px_of_224"] < 20


def test_the_shipped_regressor_wants_a_map(folder: Path) -> None:
    result = run("predict", folder / "photo.png", "--box", "0,0,400,480", "--out", folder / "none", *LO)
    assert result.exit_code == 2
    assert "give an IUV map of each person with --iuv" in result.stderr


def test_recover_asks_the_shipped_regressor_where_there_is_a_map(folder: Path) -> None:
    out = folder / "recovered"
    arguments = ("--iuv", folder / "photo_iuv.npz", "--no-refine", "--out", out, *LO)
    done(run("recover", folder / "photo.png", *arguments))
    person = json.loads((out / "photo" / "result.json").read_text())["people"][0]
    assert person["losses"] is None
    assert person["mask_iou"] > 0.5


def test_a_run_is_not_overwritten_unasked(weights: Path, folder: Path) -> None:
    result = run("train", folder / "studio", "--preset", "tiny", "--out", weights, *LO)
    assert result.exit_code == 2
    assert "add --resume to go on, --force to overwrite" in result.stderr


def test_info_prints_cards_and_presets(weights: Path) -> None:
    (card,) = json.loads(done(run("info", "--weights", weights, "--json"))).values()
    assert card["supervision"] == "full"
    assert card["people"] == {"studio": 12, "wild": 12, "with_3d": 24, "with_dense": 12}
    assert card["network"]["input"] == "image"
    assert 'pose = "axis_angle"' in done(run("info", "--preset", "paper"))
    assert "mocap.cs.cmu.edu" in done(run("info"))


def test_ablate_prints_a_grid_and_draws_it(folder: Path) -> None:
    out, figure = folder / "grid.csv", folder / "grid.png"
    text = done(run("ablate", folder / "studio", folder / "wild", "--test", folder / "wild", "--preset", "tiny",
                    "--inputs", "segment", "--supervisions", "sparse", "--figure", figure, "--out", out,
                    *LO))  # fmt: skip
    assert "| mean body, untrained |" in text
    assert "| segment |" in text
    assert text.splitlines()[-1] == f"wrote {out}: 2 rows"
    assert figure.stat().st_size > 5000
    result = run("ablate", folder / "wild", "--test", folder / "wild", "--inputs", "depth", "--out", out, *LO)
    assert "--inputs depth: unknown" in result.stderr


def test_the_losses_of_a_run_are_drawn(weights: Path, tmp_path: Path) -> None:
    plot_losses(weights / "metrics.jsonl", tmp_path / "losses.png")
    assert (tmp_path / "losses.png").stat().st_size > 5000
