import numpy as np
import pytest

from viai.detection import detect_gaps

RATE = 44_100


def sound(seed=0):
    time = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 440 * time + 2 * np.sin(2 * np.pi * 4 * time))
    return 0.3 * tone + 0.02 * np.random.default_rng(seed).standard_normal(len(time))


def find(samples, bits=16):
    steps = 2 ** (bits - 1)
    rounded = (np.round(samples * steps) / steps).astype(np.float32)[:, None]
    return [(found.kind, found.start, found.stop) for found in detect_gaps([rounded], RATE)]


@pytest.mark.parametrize("depth_db", [46, 60, 75])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0])
def test_dropouts_of_all_depths_and_lengths_are_found(depth_db, seconds):
    damaged, stop = sound(), 60_000 + round(seconds * RATE)
    damaged[60_000:stop] *= 10 ** (-depth_db / 20)
    [(kind, found_start, found_stop)] = find(damaged)
    assert kind == "dropout"
    assert abs(found_start - 60_000) <= 44
    assert abs(found_stop - stop) <= 44


def test_what_is_left_may_grow_louder_inside():
    damaged = sound()
    damaged[60_000:80_000] *= np.linspace(0.003, 0.009, 20_000)  # 50 dB down at first, 41 dB in the end
    [(kind, start, stop)] = find(damaged)
    assert kind == "dropout"
    assert (abs(start - 60_000) <= 44, abs(stop - 80_000) <= 44) == (True, True)


def test_a_fall_from_which_the_sound_swells_slowly_is_no_dropout():
    damaged = sound()
    damaged[60_000:120_000] *= np.geomspace(1e-3, 1, 60_000)
    assert find(damaged) == []


def test_a_dropout_at_the_end_of_the_file_does_not_return():
    damaged = sound()
    damaged[-3_000:] *= 1e-3
    assert find(damaged) == []
    damaged[-44:] = sound()[-44:]
    assert len(find(damaged)) <= 1
