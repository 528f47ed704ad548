import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hr_common import image
from openlt.cli import main
from openlt.data import DATASETS


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], env=environment)


def photos(root: Path, classes: int = 5, size: int = 10) -> Path:
    for label in range(classes):
        (root / f"class {label}").mkdir(parents=True)
        for row in range(size):
            image.write(root / f"class {label}" / f"{row}.png", np.full((2, 2, 3), 20 * label + row, np.uint8))
    return root


def test_all_data_sets_are_listed() -> None:
    result = run("datasets", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == list(DATASETS)
    assert set(json.loads(run("datasets", "list", "--json").output)) == set(DATASETS)


def test_info_says_licence_source_and_size() -> None:
    result = run("datasets", "info", "places-lt")
    assert "research and education only" in result.output
    assert "131 / 163 / 71 (rule paper)" in result.output
    assert "http://places2.csail.mit.edu" in result.output
    assert json.loads(run("datasets", "info", "places-lt", "--json").output)["num_classes"] == 365


def test_missing_places_is_told_in_lines_without_a_traceback() -> None:
    result = run("datasets", "verify", "places-lt", environment={"OPENLT_DATA_ROOT": ""})
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert lines[0] == "Error: Places-LT cannot be used:"
    assert "Where to get it:" in lines
    assert lines[-1].strip() == "openlt datasets verify places-lt --data-root DIR"
    assert "Traceback" not in result.output


def test_the_folder_can_be_given_in_the_environment(tmp_path: Path) -> None:
    result = run("datasets", "verify", "places-lt", environment={"OPENLT_DATA_ROOT": str(tmp_path)})
    assert result.exit_code == 2
    assert f"{tmp_path} is empty" in result.output


def test_an_unknown_name_gets_the_nearest() -> None:
    result = run("datasets", "info", "place-lt")
    assert result.exit_code == 2
    assert "did you mean places-lt?" in result.output


@pytest.mark.parametrize("name", ["digits-lt", "lists", "folder"])
def test_a_whole_set_is_ready(tmp_path: Path, name: str) -> None:
    made = run(
        "make-lt", "--source", photos(tmp_path / "photos"), "--out", tmp_path / "out", "--mode", "copy",
        "--val-per-class", "1", "--test-per-class", "2", "--min", "2", "--open-class", "class 4",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    result = run("datasets", "verify", name, "--data-root", tmp_path / "out", "--full")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == f"{DATASETS[name].title} is ready"


def test_a_cut_set_tells_its_bands_and_how_to_train_on_it(tmp_path: Path) -> None:
    source, out = photos(tmp_path / "photos"), tmp_path / "out"
    result = run(
        "make-lt", "--source", source, "--out", out, "--val-per-class", "1", "--test-per-class", "2", "--min", "2"
    )
    assert result.exit_code == 0
    assert "known classes: many 0, medium 0, few" in result.output
    assert f"openlt train --dataset lists --data-root {source} --lists {out} --out RUN" in result.output


def test_wrong_settings_of_a_cut_are_named(tmp_path: Path) -> None:
    result = run("make-lt", "--source", photos(tmp_path / "photos"), "--out", tmp_path / "out", "--open-fraction", "2")
    assert result.exit_code == 2
    assert "open-fraction=2 has to lie from 0 to below 1" in result.output
    assert not (tmp_path / "out").exists()


def test_a_cached_copy_says_how_to_use_it(tmp_path: Path) -> None:
    photos(tmp_path / "photos" / "train")
    result = run("cache", "--dataset", "folder", "--data-root", tmp_path / "photos", "--out", tmp_path / "small")
    assert result.exit_code == 0, result.output
    assert f"--dataset lists --data-root {tmp_path / 'small'}" in result.output
    assert run("datasets", "verify", "lists", "--data-root", tmp_path / "small").exit_code == 0


def test_a_run_that_was_not_evaluated_has_no_report(tmp_path: Path) -> None:
    result = run("report", "--run", tmp_path)
    assert result.exit_code == 2
    assert f"openlt evaluate --run {tmp_path}" in result.output
