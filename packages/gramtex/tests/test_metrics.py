import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.metrics import (
    frechet_distance,
    gaussian_frechet_distance,
    kernel_distance,
    mean_pairwise_distance,
    nearest_distances,
    novelty,
    own_distances,
    polynomial_mmd,
    relative_gram_errors,
)

seeds = st.integers(0, 2**32 - 1)


def features(seed: int, count: int = 40, width: int = 6) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((count, width)) @ draw.standard_normal((width, width)) + draw.standard_normal(width)


def test_the_distance_of_two_gaussians_worked_by_hand() -> None:
    # |(3, 4)|² = 25; tr I = 2; tr 4I = 8; the root of I·4I is 2I, of trace 4: 25 + 2 + 8 - 2·4 = 27.
    value = gaussian_frechet_distance(np.zeros(2), np.eye(2), np.array([3.0, 4.0]), 4 * np.eye(2))
    assert value == pytest.approx(27, abs=1e-12)


@given(seeds)
def test_the_frechet_distance_agrees_with_the_matrix_root_of_scipy(seed: int) -> None:
    a, b = features(seed), features(seed + 1)
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    assert frechet_distance(a, b) == pytest.approx(mean + np.trace(first + second - 2 * root), rel=1e-6)


@given(seeds)
def test_the_frechet_distance_is_symmetric_and_zero_to_itself(seed: int) -> None:
    a, b = features(seed), features(seed + 1)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-8)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_fewer_samples_than_features_still_give_a_finite_distance() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 5, 20))
    assert np.isfinite(frechet_distance(a, b))


def test_one_sample_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="two samples on each side, not 1, 5"):
        frechet_distance(np.ones((1, 3)), np.ones((5, 3)))


def test_the_polynomial_mmd_of_two_pairs_worked_by_hand() -> None:
    # d = 1, k(x, y) = (xy + 1)³. x = {0, 1}: k(0, 1) = 1. y = {1, 2}: k(1, 2) = 27.
    # Across: k(0,1) = k(0,2) = 1, k(1,1) = 8, k(1,2) = 27; mean 37/4. 1 + 27 - 2·37/4 = 9.5.
    assert polynomial_mmd(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(9.5)


def test_kid_of_equal_distributions_is_zero_in_the_mean_and_keeps_its_sign() -> None:
    draw = np.random.default_rng(0)
    values = [polynomial_mmd(*draw.standard_normal((2, 50, 4))) for _ in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 200**0.5
    assert min(values) < 0


def test_kid_says_how_large_its_subsets_were() -> None:
    a, b = features(1, 30), features(2, 20)
    distance = kernel_distance(a, b, generator=np.random.default_rng(0), subsets=5)
    assert distance.subset == 20
    assert distance.value > 0
    with pytest.raises(ValueError, match="KID needs two samples"):
        kernel_distance(a[:1], b, generator=np.random.default_rng(0))


def test_kid_sees_a_blurred_set() -> None:
    draw = np.random.default_rng(0)
    a, b, other = draw.standard_normal((60, 5)), draw.standard_normal((60, 5)), 0.3 * draw.standard_normal((60, 5))
    near = kernel_distance(a, b, generator=draw, subset=30).value
    assert kernel_distance(a, other, generator=draw, subset=30).value > near + 0.1


def test_the_mean_of_all_pairs_is_that_of_a_triangle() -> None:
    assert mean_pairwise_distance(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])) == pytest.approx((3 + 4 + 5) / 3)
    with pytest.raises(ValueError, match="two vectors, not 1"):
        mean_pairwise_distance(np.zeros((1, 2)))


def test_a_copy_has_no_novelty_and_groups_make_the_yardstick_longer() -> None:
    training = torch.tensor([[0.0, 0.0], [0.1, 0.0], [4.0, 0.0], [4.1, 0.0]])
    groups = np.array([0, 0, 1, 1])
    torch.testing.assert_close(own_distances(training), torch.full((4,), 0.1))
    assert own_distances(training, groups).tolist() == pytest.approx([4.0, 3.9, 3.9, 4.0])
    assert novelty(training[2:3], training, groups).item() == 0
    distance, index = nearest_distances(torch.tensor([[0.0, 1.0]]), training)
    assert (distance.item(), index.item()) == (1.0, 0)
    with pytest.raises(ValueError, match="at least two groups"):
        novelty(training, training, np.zeros(4, dtype=np.int64))


def test_the_relative_error_of_twice_a_matrix_is_one() -> None:
    target = torch.rand(3, 4, 4)
    torch.testing.assert_close(relative_gram_errors(2 * target, target), torch.ones(3))
