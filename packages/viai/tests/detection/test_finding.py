import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common import audio
from hr_common.errors import InputError
from viai.detection import KINDS, RELIABLE, DetectionConfig, detect_file, detect_gaps

RATE = 16_000


def music(seconds=3.0, seed=0, channels=1):
    """A tone that wavers, with breath: nothing in it repeats exactly."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * 311 * time + 3 * np.sin(2 * np.pi * 5.3 * time)
    tone = sum(np.sin(order * phase) / order**2 for order in range(1, 6))
    sound = 0.3 * tone[:, None] + 0.01 * generator.standard_normal((len(time), channels))
    return sound.astype(np.float32)


def detect(sound, kinds=RELIABLE, size=4096, config=None, rate=RATE):
    blocks = [sound[begin : begin + size] for begin in range(0, len(sound), size)]
    return detect_gaps(blocks, rate, kinds=kinds, config=config)


def spans(detections, kind):
    assert {found.kind for found in detections} <= {kind}
    return [(found.start, found.stop) for found in detections]


def damage(sound, kind, start, stop):
    sound = sound.copy()
    length = stop - start
    match kind:
        case "silence":
            sound[start:stop] = 0
        case "hold":
            sound[start:stop] = sound[start - 1]
        case "repeat":
            sound[start:stop] = sound[start - length : start]
        case "dropout":
            sound[start:stop] *= 1e-3
    return sound


@pytest.mark.parametrize("seed", range(3))
def test_undamaged_sound_has_no_gaps(seed):
    assert detect(music(seed=seed, channels=2)) == []
    assert detect(music(seed=seed), kinds=KINDS) == []


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["silence", "hold", "repeat"]),
    st.integers(8_000, 24_000),
    st.integers(81, 3_000),
    st.integers(0, 99),
)
def test_boundaries_are_exact_to_the_sample(kind, start, length, seed):
    damaged = damage(music(seed=seed), kind, start, start + length)
    assert spans(detect(damaged), kind) == [(start, start + length)]


@settings(deadline=None, max_examples=15)
@given(st.integers(8_000, 24_000), st.integers(120, 6_000))
def test_a_dropout_is_found_within_a_millisecond(start, length):
    [(found_start, found_stop)] = spans(detect(damage(music(), "dropout", start, start + length)), "dropout")
    assert abs(found_start - start) <= 16
    assert abs(found_stop - start - length) <= 16


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=20))
def test_the_result_does_not_depend_on_the_blocks(sizes):
    sound = damage(damage(damage(music(), "silence", 9_000, 9_500), "repeat", 20_000, 20_700), "hold", 30_000, 30_200)
    borders = np.cumsum(sizes)
    found = detect_gaps(np.split(sound, borders[borders < len(sound)]), RATE)
    assert found == detect(sound, size=len(sound))
    assert [(one.start, one.stop) for one in found] == [(9_000, 9_500), (20_000, 20_700), (30_000, 30_200)]


@pytest.mark.parametrize("kind", RELIABLE)
def test_segments_leave_no_seam(kind):
    # A segment's core is 2**18 samples, rounded up: damage every 0.4 s must also meet the borders between cores.
    sound = music(40.0)
    truth = [(start, start + 700) for start in range(6_000, len(sound) - 6_000, 6_400)]
    for start, stop in truth:
        sound = damage(sound, kind, start, stop)
    found = spans(detect(sound, kinds=(kind,), size=100_000), kind)
    assert len(found) == len(truth)
    np.testing.assert_allclose(found, truth, atol=16 if kind == "dropout" else 0)


def test_silence_longer_than_a_segment_is_one_gap():
    sound = np.concatenate([music(1.0), np.zeros((60 * RATE, 1), np.float32), music(1.0, seed=1)])
    assert spans(detect(sound), "silence") == [(RATE, 61 * RATE)]


def test_silence_before_the_first_and_after_the_last_sound_is_no_gap():
    rest = np.zeros((RATE, 1), np.float32)
    assert detect(np.concatenate([rest, music(1.0), rest])) == []
    assert detect(np.zeros((3 * RATE, 2), np.float32)) == []
    assert detect(np.zeros((1, 1), np.float32)) == []
    assert detect_gaps([], RATE) == []


@pytest.mark.parametrize("decay_seconds", [0.01, 0.05, 0.3])
def test_a_note_that_fades_to_zeros_is_followed_by_a_rest_and_no_gap(decay_seconds):
    first, second = music(1.0), music(1.0, seed=1)
    fade = round(decay_seconds * RATE)
    first[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32))[:, None] ** 2
    sound = np.concatenate([first, np.zeros((RATE // 2, 1), np.float32), second])
    sixteen_bit = np.round(sound * 32_768) / np.float32(32_768)
    assert detect(sixteen_bit.astype(np.float32)) == []


def test_an_exponential_decay_below_minus_seventy_decibels_is_a_rest():
    decay = music(1.0) * np.exp(-9 * np.arange(RATE, dtype=np.float32) / RATE)[:, None]  # ends at -78 dB of 0.4
    assert detect(np.concatenate([decay, np.zeros((4_000, 1), np.float32), music(1.0)])) == []


def test_silence_shorter_than_five_milliseconds_is_left_alone_unless_asked_for():
    sound = damage(music(), "silence", 20_000, 20_060)
    assert detect(sound) == []
    assert spans(detect(sound, config=DetectionConfig(shortest_seconds=0.003)), "silence") == [(20_000, 20_060)]


def test_damage_in_one_channel_is_damage():
    for kind in RELIABLE:
        sound = music(channels=2)
        sound[:, 1:] = damage(sound[:, 1:], kind, 20_000, 20_800)
        found = detect(sound, kinds=(kind,))
        assert [one.kind for one in found] == ([] if kind == "repeat" else [kind]), kind


def test_damage_in_all_channels_is_one_detection():
    for kind in RELIABLE:
        assert len(detect(damage(music(channels=2), kind, 20_000, 20_800))) == 1


def test_a_silent_channel_is_no_gap():
    sound = music(channels=2)
    sound[:, 1] = 0
    assert detect(sound) == []


def test_a_square_wave_is_not_stuck():
    time = np.arange(3 * RATE)
    square = np.where(time // 160 % 2 == 0, 0.3, -0.3).astype(np.float32)[:, None]  # 50 Hz, 10 ms each
    assert detect(square) == []


def test_a_steady_tone_does_not_repeat_a_buffer():
    time = np.arange(3 * RATE)
    for period in (100.0, 36.36):
        assert detect(np.sin(2 * np.pi * time / period).astype(np.float32)[:, None]) == []


def test_a_copy_with_a_little_noise_is_still_a_repeat():
    sound = damage(music(), "repeat", 20_000, 21_000)
    sound[20_000:21_000] += np.random.default_rng(1).normal(scale=3e-4, size=(1_000, 1)).astype(np.float32)
    [(start, stop)] = spans(detect(sound), "repeat")
    assert abs(start - 20_000) <= 8
    assert abs(stop - 21_000) <= 8


def test_a_buffer_played_three_times_is_one_detection_of_two_copies():
    sound = music()
    sound[20_000:20_800] = sound[19_200:20_000]
    sound[20_800:21_600] = sound[19_200:20_000]
    assert spans(detect(sound), "repeat") == [(20_000, 21_600)]


def test_an_inserted_copy_is_a_repeat_too():
    sound = music()
    sound = np.concatenate([sound[:20_000], sound[19_000:20_000], sound[20_000:]])
    assert spans(detect(sound), "repeat") == [(20_000, 21_000)]


def test_a_dry_stroke_and_a_fade_are_no_dropouts():
    sound = np.full((3 * RATE, 1), 1e-5, np.float32) * np.random.default_rng(0).standard_normal(
        (3 * RATE, 1), np.float32
    )
    for start in range(4_000, 44_000, 8_000):
        sound[start : start + 60] += music(1.0)[:60]
    assert detect(sound) == []
    swell = 0.5 + 0.5 * np.cos(2 * np.pi * 2 * np.arange(3 * RATE) / RATE)  # to nothing and back, twice a second
    assert detect(music() * swell.astype(np.float32)[:, None]) == []


def test_clipping_is_found_at_the_peak_of_the_file_and_on_request_only():
    time = np.arange(RATE)
    loud = (1.5 * np.sin(2 * np.pi * 100 * time / RATE) * np.linspace(0.1, 1, RATE)).astype(np.float32)[:, None]
    clipped = loud.clip(-0.8, 0.8)
    truth = np.abs(loud[:, 0]) > 0.8
    found = np.zeros(RATE, dtype=bool)
    for start, stop in spans(detect(clipped, kinds=("clipping",)), "clipping"):
        found[start:stop] = True
    assert not (found & ~truth).any()
    assert (found & truth).sum() > 0.95 * truth.sum()
    assert detect(loud, kinds=("clipping",)) == []
    assert detect(clipped) == []


def test_a_sixteen_bit_crest_is_not_clipped():
    time = np.arange(2 * RATE)
    bass = np.round(0.9 * 32_768 * np.sin(2 * np.pi * 20 * time / RATE)) / 32_768
    assert detect(bass.astype(np.float32)[:, None], kinds=("clipping",)) == []


def test_a_click_is_found_and_an_onset_is_not():
    sound = music()
    sound[20_000] += 0.3
    [(start, stop)] = spans(detect(sound, kinds=("click",)), "click")
    assert start <= 20_000 < stop <= 20_032
    onset = music()
    onset[:20_000] *= 0.05
    assert detect(onset, kinds=("click",)) == []


def test_confidence_grows_with_the_level_around_a_gap():
    loud = damage(music(), "silence", 20_000, 20_800)
    (sure,), (less_sure,) = detect(loud), detect(loud * np.float32(0.01))
    assert 0.5 <= less_sure.confidence < sure.confidence <= 1


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="cannot detect hiss; the kinds are silence, hold, repeat"):
        detect(music(0.1), kinds=("hiss",))


def test_a_file_is_read_piece_by_piece(tmp_path):
    audio.write(tmp_path / "song.wav", damage(music(20.0, channels=2), "silence", 20_000, 20_800), RATE)
    assert spans(detect_file(tmp_path / "song.wav"), "silence") == [(20_000, 20_800)]
    with pytest.raises(InputError, match="cannot read"):
        detect_file(tmp_path / "none.wav")
