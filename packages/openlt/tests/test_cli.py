import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hr_common import image
from openlt.cli import main
from openlt.data import LongTailData

TINY = "--preset tiny --set training.batch=128 --set stage1.epochs=1 --device cpu --threads 1"


def openlt(line: str, *more: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line), *map(str, more)], input=stdin)


def said(result: Result, code: int) -> str:
    """What the command wrote, once it ended with the code that was expected."""
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def picture(tmp_path: Path, digits: LongTailData) -> Path:
    arrays = digits.splits["test"].arrays
    assert arrays is not None
    image.write(tmp_path / "one.png", arrays[0])
    return tmp_path / "one.png"


def test_training_evaluating_and_predicting_work_in_a_row(tmp_path: Path, picture: Path) -> None:
    out = tmp_path / "run"
    trained = openlt(f"train --dataset digits-lt {TINY} --set stage2.epochs=1 --out", out)
    assert f"wrote {out / 'model.safetensors'}; best overall accuracy on val" in said(trained, 0)
    evaluated = said(openlt("evaluate --device cpu --detector msp,energy --run", out), 0)
    assert "test, closed (320 pictures): overall" in evaluated
    assert "energy below" in evaluated
    assert "AUROC" in evaluated
    predicted = said(openlt("predict --device cpu --threshold 0 --run", out, picture), 0)
    assert predicted.startswith(f"{picture}: ")
    assert "nearest centroid" in predicted


def test_a_finished_run_is_not_written_over(run: Path) -> None:
    refused = openlt(f"train --dataset digits-lt {TINY} --out", run)
    assert "is not empty; add --resume" in said(refused, 2)


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    result = openlt("train --dataset digits-lt --dry-run --json --out", tmp_path / "run")
    planned = json.loads(said(result, 0))
    assert [stage["steps"] for stage in planned["stages"]] == [9, 9]
    assert planned["stages"][1]["memory"] == 8 * planned["config"]["network"]["features"]
    assert planned["stages"][1]["parameters"] > planned["stages"][0]["parameters"]
    assert not (tmp_path / "run").exists()


def test_a_dry_run_is_readable_too(tmp_path: Path) -> None:
    text = said(openlt("train --dataset digits-lt --dry-run --method crt --out", tmp_path / "run"), 0)
    assert "309 pictures of 8 classes (1 many, 3 medium, 4 few)" in text
    assert "stage 2:" in text


def test_places_without_data_says_what_is_missing(tmp_path: Path) -> None:
    text = said(openlt("train --dataset places-lt --data-root", tmp_path, "--out", tmp_path / "run"), 2)
    assert "Places_LT_train.txt" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train --dataset nowhere --out run", "nowhere"),
        ("train --dataset digits-lt --method magic --out run", "unknown method 'magic'"),
        ("train --dataset digits-lt --set stage1.epoch=3 --out run", "did you mean 'stage1.epochs'"),
        ("train --dataset digits-lt --backbone vgg --out run", "unknown backbone 'vgg'"),
        ("train --dataset digits-lt --pretrained none.pth --out run", "none.pth"),
        ("train --dataset digits-lt --method plain --stage 2 --out run", "the method plain has one stage only"),
        ("train --dataset digits-lt --stage 2 --out run", "train the first stage first"),
        ("evaluate --run none", "none"),
    ],
)
def test_wrong_input_ends_with_two_and_one_line(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = said(openlt(line), 2)
    assert message in text
    assert "Traceback" not in text


def test_a_loss_that_is_no_number_ends_with_one(tmp_path: Path) -> None:
    text = said(openlt(f"train --dataset digits-lt {TINY} --set stage1.learning_rate=1e30 --out", tmp_path / "run"), 1)
    assert "lower the learning rates" in text


def test_a_broken_picture_is_named_and_ends_with_one(run: Path, picture: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    text = said(openlt("predict --device cpu --format csv --run", run, picture, broken), 1)
    assert f"{broken}: " in text
    assert f"{picture}," in text


def test_paths_come_from_standard_input(run: Path, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    said(openlt("predict --device cpu --format json --run", run, "-", "--out", out, stdin=f"{picture}\n"), 0)
    assert json.loads(out.read_text())[0]["path"] == str(picture)
    again = openlt("predict --device cpu --run", run, picture, "--out", out)
    assert "add --force to overwrite it" in said(again, 2)


def test_evaluate_prints_json(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    figures = json.loads(said(openlt("evaluate --device cpu --split val --closed --json --run", copy), 0))
    assert figures["split"] == "val"
    assert figures["n_open"] == 0
    assert figures["f_measure"] is None


def test_info_shows_methods_and_settings() -> None:
    text = said(openlt("info --preset paper --dataset places-lt"), 0)
    assert "oltr" in text
    assert 'backbone = "resnet152"' in text
    assert "balanced-softmax" in json.loads(said(openlt("info --json"), 0))["methods"]


def test_the_demo_measures_both_stages(tmp_path: Path) -> None:
    text = said(openlt("demo --preset tiny --out", tmp_path / "demo"), 0)
    assert "stage 1 (plain)" in text
    assert "stage 2 (oltr)" in text
    assert (tmp_path / "demo" / "model.safetensors").exists()
    assert (tmp_path / "demo" / "bands.png").exists()
    shown = said(openlt("predict --format json --run", tmp_path / "demo", tmp_path / "demo" / "pictures"), 0)
    names = [Path(each["path"]).name for each in json.loads(shown)]
    assert names == [*(f"{digit}.png" for digit in range(8)), "stranger-0.png", "stranger-1.png"]
    assert "is not empty" in said(openlt("demo --preset tiny --out", tmp_path / "demo"), 2)


def test_the_installed_command_answers() -> None:
    script = Path(sys.executable).with_name("openlt")
    run = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("openlt, version ")
