"""From a painted spectrogram to the samples of a gap."""

import numpy as np
import pytest
import torch

from hr_common import audio
from viai.checkpoints import build_network
from viai.config import TINY
from viai.gaps import Gap
from viai.networks.generation import generate
from viai.networks.wavenet import WaveNet
from viai.painting import analyse
from viai.spectrogram import MelSpectrogram
from viai.waveform import Filling, fill_autoregressive, fill_by_network, level_difference_db, sample_gap

FRONT = MelSpectrogram()


@pytest.fixture(scope="module")
def wavenet() -> WaveNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("wavenet", TINY)
    assert isinstance(network, WaveNet)
    return network.eval().requires_grad_(False)


def tones(rate: int, seconds: float) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    left = 0.3 * np.sin(2 * np.pi * 330 * time) + 0.1 * np.sin(2 * np.pi * 1_875 * time + 1)
    noise = 0.002 * np.random.default_rng(0).standard_normal((len(time), 2))
    return left[:, None] * [1.0, -0.5] + noise


def fill(
    samples: np.ndarray, gap: Gap, rate: int, wavenet: WaveNet | None, *, seed: int = 0, **options: bool
) -> Filling:
    """Fill a gap from the spectrogram of the intact sound: as well as the vocoder can."""
    silenced = samples.copy()
    silenced[gap.start : gap.stop] = 0
    analysis = analyse(silenced, [gap], rate, FRONT)
    mono = audio.resample(samples.mean(axis=1), rate, 16_000) * analysis.gain
    padded = np.zeros(len(analysis.samples), np.float32)
    padded[: len(mono)] = mono
    painted = FRONT(torch.from_numpy(padded)[None])
    return fill_by_network(
        silenced,
        gap,
        (0, len(samples)),
        rate,
        analysis,
        painted,
        place=analysis.gaps[0],
        unfilled=[gap],
        wavenet=wavenet,
        front=FRONT,
        blends=options.get("blends", False),
        rng=np.random.default_rng(seed),
    )


def error_db(filling: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(np.square(filling - truth).sum() / np.square(truth).sum()))


def test_steady_tones_are_continued_by_the_autoregressive_method_in_every_channel() -> None:
    samples, gap = tones(44_100, 1.0), Gap(20_000, 22_000)
    filling = fill_autoregressive(samples, gap, (0, 44_100), 44_100)
    for channel in (0, 1):
        assert error_db(filling.samples[:, channel], samples[gap.start : gap.stop, channel]) < -25
    assert filling.click_start is not None
    assert filling.click_start < 3


def test_only_the_known_stretch_around_the_gap_is_read() -> None:
    samples, gap = tones(16_000, 1.0), Gap(8_000, 8_400)
    other = samples.copy()
    other[:3_000] = 0.9
    other[12_000:] = -0.9
    known = (3_000, 12_000)
    first, second = (fill_autoregressive(part, gap, known, 16_000).samples for part in (samples, other))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_phases_found_for_true_magnitudes_give_steady_tones_back(rate: int) -> None:
    samples = tones(rate, 2.0)
    gap = Gap(rate, round(1.3 * rate))
    filling = fill(samples, gap, rate, None)
    truth = samples[gap.start : gap.stop]
    assert filling.samples.shape == truth.shape
    # Opposite and weaker in the second channel, as around the gap.
    correlation = np.corrcoef(filling.samples[:, 0], filling.samples[:, 1])[0, 1]
    assert correlation < -0.95
    level = 10 * np.log10(np.square(filling.samples).mean() / np.square(truth).mean())
    assert abs(level) < 1.5


def test_both_vocoders_meet_the_known_sound_without_a_click(wavenet: WaveNet) -> None:
    samples, gap = tones(44_100, 2.0), Gap(44_100, 60_000)
    for network in (None, wavenet):
        filling = fill(samples, gap, 44_100, network)
        assert filling.click_start is not None
        assert filling.click_stop is not None
        assert max(filling.click_start, filling.click_stop) < 3


def test_a_blended_filling_begins_and_ends_like_the_continued_sound(wavenet: WaveNet) -> None:
    samples, gap = tones(16_000, 2.0), Gap(16_000, 18_400)
    truth = samples[gap.start : gap.stop, 0]
    edges = np.r_[0:120, 2_280:2_400]
    blended, plain = (fill(samples, gap, 16_000, wavenet, blends=blends).samples[:, 0] for blends in (True, False))
    assert error_db(blended[edges], truth[edges]) < -10
    assert error_db(blended[edges], truth[edges]) < error_db(plain[edges], truth[edges])


def test_the_same_generator_gives_the_same_filling_and_another_another(wavenet: WaveNet) -> None:
    samples, gap = tones(16_000, 1.0), Gap(8_000, 9_600)
    first, again, other = (fill(samples, gap, 16_000, wavenet, seed=seed).samples for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fillings_of_loud_sound_stay_below_full_scale(wavenet: WaveNet) -> None:
    samples = np.clip(3 * tones(16_000, 1.0), -1, 1)
    assert np.abs(fill(samples, Gap(8_000, 9_600), 16_000, wavenet).samples).max() <= 1.0


def test_treble_is_reported_where_the_file_has_any() -> None:
    assert fill(tones(16_000, 1.0), Gap(8_000, 8_800), 16_000, None).treble_gap_db is None
    filling = fill(tones(44_100, 1.0), Gap(20_000, 24_000), 44_100, None)
    assert filling.treble_gap_db is not None
    assert filling.treble_context_db is not None
    assert abs(filling.treble_gap_db - filling.treble_context_db) < 6


def test_the_wavenet_reads_no_more_of_the_past_than_it_reaches(wavenet: WaveNet) -> None:
    rng = np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal(6_400)
    mel = torch.rand(1, 80, 20, generator=torch.Generator().manual_seed(0))
    other = sound.copy()
    other[: 3_000 - wavenet.config.receptive_field] = 0.9
    other[3_000:] = np.nan
    first, second = (sample_gap(wavenet, part, 3_000, 500, mel, np.random.default_rng(0)) for part in (sound, other))
    np.testing.assert_array_equal(first, second)
    assert len(first) == 500
    assert np.abs(first).max() <= 1


def test_sound_and_spectrogram_run_on_one_clock(wavenet: WaveNet) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal(6_400)
    mel = torch.rand(1, 80, 20, generator=torch.Generator().manual_seed(0))
    drawn = sample_gap(wavenet, sound, 3_000, 400, mel, np.random.default_rng(5))
    noise = torch.from_numpy(np.random.default_rng(5).random((1, 400, 2), dtype=np.float32))
    past = torch.from_numpy(sound[:3_000].astype(np.float32))[None]
    np.testing.assert_allclose(drawn, generate(wavenet, past, mel, noise)[0].numpy(), atol=1e-6)


def test_level_difference_of_a_case_worked_by_hand() -> None:
    # Amplitude 2 between stretches of amplitude 1: 20 log10(2) = 6.02 dB.
    samples = np.ones((3_000, 1))
    samples[1_000:2_000] = 2
    assert level_difference_db(samples, Gap(1_000, 2_000), 1_000) == pytest.approx(6.0206, abs=1e-3)


@pytest.mark.parametrize("gap", [Gap(0, 1_000), Gap(2_000, 3_000)])
def test_level_difference_at_an_end_compares_with_the_other_side(gap: Gap) -> None:
    samples = np.ones((3_000, 2))
    samples[gap.start : gap.stop] = 0.5
    assert level_difference_db(samples, gap, 1_000) == pytest.approx(-6.0206, abs=1e-3)


def test_silence_has_no_level_difference() -> None:
    assert level_difference_db(np.zeros((300, 1)), Gap(100, 200), 1_000) == 0.0
