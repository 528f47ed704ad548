import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from torchmetrics.functional.audio import (
    scale_invariant_signal_distortion_ratio,
    signal_distortion_ratio,
    signal_noise_ratio,
)

from hr_common.errors import InputError
from viai.metrics.sounds import around, sdr_bss, si_sdr, snr_gap


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


def test_silence_is_the_worst_there_is_for_scale_invariant_figures() -> None:
    target = np.random.default_rng(6).standard_normal(2_000)
    assert si_sdr(np.zeros(2_000), target) == sdr_bss(np.zeros(2_000), target) == -120


@pytest.mark.parametrize("noise", [0.01, 0.3, 3.0])
def test_sdr_is_that_of_torchmetrics(noise: float) -> None:
    rng = np.random.default_rng(7)
    target = rng.standard_normal(9_000)
    prediction = lfilter([0.5, 0.3, 0.0, -0.2], [1.0], target) + noise * rng.standard_normal(9_000)
    expected = signal_distortion_ratio(torch.from_numpy(prediction), torch.from_numpy(target)).item()
    assert sdr_bss(prediction, target) == pytest.approx(expected, abs=1e-3)


def test_sdr_is_a_least_squares_fit_of_delayed_targets() -> None:
    rng = np.random.default_rng(8)
    target, prediction = rng.standard_normal(60), rng.standard_normal(60)
    # BSS Eval lets the filtered target ring out beyond the end of the prediction.
    delayed = np.stack([np.pad(target, (delay, 7 - delay)) for delay in range(8)], axis=1)
    padded = np.pad(prediction, (0, 7))
    part = delayed @ np.linalg.lstsq(delayed, padded, rcond=None)[0]
    expected = 10 * np.log10((part @ part) / ((padded - part) @ (padded - part)))
    assert sdr_bss(prediction, target, taps=8) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 2**31), st.floats(0.01, 100))
def test_sdr_ignores_scale(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    target, prediction = rng.standard_normal(300), rng.standard_normal(300)
    first, second = (sdr_bss(factor * prediction, target, taps=16) for factor in (1.0, scale))
    assert first == pytest.approx(second, abs=1e-6)


def test_sdr_forgives_a_filter_and_si_sdr_does_not() -> None:
    target = np.random.default_rng(9).standard_normal(8_000)
    late = np.concatenate([np.zeros(100), target])[:8_000]
    # Only the last 100 samples, which the delay pushed out, are missing.
    assert sdr_bss(late, target) > 15
    assert si_sdr(late, target) < -20


def test_sdr_of_a_pure_tone_is_finite() -> None:
    # Its correlation matrix has rank two.
    target = np.sin(0.1 * np.arange(4_000))
    assert sdr_bss(target, target) > 60


def test_sdr_wants_more_sound_than_taps() -> None:
    with pytest.raises(InputError, match="longer than its 512 taps; found 500 and 500 samples"):
        sdr_bss(np.ones(500), np.ones(500))
    with pytest.raises(InputError, match="found 600 and 601 samples"):
        sdr_bss(np.ones(600), np.ones(601))


def test_the_surroundings_of_a_gap_stop_at_the_ends() -> None:
    assert around((10_000, 12_000), 64_000, 16_000) == slice(6_800, 15_200)
    assert around((100, 63_000), 64_000, 16_000) == slice(0, 64_000)
