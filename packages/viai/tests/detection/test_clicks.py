import numpy as np

from viai.detection import detect_gaps

RATE = 44_100


def find(samples):
    return [found.start for found in detect_gaps([samples.astype(np.float32)[:, None]], RATE, kinds=("click",))]


def test_the_pulses_of_a_deep_voice_are_no_clicks():
    # A pulse every 12.5 ms, louder now and then, through a resonance.
    pulses = 1e-4 * np.random.default_rng(0).standard_normal(2 * RATE)
    pulses[:: RATE // 80] += 0.1
    pulses[:: RATE // 16] += 0.1
    voice = np.convolve(pulses, np.exp(-np.arange(400) / 60) * np.cos(np.arange(400) * 0.1))[: len(pulses)]
    assert find(voice) == []
    voice[50_000] += 1.0
    assert [abs(start - 50_000) <= 1 for start in find(voice)] == [True]
