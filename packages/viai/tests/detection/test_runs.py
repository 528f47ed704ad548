import numpy as np

from viai.detection import detect_gaps

RATE = 16_000


def sound(level):
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 311 * time) + 0.3 * np.sin(2 * np.pi * 933 * time)
    return level * tone + 0.1 * level * np.random.default_rng(0).standard_normal(len(time))


def find(samples, bits):
    steps = 2 ** (bits - 1)
    rounded = (np.round(samples * steps) / steps).astype(np.float32)[:, None]
    return [(found.kind, found.start, found.stop) for found in detect_gaps([rounded], RATE)]


def test_a_sound_that_sinks_below_the_last_bit_is_a_rest():
    swell = np.abs(np.sin(2 * np.pi * 1.5 * np.arange(2 * RATE) / RATE)) ** 4
    for bits in (6, 8, 12):
        assert find(sound(0.3) * swell, bits) == [], bits


def test_zeros_in_a_loud_sound_of_eight_bits_are_found():
    damaged = sound(0.4)
    damaged[16_000:16_400] = 0
    [(kind, start, stop)] = find(damaged, 8)
    assert kind == "silence"
    assert start <= 16_000 < 16_400 <= stop
    assert stop - start < 410
