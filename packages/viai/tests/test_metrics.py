import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import peak_signal_noise_ratio
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio, signal_noise_ratio

from viai.metrics import (
    l1_gap,
    log_spectral_distance,
    mean_interval,
    psnr_full,
    psnr_gap,
    si_sdr,
    snr_gap,
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


def test_snr_and_si_sdr_are_those_of_torchmetrics() -> None:
    rng = np.random.default_rng(4)
    target = rng.standard_normal(2_000)
    prediction = 0.7 * target + 0.3 * rng.standard_normal(2_000) + 0.1
    first, second = torch.from_numpy(prediction), torch.from_numpy(target)
    assert snr_gap(prediction, target) == pytest.approx(signal_noise_ratio(first, second).item(), abs=1e-6)
    expected = scale_invariant_signal_distortion_ratio(first, second, zero_mean=False).item()
    assert si_sdr(prediction, target) == pytest.approx(expected, abs=1e-6)


def test_snr_of_a_silent_filling_is_zero() -> None:
    assert snr_gap(np.zeros(10), np.ones(10)) == pytest.approx(0)


def test_si_sdr_ignores_scale() -> None:
    rng = np.random.default_rng(5)
    target, prediction = rng.standard_normal(500), rng.standard_normal(500)
    assert si_sdr(1e3 * prediction, target) == pytest.approx(si_sdr(prediction, target), abs=1e-9)


def test_silence_gives_finite_ratios() -> None:
    silence, sound = np.zeros(10, dtype=np.float32), np.ones(10, dtype=np.float32)
    for prediction, target in ((silence, silence), (sound, silence), (silence, sound)):
        assert np.isfinite([snr_gap(prediction, target), si_sdr(prediction, target)]).all()


def test_log_spectral_distance_by_hand() -> None:
    target = np.zeros((2, 3))
    prediction = np.array([[0.1, 0.0, 0.5], [0.0, 0.2, 0.5]])
    unknown = np.array([True, True, False])
    # 10 dB in one of two bands, then 20 dB in one of two: sqrt(100 / 2) and sqrt(400 / 2), averaged.
    expected = (np.sqrt(50) + np.sqrt(200)) / 2
    assert log_spectral_distance(prediction, target, unknown) == pytest.approx(expected)
    assert log_spectral_distance(prediction, target, unknown, range_db=50.0) == pytest.approx(expected / 2)


def test_the_interval_of_two_sources_by_hand() -> None:
    # Two sources are drawn twice: both the first, both the second, or one each, with 1/4, 1/4 and 1/2.
    interval = mean_interval(np.array([0.0, 0.0, 1.0, 1.0]), ["a", "a", "b", "b"])
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_the_interval_holds_the_true_mean_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for trial in range(400):
        interval = mean_interval(rng.normal(3.0, 2.0, 40), draws=400, seed=trial)
        covered += interval.low <= 3.0 <= interval.high
    # 95 % less the known optimism of the bootstrap at 40 items (1 %), within three standard errors (1.1 % each).
    assert 0.90 <= covered / 400 <= 0.98


def test_alike_windows_of_a_source_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(7).standard_normal(12)
    single = mean_interval(values)
    repeated, groups = np.repeat(values, 10), [f"source {index // 10:02d}" for index in range(120)]
    grouped, alone = mean_interval(repeated, groups), mean_interval(repeated)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low)
    assert alone.high - alone.low < 0.5 * (grouped.high - grouped.low)


def test_the_interval_depends_on_nothing_but_its_seed() -> None:
    values = np.random.default_rng(8).standard_normal(20)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)
