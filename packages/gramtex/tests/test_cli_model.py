import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gramtex.cli import main
from gramtex.data.procedural import draw
from gramtex.descriptors import GramSet
from gramtex.extraction import GramCache
from hr_common import image


def gramtex(line: str, *more: str | Path) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line), *map(str, more)])


def said(result: Result, code: int) -> str:
    """What the command wrote, once it ended with the code that was expected."""
    assert result.exit_code == code, result.output
    return result.output


def refusal(result: Result) -> str:
    """The one line with which a command refused its input."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    (line,) = [each for each in result.output.splitlines() if each.startswith("Error: ")]
    return line


@pytest.fixture
def model(run: Path) -> Path:
    return run / "model.safetensors"


def test_from_pictures_to_samples(cloth_folder: Path, tmp_path: Path) -> None:
    """The whole way: extract, train, fit anew, sample."""
    grams, run, out = tmp_path / "grams", tmp_path / "run", tmp_path / "out"
    text = said(gramtex("extract --encoder random-wide --levels wide3,wide5 --device cpu -o", grams, cloth_folder), 0)
    assert text.splitlines()[-1] == f"wrote {grams}: 42 train, 14 val, 0 test rows"
    text = said(gramtex("train --preset tiny --device cpu --threads 1 -o", run, grams), 0)
    assert text.splitlines()[-1] == f"wrote {run / 'model.safetensors'}"
    assert "MMD to the prior" in text
    with Image.open(run / "curves.png") as curves:
        assert curves.width > 500
    text = said(
        gramtex(
            "fit-gmm --components 2 --covariance diag -o", run / "two.safetensors", run / "model.safetensors", grams
        ),
        0,
    )
    assert text.splitlines()[-1] == f"wrote {run / 'two.safetensors'}: 2 diag components"
    text = said(
        gramtex(
            "sample -n 2 --size 32 --iterations 2 --grid --device cpu --threads 1 -o", out, run / "two.safetensors"
        ),
        0,
    )
    assert text.splitlines()[-1] == f"wrote {out} (2 pictures) and {out / 'grid.png'}"
    assert image.read(out / "000.png").shape == (32, 32, 3)
    with Image.open(out / "001.png") as file:
        texts = file.text  # type: ignore[attr-defined]
    assert texts["gramtex:seed"] == "1"
    assert float(texts["gramtex:nu"]) >= 0
    assert str(tmp_path) not in str(texts)
    report = json.loads((out / "samples.json").read_text(encoding="utf-8"))
    assert {"nu", "component", "redraws", "novelty", "file", "relative_error", "seconds"} <= report["samples"][0].keys()


def test_samples_of_one_seed_are_the_same_files(model: Path, tmp_path: Path) -> None:
    quick = "--size 32 --iterations 2 --device cpu --threads 1"
    for name in ("a", "b"):
        said(gramtex(f"sample -n 1 --sampler neighbours --seed 4 {quick} -o", tmp_path / name, model), 0)
    assert (tmp_path / "a" / "000.png").read_bytes() == (tmp_path / "b" / "000.png").read_bytes()


def test_gram_sets_can_be_written_instead_of_pictures(model: Path, tmp_path: Path) -> None:
    text = said(gramtex("sample -n 2 --grams-only --prior --json -o", tmp_path / "out", model), 0)
    assert [each["component"] for each in json.loads(text)["samples"]] == [None, None]
    assert GramSet.load(tmp_path / "out" / "000.npz").encoder == "random-wide"


def test_samples_can_be_asked_for_near_a_picture_or_with_its_coarse_level(model: Path, tmp_path: Path) -> None:
    like = tmp_path / "like.png"
    image.write(like, draw("plaid", (48, 48)))
    said(gramtex("sample -n 1 --grams-only -o", tmp_path / "near", "--near", like, model), 0)
    said(gramtex("sample -n 1 --grams-only -o", tmp_path / "keep", "--keep-coarse", like, model), 0)
    said(gramtex("sample -n 1 --grams-only --sampler neighbours -o", tmp_path / "neighbours", model), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--component 77", "--component 77: the mixture has components 0 to"),
        ("--component 0 --near {like}", "--near chooses a component of the mixture"),
        ("--keep-coarse {like} --coarse-levels 5", "--coarse-levels 5: the model has 2 levels; keep 1 to 1"),
        ("--sampler neighbours --temperature 1", "neighbours are drawn without a temperature"),
        ("--size 16", "--size 16: each side has to be 32 to 16384 pixels"),
        ("--size big", "--size"),
    ],
)
def test_what_cannot_be_sampled_is_said_in_one_line(options: str, message: str, model: Path, tmp_path: Path) -> None:
    like = tmp_path / "like.png"
    image.write(like, draw("plaid", (48, 48)))
    result = gramtex(f"sample -n 1 {options.format(like=like)} -o", tmp_path / "out", model)
    assert message in refusal(result)


@pytest.mark.parametrize("line", ["sample -n 1 --grams-only -o {out}", "info", "evaluate {folder} --model"])
def test_files_that_are_no_model_are_refused(line: str, cloth_folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"\x80\x04pickled")
    assert "foreign.safetensors" in refusal(gramtex(line.format(out=tmp_path / "out", folder=cloth_folder), foreign))
    assert not (tmp_path / "out").exists()


def test_training_refuses_what_does_not_fit(grams: GramCache, run: Path, tmp_path: Path) -> None:
    line = "train --preset tiny --device cpu"
    assert "holds no Gram sets" in refusal(gramtex(f"{line} -o", tmp_path / "run", tmp_path))
    assert "add --resume to go on" in refusal(gramtex(f"{line} -o", run, grams.folder))
    assert "holds no run to go on with" in refusal(gramtex(f"{line} --resume -o", tmp_path / "run", grams.folder))
    text = refusal(gramtex(f"{line} --set training.step=3 -o", tmp_path / "run", grams.folder))
    assert "training.step" in text
    assert "the model needs vgg16-hed" in refusal(gramtex("train --device cpu -o", tmp_path / "run", grams.folder))
    assert not (tmp_path / "run").exists()


def test_a_fit_of_other_gram_sets_or_over_the_model_is_refused(model: Path, grams: GramCache, tmp_path: Path) -> None:
    assert "--force" in refusal(gramtex("fit-gmm", model, grams.folder))
    out = ("-o", tmp_path / "m.safetensors")
    assert "--components many is neither auto" in refusal(
        gramtex("fit-gmm --components many", *out, model, grams.folder)
    )
    assert "more codes than 42" in refusal(gramtex("fit-gmm --components 40", *out, model, grams.folder))


def test_the_settings_of_an_ablation_reach_the_model(grams: GramCache, tmp_path: Path) -> None:
    line = "train --preset tiny --structure mlp --transform fc --match gan --set training.steps=3 --json --device cpu"
    report = json.loads(said(gramtex(f"{line} -o", tmp_path / "run", grams.folder), 0))
    config = json.loads(said(gramtex("info", report["model"]), 0))["config"]
    assert (config["model"]["structure"], config["model"]["transform"], config["training"]["match"]) == (
        "mlp",
        "fc",
        "gan",
    )


def test_pictures_are_measured_against_pictures(cloth_folder: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    fake.mkdir()
    for number in range(6):
        image.write(fake / f"{number}.png", draw("stripes", (48, 48), seed=number))
    report, page = tmp_path / "report.json", tmp_path / "report.html"
    line = "evaluate --encoder random-wide --device cpu --threads 1 -o"
    text = said(gramtex(line, report, "--html", page, cloth_folder, fake), 0)
    assert "56 real, 6 made; distances of 6 against 6" in text
    assert "FD-ENLite0 (1280)" in text
    assert "FID" not in text
    assert text.splitlines()[-1] == f"wrote {report} and {page}"
    figures = json.loads(report.read_text(encoding="utf-8"))["figures"]
    assert {"KID", "KID sd", "Gram-FD", "seam median", "diversity of features"} <= figures.keys()
    written = page.read_text(encoding="utf-8")
    assert written.startswith("<!doctype html>")
    assert "http" not in written.split("base64")[0]


def test_a_model_is_measured_without_making_pictures(model: Path, cloth_folder: Path) -> None:
    result = json.loads(said(gramtex("evaluate -n 12 --json --device cpu --model", model, cloth_folder), 0))
    assert (result["real"], result["fake"], result["used"]) == (56, 12, 12)
    assert {"Gram-FD", "ν median", "novelty", "diversity of codes"} <= result["figures"].keys()


def test_an_evaluation_has_to_know_what_to_measure(cloth_folder: Path, tmp_path: Path) -> None:
    assert "give either FAKE" in refusal(gramtex("evaluate", cloth_folder))
    assert "give either FAKE" in refusal(gramtex("evaluate --shipped", cloth_folder, cloth_folder))
    assert "unknown metric fid" in refusal(gramtex("evaluate --metrics fid", cloth_folder, cloth_folder))
    assert "no pictures in" in refusal(gramtex("evaluate", cloth_folder, tmp_path))


def test_baselines_are_trained_and_sampled(cloth_folder: Path, tmp_path: Path) -> None:
    bigger = tmp_path / "data"
    bigger.mkdir()
    for number in range(4):
        image.write(bigger / f"{number}.png", draw("dots", (66, 66), seed=number))
    (bigger / "manifest.csv").write_text(
        "file,group,split\n" + "".join(f"{number}.png,g{number},train\n" for number in range(4)), encoding="utf-8"
    )
    file, out = tmp_path / "psgan.safetensors", tmp_path / "out"
    text = said(gramtex("baseline train psgan --steps 1 --threads 1 -o", file, bigger), 0)
    assert f"wrote {file} after 1 steps in" in text.splitlines()[-1]
    text = said(gramtex("baseline sample -n 3 -o", out, file), 0)
    assert text.splitlines()[-1] == f"wrote {out} (3 pictures, grid.png)"
    assert image.read(out / "002.png").shape == (65, 65, 3)
    assert "this baseline needs 65 pixels" in refusal(
        gramtex("baseline train psgan --steps 1 -o", tmp_path / "x.safetensors", cloth_folder)
    )
    wrong = gramtex("baseline train psgan -o", tmp_path / "x.pt", bigger)
    assert "weights are written as .safetensors" in refusal(wrong)
    foreign = shutil.copy(bigger / "0.png", tmp_path / "y.safetensors")
    assert "y.safetensors" in refusal(gramtex("baseline sample -o", tmp_path / "z", foreign))


def test_pictures_too_small_for_a_texture_are_refused_by_extract(tmp_path: Path) -> None:
    image.write(tmp_path / "tiny.png", np.zeros((16, 16, 3), np.uint8))
    result = gramtex("extract --encoder random-wide -o", tmp_path / "grams", tmp_path)
    assert "32" in refusal(result)
