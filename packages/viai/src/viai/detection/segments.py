"""A stream of samples as overlapping segments, so that memory does not grow with the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

Samples = Float[np.ndarray, "_"]  # of any length
FLAT = 0.3
"""Square waves and zero-order holds consist of runs; with so large a share of equal neighbours nothing is damaged."""


@dataclass(frozen=True)
class Segment:
    """Consecutive samples; a detector reports what begins (or, for runs, ends) between ``begin`` and ``end``."""

    samples: Float32[np.ndarray, "_ channel"]
    offset: int  # of the first sample in the file
    begin: int  # within samples
    end: int
    is_last: bool


def segments(blocks: Iterable[Float32[np.ndarray, "_ channel"]], core: int, margin: int) -> Iterator[Segment]:
    """Cut a stream into cores of ``core`` samples with up to ``margin`` samples on either side."""
    pending: list[Float32[np.ndarray, "_ channel"]] = []
    offset = begin = have = 0
    for block in blocks:
        pending.append(block)
        have += len(block)
        if offset + have < begin + core + margin:
            continue
        buffer = np.concatenate(pending)
        while offset + len(buffer) >= begin + core + margin:
            stop = begin + core + margin - offset
            yield Segment(buffer[:stop], offset, begin - offset, begin - offset + core, is_last=False)
            begin += core
            buffer = buffer[max(0, begin - margin) - offset :]
            offset = max(0, begin - margin)
        pending, have = [buffer], len(buffer)
    if have:
        buffer = np.concatenate(pending)
        yield Segment(buffer, offset, begin - offset, len(buffer), is_last=True)


def millisecond(rate: int) -> int:
    """Samples of a millisecond, one at least."""
    return max(1, round(rate / 1000))


def constant_runs(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Starts and stops of the runs of equal samples, one sample long at least."""
    borders = np.flatnonzero(samples[1:] != samples[:-1]) + 1
    return np.concatenate(([0], borders)), np.concatenate((borders, [len(samples)]))


def quantisation_step(samples: Samples) -> float:
    """The smallest difference of neighbours that are not equal: 2**-15 in a file of 16 bits. Infinite without any."""
    differences = np.abs(np.diff(samples))
    return float(np.min(differences, where=differences > 0, initial=np.inf))


def rms(samples: Samples) -> float:
    """Root of the mean square, 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
