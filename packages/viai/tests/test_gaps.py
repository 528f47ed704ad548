import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.audio import resample
from hr_common.errors import InputError
from viai.gaps import (
    Gap,
    frame_mask,
    frame_to_samples,
    parse_gap,
    parse_time,
    plan_windows,
    read_gaps,
    resolve_gaps,
    split_long,
    to_rate,
    unknown_frames,
    window_around,
    write_labels,
)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1.2:1.6", 1.2, 1.6),
        ("1.2-1.6", 1.2, 1.6),
        ("1.2+0.4", 1.2, 1.6),
        (" 1.2 s - 1.6 s ", 1.2, 1.6),
        ("0:30", 0, 30),  # a clock time would leave the end open, and it has no leading zero
        (".5-1.", 0.5, 1.0),
        ("1:02.5-1:03", 62.5, 63),
        ("0:01:02.5-0:01:03", 62.5, 63),
        ("00:01:02.500+0.4", 62.5, 62.9),
        ("1:00:00-3600.25", 3600, 3600.25),
        ("1.2–1.6", 1.2, 1.6),  # the dash that word processors make of a hyphen
    ],
)
def test_a_gap_is_read_in_every_form(text, start, end):
    assert parse_gap(text) == pytest.approx((start, end), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1:05", "ambiguous: from 1 s to 05 s, or the clock time 1:05"),
        ("01:30.5", "ambiguous"),
        ("0:01:02", "ambiguous: colons belong to clock times"),
        ("1:02.5:1:03", "put - or \\+ between"),
        ("-1-2", "negative"),
        ("1:-2", "negative"),
        ("1.6:1.2", "reversed"),
        ("1.6-1.6", "empty"),
        ("1.6+0", "empty"),
        ("1:75-1:80", "minutes and seconds end at 59"),
        ("0:61:00-0:62:00", "minutes and seconds end at 59"),
        ("abc", "write start:end or start\\+length"),
        ("", "write start:end"),
        ("1.2", "write start:end"),
        ("1.2-", "write start:end"),
        ("1-2-3", "write start:end"),
        ("nan:1", "'nan' is no time"),
        ("1,2:1,6", "'1,2' is no time"),
    ],
)
def test_what_is_no_gap_is_refused_with_the_reason(text, words):
    with pytest.raises(InputError, match=words):
        parse_gap(text)


@given(st.integers(0, 359_999_999), st.integers(1, 999_999))
def test_clock_times_and_seconds_say_the_same(start_ms, length_ms):
    def clock(milliseconds):
        seconds, rest = divmod(milliseconds, 1000)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"

    end_ms = start_ms + length_ms
    assert parse_gap(f"{clock(start_ms)}-{clock(end_ms)}") == pytest.approx((start_ms / 1000, end_ms / 1000))
    assert parse_gap(f"{start_ms / 1000:.3f}-{end_ms / 1000:.3f}") == pytest.approx((start_ms / 1000, end_ms / 1000))


def test_a_time_that_is_none_is_refused():
    with pytest.raises(InputError, match="'soon' is no time"):
        parse_time("soon")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.json", "[[1.5, 2], [3, 3.25]]"),
        ("objects.json", '[{"start": 1.5, "end": 2.0, "kind": "silence"}, {"start": 3, "duration": 0.25}]'),
        ("object.json", '{"gaps": [{"start": 1.5, "stop": 2.0}, {"start": "0:00:03", "end": 3.25}]}'),
        ("sniffed.txt", "\n[[1.5, 2], [3, 3.25]]"),
        ("plain.csv", "1.5,2\n\n3,3.25\n"),
        ("header.csv", "# mine\nstart,end\n1.5,2\n3,3.25\n"),
        ("duration.csv", "label;Start;Duration\na;1,5;0,5\nb;3;0,25\n"),
        ("both.csv", "start,duration,end\n1.5,9,2\n3,9,3.25\n"),
        ("german.csv", "1,5;2,0\n3;3,25\n"),
        ("clock.tsv", "start\tstop\n0:01.5\t0:02\n0:00:03\t3.25\n"),
        ("labels.txt", "1.500000\t2.000000\tdropout\n\\\t100.0\t2000.0\n3.000000\t3.250000\t\n"),
        ("windows.csv", "start,end\r\n1.5,2\r\n3,3.25\r\n"),
        ("bom.csv", "\ufeffstart,end\n1.5,2\n3,3.25\n"),
    ],
)
def test_a_list_of_gaps_is_read_in_every_format(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_gaps(path) == [(1.5, 2.0), (3.0, 3.25)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "start,end\n1,2\n3,x\n", "a.csv, line 3: 'x' is no time"),
        ("a.csv", "1,2\n3\n", r"a.csv, line 2: '3' has 1 column\(s\)"),
        ("a.csv", "1 2\n", "a.csv, line 1: '1 2' has one column"),
        ("a.csv", "from,till\n1,2\n", "a.csv, line 1: the header names"),
        ("a.csv", "1,2\n3,2.5\n", "a.csv, line 2: 3.00 to 2.50 s is reversed"),
        ("a.csv", "1,2\n-3,2.5\n", "a.csv, line 2: starts at -3 s"),
        ("a.csv", "1,2\n3,nan\n", "a.csv, line 2: 3.0 to nan is no stretch of time"),
        ("a.txt", "1.0\t1.0\tpoint\n", "a.txt, line 1: 1.00 to 1.00 s is empty"),
        ("a.csv", "\n# nothing\n", "a.csv holds no gaps"),
        ("a.json", "[]", "a.json holds no gaps"),
        ("a.json", '{"holes": [[1, 2]]}', "a.json holds no list of gaps"),
        ("a.json", "[[1, 2], [1, 2, 3]]", "a.json, item 2: .* is no gap"),
        ("a.json", '[{"start": 1}]', r"a.json, item 1: found \['start'\]; expected start and end"),
        ("a.json", "[[1, true]]", "a.json, item 1: True is no time"),
        ("a.json", "[[1, 2],\n[3, 4]", "a.json, line 2"),
    ],
)
def test_a_bad_list_is_refused_with_file_and_place(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_gaps(path)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_gaps(tmp_path / "none.csv")


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**6)), min_size=1),
    st.sampled_from([8_000, 44_100, 192_000]),
)
def test_labels_come_back_as_the_same_samples(tmp_path_factory, spans, rate):
    gaps = [Gap(start, start + length) for start, length in spans]
    path = tmp_path_factory.mktemp("labels") / "gaps.txt"
    write_labels(path, gaps, rate, ["two\twords"] * len(gaps))
    assert [Gap(round(start * rate), round(end * rate)) for start, end in read_gaps(path)] == gaps


def test_labels_are_what_audacity_imports(tmp_path):
    write_labels(tmp_path / "gaps.txt", [Gap(0, 4), Gap(8, 12)], 8)
    assert (tmp_path / "gaps.txt").read_text() == "0.000000\t0.500000\tgap 1\n1.000000\t1.500000\tgap 2\n"
    with pytest.raises(ValueError, match="argument"):
        write_labels(tmp_path / "gaps.txt", [Gap(0, 4)], 8, [])


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
