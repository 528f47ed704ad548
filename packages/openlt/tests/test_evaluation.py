import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import openlt
from hr_common.errors import InputError
from openlt.data import LongTailData
from openlt.evaluation import evaluate_run, fit_detectors, score_split
from openlt.metrics.figures import figures
from openlt.openset import DETECTORS, threshold_at_tpr
from openlt.recognition import Recogniser


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A run to write evaluations into."""
    return Path(shutil.copytree(run, tmp_path / "run"))


@pytest.fixture(scope="module")
def recogniser(run: Path) -> Recogniser:
    return openlt.load(run, device="cpu")


def test_every_figure_can_be_computed_again_from_what_was_written(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    evaluation = evaluate_run(copy, recogniser, digits, detectors=("energy", "reachability"))
    folder = copy / "eval" / "test"
    written = json.loads((folder / "metrics.json").read_text())
    with np.load(folder / "scores.npz") as saved:
        again = figures(
            saved["predictions"],
            saved["score_energy"],
            saved["labels"],
            saved["counts"],
            split="test",
            detector="energy",
            threshold=written["threshold"],
        )
    assert again.as_dict() == evaluation.figures[0].as_dict()
    assert {name: written[name] for name in again.as_dict()} == again.as_dict()
    assert set(written["detectors"]) == {"energy", "reachability", "msp"}


def test_the_table_of_classes_has_their_training_counts_and_accuracy(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    evaluate_run(copy, recogniser, digits)
    with (copy / "eval" / "test" / "per_class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["train_pictures"]) for row in rows] == digits.counts.tolist()
    assert [row["band"] for row in rows if row["class"] == "5"] == ["many"]


def test_a_detector_is_fitted_on_training_pictures_and_all_of_them_score(
    recogniser: Recogniser, digits: LongTailData
) -> None:
    names = tuple(DETECTORS)
    scored = score_split(recogniser, digits.splits["test"], fit_detectors(recogniser, names, digits), odin=True)
    assert set(scored.scores) == {*names, "odin"}
    for name, values in scored.scores.items():
        assert values.shape == (len(digits.splits["test"]),), name
        assert np.isfinite(values).all(), name


def test_thresholds_come_from_validation_pictures_alone(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    evaluation = evaluate_run(copy, recogniser, digits, detectors=("energy",))
    scored = score_split(recogniser, digits.splits["val"], {"energy": recogniser.make_detector("energy")})
    assert evaluation.figures[0].threshold == pytest.approx(threshold_at_tpr(scored.scores["energy"]))


def test_the_best_f_is_sought_on_the_strangers_for_calibration(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    found = evaluate_run(copy, recogniser, digits, split="val", detectors=("energy",), calibration="open-val").figures[
        0
    ]
    other = evaluate_run(copy, recogniser, digits, split="val", detectors=("energy",), calibration="tpr").figures[0]
    assert found.f_measure is not None
    assert other.f_measure is not None
    assert found.f_measure >= other.f_measure


def test_without_strangers_open_figures_are_not_evaluated(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    known = replace(digits, splits={name: each for name, each in digits.splits.items() if name != "open"})
    evaluation = evaluate_run(copy, recogniser, known)
    assert evaluation.figures[0].f_measure is None
    assert "open set: not evaluated (no unknown pictures)" in evaluation.lines()
    with pytest.raises(InputError, match="has no unknown pictures for test; leave --open out"):
        evaluate_run(copy, recogniser, known, with_open=True)


def test_logits_are_kept_on_demand_in_the_order_of_the_lists(
    copy: Path, recogniser: Recogniser, digits: LongTailData
) -> None:
    evaluate_run(copy, recogniser, digits, save_logits=True)
    logits = np.load(copy / "eval" / "test" / "logits.npy")
    with np.load(copy / "eval" / "test" / "scores.npz") as saved:
        assert logits.argmax(axis=1).tolist() == saved["predictions"].tolist()


def test_data_of_other_classes_are_refused(copy: Path, recogniser: Recogniser, digits: LongTailData) -> None:
    other = replace(digits, classes=tuple("abcdefgh"))
    with pytest.raises(InputError, match="give the data set that it was trained on"):
        evaluate_run(copy, recogniser, other)


def test_an_unknown_detector_is_refused(copy: Path, recogniser: Recogniser, digits: LongTailData) -> None:
    with pytest.raises(InputError, match="unknown detector 'magic'; choose one of msp, "):
        evaluate_run(copy, recogniser, digits, detectors=("magic",))


def test_a_missing_split_is_named(copy: Path, recogniser: Recogniser, digits: LongTailData) -> None:
    without = replace(digits, splits={"train": digits.splits["train"]})
    with pytest.raises(InputError, match=r"has no split 'test' \(there: train\)"):
        evaluate_run(copy, recogniser, without)
