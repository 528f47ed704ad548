import time

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from hr_common.errors import InputError
from viai.baselines.extrapolation import (
    burg,
    continue_sound,
    extrapolate,
    interpolate_extrapolation,
    levinson,
    residual,
    smooth_step,
)

RATE = 44_100


def tones(length: int, noise: float = 1e-3) -> np.ndarray:
    time_axis = np.arange(length) / RATE
    partials = [np.cos(2 * np.pi * 440 * k * time_axis + k) / k for k in range(1, 8)]
    return 0.2 * np.sum(partials, axis=0) + noise * np.random.default_rng(1).standard_normal(length)


def test_burg_of_three_samples_as_worked_by_hand() -> None:
    # Order 1 on (1, 2, 3): f = (2, 3), b = (1, 2); k = -2 (2 + 6) / (4 + 9 + 1 + 4) = -16/18.
    np.testing.assert_allclose(burg(np.array([1.0, 2.0, 3.0]), 1), [1.0, -8 / 9], rtol=1e-15)


@pytest.mark.parametrize("order", [1, 2, 7, 40])
def test_burg_is_that_of_librosa(order: int) -> None:
    sound = lfilter([1.0], [1.0, -0.9, 0.4], np.random.default_rng(0).standard_normal(800))
    # librosa updates the denominator recursively instead of summing it, hence the room for rounding.
    np.testing.assert_allclose(burg(sound, order), librosa.lpc(sound, order=order), atol=1e-9)


def test_burg_finds_the_process_that_made_the_sound() -> None:
    made = np.array([1.0, -1.5, 0.9])
    sound = lfilter([1.0], made, np.random.default_rng(0).standard_normal(50_000))
    np.testing.assert_allclose(burg(sound, 2), made, atol=0.02)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(1e-3, 1e3))
def test_the_burg_filter_has_its_zeros_in_the_unit_circle_and_ignores_gain(seed: int, order: int, gain: float) -> None:
    sound = np.cumsum(np.random.default_rng(seed).standard_normal(100))
    coefficients = burg(sound, order)
    assert np.abs(np.roots(coefficients)).max() < 1 + 1e-9
    np.testing.assert_allclose(burg(gain * sound, order), coefficients, atol=1e-6)


def test_burg_of_a_constant_predicts_that_constant() -> None:
    constant = np.full(50, 0.3)
    np.testing.assert_allclose(extrapolate(constant, burg(constant, 10), 20), 0.3, atol=1e-12)


def test_burg_of_order_1000_is_quick() -> None:
    sound = np.random.default_rng(0).standard_normal(4_096)
    begun = time.process_time()
    burg(sound, 1_000)
    assert time.process_time() - begun < 0.3


def test_burg_refuses_an_order_beyond_the_sound() -> None:
    with pytest.raises(InputError, match="order 10 needs more than 10 samples"):
        burg(np.ones(10), 10)


def test_the_residual_of_an_extrapolation_is_zero() -> None:
    sound = tones(3_000)
    model = burg(sound, 60)
    longer = np.concatenate([sound, extrapolate(sound, model, 200)])
    np.testing.assert_allclose(residual(longer, model)[3_000:], 0, atol=1e-12)


def test_a_sine_continues_as_itself() -> None:
    wave = np.sin(2 * np.pi * 0.013 * np.arange(3_000))
    np.testing.assert_allclose(continue_sound(wave[:2_000], 1_000, order=8, context=2_000), wave[2_000:], atol=2e-3)


def test_levinson_of_three_samples_as_worked_by_hand() -> None:
    # Autocorrelation of (1, 2, 3): 14, 8, 3. Order 1: -8/14.
    np.testing.assert_allclose(levinson(np.array([1.0, 2.0, 3.0]), 1, taper=False), [1.0, -8 / 14], rtol=1e-8)


@pytest.mark.parametrize("taper", [False, True])
def test_levinson_leaves_the_least_residual_of_a_sound_between_silences(taper: bool) -> None:
    sound = np.random.default_rng(4).standard_normal(60)
    weighted = sound * np.hanning(62)[1:-1] if taper else sound
    padded = np.concatenate([weighted, np.zeros(5)])
    columns = np.stack([np.concatenate([np.zeros(lag), padded[: len(padded) - lag]]) for lag in range(1, 6)], axis=1)
    expected = np.linalg.lstsq(columns, -padded, rcond=None)[0]
    np.testing.assert_allclose(levinson(sound, 5, taper=taper)[1:], expected, atol=1e-7)


def test_levinson_of_silence_predicts_silence_and_refuses_an_order_beyond_the_sound() -> None:
    np.testing.assert_array_equal(levinson(np.zeros(40), 3), [1, 0, 0, 0])
    with pytest.raises(InputError, match="order 10 needs more than 10 samples"):
        levinson(np.ones(10), 10)


def test_extrapolations_of_both_sides_are_blended_by_a_squared_cosine() -> None:
    sound = tones(9_000)
    start, stop = 4_000, 4_300
    left = continue_sound(sound[:start], 300, order=100)
    right = continue_sound(sound[stop:][::-1], 300, order=100)[::-1]
    filled = interpolate_extrapolation(sound, start, stop, order=100)
    # At a quarter of the gap the left side counts cos(22.5 deg)^2 = 0.854.
    weight = np.cos(np.pi / 8 + np.pi / 1_200) ** 2
    assert filled[75] == pytest.approx(weight * left[75] + (1 - weight) * right[75], abs=1e-12)
    assert filled[0] == pytest.approx(left[0], abs=1e-5)
    assert filled[-1] == pytest.approx(right[-1], abs=1e-5)


def test_the_smooth_step_of_two_samples_as_worked_by_hand() -> None:
    # At a quarter (10 - 15/4 + 6/16) / 64 = 53/512; the rest by symmetry.
    np.testing.assert_allclose(smooth_step(2), [53 / 512, 459 / 512], rtol=1e-15)
    assert len(smooth_step(0)) == 0
