import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.baselines.copying import Copy, interpolate_copy
from viai.baselines.interface import Scene, SoundMethod
from viai.joins import click_score

RATE = 16_000


def noise(length: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(length)


def snr(true: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(true**2) / np.sum((true - estimate) ** 2)))


@pytest.mark.parametrize(("start", "stop"), [(22_000, 26_000), (2_000, 9_000), (9_000, 16_000)])
def test_what_was_played_before_or_will_be_is_found_again(start: int, stop: int) -> None:
    # The same 1.25 s twice, so that every gap has its like 20,000 samples away.
    phrase = noise(20_000)
    sound = np.concatenate([phrase, phrase])
    filled = interpolate_copy(sound, start, stop, RATE)
    # The 8 ms at either edge are a mixture with the continued sound, which is nothing in noise.
    inner = slice(128, -128)
    np.testing.assert_allclose(filled[inner], sound[start:stop][inner], atol=1e-9)


def test_a_softer_repetition_is_brought_to_level() -> None:
    phrase = noise(20_000)
    sound = np.concatenate([0.6 * phrase, phrase])
    filled = interpolate_copy(sound, 30_000, 34_000, RATE)
    np.testing.assert_allclose(filled[200:-200], phrase[10_200:13_800], atol=1e-6)
    far = np.concatenate([0.1 * phrase, phrase])
    # 6 dB at most.
    assert np.abs(interpolate_copy(far, 30_000, 34_000, RATE)[200:-200]).max() <= 0.2 * np.abs(phrase).max() + 1e-9


def test_the_right_side_decides_between_two_equal_left_ones() -> None:
    opening, first, second = noise(4_000), noise(6_000, seed=1), noise(6_000, seed=2)
    sound = np.concatenate([opening, first, opening, second, opening, first, opening])
    # Either phrase follows the opening; only the second part of the first one follows the gap.
    start, stop = 24_000, 26_000
    filled = interpolate_copy(sound, start, stop, RATE)
    np.testing.assert_allclose(filled[128:-128], first[128:1_872], atol=1e-9)


def test_a_steady_tone_comes_back_in_phase() -> None:
    sound = np.sin(2 * np.pi * 441.7 * np.arange(40_000) / RATE)
    for length in (800, 8_000, 14_000):
        filled = interpolate_copy(sound, 15_000, 15_000 + length, RATE)
        assert snr(sound[15_000 : 15_000 + length], filled) > 20


def test_a_gap_longer_than_all_known_stretches_is_filled_in_pieces_at_the_level_of_the_sound() -> None:
    sound = np.sin(2 * np.pi * 441.7 * np.arange(40_000) / RATE) + 0.02 * noise(40_000)
    filled = interpolate_copy(sound, 8_000, 32_000, RATE)
    powers = [np.mean(part**2) for part in np.split(filled, 24)]
    assert min(powers) > 0.4
    assert max(powers) < 0.6
    repaired = sound.copy()
    repaired[8_000:32_000] = filled
    assert click_score(repaired, 8_000, RATE) < 3
    assert click_score(repaired, 32_000, RATE) < 3


@settings(max_examples=25)
@given(st.integers(0, 1_000), st.integers(0, 3_000), st.integers(1, 3_000))
def test_what_the_gap_holds_does_not_matter(seed: int, start: int, length: int) -> None:
    sound = noise(6_000, seed)
    other = sound.copy()
    other[start : start + length] = np.nan
    first = interpolate_copy(sound, start, start + length, RATE)
    np.testing.assert_array_equal(first, interpolate_copy(other, start, start + length, RATE))
    assert first.shape == (length,)
    assert np.abs(first).max() <= 4 * np.abs(sound).max()


@pytest.mark.parametrize(("start", "stop"), [(0, 1_000), (5_000, 6_000), (10, 5_990), (100, 5_000)])
def test_gaps_at_the_ends_are_filled_at_the_level_of_the_sound(start: int, stop: int) -> None:
    sound = noise(6_000)
    filled = interpolate_copy(sound, start, stop, RATE)
    assert np.isfinite(filled).all()
    if stop - start < 5_900:
        assert 0.05 < np.sqrt(np.mean(filled**2)) < 0.2


@pytest.mark.parametrize(("start", "stop"), [(0, 6_000), (3, 5_998)])
def test_next_to_no_sound_gives_something_small_and_finite(start: int, stop: int) -> None:
    filled = interpolate_copy(noise(6_000), start, stop, RATE)
    assert np.isfinite(filled).all()
    assert np.abs(filled).max() <= 0.5


def test_silence_stays_silent_and_silent_surroundings_ask_for_silence() -> None:
    np.testing.assert_array_equal(interpolate_copy(np.zeros(9_000), 4_000, 5_000, RATE), 0)
    sound = np.concatenate([noise(20_000), np.zeros(20_000)])
    sound[30_000:31_000] = 1.0
    np.testing.assert_array_equal(interpolate_copy(sound, 30_000, 31_000, RATE), 0)


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (-1, 4), (90, 101)])
def test_a_gap_outside_the_sound_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InputError, match="does not fit a sound of 100 samples"):
        interpolate_copy(np.ones(100), start, stop, RATE)


def test_as_a_method_it_fills_the_gap_of_every_scene() -> None:
    phrase = noise(32_000).astype(np.float32)
    sound = np.concatenate([phrase, phrase])
    scenes = []
    for gap in ((40_000, 44_000), (16_000, 32_000)):
        samples = sound.copy()
        samples[slice(*gap)] = 0
        mel, unknown = np.zeros((80, 200), np.float32), np.zeros(200, bool)
        scenes.append(Scene(samples, gap, mel, unknown, None, None))
    method = Copy()
    assert isinstance(method, SoundMethod)
    played = method.play(scenes, seed=0)
    assert [len(filling) for filling in played] == [4_000, 16_000]
    np.testing.assert_allclose(played[0][128:-128], sound[40_128:43_872], atol=1e-6)
