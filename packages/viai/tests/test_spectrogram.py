import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from viai.config import SpectrogramConfig
from viai.spectrogram import (
    MelSpectrogram,
    compose,
    interpolate_unknown,
    mel_filterbank,
    to_amplitude,
    to_level,
)

RATE, HOP, WINDOW = 16_000, 320, 1_280


def reference_levels(samples: np.ndarray) -> np.ndarray:
    """Frames cut by hand, Hann window by its formula, NumPy's transform, librosa's filters."""
    padded = np.concatenate([samples.astype(np.float64), np.zeros(WINDOW - HOP)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = [padded[start : start + WINDOW] * hann for start in range(0, len(padded) - WINDOW + 1, HOP)]
    magnitude = np.abs(np.fft.rfft(np.stack(frames), axis=1)).T
    filters = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=80, fmin=125, fmax=7_600, dtype=np.float64)
    decibels = 20 * np.log10(np.maximum(1e-5, filters @ magnitude)) - 20
    return np.clip((decibels + 100) / 100, 0, 1)


def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    seconds = np.arange(RATE) / RATE
    return {
        "noise": rng.uniform(-1, 1, RATE),
        "tone": 0.999 * np.sin(2 * np.pi * 440 * seconds),
        "silence": np.zeros(RATE),
        "whisper": 1e-5 * rng.standard_normal(RATE),
        "click": np.eye(1, RATE, 5_000)[0],
    }


@pytest.mark.parametrize("name", sounds())
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-9)])
def test_levels_are_those_of_an_independent_computation(name: str, dtype: torch.dtype, tolerance: float) -> None:
    samples = torch.from_numpy(sounds()[name]).to(dtype)
    levels = MelSpectrogram()(samples[None])[0]
    assert levels.dtype == dtype
    # Half a step of the result's own dtype, and the rounding of a double-precision transform.
    np.testing.assert_allclose(levels.numpy(), reference_levels(samples.numpy()), rtol=0, atol=tolerance)


def test_the_filters_are_area_normalised_triangles_without_an_empty_one() -> None:
    filters = mel_filterbank()
    assert filters.shape == (80, 641)
    assert filters.sum() == pytest.approx(6.3992, abs=1e-4)
    assert (filters.sum(axis=1) > 0).all()


def test_the_filters_are_a_copy() -> None:
    mel_filterbank()[:] = 0
    assert mel_filterbank().any()


@pytest.mark.parametrize(("samples", "frames"), [(64_000, 200), (320, 1), (639, 1), (640, 2), (1_281, 4)])
def test_a_hop_of_sound_gives_a_frame(samples: int, frames: int) -> None:
    assert MelSpectrogram()(torch.zeros(1, samples)).shape == (1, 80, frames)


@pytest.mark.parametrize("place", [0, 319, 320, 1_279, 1_280, 5_000, 15_999])
def test_a_click_shows_in_the_frames_that_cover_it(place: int) -> None:
    levels = MelSpectrogram()(torch.eye(1, RATE).roll(place, 1))[0]
    heard = set(torch.nonzero(levels.amax(dim=0) > 0).flatten().tolist())
    covering = {frame for frame in range(50) if HOP * frame <= place < HOP * frame + WINDOW}
    # At its very edges the weight of the window is too small to hear anything.
    inside = {frame for frame in covering if HOP * frame + 50 <= place < HOP * frame + WINDOW - 50}
    assert inside <= heard <= covering


def test_a_first_use_in_inference_mode_does_not_spoil_training() -> None:
    config = SpectrogramConfig(mel_bands=60)
    with torch.inference_mode():
        MelSpectrogram(config)(torch.zeros(1, 1_600))
    samples = torch.rand(1, 1_600, requires_grad=True)
    MelSpectrogram(config)(samples).sum().backward()
    assert samples.grad is not None


def test_silence_has_a_finite_gradient() -> None:
    samples = torch.zeros(1, 1_600, requires_grad=True)
    (gradient,) = torch.autograd.grad(MelSpectrogram()(samples).sum(), samples)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("amplitude", "level"),
    # 20 log10(1) - 20 = -20 dB, and (-20 + 100) / 100 = 0.8.
    [(1.0, 0.8), (10.0, 1.0), (100.0, 1.0), (1e-2, 0.4), (1e-4, 0.0), (0.0, 0.0)],
)
def test_levels_by_hand(amplitude: float, level: float) -> None:
    assert to_level(torch.tensor(amplitude, dtype=torch.float64)).item() == pytest.approx(level, abs=1e-12)


def test_amplitude_by_hand() -> None:
    # 0.5 * 100 - 100 + 20 = -30 dB.
    assert to_amplitude(torch.tensor(0.5, dtype=torch.float64)).item() == pytest.approx(10**-1.5, rel=1e-12)


@given(st.floats(0, 1))
def test_the_level_map_has_an_exact_inverse(level: float) -> None:
    exact = torch.tensor(level, dtype=torch.float64)
    torch.testing.assert_close(to_level(to_amplitude(exact)), exact, rtol=0, atol=1e-12)


@given(st.floats(1e-4, 10))
def test_amplitudes_inside_the_range_come_back(amplitude: float) -> None:
    exact = torch.tensor(amplitude, dtype=torch.float64)
    torch.testing.assert_close(to_amplitude(to_level(exact)), exact, rtol=1e-11, atol=0)


def line(values: list[float], unknown: list[bool]) -> list[float]:
    return interpolate_unknown(torch.tensor([[values]]), torch.tensor([unknown]))[0, 0].tolist()


def test_a_gap_is_bridged_by_a_straight_line() -> None:
    nan = float("nan")
    # From 0.1 over two unknown frames to 0.7: steps of 0.2.
    assert line([0.1, nan, nan, 0.7], [False, True, True, False]) == pytest.approx([0.1, 0.3, 0.5, 0.7])


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        ([True, True, False, False], [0.3, 0.3, 0.3, 0.9]),
        ([False, False, True, True], [0.5, 0.2, 0.2, 0.2]),
        ([True, False, True, False], [0.2, 0.2, 0.55, 0.9]),
        ([True, True, True, True], [0.0, 0.0, 0.0, 0.0]),
        ([False, False, False, False], [0.5, 0.2, 0.3, 0.9]),
    ],
    ids=["left end", "right end", "two gaps", "nothing known", "all known"],
)
def test_gaps_at_the_ends_and_several_gaps_by_hand(unknown: list[bool], expected: list[float]) -> None:
    assert line([0.5, 0.2, 0.3, 0.9], unknown) == pytest.approx(expected)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 100))
def test_lines_are_those_of_numpy_and_known_frames_stay_to_the_bit(unknown: list[bool], seed: int) -> None:
    mel = np.random.default_rng(seed).random((1, 3, len(unknown)))
    mask = np.array(unknown)
    spoilt = np.where(mask, np.nan, mel)
    result = interpolate_unknown(torch.from_numpy(spoilt), torch.from_numpy(mask)[None]).numpy()
    np.testing.assert_array_equal(result[..., ~mask], mel[..., ~mask])
    places = np.arange(len(mask))
    for band in range(3):
        expected = np.interp(places, places[~mask], mel[0, band, ~mask]) if not mask.all() else np.zeros(len(mask))
        np.testing.assert_allclose(result[0, band], expected, rtol=0, atol=1e-12)


def test_what_stands_in_a_gap_never_reaches_the_networks() -> None:
    rng = np.random.default_rng(0)
    # Gaps that begin and end at all residues of the hop, some at an end of the sound.
    start = torch.arange(320)[:, None] * 13 % 4_000
    stop = (start + 1 + torch.arange(320)[:, None] * 7).clamp(max=4_800)
    place, first = torch.arange(4_800), torch.arange(15) * HOP
    samples = torch.from_numpy(rng.uniform(-1, 1, (320, 4_800)).astype(np.float32))
    noise = torch.from_numpy(rng.uniform(-1, 1, (320, 4_800)).astype(np.float32))
    other = torch.where((place >= start) & (place < stop), noise, samples)
    unknown = (first < stop) & (first + WINDOW > start)
    front = MelSpectrogram()
    assert torch.equal(interpolate_unknown(front(samples), unknown), interpolate_unknown(front(other), unknown))


def test_generated_frames_are_put_where_frames_are_unknown() -> None:
    known, generated = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
    unknown = torch.tensor([[True, False, False, True], [False, True, False, False]])
    composed = compose(known, generated, unknown)
    for band in range(3):
        assert composed[:, band].tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]


def test_settings_change_the_picture() -> None:
    config = SpectrogramConfig(mel_bands=40, hop=160)
    assert MelSpectrogram(config)(torch.zeros(1, 1_600)).shape == (1, 40, 10)
