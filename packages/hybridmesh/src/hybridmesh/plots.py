"""Pictures of trainings: curves of losses, and the grid of the study."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from hr_common.errors import InputError
from hr_common.files import atomic_path, read_lines
from hybridmesh.ablation import MEAN, TITLES, Row, grid
from hybridmesh.config import INPUTS, SUPERVISIONS

_COLOURS = ("#1b4f72", "#2e86c1", "#5dade2", "#e59866", "#a93226")  # with 3D in the wild: blues
_DPI = 130


def plot_losses(log: Path, out: Path) -> None:
    """Draw the losses of a run, those of the studio and of the wild apart.

    Args:
        log: ``metrics.jsonl`` of a run.
        out: PNG.

    Raises:
        InputError: The log is damaged or empty.
    """
    try:
        records = [json.loads(line) for line in read_lines(log)]
    except json.JSONDecodeError as error:
        raise InputError(f"{log} is no log of a training: {error.msg}") from None
    if not records:
        raise InputError(f"{log} is empty; no epoch is done yet")
    names = sorted({name for record in records for name in record if name.endswith(("_studio", "_wild"))})
    losses = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    figure = Figure(figsize=(3.2 * len(losses), 2.8), layout="constrained")
    for axis, loss in zip(figure.subplots(1, len(losses), squeeze=False)[0], losses, strict=True):
        for domain, colour in (("studio", "#7f8c8d"), ("wild", "#a93226")):
            points = [(each["epoch"], each[f"{loss}_{domain}"]) for each in records if f"{loss}_{domain}" in each]
            if points:
                axis.plot(*zip(*points, strict=True), color=colour, label=domain, marker="." if len(points) < 3 else "")
        axis.set_title(loss)
        axis.set_xlabel("epoch")
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False)
    _save(figure, out)


def plot_grid(rows: Sequence[Row], out: Path) -> None:
    """Draw the grid of the study: PVE and PVE-T of each input by annotations, the mean body as a line, seeds as dots.

    Args:
        rows: From :class:`hybridmesh.ablation.Study`.
        out: PNG.
    """
    cells = grid(rows)
    kinds = [kind for kind in INPUTS if any((kind, each) in cells for each in SUPERVISIONS)]
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    width = 0.8 / len(SUPERVISIONS)
    for axis, name, title in zip(figure.subplots(2, 1), ("pve", "pve_t"), ("PVE (mm)", "PVE-T (mm)"), strict=True):
        for column, (supervision, colour) in enumerate(zip(SUPERVISIONS, _COLOURS, strict=True)):
            for place, kind in enumerate(kinds):
                values = [getattr(row, name) for row in cells.get((kind, supervision), [])]
                if not values:
                    continue
                at = place + (column - (len(SUPERVISIONS) - 1) / 2) * width
                label = TITLES[supervision] if place == 0 else None
                axis.bar(at, mean(values), 0.92 * width, color=colour, label=label)
                axis.plot([at] * len(values), values, "k.", markersize=3)
        for base in cells.get((MEAN, ""), []):
            axis.axhline(getattr(base, name), color="black", linewidth=1, linestyle="--", label="mean body, untrained")
        axis.set_ylabel(title)
        axis.set_xticks(range(len(kinds)), kinds)
        axis.set_xlim(-0.5, len(kinds) - 0.5)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    _save(figure, out)


def _save(figure: Figure, out: Path) -> None:
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=_DPI)
