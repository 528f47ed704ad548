"""Gaps as ranges of samples: the one place where seconds become samples and where impossible gaps are refused."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hr_common.errors import InputError


@dataclass(frozen=True, order=True)
class Gap:
    """A lost stretch of a sound: the samples ``[start, stop)`` of the file, the same in all channels."""

    start: int
    """First missing sample."""
    stop: int
    """First sample after the gap."""

    @property
    def length(self) -> int:
        """Missing samples."""
        return self.stop - self.start

    def seconds(self, rate: int) -> tuple[float, float]:
        """Start and end in seconds at ``rate`` samples a second."""
        return self.start / rate, self.stop / rate

    def length_seconds(self, rate: int) -> float:
        """Length in seconds at ``rate`` samples a second."""
        return self.length / rate


def resolve_gaps(
    spans: Iterable[tuple[float, float]], *, rate: int, frames: int, name: str, merge: bool = False
) -> list[Gap]:
    """Turn spans of seconds into sample ranges of a file, and refuse what cannot be filled.

    Args:
        spans: Start and end in seconds.
        rate: Samples a second of the file.
        frames: Samples of the file, per channel.
        name: The file's name, for messages.
        merge: Unite gaps that overlap, instead of refusing them. Gaps that touch are always united: nothing is known
            between them.

    Returns:
        Gaps in order of time, with at least one known sample between any two. Both ends are rounded to the nearest
        sample.

    Raises:
        InputError: A gap is not finite, negative, empty, reversed, shorter than one sample, (partly) outside the file
            or overlaps another one, or no known sound is left.
    """
    end_of_file = frames / rate
    gaps: list[Gap] = []
    for start, end in spans:
        what = f"--gap {show_seconds(start)}:{show_seconds(end)}"
        check_span(start, end, what)
        gap = Gap(round(start * rate), round(end * rate))
        if gap.start >= frames:
            raise InputError(f"{what} lies outside {name}, which ends at {show_seconds(end_of_file)} s")
        if gap.stop > frames:
            raise InputError(
                f"{what} reaches beyond the end of {name} at {show_seconds(end_of_file)} s; "
                "let it end there at the latest"
            )
        if not gap.length:
            raise InputError(f"{what} is shorter than one sample of {name} ({1000 / rate:.3g} ms)")
        gaps.append(gap)

    united: list[Gap] = []
    for gap in sorted(gaps):
        if united and gap.start < united[-1].stop and not merge:
            first, second = (":".join(show_seconds(time) for time in one.seconds(rate)) for one in (united[-1], gap))
            raise InputError(f"the gaps {first} and {second} of {name} overlap; give them as one gap")
        if united and gap.start <= united[-1].stop:
            united[-1] = Gap(united[-1].start, max(united[-1].stop, gap.stop))
        else:
            united.append(gap)
    if united and united[0].length == frames:
        raise InputError(
            f"the gaps cover the whole of {name} ({show_seconds(end_of_file)} s): no known sound is left to go by"
        )
    return united


def to_rate(gap: Gap, source_rate: int, target_rate: int, *, guard: int = 0, frames: int | None = None) -> Gap:
    """Carry a gap over to another sample rate, rounding outwards.

    Set the gap to zero *before* resampling: only then can nothing of what the file holds inside the gap reach samples
    outside it, whatever the filter of the resampler. The converted samples next to the gap then carry the ripple of
    that edge instead of music; ``guard`` counts them as missing too.

    Args:
        gap: Samples at ``source_rate``.
        source_rate: Samples a second of the file.
        target_rate: Samples a second wanted.
        guard: Further samples at ``target_rate`` to lose on either side.
        frames: Samples of the converted sound; the result is cut to it.

    Returns:
        The smallest range at ``target_rate`` that holds the gap and its guard, not before sample 0.
    """
    start = max(0, gap.start * target_rate // source_rate - guard)
    stop = -(-gap.stop * target_rate // source_rate) + guard
    return Gap(start, stop if frames is None else min(stop, frames))


def check_span(start: float, end: float, what: str) -> None:
    """Refuse a span of seconds that is not finite, begins before the file, or does not end after it starts.

    Raises:
        InputError: It is so; the message begins with ``what``.
    """
    if not (math.isfinite(start) and math.isfinite(end)):
        raise InputError(f"{what}: {start} to {end} is no stretch of time; both ends must be finite numbers of seconds")
    if start < 0:
        raise InputError(
            f"{what}: starts at {start:g} s; times count from the start of the file and cannot be negative"
        )
    if end <= start:
        state = "is empty" if end == start else "is reversed"
        raise InputError(f"{what}: {show_seconds(start)} to {show_seconds(end)} s {state}; it must end after it starts")


def show_seconds(seconds: float) -> str:
    """Write seconds for a message: two digits at least, and as many as it takes down to a microsecond."""
    if not math.isfinite(seconds):
        return str(seconds)
    whole, fraction = f"{seconds:.6f}".split(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"
