"""Times and gaps as people type them."""

import re

from hr_common.errors import InputError

_SECONDS = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)s?")
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2}(?:\.\d*)?)")
_FORMS = "write start:end or start+length in seconds (1.2:1.6, 1.2+0.4), or clock times with - or + (0:01:02.5-0:01:03)"


def parse_time(text: str) -> float:
    """Read a time: plain seconds (``62.5``, ``62.5s``) or a clock time (``1:02.5``, ``0:01:02.500``).

    Returns:
        Seconds, at least 0.

    Raises:
        InputError: It is neither, or minutes or seconds of a clock time reach 60.
    """
    cleaned = text.strip()
    if _SECONDS.fullmatch(cleaned):
        return float(cleaned.removesuffix("s"))
    clock = _CLOCK.fullmatch(cleaned)
    if clock is None:
        raise InputError(f"'{text}' is no time; write seconds (62.5) or a clock time (1:02.5, 0:01:02.500)")
    hours, minutes, seconds = int(clock["hours"] or 0), int(clock["minutes"]), float(clock["seconds"])
    if seconds >= 60 or (clock["hours"] and minutes >= 60):
        raise InputError(f"'{text}' is no clock time: minutes and seconds end at 59")
    return hours * 3600 + minutes * 60 + seconds


def parse_gap(text: str) -> tuple[float, float]:
    """Read a gap as people type it.

    ====================  ==================================================  ============================
    form                  times may be                                        example
    ====================  ==================================================  ============================
    ``START-END``         seconds or clock times                              ``1.2-1.6``, ``1:02.5-1:03``
    ``START+LENGTH``      seconds or clock times                              ``1.2+0.4``, ``0:01:02+0.4``
    ``START:END``         seconds only, since clock times hold colons too     ``1.2:1.6``
    ====================  ==================================================  ============================

    Two plain numbers around one colon are seconds. What also looks like a clock time, such as ``1:05`` with its
    leading zero, or holds more colons without ``-`` or ``+``, such as ``0:01:02``, is refused rather than guessed.

    Returns:
        Start and end in seconds, with 0 <= start < end.

    Raises:
        InputError: The form is none of these, is ambiguous, or the gap is empty or reversed.
    """
    cleaned = re.sub(r"[\u2012-\u2014\u2212]", "-", "".join(text.split()))
    if cleaned.startswith("-") or re.search(r"[:+-]-", cleaned):
        raise InputError(f"gap '{text}' holds a negative time; times count from the start of the file")
    separators = re.findall(r"[+-]", cleaned)
    if len(separators) == 1:
        first, second = re.split(r"[+-]", cleaned)
    elif not separators and cleaned.count(":") == 1:
        first, second = cleaned.split(":")
        if _CLOCK.fullmatch(cleaned) and any(re.match(r"0\d", part) for part in (first, second)):
            raise InputError(
                f"gap '{text}' is ambiguous: from {first} s to {second} s, or the clock time {cleaned}? "
                f"Write {float(first):g}-{float(second):g} for seconds, or both clock times as {cleaned}-END"
            )
    elif not separators and cleaned.count(":") > 1:
        raise InputError(
            f"gap '{text}' is ambiguous: colons belong to clock times here; put - or + between the two times"
        )
    else:
        raise InputError(f"'{text}' is no gap; {_FORMS}")
    try:
        start, other = parse_time(first), parse_time(second)
    except InputError as error:
        raise InputError(
            f"'{text}' is no gap: {error}" if first and second else f"'{text}' is no gap; {_FORMS}"
        ) from None
    end = start + other if separators == ["+"] else other
    if end <= start:
        hint = "; clock times need - between them" if not separators else ""
        raise InputError(
            f"gap '{text}' is {'empty' if end == start else 'reversed'}: it must end after it starts{hint}"
        )
    return start, end
