import time

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from hr_common.errors import InputError
from viai.baselines.autoregressive import (
    burg,
    continue_sound,
    extrapolate,
    interpolate,
    interpolate_extrapolation,
    interpolate_janssen,
    residual,
)

RATE = 44_100


def tones(length: int, noise: float = 1e-3) -> np.ndarray:
    time_axis = np.arange(length) / RATE
    partials = [np.cos(2 * np.pi * 440 * k * time_axis + k) / k for k in range(1, 8)]
    return 0.2 * np.sum(partials, axis=0) + noise * np.random.default_rng(1).standard_normal(length)


def snr(true: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(true**2) / np.sum((true - estimate) ** 2)))


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


def test_janssen_solves_the_least_squares_problem_of_its_last_model() -> None:
    rng = np.random.default_rng(2)
    sound = lfilter([1.0], [1.0, -1.2, 0.6], rng.standard_normal(600))
    start, stop, order = 290, 310, 16
    filled = interpolate_janssen(sound, start, stop, order=order, iterations=1, context=200)
    # The same by dense matrices: A x = e with the unknown columns moved to the other side.
    segment = sound[90:510].copy()
    segment[200:220] = interpolate_extrapolation(sound, start, stop, order=order)
    known = np.r_[segment[:200], segment[220:]]
    noise = 1e-3 * np.sqrt(np.mean(known**2)) * np.random.default_rng(0).standard_normal(420)
    model = burg(segment + noise, order)
    matrix = toeplitz(np.r_[model[0], np.zeros(419)], np.r_[model[0], np.zeros(419)])
    for lag in range(1, order + 1):
        matrix += np.diag(np.full(420 - lag, model[lag]), -lag)
    matrix = matrix[order:]
    segment[200:220] = 0
    expected = np.linalg.lstsq(matrix[:, 200:220], -matrix @ segment, rcond=None)[0]
    np.testing.assert_allclose(filled, expected, atol=1e-8)


@pytest.mark.parametrize(("milliseconds", "floor"), [(20, 30), (50, 30), (80, 25)])
def test_a_steady_tone_comes_back(milliseconds: int, floor: float) -> None:
    sound = tones(30_000)
    stop = 15_000 + RATE * milliseconds // 1_000
    assert snr(sound[15_000:stop], interpolate(sound, 15_000, stop, RATE)) > floor


def test_janssen_beats_extrapolation_on_a_noisy_process() -> None:
    sound = lfilter([1.0], [1.0, -1.8, 0.95], np.random.default_rng(3).standard_normal(20_000))
    errors = np.zeros(2)
    for start in range(5_000, 15_000, 500):
        truth = sound[start : start + 30]
        errors[0] += np.sum((interpolate_janssen(sound, start, start + 30, order=30) - truth) ** 2)
        errors[1] += np.sum((interpolate_extrapolation(sound, start, start + 30, order=30) - truth) ** 2)
    assert errors[0] < 0.9 * errors[1]


@pytest.mark.parametrize("length", [1, 30, 900, 9_000])
def test_what_the_gap_holds_does_not_matter(length: int) -> None:
    results = []
    for content in (0.0, 1e6, np.nan):
        sound = tones(30_000)
        sound[12_000 : 12_000 + length] = content
        results.append(interpolate(sound, 12_000, 12_000 + length, RATE))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 400), (19_600, 20_000), (3, 900), (19_000, 19_990), (10, 19_990), (0, 20_000)]
)
def test_gaps_at_the_ends_are_finite_and_not_louder_than_the_sound(start: int, stop: int) -> None:
    sound = tones(20_000).astype(np.float32)
    filled = interpolate(sound, start, stop, RATE)
    assert filled.shape == (stop - start,)
    assert np.abs(filled).max() <= 1.5 * np.abs(sound).max()


def test_a_gap_at_the_begin_is_the_right_side_continued_backwards() -> None:
    sound = tones(20_000)
    assert snr(sound[:300], interpolate(sound, 0, 300, RATE)) > 25
    assert snr(sound[-300:], interpolate(sound, 19_700, 20_000, RATE)) > 25


def test_silence_stays_silent_and_a_constant_stays_constant() -> None:
    np.testing.assert_array_equal(interpolate(np.zeros(9_000), 4_000, 5_000, RATE), np.zeros(1_000))
    np.testing.assert_allclose(interpolate(np.full(9_000, 0.25), 4_000, 5_000, RATE), 0.25, atol=1e-2)


def test_between_two_short_ends_lies_a_line() -> None:
    np.testing.assert_allclose(interpolate(np.array([1.0, 9, 9, 9, 5.0]), 1, 4, RATE), [2.0, 3.0, 4.0])


def test_sound_without_treble_is_filled_too() -> None:
    # What a lossy codec leaves: nothing at all above a third of the rate.
    spectrum = np.fft.rfft(tones(30_000, noise=0.02))
    spectrum[10_000:] = 0
    sound = np.fft.irfft(spectrum)
    assert snr(sound[15_000:15_800], interpolate(sound, 15_000, 15_800, RATE)) > 10


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (-1, 4), (90, 101), (8, 2)])
def test_a_gap_outside_the_sound_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InputError, match="does not fit a sound of 100 samples"):
        interpolate(np.ones(100), start, stop, RATE)
