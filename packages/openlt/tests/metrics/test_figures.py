import json
import time

import numpy as np
import pytest

from openlt.metrics import auroc, f_measure, figures, threshold_sweep

LABELS = np.array([0, 0, 1, 1, 2, -1, -1], np.int64)
PREDICTIONS = np.array([0, 1, 1, 1, 2, 0, 2], np.int64)
SCORES = np.array([0.9, 0.8, 0.05, 0.7, 0.6, 0.65, 0.01])
COUNTS = np.array([200, 50, 5], np.int64)


def test_closed_figures_do_not_depend_on_the_threshold_and_open_ones_do() -> None:
    result = figures(PREDICTIONS, SCORES, LABELS, COUNTS, split="test", threshold=0.1)
    assert (result.many, result.medium, result.few) == (0.5, 1.0, 1.0)
    assert (result.open_many, result.open_medium, result.open_few) == (0.5, 0.5, 1.0)
    assert result.overall == pytest.approx(4 / 5)
    assert result.open_overall == pytest.approx(3 / 5)
    assert result.closed_rejected == pytest.approx(1 / 5)
    assert result.open_accuracy == 0.5
    # TP = 3, FP = 2, FN = 1
    assert result.f_measure == pytest.approx(6 / 9)
    assert (result.n_closed, result.n_open) == (5, 2)


def test_each_band_has_its_own_area_against_all_unknown_pictures() -> None:
    result = figures(PREDICTIONS, SCORES, LABELS, COUNTS, split="test")
    assert result.auroc_many == auroc(SCORES[:2], SCORES[5:])
    assert result.auroc_few == auroc(SCORES[4:5], SCORES[5:]) == 0.5


def test_without_an_open_set_its_figures_are_not_evaluated() -> None:
    result = figures(PREDICTIONS[:5], SCORES[:5], LABELS[:5], COUNTS, split="val").as_dict()
    absent = {name for name, value in result.items() if value is None}
    assert {"f_measure", "open_accuracy", "auroc", "aupr_in", "aupr_out", "fpr95", "oscr", "auroc_few"} <= absent
    assert result["overall"] == pytest.approx(0.8)


def test_the_report_names_rule_formula_threshold_detector_and_split() -> None:
    result = figures(
        PREDICTIONS,
        SCORES,
        LABELS,
        COUNTS,
        split="test",
        detector="energy",
        threshold=0.3,
        shot_rule="reference",
        f_variant="legacy",
    )
    named = {name: result.as_dict()[name] for name in ("split", "detector", "threshold", "shot_rule", "f_variant")}
    assert named == {
        "split": "test",
        "detector": "energy",
        "threshold": 0.3,
        "shot_rule": "reference",
        "f_variant": "legacy",
    }
    assert json.loads(json.dumps(result.as_dict())) == result.as_dict()


def test_the_sweep_shows_both_formulas_at_each_threshold() -> None:
    points = threshold_sweep(PREDICTIONS, SCORES, LABELS)
    assert [point.threshold for point in points] == [step / 10 for step in range(10)]
    at_seven = np.where(SCORES < 0.7, -1, PREDICTIONS)
    assert points[7].f_oltr2020 == f_measure(at_seven, LABELS)
    assert points[7].f_legacy == f_measure(at_seven, LABELS, "legacy")
    assert points[9].overall == pytest.approx(1 / 5)


def test_the_size_of_places_takes_less_than_five_seconds() -> None:
    rng = np.random.default_rng(0)
    labels = np.r_[np.repeat(np.arange(365), 100), np.full(6_600, -1)].astype(np.int64)
    predictions = rng.integers(0, 365, len(labels))
    started = time.process_time()
    scores = rng.random(len(labels))
    figures(predictions, scores, labels, rng.integers(5, 4980, 365), split="test")
    threshold_sweep(predictions, scores, labels)
    assert time.process_time() - started < 5
