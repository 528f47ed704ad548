import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import sqrtm
from skimage.metrics import peak_signal_noise_ratio

from viai.metrics.spectrograms import (
    frechet_distance,
    l1_gap,
    log_spectral_distance,
    psnr_full,
    psnr_gap,
    ssim_full,
    ssim_gap,
)


def levels(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.random((80, 60)).astype(np.float32)
    prediction = np.clip(target + 0.2 * rng.standard_normal(target.shape), 0, 1).astype(np.float32)
    unknown = np.zeros(60, dtype=bool)
    unknown[20:35] = True
    return prediction, target, unknown


def test_levels_inside_the_gap_by_hand() -> None:
    target = np.zeros((2, 3))
    prediction = np.array([[9.0, 0.1, 9.0], [9.0, 0.3, 9.0]])
    unknown = np.array([False, True, False])
    assert l1_gap(prediction, target, unknown) == pytest.approx(0.2)
    # Mean square (0.01 + 0.09) / 2 = 0.05.
    assert psnr_gap(prediction, target, unknown) == pytest.approx(10 * np.log10(20))


def test_psnr_is_that_of_scikit_image() -> None:
    prediction, target, unknown = levels(0)
    wide_prediction, wide_target = prediction.astype(np.float64), target.astype(np.float64)
    full = peak_signal_noise_ratio(wide_target, wide_prediction, data_range=1.0)
    assert psnr_full(prediction, target) == pytest.approx(full, rel=1e-6)
    inside = peak_signal_noise_ratio(wide_target[:, unknown], wide_prediction[:, unknown], data_range=1.0)
    assert psnr_gap(prediction, target, unknown) == pytest.approx(inside, rel=1e-6)


def similarity_map(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Wang et al., 2004, eq. (13), over 7x7 windows with sample variances, borders mirrored."""
    x, y = (sliding_window_view(np.pad(p, 3, mode="symmetric"), (7, 7)).reshape(*p.shape, 49) for p in (first, second))
    mean_x, mean_y = x.mean(axis=-1), y.mean(axis=-1)
    covariance = ((x - mean_x[..., None]) * (y - mean_y[..., None])).sum(axis=-1) / 48
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (x.var(axis=-1, ddof=1) + y.var(axis=-1, ddof=1) + c2)


def test_ssim_is_the_formula_over_the_region_named() -> None:
    prediction, target, unknown = levels(1)
    expected = similarity_map(prediction.astype(np.float64), target.astype(np.float64))
    assert ssim_full(prediction, target) == pytest.approx(expected.mean(), abs=1e-9)
    assert ssim_gap(prediction, target, unknown) == pytest.approx(expected[:, unknown].mean(), abs=1e-9)


def test_perfect_levels_have_the_best_figures() -> None:
    _, target, unknown = levels(2)
    assert l1_gap(target, target, unknown) == 0
    assert psnr_gap(target, target, unknown) == pytest.approx(120)
    assert ssim_gap(target, target, unknown) == pytest.approx(1)
    assert log_spectral_distance(target, target, unknown) == 0


def test_figures_of_the_gap_do_not_look_outside() -> None:
    prediction, target, unknown = levels(3)
    spoilt = np.where(unknown, prediction, 1 - target).astype(np.float32)
    for metric in (l1_gap, psnr_gap, log_spectral_distance):
        assert metric(spoilt, target, unknown) == metric(prediction, target, unknown)


def test_log_spectral_distance_by_hand() -> None:
    target = np.zeros((2, 3))
    prediction = np.array([[0.1, 0.0, 0.5], [0.0, 0.2, 0.5]])
    unknown = np.array([True, True, False])
    # 10 dB in one of two bands, then 20 dB in one of two: sqrt(100 / 2) and sqrt(400 / 2), averaged.
    expected = (np.sqrt(50) + np.sqrt(200)) / 2
    assert log_spectral_distance(prediction, target, unknown) == pytest.approx(expected)
    assert log_spectral_distance(prediction, target, unknown, range_db=50.0) == pytest.approx(expected / 2)


def test_the_frechet_distance_by_hand() -> None:
    first = np.array([[0.0, 0.0], [0.2, 0.0]])
    second = np.array([[0.2, 0.0], [0.6, 0.0]])
    # Means 0.1 and 0.4; variances 0.02 and 0.08, so deviations differ by 0.2 / sqrt(2).
    expected = np.sqrt(0.3**2 + (0.2 / np.sqrt(2)) ** 2)
    assert frechet_distance(first, second, range_db=1.0) == pytest.approx(expected)
    assert frechet_distance(first, second) == pytest.approx(100 * expected)


def test_the_frechet_distance_is_the_formula_with_a_matrix_root() -> None:
    rng = np.random.default_rng(9)
    first, second = rng.random((50, 6)) @ rng.random((6, 6)), rng.random((40, 6)) + 0.3
    spreads = [np.cov(columns, rowvar=False) for columns in (first, second)]
    shift = first.mean(axis=0) - second.mean(axis=0)
    squared = shift @ shift + np.trace(spreads[0] + spreads[1] - 2 * sqrtm(spreads[0] @ spreads[1]).real)
    assert frechet_distance(first, second, range_db=1.0) == pytest.approx(np.sqrt(squared), rel=1e-6)


@given(st.integers(0, 2**31))
def test_the_frechet_distance_is_symmetric_and_ignores_the_order_of_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.random((20, 4)), rng.random((30, 4)) ** 2
    distance = frechet_distance(first, second)
    assert frechet_distance(second, first) == pytest.approx(distance, rel=1e-6)
    assert frechet_distance(rng.permutation(first), second) == pytest.approx(distance, rel=1e-6)
    # Roots of rounding errors: of a variance near 800 dB squared, 1e-16 leaves 1e-6.
    assert frechet_distance(first, rng.permutation(first)) == pytest.approx(0, abs=1e-4)
