import librosa
import numpy as np
import pytest

from hr_common.errors import InputError
from viai.phase import fill_by_phase

RATE = 16_000
FILTERS = librosa.filters.mel(sr=RATE, n_fft=1_280, n_mels=80, fmin=125, fmax=7_600)


def mel_of(sound: np.ndarray) -> np.ndarray:
    padded = np.concatenate([sound, np.zeros(960)])
    spectrum = librosa.stft(padded, n_fft=1_280, hop_length=320, center=False)[:, : len(sound) // 320]
    return np.clip((20 * np.log10(np.maximum(1e-5, FILTERS @ np.abs(spectrum))) + 80) / 100, 0, 1)


def tones(length: int = 32_000) -> np.ndarray:
    time_axis = np.arange(length) / RATE
    return 0.2 * np.sum([np.cos(2 * np.pi * 330 * k * time_axis + k) / k for k in range(1, 10)], axis=0)


def strokes() -> np.ndarray:
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(32_000)
    for onset in (3_000, 15_500, 27_000):
        tail = np.arange(4_000)
        sound[onset : onset + 4_000] += 0.3 * rng.standard_normal(4_000) * np.exp(-tail / 500)
    return sound


def without(sound: np.ndarray, start: int, stop: int, content: float = 0.0) -> np.ndarray:
    result = sound.copy()
    result[start:stop] = content
    return result


def test_a_steady_tone_lands_on_its_own_phases() -> None:
    sound = tones()
    filled = fill_by_phase(without(sound, 12_000, 18_000), 12_000, 18_000, mel_of(sound), FILTERS)
    true = sound[12_000:18_000]
    assert 10 * np.log10(np.sum(true**2) / np.sum((true - filled) ** 2)) > 15


def test_a_stroke_in_the_mel_picture_sounds_where_it_stands() -> None:
    sound = strokes()
    filled = fill_by_phase(without(sound, 12_000, 20_000), 12_000, 20_000, mel_of(sound), FILTERS)
    power = np.convolve(filled**2, np.ones(160) / 160, mode="same")
    onset = int(np.argmax(power > 0.1 * power.max())) + 12_000
    assert abs(onset - 15_500) < 0.03 * RATE


@pytest.mark.parametrize("make", [tones, strokes])
def test_the_filling_has_the_mel_levels_that_were_asked_for(make) -> None:
    sound = make()
    wanted = mel_of(sound)
    filled = without(sound, 12_000, 20_000)
    filled[12_000:20_000] = fill_by_phase(filled, 12_000, 20_000, wanted, FILTERS)
    frames = slice(34, 63)
    assert np.abs(mel_of(filled) - wanted)[:, frames].mean() < 0.05
    assert np.abs(mel_of(without(sound, 12_000, 20_000)) - wanted)[:, frames].mean() > 0.2


def test_a_louder_picture_gives_a_louder_filling() -> None:
    sound = tones()
    quiet, loud = (
        fill_by_phase(without(sound, 12_000, 20_000), 12_000, 20_000, np.clip(mel_of(sound) + shift, 0, 1), FILTERS)
        for shift in (0.0, 0.1)
    )
    # A tenth of the scale is 10 dB.
    assert 10 * np.log10(np.mean(loud[2_000:6_000] ** 2) / np.mean(quiet[2_000:6_000] ** 2)) == pytest.approx(10, abs=2)


def test_the_same_seed_gives_the_same_bits_whatever_the_gap_holds() -> None:
    sound = strokes()
    first, second = (
        fill_by_phase(without(sound, 12_000, 20_000, content), 12_000, 20_000, mel_of(sound), FILTERS, iterations=5)
        for content in (0.0, np.nan)
    )
    np.testing.assert_array_equal(first, second)
    other = fill_by_phase(sound, 12_000, 20_000, mel_of(sound), FILTERS, iterations=5, seed=1)
    assert np.abs(other - first).max() > 1e-3


@pytest.mark.parametrize(("start", "stop"), [(0, 4_000), (28_001, 32_000), (0, 32_000), (5_000, 5_001), (100, 31_900)])
def test_gaps_at_the_ends_are_filled(start: int, stop: int) -> None:
    sound = tones()
    filled = fill_by_phase(without(sound, start, stop), start, stop, mel_of(sound), FILTERS, iterations=5)
    assert filled.shape == (stop - start,)
    assert np.isfinite(filled).all()
    assert np.abs(filled).max() < 3


def test_a_silent_picture_in_silence_gives_silence() -> None:
    filled = fill_by_phase(np.zeros(32_000), 12_000, 20_000, np.zeros((80, 100)), FILTERS, iterations=5)
    assert np.abs(filled).max() < 1e-6


def test_what_does_not_fit_is_refused() -> None:
    sound, mel = np.zeros(32_000), np.zeros((80, 100))
    with pytest.raises(InputError, match="does not fit a sound of 32000"):
        fill_by_phase(sound, 30_000, 33_000, mel, FILTERS)
    with pytest.raises(InputError, match="100 frames"):
        fill_by_phase(np.zeros(64_000), 30_000, 40_000, mel, FILTERS)
    with pytest.raises(InputError, match="80 mel bands need"):
        fill_by_phase(sound, 3_000, 9_000, mel, FILTERS[:, :-1])
