import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.joins import best_lag, click_score, equal_power_crossfade, join, match_level, soft_limit

RATE = 16_000


def tone(length: int, shift: float = 0.0, noise: float = 1e-3, seed: int = 0) -> np.ndarray:
    position = np.arange(length) + shift
    partials = [np.sin(2 * np.pi * 300 * k * position / RATE) / k for k in range(1, 6)]
    return 0.3 * np.sum(partials, axis=0) + noise * np.random.default_rng(seed).standard_normal(length)


def decibels(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(first**2) / np.mean(second**2)))


def test_a_crossfade_of_two_samples_as_worked_by_hand() -> None:
    # At a quarter the smooth step is (10 - 15/4 + 6/16) / 64 = 53/512, at three quarters 459/512 of a right angle;
    # orthogonal sounds, so plain cosine and sine.
    mixed = equal_power_crossfade(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(mixed, [np.cos(np.pi * 53 / 1_024), np.sin(np.pi * 459 / 1_024)])


def test_a_crossfade_keeps_the_power_of_strangers_and_the_samples_of_equals() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 100_000))
    mixed = equal_power_crossfade(first, second, correlation=0.0)
    for part in np.split(mixed, 5):
        assert np.mean(part**2) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(equal_power_crossfade(first, first), first)


def test_a_crossfade_of_different_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="found 3 and 4 samples"):
        equal_power_crossfade(np.ones(3), np.ones(4))


@settings(deadline=None, max_examples=25)
@given(st.integers(-40, 40))
def test_the_lag_of_a_shifted_sound_is_found(lag: int) -> None:
    sound = np.random.default_rng(0).standard_normal(2_000)
    assert best_lag(sound, sound[500 + lag : 1_500], 500, 40) == lag


def test_silence_has_no_lag() -> None:
    assert best_lag(np.zeros(500), np.ones(400), 100, 40) == 0


@settings(deadline=None, max_examples=15)
@given(st.floats(-20, 20))
def test_joints_of_a_filling_out_of_phase_do_not_click(shift: float) -> None:
    sound = tone(24_000)
    start, stop = 8_000, 14_000
    # In phase at the begin, drifted by up to 1.25 ms at the end.
    drift = shift * np.linspace(0, 1, 6_000 + 640)
    position = np.arange(6_000 + 640) + start + drift
    filling = 0.3 * np.sum([np.sin(2 * np.pi * 300 * k * position / RATE) / k for k in range(1, 6)], axis=0)
    filling += 1e-3 * np.random.default_rng(5).standard_normal(len(filling))
    joined = sound.copy()
    joined[start:stop] = join(sound, start, stop, filling, RATE)
    assert click_score(joined, start, RATE) < 3
    assert click_score(joined, stop, RATE) < 3
    # In phase again: the last 10 ms before the edge hold the tone that was lost.
    assert decibels(sound[stop - 160 : stop], joined[stop - 160 : stop] - sound[stop - 160 : stop]) > 12


def test_a_hard_splice_clicks_and_an_untouched_sound_does_not() -> None:
    sound = tone(24_000)
    assert click_score(sound, 8_000, RATE) < 1.5
    spliced = sound.copy()
    spliced[8_000:] = tone(16_000, shift=8_000 + 20, seed=4)
    assert click_score(spliced, 8_000, RATE) > 10


def test_the_click_score_of_silence_and_of_too_little_sound_is_zero() -> None:
    assert click_score(np.zeros(10_000), 5_000, RATE) == 0
    assert click_score(np.ones(100), 20, RATE) == 0


def test_a_strange_filling_does_not_click_in_a_sound_without_treble() -> None:
    # Nothing above 3 kHz but noise at -100 dB, as after a lossy codec: the predictor hears every kink.
    sound, start, stop = tone(24_000, noise=3e-6), 8_000, 14_000
    filling = tone(6_000, shift=13.0, noise=3e-6, seed=3)
    joined = sound.copy()
    joined[start:stop] = join(sound, start, stop, filling, RATE)
    assert click_score(joined, start, RATE) < 1.5
    assert click_score(joined, stop, RATE) < 1.5


def test_a_filling_that_is_right_stays_as_it_is() -> None:
    sound = tone(24_000, noise=0.0)
    joined = join(sound, 8_000, 14_000, sound[8_000:14_640], RATE)
    np.testing.assert_allclose(joined, sound[8_000:14_000], atol=1e-3)
    np.testing.assert_array_equal(joined[200:-200], sound[8_200:13_800])


@pytest.mark.parametrize("length", [1, 2, 7, 300, 6_000])
def test_join_ignores_what_the_gap_holds_and_changes_no_argument(length: int) -> None:
    filling = np.random.default_rng(0).standard_normal(length + 500)
    kept = filling.copy()
    results = []
    for content in (0.0, np.nan):
        sound = tone(20_000)
        sound[9_000 : 9_000 + length] = content
        before = sound.copy()
        results.append(join(sound, 9_000, 9_000 + length, filling, RATE))
        np.testing.assert_array_equal(sound, before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(filling, kept)


@pytest.mark.parametrize(("start", "stop"), [(0, 3_000), (7_000, 10_000), (0, 10_000)])
def test_an_edge_without_a_neighbour_keeps_the_filling(start: int, stop: int) -> None:
    filling = tone(stop - start, shift=start)
    joined = join(tone(10_000), start, stop, filling, RATE)
    if start == 0:
        np.testing.assert_array_equal(joined[:500], filling[:500])
    if stop == 10_000:
        np.testing.assert_array_equal(joined[-500:], filling[-500:])


def test_join_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="shorter than the gap of 50"):
        join(np.zeros(100), 10, 60, np.zeros(49), RATE)
    with pytest.raises(InputError, match="does not fit a sound of 100"):
        join(np.zeros(100), 60, 160, np.zeros(100), RATE)


def test_edges_are_tied_to_the_context_and_the_middle_is_left_alone() -> None:
    noise = np.random.default_rng(0).standard_normal(36_000)
    left, filling, right = noise[:8_000], 0.5 * noise[8_000:20_000], noise[20_000:]
    matched = match_level(filling, left, right, RATE)
    # 6 dB are missing at either edge.
    np.testing.assert_allclose(matched[[0, -1]] / filling[[0, -1]], 2, rtol=0.1)
    np.testing.assert_allclose(matched[4_000:8_000], filling[4_000:8_000])
    lined = match_level(filling, left, right, RATE, inside=1.0)
    assert decibels(lined[4_000:8_000], filling[4_000:8_000]) == pytest.approx(6, abs=0.7)
    np.testing.assert_array_equal(match_level(filling, left, right, RATE, strength=0.0), filling)


def test_gains_are_bounded_and_silence_asks_for_none() -> None:
    loud, quiet = np.random.default_rng(0).standard_normal((2, 8_000))
    matched = match_level(1e-4 * quiet, loud, loud, RATE, limit_db=12)
    assert np.max(np.abs(matched) / np.abs(1e-4 * quiet)) == pytest.approx(10 ** (12 / 20), rel=1e-6)
    np.testing.assert_array_equal(match_level(quiet, np.zeros(8_000), np.zeros(0), RATE), quiet)
    np.testing.assert_array_equal(match_level(np.zeros(10), loud, loud, RATE), np.zeros(10))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.floats(0.01, 10))
def test_the_soft_limit_holds_and_leaves_small_samples_alone(values: list[float], ceiling: float) -> None:
    samples = np.array(values)
    limited = soft_limit(samples, ceiling)
    assert np.abs(limited).max() <= ceiling * (1 + 1e-12)
    small = np.abs(samples) <= 0.8 * ceiling
    np.testing.assert_array_equal(limited[small], samples[small])
    order = np.argsort(samples)
    assert (np.diff(limited[order]) >= -1e-12).all()
    assert np.abs(match_level(samples, samples, samples, RATE, ceiling=ceiling)).max() <= ceiling * (1 + 1e-12)


def test_each_edge_is_tied_to_its_own_neighbour() -> None:
    noise = np.random.default_rng(0).standard_normal(36_000)
    filling = noise[8_000:20_000]
    matched = match_level(filling, 2 * noise[:8_000], 0.5 * noise[20_000:], RATE)
    np.testing.assert_allclose(matched[[0, -1]] / filling[[0, -1]], [2, 0.5], rtol=0.1)
