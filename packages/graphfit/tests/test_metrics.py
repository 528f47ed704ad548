import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from graphfit.metrics import (
    bootstrap_interval,
    compatibility_auc,
    expected_calibration_error,
    fitb_credits,
    macro_f1,
)


@given(st.integers(0, 200), st.integers(1, 5))
def test_auc_equals_scikit_learn_also_with_ties(seed: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, 40).astype(np.float64)
    labels = np.array([0, 1, *generator.integers(0, 2, 38)])
    assert compatibility_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_of_one_kind_alone_is_not_a_number() -> None:
    assert np.isnan(compatibility_auc(np.zeros(3), np.ones(3, dtype=np.int64)))


@given(st.integers(0, 3))
def test_a_constant_scorer_answers_a_quarter_wherever_the_truth_stands(place: int) -> None:
    credits_ = fitb_credits(np.zeros((10, 4)), np.full(10, place))
    assert credits_.mean() == pytest.approx(0.25, abs=1e-12)


def test_credit_is_shared_among_tied_candidates() -> None:
    scores = np.array([[2.0, 2.0, 1.0, 0.0], [2.0, 2.0, 1.0, 0.0], [0.0, 0.0, 5.0, 1.0]])
    assert fitb_credits(scores, np.array([0, 2, 2])).tolist() == [0.5, 0.0, 1.0]


def test_candidates_that_do_not_exist_are_never_the_answer() -> None:
    exists = np.array([[True, True, False, False]])
    assert fitb_credits(np.array([[0.0, 1.0, 9.0, 9.0]]), np.array([1]), exists).tolist() == [1.0]


def test_calibration_error_by_hand() -> None:
    # Two say 0.85 and one of them is right (0.35 off); two say 0.15 and none is right (0.15 off).
    error = expected_calibration_error(np.array([0.85, 0.85, 0.15, 0.15]), np.array([1, 0, 0, 0]))
    assert error == pytest.approx((0.35 + 0.15) / 2)


@given(st.integers(0, 100))
def test_macro_f1_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    predicted, target = generator.integers(0, 4, 30), generator.integers(0, 3, 30)
    expected = f1_score(target, predicted, average="macro", zero_division=0)
    assert macro_f1(predicted, target, 6) == pytest.approx(expected)


def test_the_bootstrap_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(size=400)
    generator = np.random.default_rng(1)
    low, high = bootstrap_interval(lambda drawn: float(values[drawn].mean()), 400, generator=generator)
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.015)
