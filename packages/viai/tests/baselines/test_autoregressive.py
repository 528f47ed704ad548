import numpy as np
import pytest

from hr_common.errors import InputError
from viai.baselines.autoregressive import Autoregressive, interpolate
from viai.baselines.interface import Scene, SoundMethod
from viai.joins import click_score

RATE = 44_100


def tones(length: int, noise: float = 1e-3) -> np.ndarray:
    time_axis = np.arange(length) / RATE
    partials = [np.cos(2 * np.pi * 440 * k * time_axis + k) / k for k in range(1, 8)]
    return 0.2 * np.sum(partials, axis=0) + noise * np.random.default_rng(1).standard_normal(length)


def snr(true: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(true**2) / np.sum((true - estimate) ** 2)))


@pytest.mark.parametrize(("milliseconds", "floor"), [(20, 30), (50, 30), (80, 25)])
def test_a_steady_tone_comes_back(milliseconds: int, floor: float) -> None:
    sound = tones(30_000)
    stop = 15_000 + RATE * milliseconds // 1_000
    assert snr(sound[15_000:stop], interpolate(sound, 15_000, stop, RATE)) > floor


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
    filled = interpolate(sound, 15_000, 15_800, RATE)
    assert snr(sound[15_000:15_800], filled) > 10
    sound[15_000:15_800] = filled
    # The predictor of such a sound hears every kink.
    assert click_score(sound, 15_000, RATE) < 1.5
    assert click_score(sound, 15_800, RATE) < 1.5


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (-1, 4), (90, 101), (8, 2)])
def test_a_gap_outside_the_sound_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InputError, match="does not fit a sound of 100 samples"):
        interpolate(np.ones(100), start, stop, RATE)


def test_as_a_method_it_fills_the_gap_of_every_scene() -> None:
    sound = tones(64_000).astype(np.float32)
    scenes = []
    for gap in ((20_000, 20_400), (30_000, 38_000)):
        samples = sound.copy()
        samples[slice(*gap)] = 0
        mel, unknown = np.zeros((80, 200), np.float32), np.zeros(200, bool)
        scenes.append(Scene(samples, gap, mel, unknown, None, None))
    method = Autoregressive()
    assert isinstance(method, SoundMethod)
    played = method.play(scenes, seed=0)
    for scene, filling in zip(scenes, played, strict=True):
        start, stop = scene.gap
        np.testing.assert_array_equal(filling, interpolate(scene.samples, start, stop, 16_000))
        assert snr(sound[start:stop], filling) > 15
