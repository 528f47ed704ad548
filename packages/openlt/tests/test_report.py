import csv
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hr_common.errors import InputError
from hr_common.files import write_json
from openlt.metrics import figures
from openlt.report import read_evaluation, write_report


def evaluated(run: Path, *, with_open: bool = True, seed: int = 0) -> Path:
    """Write what `openlt evaluate` writes, for five classes named with letters that HTML has to escape."""
    rng = np.random.default_rng(seed)
    folder = run / "eval" / "test"
    folder.mkdir(parents=True)
    counts = np.array([200, 120, 50, 30, 5])
    labels = np.r_[np.repeat(np.arange(5), 20), np.full(40 if with_open else 0, -1)].astype(np.int64)
    predictions = np.where(rng.random(len(labels)) < 0.7, np.maximum(labels, 0), rng.integers(0, 5, len(labels)))
    scores = rng.random(len(labels)) + (labels >= 0)
    result = figures(predictions, scores, labels, counts, split="test", detector="energy", threshold=0.8)
    write_json(folder / "metrics.json", {**result.as_dict(), "detectors": {"energy": result.as_dict()}})
    arrays = {
        "labels": labels,
        "predictions": predictions,
        "probabilities": scores / 2,
        "norms": scores,
        "counts": counts,
    }
    np.savez_compressed(folder / "scores.npz", score_energy=scores, **arrays)
    with (folder / "per_class.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "class"])
        writer.writerows([label, f"<class {label}>"] for label in range(5))
    return run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of two runs."""
    folder = tmp_path_factory.mktemp("report")
    return write_report([evaluated(folder / "one"), evaluated(folder / "two", seed=1)], folder / "out")


def test_the_page_holds_its_pictures_and_needs_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]{0,30})', text)
    assert len(sources) == 9
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in text
    names = {file.stem for file in page.parent.glob("*.png")}
    assert names == {"frequency", "accuracy", "bands", "roc", "oscr", "sweep", "scores", "tail", "norms"}


def test_the_page_names_split_rule_formula_and_threshold(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in (
        "Split test: 100 pictures of 5 known classes, 40 of unknown",
        "&#x27;paper&#x27;",
        "oltr2020",
        "energy ≥ 0.8",
    ):
        assert part in text


def test_names_of_classes_are_escaped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<class" not in text
    assert "&lt;class" in text


def test_figures_on_the_page_are_those_of_the_evaluation(page: Path) -> None:
    overall = read_evaluation(page.parents[1] / "one").metrics["overall"]
    text = page.read_text(encoding="utf-8")
    assert f"<td>{overall:.3f}</td>" in text


def test_runs_are_compared_row_by_row(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "one, energy" in text
    assert "two, energy" in text


def test_the_neighbours_of_rare_classes_are_named_where_there_is_a_memory(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run")
    assert "Neighbours" not in write_report([run], tmp_path / "plain").read_text(encoding="utf-8")
    save_file({"centroids": np.array([[0.0], [1.0], [3.0], [9.0], [11.0]])}, run / "model.safetensors")
    text = write_report([run], tmp_path / "out").read_text(encoding="utf-8")
    # The rarest class lies at 11; 9, 3 and 1 are nearest.
    expected = (
        "<td>&lt;class 4&gt;</td><td>5</td><td>&lt;class 3&gt; (2), &lt;class 2&gt; (8), &lt;class 1&gt; (10)</td>"
    )
    assert expected in text


def test_runs_of_the_same_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    runs = [evaluated(tmp_path / "one/run", with_open=False), evaluated(tmp_path / "two/run", with_open=False, seed=1)]
    text = write_report(runs, tmp_path / "out").read_text(encoding="utf-8")
    assert f"{tmp_path}/one/run, energy" in text
    assert f"{tmp_path}/two/run, energy" in text


def test_without_unknown_pictures_there_is_no_open_picture_and_a_dash(tmp_path: Path) -> None:
    text = write_report([evaluated(tmp_path / "run", with_open=False)], tmp_path / "out").read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "roc.png").exists()
    assert "<td>–</td>" in text


def test_a_run_that_was_not_evaluated_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="openlt evaluate --run"):
        write_report([tmp_path], tmp_path / "out")


def test_a_damaged_evaluation_is_named(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run")
    (run / "eval/test/scores.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="evaluate the run again"):
        read_evaluation(run)
