from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viai.gaps import Gap, plan_windows, split_long, window_around


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(20, 48_000), st.floats(0.6, 3))
def test_pieces_make_up_the_gap_and_are_short_enough(start, length, rate, longest):
    gap = Gap(start, start + length)
    pieces = split_long(gap, rate, longest)
    ordered = sorted(pieces)
    assert [ordered[0].start, ordered[-1].stop] == [gap.start, gap.stop]
    assert all(first.stop == second.start for first, second in pairwise(ordered))
    assert max(piece.length for piece in pieces) <= longest * rate
    assert max(piece.length for piece in pieces) - min(piece.length for piece in pieces) <= 1
    known = {gap.start, gap.stop}  # every piece begins or ends where something is known by then
    for piece in pieces:
        assert known & {piece.start, piece.stop}
        known |= {piece.start, piece.stop}


def test_pieces_come_from_both_ends_inwards_or_from_the_only_known_side():
    gap = Gap(0, 45)
    a, b, c, d, e = (Gap(9 * index, 9 * index + 9) for index in range(5))
    assert split_long(gap, 10) == [a, e, b, d, c]
    assert split_long(gap, 10, sides="left") == [a, b, c, d, e]
    assert split_long(gap, 10, sides="right") == [e, d, c, b, a]
    assert split_long(Gap(3, 13), 10) == [Gap(3, 13)]
    with pytest.raises(ValueError, match="shorter than a sample"):
        split_long(gap, 10, 0.05)


def test_a_gap_lies_in_the_middle_of_its_window():
    gap = Gap(500, 540)
    (window,) = plan_windows([gap], rate=100, frames=1000)
    assert (window.start, window.stop, window.length) == (320, 720, 400)
    assert window.gaps == window.targets == (gap,)


@pytest.mark.parametrize(("gap", "start", "stop"), [(Gap(0, 40), 0, 400), (Gap(950, 1000), 600, 1000)])
def test_near_the_ends_the_window_stays_inside_the_file(gap, start, stop):
    (window,) = plan_windows([gap], rate=100, frames=1000)
    assert (window.start, window.stop) == (start, stop)


def test_a_short_file_is_one_window():
    (window,) = plan_windows([Gap(10, 20)], rate=100, frames=150)
    assert (window.start, window.stop) == (0, 150)


def test_near_gaps_share_a_window_and_far_ones_do_not():
    near, next_to_it, far = Gap(400, 420), Gap(500, 540), Gap(700, 720)
    first, second = plan_windows([far, near, next_to_it], rate=100, frames=2000)
    assert first.targets == (near, next_to_it)
    assert (first.start, first.stop) == (270, 670)
    assert second.targets == (far,)
    # The second window is [510, 910): of the gap [500, 540) it masks the part that it sees.
    assert second.gaps == (Gap(510, 540), far)


def test_a_window_can_fill_one_piece_while_the_rest_is_unknown():
    window = window_around([Gap(100, 150)], [Gap(100, 300)], rate=100, frames=1000)
    assert window.targets == (Gap(100, 150),)
    assert window.gaps == (Gap(100, 300),)


def test_a_gap_longer_than_the_window_is_refused():
    with pytest.raises(ValueError, match="split them first"):
        plan_windows([Gap(0, 500)], rate=100, frames=1000)


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 100)), min_size=1, max_size=10), st.integers(1, 500))
def test_every_gap_is_the_target_of_one_window_that_masks_all_it_sees(steps, rest):
    gaps, position = [], 0
    for known, missing in steps:
        gaps.append(Gap(position + known, position + known + missing))
        position += known + missing
    windows = plan_windows(gaps, rate=100, frames=position + rest)
    assert [gap for window in windows for gap in window.targets] == gaps
    for window in windows:
        assert 0 <= window.start <= window.targets[0].start
        assert window.targets[-1].stop <= window.stop <= position + rest
        masked = {sample for gap in window.gaps for sample in range(gap.start, gap.stop)}
        missing_here = {n for gap in gaps for n in range(gap.start, gap.stop) if window.start <= n < window.stop}
        assert masked == missing_here
