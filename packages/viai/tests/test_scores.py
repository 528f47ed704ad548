"""How a filling fits its surroundings and the intact sound."""

import numpy as np
import pytest

from viai.metrics import psnr_gap, si_sdr, snr_gap
from viai.scores import reference_scores, spectral_distance_to_context


def test_the_spectral_distance_of_a_case_worked_by_hand() -> None:
    # Two bands, two known frames on either side of two unknown ones.
    levels = np.array([[0.5, 0.5, 0.6, 0.8, 0.5, 0.5], [0.2, 0.4, 0.3, 0.1, 0.2, 0.4]])
    inside = np.array([False, False, True, True, False, False])
    # Means inside: 0.7 and 0.2; around: 0.5 and 0.3. Differences 20 and -10 dB.
    expected = np.sqrt((20**2 + 10**2) / 2)
    assert spectral_distance_to_context(levels, inside, ~inside, range_db=100.0) == pytest.approx(expected)


def test_only_known_frames_within_three_tenths_of_a_second_are_context() -> None:
    levels = np.full((3, 60), 0.9)
    levels[:, 15:46] = 0.5
    inside, known = np.zeros((2, 60), dtype=bool)
    inside[30] = True
    known[:] = True
    known[30] = False
    assert spectral_distance_to_context(levels, inside, known, range_db=100.0) == pytest.approx(0)
    # Another gap beside it is no context, whatever stands there.
    levels[:, 31:40] = 0.0
    known[31:40] = False
    assert spectral_distance_to_context(levels, inside, known, range_db=100.0) == pytest.approx(0)


def test_without_anything_known_there_is_no_distance() -> None:
    inside = np.ones(5, dtype=bool)
    assert spectral_distance_to_context(np.ones((2, 5)), inside, ~inside, range_db=100.0) is None
    assert spectral_distance_to_context(np.ones((2, 5)), ~inside, inside, range_db=100.0) is None


def test_the_figures_against_the_original_are_those_of_the_metrics_inside_the_gap() -> None:
    rng = np.random.default_rng(0)
    target, prediction = rng.standard_normal((2, 400, 2))
    levels, target_levels = rng.random((2, 80, 40))
    inside = np.zeros(40, dtype=bool)
    inside[10:20] = True
    scores = reference_scores(prediction, target, levels, target_levels, inside, range_db=100.0)
    assert scores.psnr_gap == psnr_gap(levels, target_levels, inside)
    assert scores.l1_gap == pytest.approx(np.abs(levels - target_levels)[:, inside].mean())
    assert scores.snr_gap == snr_gap(prediction.ravel(), target.ravel())
    assert scores.si_sdr == si_sdr(prediction.ravel(), target.ravel())
    same = reference_scores(target, target, target_levels, target_levels, inside, range_db=100.0)
    assert (same.l1_gap, same.log_spectral_distance) == (0, 0)
    assert same.ssim_gap == pytest.approx(1)


def test_a_silent_original_has_no_figures_of_samples() -> None:
    levels = np.full((80, 20), 0.1)
    inside = np.arange(20) > 10
    scores = reference_scores(np.ones((50, 1)), np.zeros((50, 1)), levels, levels, inside, range_db=100.0)
    assert scores.snr_gap is None
    assert scores.si_sdr is None
    assert scores.psnr_gap > 100
