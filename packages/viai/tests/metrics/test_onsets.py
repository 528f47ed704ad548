import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from viai.metrics.onsets import count_hits, detect_onsets, match_onsets, novelty, onset_f1
from viai.spectrogram import MelSpectrogram

RATE = 16_000


def plucks(onsets: list[float], seconds: float = 4.0, *, glide: float = 0.0) -> np.ndarray:
    """Levels of decaying harmonic notes over faint noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 0.001 * np.random.default_rng(0).standard_normal(len(time))
    for number, onset in enumerate(onsets):
        since = np.maximum(time - onset, 0)
        pitch = 220 * 2 ** (number % 5 / 12)
        phase = 2 * np.pi * pitch * (since + glide * np.sin(2 * np.pi * 6 * since))
        sound += 0.1 * (time >= onset) * np.exp(-4 * since) * (np.sin(phase) + 0.5 * np.sin(3 * phase))
    return MelSpectrogram()(torch.from_numpy(sound.astype(np.float32))[None])[0].numpy()


def test_plucked_notes_are_found_where_they_begin() -> None:
    onsets = [0.5, 0.83, 1.21, 1.9, 2.4, 2.55, 3.3]
    # A frame reports what is in the middle of its window: 40 ms after its begin.
    found = 0.02 * detect_onsets(plucks(onsets)) + 0.04
    assert found == pytest.approx(onsets, abs=0.03)


def test_a_steady_sound_and_silence_have_no_onsets() -> None:
    assert len(detect_onsets(np.full((80, 200), 0.7, dtype=np.float32))) == 0
    assert len(detect_onsets(np.zeros((80, 200), dtype=np.float32))) == 0


def test_a_straight_line_between_two_levels_is_no_onset() -> None:
    rising = np.repeat(np.linspace(0.3, 0.9, 60)[None], 80, axis=0)
    assert len(detect_onsets(rising)) == 0


def test_vibrato_within_a_band_is_no_onset() -> None:
    levels = np.full((80, 100), 0.3)
    # A partial that swings between two neighbouring bands.
    for frame in range(100):
        levels[40 + frame // 5 % 2, frame] = 0.9
    assert novelty(levels)[10:].max() == 0


def test_what_is_quiet_does_not_count() -> None:
    levels = np.full((80, 60), 0.05)
    levels[:, 30:] = 0.29
    assert len(detect_onsets(levels)) == 0


def test_novelty_by_hand() -> None:
    levels = np.full((4, 5), 0.4)
    levels[0, 3:] = 0.8
    levels[3, 4] = 0.5
    # Frame 3: band 0 gains 0.4 against frame 1, a mean of 0.1. Frame 4: the same against frame 2, and 0.1 more.
    assert novelty(levels).tolist() == pytest.approx([0, 0, 0, 0.1, 0.125])


def test_hits_by_hand() -> None:
    target = np.array([10, 20, 30])
    assert count_hits(np.array([12, 17, 31]), target) == 2
    assert count_hits(np.array([12, 18, 31]), target) == 3
    # One to one: two onsets cannot both be the same note.
    assert count_hits(np.array([9, 11]), np.array([10])) == 1
    assert count_hits(np.array([], dtype=np.int64), target) == 0


@given(st.lists(st.integers(0, 40), max_size=12, unique=True), st.lists(st.integers(0, 40), max_size=12, unique=True))
def test_no_other_pairing_has_more_hits(first: list[int], second: list[int]) -> None:
    prediction, target = np.array(sorted(first), dtype=np.int64), np.array(sorted(second), dtype=np.int64)
    close = np.abs(prediction[:, None] - target[None]) <= 2.5
    rows, columns = linear_sum_assignment(close, maximize=True)
    assert count_hits(prediction, target) == close[rows, columns].sum()


def test_f1_inside_the_gap_by_hand() -> None:
    unknown = np.zeros(200, dtype=bool)
    unknown[45:125] = True
    target = plucks([0.4, 1.2, 1.6, 2.0, 3.0])
    painted = plucks([0.8, 1.21, 1.45, 2.1, 3.5])
    # In the gap 1.2, 1.6 and 2.0 s should be heard, and 1.21, 1.45 and 2.1 s are: one hit of three and three.
    found = match_onsets(painted, target, unknown)
    assert (found.hits, found.predicted, found.expected) == (1, 3, 3)
    assert onset_f1(painted, target, unknown) == pytest.approx(2 / 6)
    assert onset_f1(target, target, unknown) == 1
    assert onset_f1(np.full_like(target, 0.5), target, unknown) == 0


def test_a_gap_without_onset_has_no_f1() -> None:
    unknown = np.zeros(200, dtype=bool)
    unknown[70:90] = True
    found = match_onsets(plucks([1.6]), plucks([0.5]), unknown)
    assert math.isnan(found.f1)
    assert found.predicted == 1
