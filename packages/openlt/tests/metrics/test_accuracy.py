import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score

from openlt.metrics import band_accuracy, macro_f1, per_class_accuracy

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, -1], np.int64)
PREDICTIONS = np.array([0, 0, 0, 1, 1, 0, 2, 2], np.int64)


def test_bands_are_means_over_classes_not_over_pictures() -> None:
    # Class 0 has 3 of 4 right, class 1 has 1 of 2: the band of both has (0.75 + 0.5) / 2, not 4 / 6.
    figures = band_accuracy(PREDICTIONS, LABELS, np.array([200, 150, 5], np.int64))
    assert figures.many == pytest.approx(0.625)
    assert figures.few == 1.0
    assert figures.overall == pytest.approx(5 / 7)
    assert figures.mean_per_class == pytest.approx((0.75 + 0.5 + 1) / 3)


def test_a_band_without_classes_is_not_available_rather_than_zero() -> None:
    assert band_accuracy(PREDICTIONS, LABELS, np.array([200, 150, 5], np.int64)).medium is None


def test_a_class_without_test_pictures_is_left_out_and_counted() -> None:
    figures = band_accuracy(PREDICTIONS, LABELS, np.array([200, 150, 5, 5], np.int64))
    assert figures.few == 1.0
    assert figures.absent_classes == 1
    assert np.isnan(per_class_accuracy(PREDICTIONS, LABELS, 4)[3])


def test_a_rejected_picture_of_a_known_class_is_an_error() -> None:
    rejected = PREDICTIONS.copy()
    rejected[0] = -1
    assert band_accuracy(rejected, LABELS, np.array([200, 150, 5], np.int64)).many == pytest.approx(0.5)


pairs = st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 5)), min_size=1, max_size=60)


@given(pairs)
def test_per_class_accuracy_and_macro_f1_are_those_of_scikit_learn(items: list[tuple[int, int]]) -> None:
    predictions, labels = (np.array(column, np.int64) for column in zip(*items, strict=True))
    present = np.unique(labels)
    recall = recall_score(labels, predictions, labels=present, average=None, zero_division=0.0)
    np.testing.assert_allclose(per_class_accuracy(predictions, labels, 7)[present], recall)
    expected = f1_score(labels, predictions, average="macro", zero_division=0.0)
    assert macro_f1(predictions, labels) == pytest.approx(expected)


def test_nothing_to_measure_gives_nothing() -> None:
    none = np.array([], np.int64)
    assert band_accuracy(none, none, np.array([3, 3], np.int64)).overall is None
    assert macro_f1(none, none) == 0.0
