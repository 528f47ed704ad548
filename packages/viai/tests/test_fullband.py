import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt, welch

from hr_common.errors import InputError
from viai.fullband import energy_above, fill_bands, fill_channels, mid_signal


def noise(length: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(length)


def model_band(sound: np.ndarray, rate: int) -> np.ndarray:
    return sosfiltfilt(butter(6, [125, min(7_600, 0.45 * rate)], "bandpass", fs=rate, output="sos"), sound)


def level(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(sound**2)))


def test_the_energy_of_two_tones_is_told_apart() -> None:
    position = np.arange(44_100) / 44_100
    sound = np.sin(2 * np.pi * 1_000 * position) + 0.1 * np.sin(2 * np.pi * 10_000 * position)
    # A sine of amplitude a has the mean square a²/2.
    assert energy_above(sound, 44_100, 8_000) == pytest.approx(10 * np.log10(0.005), abs=0.01)
    assert energy_above(sound, 44_100, 0) == pytest.approx(10 * np.log10(0.505), abs=0.01)


def test_energy_above_is_that_of_welch() -> None:
    sound = noise(200_000)
    hertz, density = welch(sound, 48_000, nperseg=4_096)
    expected = 10 * np.log10(density[hertz >= 8_000].sum() * hertz[1])
    assert energy_above(sound, 48_000, 8_000) == pytest.approx(expected, abs=0.1)


def test_nothing_and_silence_have_no_energy() -> None:
    assert energy_above(np.zeros(0), 44_100, 8_000) == -120
    assert energy_above(np.zeros(100), 44_100, 8_000) == -120
    assert energy_above(noise(500), 8_000, 8_000) == -120


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_treble_and_bass_of_the_context_return(rate: int) -> None:
    sound = noise(2 * rate)
    start, stop = rate * 3 // 4, rate * 5 // 4
    model = model_band(sound, rate)[start:stop]
    filled = fill_bands(sound, start, stop, rate, model)
    assert energy_above(model, rate, 8_000) < energy_above(sound, rate, 8_000) - 6
    assert energy_above(filled, rate, 8_000) == pytest.approx(energy_above(sound, rate, 8_000), abs=2)
    repaired = sound.copy()
    repaired[start:stop] = filled
    # Filtered as a whole: at its ends, the filter would make up what it needs.
    low, true = (sosfiltfilt(butter(4, 90, fs=rate, output="sos"), whole) for whole in (repaired, sound))
    assert level(low[start:stop]) == pytest.approx(level(true), abs=3)


def test_what_the_model_knows_is_kept() -> None:
    rate = 44_100
    sound = noise(2 * rate)
    start, stop = 30_000, 60_000
    model = model_band(sound, rate)[start:stop]
    band = butter(6, [300, 5_000], "bandpass", fs=rate, output="sos")
    filled = fill_bands(sound, start, stop, rate, model)
    difference = sosfiltfilt(band, filled - model)[3_000:-3_000]
    assert level(difference) < level(sosfiltfilt(band, model)[3_000:-3_000]) - 30


def test_a_low_note_is_continued() -> None:
    rate = 44_100
    sound = 0.3 * np.sin(2 * np.pi * 65 * np.arange(2 * rate) / rate)
    start, stop = 40_000, 50_000
    filled = fill_bands(sound, start, stop, rate, np.zeros(stop - start))
    assert level(filled - sound[start:stop]) < level(sound[start:stop]) - 10


def test_an_event_of_the_model_has_its_treble() -> None:
    rate = 44_100
    sound = 0.05 * noise(2 * rate)
    start, stop = 30_000, 60_000
    model = model_band(sound, rate)[start:stop]
    model[14_000:18_000] *= 10
    filled, flat = (
        fill_bands(sound, start, stop, rate, model, event_strength=strength)[14_500:17_500] for strength in (1.0, 0.0)
    )
    assert energy_above(filled, rate, 9_000) > energy_above(flat, rate, 9_000) + 6


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050])
@pytest.mark.parametrize("place", ["begin", "middle", "end", "all"])
def test_every_rate_and_place_is_filled(rate: int, place: str) -> None:
    sound = noise(2 * rate)
    start, stop = {"begin": (0, rate // 2), "middle": (rate // 2, rate), "end": (rate, 2 * rate), "all": (0, 2 * rate)}[
        place
    ]
    filled = fill_bands(sound, start, stop, rate, model_band(sound, rate)[start:stop])
    assert filled.shape == (stop - start,)
    assert abs(level(filled) - level(sound)) < 6


def test_short_sounds_and_silence_pass() -> None:
    assert np.isfinite(fill_bands(noise(40), 10, 20, 44_100, np.zeros(10))).all()
    np.testing.assert_allclose(fill_bands(np.zeros(9_000), 3_000, 6_000, 44_100, np.zeros(3_000)), 0, atol=1e-12)


def test_bands_are_the_same_for_every_content_of_the_gap() -> None:
    results = []
    for content in (0.0, np.nan):
        sound = noise(60_000)
        sound[20_000:40_000] = content
        results.append(fill_bands(sound, 20_000, 40_000, 44_100, noise(20_000, 1)))
    np.testing.assert_array_equal(results[0], results[1])
    other = fill_bands(sound, 20_000, 40_000, 44_100, noise(20_000, 1), generator=np.random.default_rng(7))
    assert np.abs(other - results[0]).max() > 1e-3


def test_bands_refuse_a_filling_of_another_length() -> None:
    with pytest.raises(InputError, match="filling of 9 samples"):
        fill_bands(np.zeros(100), 10, 20, 44_100, np.zeros(9))


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 6), st.integers(0, 100))
def test_equal_channels_stay_equal_to_the_bit(count: int, seed: int) -> None:
    mono = noise(30_000, seed)
    sound = np.repeat(mono[:, np.newaxis], count, axis=1)
    sound[10_000:20_000] = noise(10_000 * count, seed).reshape(10_000, count)
    np.testing.assert_array_equal(mid_signal(sound, 10_000, 20_000)[:10_000], mono[:10_000])
    filling = noise(10_000, seed + 1)
    filled = fill_channels(filling, sound, 10_000, 20_000, 44_100)
    np.testing.assert_array_equal(filled, np.repeat(filling[:, np.newaxis], count, axis=1))


def test_six_channels_keep_levels_silence_and_pairs() -> None:
    mono, other = noise(60_000, 1), noise(60_000, 2)
    silent = np.zeros(60_000)
    sound = np.stack([mono, mono, 0.5 * mono, other, silent, -0.25 * mono], axis=1)
    truth = sound[25_000:35_000].copy()
    mid = sound.mean(axis=1)[25_000:35_000]
    sound[25_000:35_000] = np.nan
    filled = fill_channels(mid, sound, 25_000, 35_000, 44_100)
    np.testing.assert_array_equal(filled[:, 0], filled[:, 1])
    np.testing.assert_array_equal(filled[:, 4], silent[25_000:35_000])
    for channel in (0, 2, 3, 5):
        assert level(filled[:, channel]) == pytest.approx(level(truth[:, channel]), abs=2)
    # The remainders cancel in the sum: mixed down, the channels are the filling.
    assert level(filled.mean(axis=1) - mid) < level(mid) - 20
    assert np.corrcoef(filled[:, 0], filled[:, 2])[0, 1] > 0.9
    assert np.corrcoef(filled[:, 0], filled[:, 5])[0, 1] < -0.8


def test_coherence_between_channels_is_that_of_the_context() -> None:
    common, first, second = noise(90_000, 1), noise(90_000, 2), noise(90_000, 3)
    for width in (0.0, 0.5, 2.0):
        sound = np.stack([common + width * first, common + width * second + 1e-4 * first], axis=1)
        wanted = np.corrcoef(sound.T)[0, 1]
        filled = fill_channels(sound.mean(axis=1)[30_000:60_000], sound, 30_000, 60_000, 44_100)
        assert np.corrcoef(filled.T)[0, 1] == pytest.approx(wanted, abs=0.12)


def test_opposite_channels_are_filled_by_the_louder_one() -> None:
    mono = noise(60_000)
    sound = np.stack([mono, -mono], axis=1)
    mid = mid_signal(sound, 20_000, 40_000)
    np.testing.assert_array_equal(mid[:20_000], mono[:20_000])
    filled = fill_channels(mono[20_000:40_000], sound, 20_000, 40_000, 44_100)
    np.testing.assert_allclose(filled, sound[20_000:40_000], atol=1e-3)


@pytest.mark.parametrize(("start", "stop"), [(0, 5_000), (15_000, 20_000), (0, 20_000), (10, 19_990)])
def test_channels_at_the_ends_are_filled(start: int, stop: int) -> None:
    sound = noise(40_000).reshape(20_000, 2)
    filled = fill_channels(noise(stop - start), sound, start, stop, 44_100)
    assert filled.shape == (stop - start, 2)
    assert np.isfinite(filled).all()
    assert level(filled) < level(sound) + 6


def test_channels_are_the_same_for_every_content_of_the_gap() -> None:
    results = []
    for content in (0.0, np.nan):
        sound = noise(80_000).reshape(40_000, 2)
        sound[15_000:25_000] = content
        results.append(fill_channels(noise(10_000), sound, 15_000, 25_000, 44_100))
    np.testing.assert_array_equal(results[0], results[1])


def test_channels_refuse_a_filling_of_another_length() -> None:
    with pytest.raises(InputError, match="filling of 9"):
        fill_channels(np.zeros(9), np.zeros((100, 2)), 10, 20, 44_100)


def test_a_high_partial_is_continued_in_phase() -> None:
    rate = 44_100
    sound = 0.1 * np.sin(2 * np.pi * 10_000 * np.arange(rate) / rate) + 1e-2 * noise(rate)
    filled = fill_bands(sound, 20_000, 22_000, rate, np.zeros(2_000), event_strength=0)
    assert level((filled - sound[20_000:22_000])[300:-300]) < level(sound) - 25


def test_a_model_that_is_too_soft_throughout_does_not_take_the_treble_along() -> None:
    rate = 44_100
    sound = noise(2 * rate)
    start, stop = 30_000, 60_000
    filled = fill_bands(sound, start, stop, rate, 0.1 * model_band(sound, rate)[start:stop])
    assert energy_above(filled, rate, 8_000) == pytest.approx(energy_above(sound, rate, 8_000), abs=3)


def test_a_channel_that_is_late_and_softer_stays_so() -> None:
    rate, late = 44_100, 13
    seconds = np.arange(2 * rate) / rate
    tones = sum(np.sin(2 * np.pi * pitch * seconds) / 10 for pitch in (220.0, 660.0, 1_540.0, 3_300.0))
    left = tones + 0.2 * noise(2 * rate)
    samples = np.stack([left, 0.5 * np.roll(left, late)], axis=1)
    start, stop = 30_000, 60_000
    filled = fill_channels(samples.mean(axis=1)[start:stop], samples, start, stop, rate)
    for channel in (0, 1):
        error = filled[:, channel] - samples[start:stop, channel]
        assert level(error[2_000:-2_000]) < level(samples[:, channel]) - 15
    # Half the amplitude is 6 dB.
    assert level(filled[:, 0]) - level(filled[:, 1]) == pytest.approx(6.02, abs=0.3)


def test_a_soft_treble_is_not_drowned_by_the_ends_of_what_is_looked_at() -> None:
    rate = 44_100
    seconds = np.arange(2 * rate) / rate
    bass = 0.5 * np.sin(2 * np.pi * 100.5 * seconds)
    high = butter(6, 9_000, "highpass", fs=rate, output="sos")
    hiss = [1e-3 * sosfiltfilt(high, noise(2 * rate, seed=seed)) for seed in (1, 2)]
    # Equal basses; of the hiss the right channel has a tenth.
    samples = np.stack([bass + hiss[0], bass + 0.1 * hiss[1]], axis=1)
    start, stop = 30_000, 60_000
    filled = fill_channels(samples.mean(axis=1)[start:stop], samples, start, stop, rate)
    for channel in (0, 1):
        expected = energy_above(samples[start:stop, channel], rate, 10_000)
        assert energy_above(filled[:, channel], rate, 10_000) == pytest.approx(expected, abs=1.5)
