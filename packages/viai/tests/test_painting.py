"""From a window with gaps to its completed mel spectrogram."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from viai.gaps import Gap, unknown_frames
from viai.painting import INWARD_FRAMES, LONGEST_FRAMES, Analysis, analyse, bridge, paint, resample_known
from viai.spectrogram import MelSpectrogram, interpolate_unknown

FRONT = MelSpectrogram()


def tones(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 330 * time) + 0.1 * np.sin(2 * np.pi * 1_870 * time + 1)
    return np.repeat(sound[:, None], channels, axis=1)


@given(
    rate=st.sampled_from([8_000, 22_050, 48_000]),
    start=st.integers(0, 7_000),
    length=st.integers(1, 4_000),
    channels=st.integers(1, 3),
    content=st.sampled_from(["nan", "opposite", "mixed"]),
    seed=st.integers(0, 100),
)
@settings(max_examples=25, deadline=None)
def test_the_analysis_does_not_depend_on_what_a_gap_holds(
    rate: int, start: int, length: int, channels: int, content: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    samples = 0.1 * rng.standard_normal((9_000, channels))
    gap = Gap(start, min(start + length, 8_900))
    other = samples.copy()
    other[gap.start : gap.stop] = {
        "nan": np.nan,
        "opposite": np.resize([1e3, -1e3], channels),  # their mean cancels
        "mixed": rng.choice([1e30, 0.5, -1.0], (gap.length, channels)),
    }[content]
    first, second = (analyse(part, [gap], rate, FRONT) for part in (samples, other))
    np.testing.assert_array_equal(first.samples, second.samples)
    assert torch.equal(first.mel, second.mel)
    assert first.gain == second.gain


def test_unknown_frames_are_those_whose_window_touches_the_gap_at_the_rate_of_the_networks() -> None:
    analysis = analyse(tones(48_000, 2.0), [Gap(48_000, 52_800)], 48_000, FRONT)
    assert analysis.gaps == (Gap(16_000, 17_600),)
    expected = unknown_frames(16_000, 17_600, frames=analysis.mel.shape[-1])
    assert torch.nonzero(analysis.unknown[0]).ravel().tolist() == list(expected)
    assert not analysis.samples[16_000:17_600].any()


def test_known_frames_are_those_of_the_intact_sound() -> None:
    intact = tones(16_000, 2.0)
    whole = analyse(intact, [], 16_000, FRONT)
    gapped = analyse(intact, [Gap(10_000, 14_000)], 16_000, FRONT)
    known = ~gapped.unknown[0]
    np.testing.assert_allclose(gapped.mel[0][:, known], whole.mel[0][:, known], atol=1e-4)


def test_the_ringing_of_the_resampler_at_a_gap_does_not_reach_known_frames() -> None:
    intact = tones(44_100, 2.0)
    whole = analyse(intact, [], 44_100, FRONT)
    gapped = analyse(intact, [Gap(30_000, 50_000)], 44_100, FRONT)
    known = ~gapped.unknown[0]
    assert float((gapped.mel[0][:, known] - whole.mel[0][:, known]).abs().max()) < 0.02


def test_the_known_peak_is_brought_to_the_level_of_analysis() -> None:
    analysis = analyse(tones(16_000, 1.0), [Gap(4_000, 5_000)], 16_000, FRONT)
    assert np.abs(analysis.samples).max() == pytest.approx(0.999)
    np.testing.assert_allclose(analysis.samples[:4_000] / analysis.gain, tones(16_000, 1.0)[:4_000, 0], atol=1e-12)


def test_silence_is_not_amplified() -> None:
    analysis = analyse(np.full((16_000, 1), 1e-6), [Gap(4_000, 5_000)], 16_000, FRONT)
    assert analysis.gain == 1.0


@pytest.mark.parametrize("frames", [1, 100, 2_559, 2_560, 2_561, 64_000])
def test_windows_are_extended_to_a_multiple_of_eight_frames(frames: int) -> None:
    analysis = analyse(np.ones((frames, 1)) * 0.1, [], 16_000, FRONT)
    assert analysis.mel.shape[-1] == 8 * max(1, -(-frames // 2_560))


def test_a_bridge_keeps_the_known_sound_and_runs_into_the_gap() -> None:
    sound = tones(16_000, 1.0)[:, 0]
    bridged = bridge(sound, [Gap(5_000, 8_000)], 16_000)
    np.testing.assert_array_equal(bridged[:5_000], sound[:5_000])
    np.testing.assert_array_equal(bridged[8_000:], sound[8_000:])
    # The first millisecond is what the sound would have been, the middle is empty.
    np.testing.assert_allclose(bridged[5_000:5_016], sound[5_000:5_016], atol=0.02)
    np.testing.assert_allclose(bridged[7_984:8_000], sound[7_984:8_000], atol=0.02)
    assert not bridged[5_200:7_800].any()


def test_gaps_next_to_each_other_and_at_the_ends_are_bridged() -> None:
    sound = tones(16_000, 1.0)[:, 0]
    gaps = [Gap(0, 100), Gap(101, 300), Gap(15_000, 16_000)]
    bridged = bridge(sound, gaps, 16_000)
    known = np.ones(16_000, dtype=bool)
    for gap in gaps:
        known[gap.start : gap.stop] = False
    np.testing.assert_array_equal(bridged[known], sound[known])
    assert np.isfinite(bridged).all()


def test_without_a_change_of_rate_the_known_sound_comes_through_untouched() -> None:
    sound = tones(16_000, 0.5, channels=2)
    result = resample_known(sound, [Gap(3_000, 4_000)], 16_000, 16_000)
    np.testing.assert_array_equal(result[:3_000], sound[:3_000, 0])
    np.testing.assert_array_equal(result[4_000:], sound[4_000:, 0])


# Painting ----------------------------------------------------------------------------------------


class Recorder:
    """A network that paints one constant after another and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Tensor] = []

    def __call__(self, mel: Tensor) -> Tensor:
        self.shown.append(mel.clone())
        return torch.full_like(mel, float(len(self.shown)))


def window(frames: int, unknown: range) -> Analysis:
    mel = torch.rand(1, 80, frames, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, frames, dtype=torch.bool)
    mask[0, unknown.start : unknown.stop] = True
    return Analysis(np.zeros(frames * 320), 1.0, (), mel, mask)


def test_a_usual_gap_is_painted_at_once_from_straight_lines() -> None:
    analysis, network = window(200, range(80, 80 + LONGEST_FRAMES)), Recorder()
    painted = paint(network, analysis)
    assert len(network.shown) == 1
    assert torch.equal(network.shown[0][:, 0], interpolate_unknown(analysis.mel, analysis.unknown))
    known = ~analysis.unknown[0]
    assert torch.equal(painted[..., known], analysis.mel[..., known])
    assert (painted[..., ~known] == 1).all()


def test_a_long_gap_is_painted_inwards_from_both_ends() -> None:
    # 100 frames: twice 12 are accepted from the first painting and from the second, the remaining 52 from the third.
    network = Recorder()
    painted = paint(network, window(200, range(50, 150)))[0, 0]
    order = [1] * INWARD_FRAMES + [2] * INWARD_FRAMES + [3] * 52 + [2] * INWARD_FRAMES + [1] * INWARD_FRAMES
    assert painted[50:150].int().tolist() == order
    # What was accepted is shown to the next attempt as known.
    assert (network.shown[1][0, 0, :, 50:62] == 1).all()


@pytest.mark.parametrize("unknown", [range(70), range(130, 200)])
def test_a_long_gap_at_an_end_is_painted_from_its_only_known_side(unknown: range) -> None:
    painted = paint(Recorder(), window(200, unknown))[0, 0][unknown.start : unknown.stop].int().tolist()
    inward = painted if unknown.start else painted[::-1]
    # 70 frames: 12 from the first painting, 12 from the second would leave 46; 58 are still too many.
    assert inward == [1] * 12 + [2] * 12 + [3] * 46


def test_a_window_of_which_nothing_is_known_is_painted_at_once() -> None:
    painted = paint(Recorder(), window(104, range(104)))
    assert (painted == 1).all()
