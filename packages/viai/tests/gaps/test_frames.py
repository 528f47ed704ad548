import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viai.gaps import Gap, frame_mask, frame_to_samples, unknown_frames


def touched_frames(start, stop, frames, window, hop):
    return [k for k in range(frames) if any(start <= n < stop for n in range(hop * k, hop * k + window))]


def test_unknown_frames_of_the_usual_gap():
    # Frame 96 ends where the gap begins: 320 * 96 + 1280 = 32000. Frame 139 begins 320 samples before its end.
    assert unknown_frames(32_000, 44_800, frames=200) == range(97, 140)


@pytest.mark.parametrize("length", [1, 319, 320, 321, 1280, 1281])
def test_unknown_frames_equal_brute_force_at_every_residue(length):
    for start in range(5 * 320, 6 * 320):
        overlaps = [k for k in range(20) if 320 * k < start + length and start < 320 * k + 1280]
        assert list(unknown_frames(start, start + length, frames=20)) == overlaps


@given(st.integers(-50, 400), st.integers(0, 100), st.integers(0, 20), st.integers(1, 40), st.integers(1, 20))
def test_unknown_frames_equal_brute_force_for_any_window(start, length, frames, window, hop):
    found = unknown_frames(start, start + length, frames=frames, window=window, hop=hop)
    assert list(found) == touched_frames(start, start + length, frames, window, hop)


@given(st.lists(st.tuples(st.integers(-2000, 9000), st.integers(1, 2000)), max_size=4))
def test_the_mask_marks_the_frames_whose_samples_are_missing(spans):
    gaps = [Gap(start, start + length) for start, length in spans]
    missing = np.zeros(30 * 320 + 1280, dtype=bool)
    for gap in gaps:
        missing[max(0, gap.start) : max(0, gap.stop)] = True
    expected = [missing[slice(*frame_to_samples(k))].any() for k in range(30)]
    np.testing.assert_array_equal(frame_mask(gaps, 30), expected)


def test_a_frame_is_left_aligned():
    assert frame_to_samples(0) == (0, 1280)
    assert frame_to_samples(100) == (32_000, 33_280)
    assert frame_to_samples(3, window=8, hop=2) == (6, 14)
