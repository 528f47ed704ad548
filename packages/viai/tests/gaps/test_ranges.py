import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.audio import resample
from hr_common.errors import InputError
from viai.gaps import Gap, resolve_gaps, to_rate


def resolve(*spans, merge=False, rate=1000, frames=2100):
    spans = [(float(start), float(end)) for start, end in spans]
    return resolve_gaps(spans, rate=rate, frames=frames, name="song.wav", merge=merge)


def test_seconds_become_samples_in_order_of_time():
    assert resolve((1.0006, 1.2), (0.25, 0.5)) == [Gap(250, 500), Gap(1001, 1200)]
    assert resolve((0, 0.1), (2.0, 2.1)) == [Gap(0, 100), Gap(2000, 2100)]
    assert resolve() == []


def test_a_gap_knows_its_seconds():
    gap = Gap(250, 500)
    assert (gap.length, gap.seconds(1000), gap.length_seconds(500)) == (250, (0.25, 0.5), 0.5)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([(3.0, 3.5)], "--gap 3.00:3.50 lies outside song.wav, which ends at 2.10 s"),
        ([(2.1, 2.2)], "lies outside song.wav"),
        ([(2.0, 2.1006)], r"--gap 2.00:2.1006 reaches beyond the end of song.wav at 2.10 s"),
        ([(1, 2), (1.5, 1.75)], "the gaps 1.00:2.00 and 1.50:1.75 of song.wav overlap"),
        ([(1, 1)], "--gap 1.00:1.00: 1.00 to 1.00 s is empty"),
        ([(1.5, 1)], "is reversed"),
        ([(-0.5, 1)], "--gap -0.50:1.00: starts at -0.5 s; times count from the start"),
        ([(math.nan, 1)], "must be finite"),
        ([(1, math.inf)], "must be finite"),
        ([(1.0001, 1.0002)], r"--gap 1.0001:1.0002 is shorter than one sample of song.wav \(1 ms\)"),
        ([(0, 2.1)], r"cover the whole of song.wav \(2.10 s\): no known sound is left"),
        ([(0, 1), (1, 2.1)], "no known sound is left"),
    ],
)
def test_gaps_that_cannot_be_filled_are_refused(spans, words):
    with pytest.raises(InputError, match=words):
        resolve(*spans)


def test_overlapping_gaps_are_united_on_request_and_touching_ones_always():
    assert resolve((1, 1.5), (1.25, 1.75), (1.3, 1.4), merge=True) == [Gap(1000, 1750)]
    assert resolve((1, 1.5), (1.5, 1.75)) == [Gap(1000, 1750)]


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 100)), min_size=1, max_size=8))
def test_united_gaps_hold_exactly_the_samples_that_were_given(spans):
    gaps = resolve(*((start / 1000, (start + length) / 1000) for start, length in spans), merge=True)
    missing = {sample for start, length in spans for sample in range(start, start + length)}
    assert [sample for gap in gaps for sample in range(gap.start, gap.stop)] == sorted(missing)
    assert all(first.stop < second.start for first, second in pairwise(gaps))


@given(st.integers(0, 10**7), st.integers(1, 10**6), st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000]))
def test_a_gap_at_another_rate_holds_the_whole_gap_and_little_more(start, length, rate):
    gap = to_rate(Gap(start, start + length), rate, 16_000)
    # In integers: start/rate and stop/16000 compared crosswise.
    assert gap.start * rate <= start * 16_000 < (gap.start + 1) * rate
    assert (gap.stop - 1) * rate < (start + length) * 16_000 <= gap.stop * rate


def test_the_guard_widens_but_never_leaves_the_sound():
    assert to_rate(Gap(441, 882), 44_100, 16_000, guard=16) == Gap(144, 336)
    assert to_rate(Gap(0, 882), 44_100, 16_000, guard=16, frames=330) == Gap(0, 330)


def test_a_gap_zeroed_before_resampling_leaves_no_trace_of_what_it_held():
    generator = np.random.default_rng(0)
    gap = Gap(9_000, 12_000)
    sounds = []
    for content in (0.0, generator.standard_normal(gap.length)):
        sound = np.sin(np.arange(44_100) * 0.05)
        sound[gap.start : gap.stop] = content
        sound[gap.start : gap.stop] = 0
        sounds.append(resample(sound, 44_100, 16_000))
    np.testing.assert_array_equal(*sounds)
