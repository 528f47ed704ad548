import numpy as np
import pytest

from viai.detection import Detection, detect_gaps

RATE = 44_100


def find(sound):
    return detect_gaps([sound.astype(np.float32).reshape(len(sound), -1)], RATE, kinds=("repeat",))


def spans(detections: list[Detection]):
    return [(found.start, found.stop) for found in detections]


def noise(seconds, seed=0, scale=0.1):
    return scale * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def music(seconds, seed=0):
    """A tone that wavers, with breath: nothing in it repeats exactly."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * 311 * time + 3 * np.sin(2 * np.pi * 5.3 * time)
    return 0.3 * sum(np.sin(order * phase) / order**2 for order in range(1, 6)) + noise(seconds, seed, 0.003)


def with_copy(sound, start, length, copies=1):
    sound = sound.copy()
    sound[start : start + copies * length] = np.tile(sound[start - length : start], copies)
    return sound


@pytest.mark.parametrize("milliseconds", [5, 50, 500, 1000, 2000])
def test_buffers_from_milliseconds_to_two_seconds_are_found_to_the_sample(milliseconds):
    length = milliseconds * RATE // 1000
    sound = with_copy(music(5.0), 100_000, length)
    assert spans(find(sound)) == [(100_000, 100_000 + length)]


def test_a_buffer_longer_than_two_seconds_is_taken_for_music():
    assert find(with_copy(music(6.0), 110_000, 100_000)) == []


@pytest.mark.parametrize("milliseconds", [10, 100, 1500])
def test_copies_with_noise_fifty_decibels_below_are_found(milliseconds):
    length = milliseconds * RATE // 1000
    sound = with_copy(music(5.0), 100_000, length)
    copy = sound[100_000 : 100_000 + length]
    copy += noise(length / RATE, 1, 10 ** (-50 / 20) * np.sqrt(np.mean(copy**2)))[: len(copy)]
    [(start, stop)] = spans(find(sound))
    assert abs(start - 100_000) <= 20
    assert abs(stop - 100_000 - length) <= 20


def test_a_stuck_buffer_is_one_finding_however_often_it_comes():
    sound = with_copy(music(4.0), 60_000, 2_205, copies=30)
    assert spans(find(sound)) == [(60_000, 60_000 + 30 * 2_205)]


@pytest.mark.parametrize("copies", [4, 16])
def test_a_rendered_loop_is_no_stuck_buffer(copies):
    # Four strokes on a sustained bass that fits the loop, between noises; every turn is equal sample by sample.
    stroke = noise(0.125) * np.exp(-np.arange(RATE // 8) / 1000)
    bar = np.resize(np.concatenate([stroke, np.zeros(13)]), RATE // 2)
    bar += 0.2 * np.sin(2 * np.pi * 110 * np.arange(RATE // 2) / RATE)
    assert find(np.concatenate([noise(1.0, 1), np.tile(bar, copies), noise(1.0, 2)])) == []


@pytest.mark.parametrize("shape", ["sine", "saw", "square", "pulse and sine"])
def test_an_exactly_periodic_tone_is_no_stuck_buffer(shape):
    phase = np.arange(50, 50 + RATE) % 210 / 210
    tone = {
        "sine": np.sin(2 * np.pi * phase),
        "saw": 2 * phase - 1,
        "square": np.where(phase < 0.5, 1.0, -1.0),
        "pulse and sine": np.where(phase < 0.2, 0.5, -0.5) + 0.5 * np.sin(4 * np.pi * phase),
    }[shape]
    assert find(np.concatenate([noise(0.5), 0.3 * tone, noise(0.5, 1)])) == []


def test_coarse_samples_repeat_themselves_by_chance_and_are_no_buffer():
    quiet = np.round(music(4.0) * 0.02 * 128) / 128  # a few steps of eight bits
    assert find(quiet) == []


def test_opposite_channels_do_not_hide_a_copy():
    left = with_copy(music(4.0), 60_000, 3_000)
    assert spans(find(np.stack([left, -left], axis=1))) == [(60_000, 63_000)]
