"""What it looks like: spectrograms before and after, and training curves."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path, read_lines

DYNAMIC_RANGE_DB = 80.0
"""Decibels below the loudest spot that a spectrogram shows."""


def spectrogram_power(samples: Float[np.ndarray, "time"], rate: int) -> Float[np.ndarray, "bin frame"]:
    """Power spectrogram of a sound; 40 ms window, 5 ms hop, bins from 0 to half the rate."""
    window = max(16, round(0.04 * rate))
    hop = max(1, round(0.005 * rate))
    transform = ShortTimeFFT(hann(window, sym=False), hop=hop, fs=rate)
    # A sound shorter than half a window cannot be analysed alone.
    padded = np.pad(samples.astype(np.float64), (0, max(0, window - len(samples))))
    # Only frames centred within the sound, so that the picture begins and ends with it.
    power: np.ndarray = transform.spectrogram(padded, p0=0, p1=-(-len(samples) // hop))
    return power


def spectrogram_db(samples: Float[np.ndarray, "time"], rate: int) -> Float[np.ndarray, "bin frame"]:
    """Power spectrogram in dB below its maximum, at least ``-DYNAMIC_RANGE_DB``; 40 ms window, 5 ms hop.

    Silence is ``-DYNAMIC_RANGE_DB`` everywhere.
    """
    level = 10 * np.log10(np.maximum(spectrogram_power(samples, rate), 1e-20))
    clipped: np.ndarray = np.maximum(level - level.max(initial=DYNAMIC_RANGE_DB - 200), -DYNAMIC_RANGE_DB)
    return clipped


def plot_repair(
    path: Path,
    before: Float[np.ndarray, "time"],
    after: Float[np.ndarray, "time"],
    rate: int,
    *,
    start_seconds: float,
    gaps: Sequence[tuple[float, float]],
    reference: Float[np.ndarray, "time"] | None = None,
    title: str = "",
) -> None:
    """Draw the sound with its gap, the repaired sound and, if known, the intact one, below each other.

    Args:
        path: PNG to write.
        before: Mono samples with the gap silenced.
        after: Mono samples with the gap filled.
        rate: Samples a second.
        start_seconds: Where the stretch begins in the file.
        gaps: Start and end of each gap in seconds of the file.
        reference: The intact sound, where there is one.
        title: Line above the picture.
    """
    rows = [("with the gap", before), ("filled", after)]
    if reference is not None:
        rows.append(("original", reference))
    figure = Figure(figsize=(10, 1.0 + 2.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    end_seconds = start_seconds + len(before) / rate
    top = min(rate / 2, 12_000)
    pictures = [
        axis.imshow(
            spectrogram_db(samples, rate),
            origin="lower",
            aspect="auto",
            extent=(start_seconds, end_seconds, 0, rate / 2000),
            cmap="magma",
            vmin=-DYNAMIC_RANGE_DB,
            vmax=0,
        )
        for axis, (_, samples) in zip(axes, rows, strict=True)
    ]
    for axis, (name, _) in zip(axes, rows, strict=True):
        axis.set_ylim(0, top / 1000)
        axis.set_ylabel(f"{name}\nkHz")
        for start, stop in gaps:
            for edge in (start, stop):
                axis.axvline(edge, color="white", linewidth=0.8, linestyle="--")
    axes[-1].set_xlabel("seconds")
    if title:
        axes[0].set_title(title)
    figure.colorbar(pictures[0], ax=axes, label="dB below the loudest", shrink=0.6)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def plot_training(log: Path, path: Path) -> None:
    """Draw every figure of a training log against the step.

    Args:
        log: The ``.log.jsonl`` of a run.
        path: PNG to write.

    Raises:
        InputError: If the log is missing, empty, or no log.
    """
    with refusing(f"{log} is no training log (give the .log.jsonl that training wrote): it"):
        records = [json.loads(line) for line in read_lines(log) if line.strip()]
        if not records:
            raise InputError(f"{log} holds no steps yet")
        names = [name for name in records[-1] if name not in {"step", "seconds_per_step"}]
        curves = {
            name: [(float(each["step"]), float(each[name])) for each in records if name in each] for name in names
        }
    if not names:
        raise InputError(f"{log} holds no figures beside its steps")
    figure = Figure(figsize=(9, 2.2 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, names, strict=True):
        axis.plot(*zip(*curves[name], strict=True), linewidth=1)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("step")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
