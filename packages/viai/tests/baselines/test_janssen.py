from typing import Protocol

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from hr_common.errors import InputError
from viai.baselines.extrapolation import burg, interpolate_extrapolation, levinson, residual
from viai.baselines.janssen import interpolate_framewise, interpolate_janssen, interpolate_two_models

RATE = 44_100


class Variant(Protocol):
    def __call__(self, samples: np.ndarray, start: int, stop: int, *, order: int = ...) -> np.ndarray: ...


def tones(length: int, noise: float = 1e-3) -> np.ndarray:
    time_axis = np.arange(length) / RATE
    partials = [np.cos(2 * np.pi * 440 * k * time_axis + k) / k for k in range(1, 8)]
    return 0.2 * np.sum(partials, axis=0) + noise * np.random.default_rng(1).standard_normal(length)


def snr(true: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(true**2) / np.sum((true - estimate) ** 2)))


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


def test_janssen_beats_extrapolation_on_a_noisy_process() -> None:
    sound = lfilter([1.0], [1.0, -1.8, 0.95], np.random.default_rng(3).standard_normal(20_000))
    errors = np.zeros(2)
    for start in range(5_000, 15_000, 500):
        truth = sound[start : start + 30]
        errors[0] += np.sum((interpolate_janssen(sound, start, start + 30, order=30) - truth) ** 2)
        errors[1] += np.sum((interpolate_extrapolation(sound, start, start + 30, order=30) - truth) ** 2)
    assert errors[0] < 0.9 * errors[1]


def test_two_models_solve_their_weighted_least_squares_problem() -> None:
    rng = np.random.default_rng(2)
    # Another process on either side.
    before = lfilter([1.0], [1.0, -1.2, 0.6], rng.standard_normal(300))
    after = 0.5 * lfilter([1.0], [1.0, 0.7, 0.5], rng.standard_normal(300))
    sound, start, stop, order = np.concatenate([before, after]), 290, 310, 16
    filled = interpolate_two_models(sound, start, stop, order=order)
    left, right = sound[162:start], sound[stop:438][::-1]
    rows, targets = [], []
    noise = 1e-3 * np.random.default_rng(0).standard_normal(128)
    segment = sound[start - order : stop + order].copy()
    segment[order:-order] = 0
    for side, backwards in ((left, False), (right, True)):
        model = burg(side + noise * np.sqrt(np.mean(side**2)), order)
        matrix = toeplitz(np.r_[model[::-1][:1], np.zeros(35)], np.r_[model[::-1], np.zeros(35)])
        matrix = matrix[:, ::-1][::-1] if backwards else matrix
        spread = np.sqrt(np.mean(residual(side, model)[order:] ** 2))
        rows.append(matrix[:, order:-order] / spread)
        targets.append(-matrix @ segment / spread)
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(targets), rcond=None)[0]
    np.testing.assert_allclose(filled, expected, atol=1e-8)


def test_levinson_can_make_the_models_too() -> None:
    sound = tones(30_000)
    filled = interpolate_janssen(sound, 15_000, 15_882, order=500, estimator=levinson)
    assert snr(sound[15_000:15_882], filled) > 25
    assert not np.array_equal(filled, interpolate_janssen(sound, 15_000, 15_882, order=500))


def test_frames_bring_back_a_tone_whose_gap_is_short_against_them() -> None:
    sound = tones(12_000)
    filled = interpolate_framewise(sound, 6_000, 6_200, order=128, frame=2_048)
    assert snr(sound[6_000:6_200], filled) > 20


def test_a_frame_inside_the_gap_adds_silence() -> None:
    filled = interpolate_framewise(tones(12_000), 3_000, 9_000, order=64, frame=512)
    np.testing.assert_array_equal(filled[600:-600], 0)
    assert np.abs(filled[:20]).max() > 0.05


def test_frames_shorter_than_the_order_are_refused() -> None:
    with pytest.raises(InputError, match="frames of 100 samples are too short for order 128"):
        interpolate_framewise(np.ones(1_000), 300, 400, order=128, frame=100)


@pytest.mark.parametrize("variant", [interpolate_janssen, interpolate_two_models, interpolate_framewise])
@pytest.mark.parametrize(("start", "stop"), [(500, 700), (0, 300), (2_800, 3_000), (5, 400), (0, 3_000)])
def test_no_variant_reads_the_gap_or_gets_louder_than_the_sound(variant: Variant, start: int, stop: int) -> None:
    sound = tones(3_000)
    spoilt = sound.copy()
    spoilt[start:stop] = np.nan
    filled = variant(spoilt, start, stop, order=100)
    np.testing.assert_array_equal(filled, variant(sound, start, stop, order=100))
    assert filled.shape == (stop - start,)
    assert np.abs(filled).max() <= 1.5 * np.abs(sound).max()


@pytest.mark.parametrize("variant", [interpolate_janssen, interpolate_two_models, interpolate_framewise])
def test_silence_stays_silent(variant: Variant) -> None:
    np.testing.assert_array_equal(variant(np.zeros(9_000), 4_000, 4_200, order=64), np.zeros(200))


@pytest.mark.parametrize("variant", [interpolate_janssen, interpolate_two_models, interpolate_framewise])
def test_every_variant_refuses_a_gap_outside_the_sound(variant: Variant) -> None:
    with pytest.raises(InputError, match="does not fit a sound of 100 samples"):
        variant(np.ones(100), 90, 101)
