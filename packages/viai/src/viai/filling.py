"""Fill the gaps of a sound, window by window."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from hr_common import device as devices
from viai.candidates import generators
from viai.gaps import Gap
from viai.planning import Choices, lay_windows, refuse_long
from viai.report import GapReport
from viai.synchrony import Placement
from viai.window_painting import Networks
from viai.window_repair import WindowRepair

Reader = Callable[[int, int], Float[np.ndarray, "time channel"]]
"""Gives the samples from a first one up to another, in double precision."""
Patch = tuple[int, Float[np.ndarray, "_ channel"]]
"""First sample in the file, and samples."""


@dataclass(frozen=True, eq=False)
class Fillings:
    """What became of the gaps, in order of time."""

    patches: tuple[Patch, ...]
    """The fillings that were chosen."""
    candidates: tuple[tuple[Float[np.ndarray, "_ channel"], ...], ...]
    """All fillings of every gap, by their numbers."""
    reports: tuple[GapReport, ...]
    refused: tuple[str, ...]
    """Gaps that were left, and why."""


def fill_gaps(
    networks: Networks,
    read: Reader,
    rate: int,
    frames: int,
    gaps: Sequence[Gap],
    choices: Choices,
    *,
    placement: Placement | None,
    intact: Reader | None = None,
) -> Fillings:
    """Fill every gap from the window around it.

    Args:
        networks: What fills the longer gaps.
        read: Gives the sound, zero in its gaps.
        rate: In Hz.
        frames: Samples of the sound.
        gaps: All that is missing, in order of time.
        choices: What the user wants.
        placement: The video on the time line of the sound, if there is one.
        intact: Gives the undamaged sound that the fillings are to be compared with, if there is one.
    """
    wanted, refused = refuse_long(gaps, choices, rate)
    patches: list[Patch] = []
    candidates: list[tuple[Float[np.ndarray, "_ channel"], ...]] = []
    reports: list[GapReport] = []
    # One thread, in torch and in NumPy: sums in another order would give other bytes on another machine setting.
    with (
        devices.threads(1),
        threadpool_limits(1),
        torch.inference_mode(),
        tqdm(total=len(wanted), desc="fill", disable=None) as bar,
    ):
        for window in lay_windows(wanted, gaps, rate, frames):
            work = WindowRepair(
                networks,
                read(window.start, window.stop),
                window,
                rate,
                placement=placement,
                method=choices.method,
                vocoder=choices.vocoder,
            )
            filled = []
            for gap in window.targets:
                began = time.monotonic()
                repair = work.fill(gap, generators(choices.seed, gap.start, choices.candidates))
                patches.append((gap.start, repair.samples))
                candidates.append(repair.candidates)
                filled.append(replace(repair.report, seconds=time.monotonic() - began))
                bar.update()
            if intact is not None:
                truth = intact(window.start, window.stop)
                filled = [
                    replace(report, reference=work.compare(gap, truth))
                    for gap, report in zip(window.targets, filled, strict=True)
                ]
            reports += filled
    return Fillings(tuple(patches), tuple(candidates), tuple(reports), refused)
