import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlt.data.profiles import exponential_counts, gini, head_share, pareto_counts, step_counts, whole_counts


def test_cifar_counts_of_the_literature() -> None:
    # CIFAR-10-LT with factor 100, as printed in many papers.
    counts = np.floor(exponential_counts(10, 5000, 100)).astype(int)
    assert counts.tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_pareto_counts_have_the_shape_of_imagenet_lt() -> None:
    share = (np.arange(1000) + 0.5) / 1000
    expected = 656 * (share ** (-1 / 6) - 1)
    np.testing.assert_allclose(pareto_counts(1000, expected[0]), expected)
    # Ranks 10, 50, 100 and 500 of the fit to the benchmark.
    np.testing.assert_allclose(expected[[9, 49, 99, 499]], [769, 426, 308, 80], atol=1)


def test_half_of_the_classes_are_frequent_in_a_step() -> None:
    assert step_counts(5, 100, 10).tolist() == [100, 100, 100, 10, 10]


def test_whole_counts_respect_what_there_is() -> None:
    assert whole_counts(np.array([9.6, 3.2, 0.1]), 2, np.array([8, 8, 1])).tolist() == [8, 3, 1]


@given(st.integers(1, 40), st.integers(1, 1000))
def test_equal_counts_have_no_inequality(classes: int, count: int) -> None:
    counts = np.full(classes, count)
    assert gini(counts) == pytest.approx(0, abs=1e-12)


def test_inequality_by_hand() -> None:
    # Mean absolute difference over twice the mean: pairs of (1, 3) differ by 2 half of the time, mean 2.
    assert gini(np.array([3, 1])) == pytest.approx(0.25)
    assert head_share(np.array([1, 1, 6, 1, 1])) == pytest.approx(0.6)
