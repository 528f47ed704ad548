import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc

from openlt.metrics import aupr, auroc, decide, f_measure, fpr_at_tpr, oscr

# TP = 105, FP = 95 of which 6 are rejections, FN = 79, and 10 unknown pictures rejected.
LABELS = np.array([1] * 200 + [-1] * 89, np.int64)
PREDICTIONS = np.array([1] * 105 + [0] * 89 + [-1] * 6 + [0] * 79 + [-1] * 10, np.int64)

scores = st.lists(st.integers(-4, 4), min_size=1, max_size=30).map(lambda values: np.array(values, np.float64) / 4)


def test_f_of_the_worked_example_is_exact_in_both_variants() -> None:
    assert f_measure(PREDICTIONS, LABELS) == 2 * 105 / (2 * 105 + 95 + 79) == 0.546875
    assert f_measure(PREDICTIONS, LABELS, "legacy") == 2 * 105 / (2 * 105 + 89 + 79)
    assert round(f_measure(PREDICTIONS, LABELS, "legacy"), 6) == 0.555556


def test_f_is_zero_not_an_error_where_everything_is_rejected() -> None:
    assert f_measure(np.full_like(LABELS, -1), LABELS) == 0.0
    assert f_measure(np.full_like(LABELS, -1), LABELS, "legacy") == 0.0


def test_rejecting_known_pictures_is_free_under_the_legacy_formula_only() -> None:
    stricter = PREDICTIONS.copy()
    stricter[105:194] = -1
    assert f_measure(stricter, LABELS, "legacy") > f_measure(PREDICTIONS, LABELS, "legacy")
    assert f_measure(stricter, LABELS) == f_measure(PREDICTIONS, LABELS)


def test_a_score_on_the_threshold_stays() -> None:
    assert decide(np.array([3, 4], np.int64), np.array([0.1, 0.0999]), 0.1).tolist() == [3, -1]


@given(scores, scores)
def test_areas_are_those_of_scikit_learn_with_ties(known: np.ndarray, unknown: np.ndarray) -> None:
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    values = np.r_[known, unknown]
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(truth, values))
    assert aupr(known, unknown) == pytest.approx(average_precision_score(truth, values))
    assert aupr(-unknown, -known) == pytest.approx(average_precision_score(1 - truth, -values))


@given(scores, scores, st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_false_rate_is_read_off_the_curve_of_scikit_learn(known: np.ndarray, unknown: np.ndarray, tpr: float) -> None:
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    false_rate, true_rate, _ = sklearn_roc(truth, np.r_[known, unknown], drop_intermediate=False)
    expected = false_rate[true_rate >= tpr - 1e-12].min()
    assert fpr_at_tpr(known, unknown, tpr) == pytest.approx(expected)


def test_nineteen_of_twenty_are_95_percent() -> None:
    known = np.r_[np.full(19, 1.0), -5.0]
    assert fpr_at_tpr(known, np.array([0.0, 0.0])) == 0.0


@given(scores, scores)
def test_oscr_of_a_faultless_classifier_is_auroc(known: np.ndarray, unknown: np.ndarray) -> None:
    assert oscr(known, np.ones(len(known), bool), unknown) == pytest.approx(auroc(known, unknown))


def test_oscr_worked_by_hand() -> None:
    # By falling score: right, unknown, wrong, right, unknown. Of three known pictures two are right.
    known, correct = np.array([5.0, 3.0, 2.0]), np.array([True, False, True])
    unknown = np.array([4.0, 1.0])
    # Rates (false, right): (0, 1/3), (1/2, 1/3), (1/2, 2/3), (1, 2/3); area 1/2 * 1/3 + 1/2 * 2/3.
    assert oscr(known, correct, unknown) == pytest.approx(0.5)


def test_without_unknown_pictures_the_areas_do_not_exist() -> None:
    with pytest.raises(ValueError, match="3 known and 0 unknown"):
        auroc(np.zeros(3), np.zeros(0))
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        auroc(np.array([np.nan]), np.zeros(1))
