import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.gaps import parse_gap, parse_time


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
