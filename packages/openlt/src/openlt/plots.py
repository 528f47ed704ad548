"""What it looks like: frequencies, accuracy against them, and how the unknown is told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hr_common.files import atomic_path
from openlt.metrics.bands import BANDS, BandRule, band_of
from openlt.metrics.figures import SweepPoint
from openlt.metrics.open_set import Curve

_COLOURS = ("tab:blue", "tab:orange", "tab:red")  # many, medium, few
_SIZE = (6.4, 3.8)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def plot_frequency(path: Path, counts: Int64[np.ndarray, "class"]) -> None:
    """Write the picture of :func:`frequency`."""
    save(frequency(counts), path)


def frequency(counts: Int64[np.ndarray, "class"], rule: BandRule = "paper") -> Figure:
    """Training pictures of each class, the most frequent first, coloured by band."""
    figure, axes = _empty("class, most frequent first", "training pictures")
    ordered = np.sort(counts)[::-1]
    bands = band_of(ordered, rule)
    for band, colour in enumerate(_COLOURS):
        ranks = np.flatnonzero(bands == band)
        axes.bar(
            ranks,
            ordered[ranks],
            width=1.0,
            color=colour,
            label=f"{BANDS[band]}: {len(ranks)} class{'' if len(ranks) == 1 else 'es'}",
        )
    axes.set_yscale("log")
    axes.legend()
    return figure


def accuracy_by_count(
    counts: Int64[np.ndarray, "class"], accuracy: Float[np.ndarray, "class"], rule: BandRule = "paper"
) -> Figure:
    """Accuracy of each class against its training count, with the mean of each band; NaN is left out."""
    figure, axes = _empty("training pictures", "accuracy of the class, %")
    bands = band_of(counts, rule)
    for band, colour in enumerate(_COLOURS):
        mine = (bands == band) & ~np.isnan(accuracy)
        if mine.any():
            axes.plot(counts[mine], 100 * accuracy[mine], ".", color=colour, alpha=0.6, label=BANDS[band])
            ends = [counts[mine].min(), counts[mine].max()]
            axes.plot(ends, [100 * accuracy[mine].mean()] * 2, color=colour, linewidth=2)
    axes.set_xscale("log")
    axes.set_ylim(-3, 103)
    axes.legend()
    return figure


def bars_by_band(runs: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """Accuracy overall and in each band, one bar for each run; what was not measured has no bar."""
    figure, axes = _empty("", "accuracy, %")
    names = ("overall", *BANDS)
    width = 0.8 / max(1, len(runs))
    for number, (run, values) in enumerate(runs.items()):
        places = np.arange(len(names)) + width * (number - (len(runs) - 1) / 2)
        shares = [values.get(name) for name in names]
        bars = axes.bar(places, [100 * (share or 0.0) for share in shares], width * 0.95, label=run)
        axes.bar_label(bars, ["n/a" if share is None else f"{100 * share:.1f}" for share in shares], fontsize=7)
    axes.set_xticks(np.arange(len(names)), names)
    axes.margins(y=0.12)
    axes.legend(fontsize=8)
    return figure


def rates(curves: Mapping[str, Curve], true_rate: str) -> Figure:
    """Curves of rates against the share of unknown pictures accepted: ROC or OSCR."""
    figure, axes = _empty("unknown pictures accepted, %", true_rate)
    for name, curve in curves.items():
        area = float(np.trapezoid(curve.true_rate, curve.false_rate))
        axes.plot(100 * curve.false_rate, 100 * curve.true_rate, label=f"{name}: area {area:.3f}")
    axes.plot([0, 100], [0, 100], color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 101)
    axes.legend(fontsize=8)
    return figure


def sweep(points: Sequence[SweepPoint]) -> Figure:
    """F under both formulas, and accuracy, over the threshold on the probability."""
    figure, axes = _empty("threshold on the probability", "")
    thresholds = [point.threshold for point in points]
    lines: Mapping[str, list[float | None]] = {
        "F (oltr2020)": [point.f_oltr2020 for point in points],
        "F (legacy)": [point.f_legacy for point in points],
        "accuracy of known pictures": [point.overall for point in points],
    }
    for name, values in lines.items():
        if None not in values:
            axes.plot(thresholds, [value or 0.0 for value in values], marker="o", markersize=3, label=name)
    axes.set_ylim(0, 1.02)
    axes.legend()
    return figure


def histograms(groups: Mapping[str, Float[np.ndarray, " _"]], label: str) -> Figure:
    """Distributions of a value over groups of pictures, each as a share of its group."""
    figure, axes = _empty(label, "share of the pictures, %")
    finite = {name: values[np.isfinite(values)] for name, values in groups.items()}
    whole = np.concatenate(list(finite.values())) if finite else np.zeros(0)
    if len(whole):
        # A few far values must not squeeze all others into one bar.
        low, high = np.quantile(whole, [0.002, 0.998])
        edges = np.linspace(low, high if high > low else low + 1, 41)
        for name, values in finite.items():
            if len(values):
                weights = np.full(len(values), 100 / len(values))
                inside = np.clip(values, edges[0], edges[-1])
                axes.hist(
                    inside,
                    edges.tolist(),
                    weights=weights,
                    histtype="step",
                    linewidth=1.5,
                    label=f"{name} ({len(values)})",
                )
        axes.legend()
    return figure


def _empty(horizontal: str, vertical: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes
