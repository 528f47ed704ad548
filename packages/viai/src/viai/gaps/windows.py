"""How gaps are laid into the windows that are analysed and filled in one go."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from viai.gaps.ranges import Gap


@dataclass(frozen=True)
class Window:
    """A stretch of the file that is analysed and filled in one go. All numbers are samples of the file."""

    start: int
    """First sample of the window."""
    stop: int
    """First sample after the window."""
    gaps: tuple[Gap, ...]
    """All that is unknown in the window, cut to its borders: mask all of it."""
    targets: tuple[Gap, ...]
    """The gaps that are to be filled from this window; every gap is the target of exactly one."""

    @property
    def length(self) -> int:
        """Samples in the window."""
        return self.stop - self.start


def split_long(
    gap: Gap, rate: int, longest_seconds: float = 1.0, *, sides: Literal["both", "left", "right"] = "both"
) -> list[Gap]:
    """Cut a gap into pieces of nearly equal length, in the order in which to fill them.

    Args:
        gap: Samples at ``rate``.
        rate: Samples a second.
        longest_seconds: A piece is no longer than this.
        sides: Where there is known sound to start from. From both sides the order is inwards: first, last, second,
            last but one, …

    Returns:
        Pieces that make up the gap; the gap itself if it is short enough.

    Raises:
        ValueError: A piece would be shorter than one sample.
    """
    longest = int(longest_seconds * rate)
    if longest < 1:
        raise ValueError(f"pieces of {longest_seconds} s are shorter than a sample at {rate} Hz")
    count = -(-gap.length // longest)
    borders = [gap.start + gap.length * index // count for index in range(count + 1)]
    pieces = [Gap(*pair) for pair in pairwise(borders)]
    if sides == "left":
        return pieces
    backwards = pieces[::-1]
    if sides == "right":
        return backwards
    return [piece for pair in zip(pieces, backwards, strict=True) for piece in pair][:count]


def window_around(
    targets: Sequence[Gap], unknown: Iterable[Gap], *, rate: int, frames: int, window_seconds: float = 4.0
) -> Window:
    """Lay a window round gaps: they are in its middle, unless the file's end is near, and it stays inside the file.

    Args:
        targets: Gaps to fill from this window, in order of time.
        unknown: All that is missing in the file, the targets included.
        rate: Samples a second.
        frames: Samples of the file.
        window_seconds: Length of the window; a shorter file is taken whole.

    Raises:
        ValueError: The targets do not fit into the window.
    """
    length = min(frames, round(window_seconds * rate))
    first, last = targets[0].start, max(gap.stop for gap in targets)
    if last - first > length:
        raise ValueError(
            f"gaps of {(last - first) / rate:.2f} s do not fit into a window of {length / rate:.2f} s; split them first"
        )
    start = min(max(0, (first + last - length) // 2), frames - length)
    stop = start + length
    inside = (Gap(max(gap.start, start), min(gap.stop, stop)) for gap in sorted(unknown))
    return Window(start, stop, tuple(gap for gap in inside if gap.length > 0), tuple(targets))


def plan_windows(gaps: Iterable[Gap], *, rate: int, frames: int, window_seconds: float = 4.0) -> list[Window]:
    """Lay windows over a file so that every gap is filled once, with as much context as there is.

    Gaps share a window while all of them fit into its middle half, so that a quarter of it remains on either side;
    whatever other gap reaches into a window is masked there.

    Args:
        gaps: All that is missing, apart from each other, none longer than the window.
        rate: Samples a second.
        frames: Samples of the file.
        window_seconds: Length of a window.

    Returns:
        Windows in order of time; none without gaps.

    Raises:
        ValueError: A gap is longer than the window; see :func:`split_long`.
    """
    ordered = sorted(gaps)
    groups: list[list[Gap]] = []
    for gap in ordered:
        if groups and gap.stop - groups[-1][0].start <= window_seconds * rate / 2:
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return [window_around(group, ordered, rate=rate, frames=frames, window_seconds=window_seconds) for group in groups]
