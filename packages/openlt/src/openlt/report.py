"""One page for one or more runs: figures and pictures in a single HTML file that needs no network."""

from __future__ import annotations

import base64
import csv
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64
from matplotlib.figure import Figure
from safetensors import SafetensorError, safe_open

from hr_common.errors import InputError
from hr_common.files import atomic_path, read_arrays, read_json, read_lines
from openlt import plots
from openlt.metrics.accuracy import per_class_accuracy
from openlt.metrics.bands import BANDS, BandRule, band_of
from openlt.metrics.figures import threshold_sweep
from openlt.metrics.open_set import oscr_curve, roc_curve

_COLUMNS = (
    "overall", "many", "medium", "few", "macro_f1", "f_measure", "closed_rejected", "open_accuracy",
    "auroc", "auroc_many", "auroc_medium", "auroc_few", "aupr_in", "aupr_out", "fpr95", "oscr",
)  # fmt: skip
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
th,td{border-bottom:1px solid #ddd;padding:.25rem .6rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
figure{display:inline-block;margin:.5rem 0}figcaption{font-size:13px;color:#555}img{max-width:100%}"""


@dataclass(frozen=True, eq=False)
class Measured:
    """What an evaluation left in ``<run>/eval/<split>``."""

    name: str
    metrics: Mapping[str, Any]
    classes: tuple[str, ...]
    labels: Int64[np.ndarray, "item"]
    predictions: Int64[np.ndarray, "item"]
    probabilities: Float[np.ndarray, "item"]
    norms: Float[np.ndarray, "item"]
    counts: Int64[np.ndarray, "class"]
    scores: Mapping[str, Float[np.ndarray, "item"]]
    centroids: Float[np.ndarray, "class feature"] | None = None
    """The learnt memory, if the run has one."""

    @property
    def rule(self) -> BandRule:
        """Rule of the bands."""
        return "reference" if self.metrics["shot_rule"] == "reference" else "paper"

    @property
    def known(self) -> Bool[np.ndarray, "item"]:
        """Which pictures are of known classes."""
        return self.labels >= 0

    @property
    def has_open(self) -> bool:
        """Whether there are known and unknown pictures."""
        return bool(self.known.any() and (~self.known).any())


def read_evaluation(run: Path, split: str = "test") -> Measured:
    """Read an evaluation.

    Raises:
        InputError: The run was not evaluated, or its files are damaged.
    """
    folder = run / "eval" / split
    if not (folder / "metrics.json").is_file():
        raise InputError(
            f"{run} has no evaluation of {split}; make it with: openlt evaluate --run {run} --split {split}"
        )
    try:
        arrays = read_arrays(folder / "scores.npz")
        metrics = read_json(folder / "metrics.json")
        if not isinstance(metrics, dict):
            raise TypeError("metrics.json holds no object")
        rows = list(csv.DictReader(read_lines(folder / "per_class.csv")))
        return Measured(
            name=run.resolve().name,
            centroids=_centroids(run / "model.safetensors"),
            metrics=metrics,
            classes=tuple(row["class"] for row in rows),
            labels=arrays["labels"],
            predictions=arrays["predictions"],
            probabilities=arrays["probabilities"],
            norms=arrays["norms"],
            counts=arrays["counts"],
            scores={name.removeprefix("score_"): arrays[name] for name in arrays if name.startswith("score_")},
        )
    except (KeyError, TypeError, ValueError, OSError, csv.Error) as error:
        raise InputError(f"{folder} cannot be read ({error}); evaluate the run again") from None


def write_report(runs: Sequence[Path], out: Path, split: str = "test") -> Path:
    """Write ``report.html`` and the pictures in it as PNG files.

    Args:
        runs: Folders of evaluated runs; the first is shown in detail, all are compared.
        out: Folder to write to; made if missing.
        split: Which evaluation.

    Returns:
        The page.

    Raises:
        InputError: A run was not evaluated on the split.
    """
    measured = [read_evaluation(run, split) for run in runs]
    if len({each.name for each in measured}) < len(measured):
        measured = [replace(each, name=str(run)) for each, run in zip(measured, runs, strict=True)]
    out.mkdir(parents=True, exist_ok=True)
    body = [
        f"<h1>{html.escape(' · '.join(each.name for each in measured))}</h1>",
        _preface(measured[0]),
        _table(measured),
    ]
    for name, caption, draw in _pictures(measured):
        picture = out / f"{name}.png"
        plots.save(draw(), picture)
        body.append(_embedded(picture, caption))
    body += [_confusions(measured[0]), _neighbours(measured[0])]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>openlt report</title><style>{_STYLE}</style>'
        f"<body>{''.join(body)}</body></html>\n"
    )
    path = out / "report.html"
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _pictures(measured: Sequence[Measured]) -> list[tuple[str, str, Callable[[], Figure]]]:
    """Name, caption and drawing of each picture; the open ones only where there are unknown pictures."""
    first = measured[0]
    accuracy = per_class_accuracy(first.predictions, first.labels, len(first.counts))
    bands = {each.name: {name: each.metrics[name] for name in ("overall", *BANDS)} for each in measured}
    shown: list[tuple[str, str, Callable[[], Figure]]] = [
        ("frequency", "Training pictures of each class", lambda: plots.frequency(first.counts, first.rule)),
        (
            "accuracy",
            "Accuracy of each class against its training pictures, closed; lines are the means of the bands",
            lambda: plots.accuracy_by_count(first.counts, accuracy, first.rule),
        ),
        ("bands", "Closed accuracy of the runs", lambda: plots.bars_by_band(bands)),
    ]
    if not first.has_open:
        return [*shown, ("norms", "Length of the features", lambda: plots.histograms({"known": first.norms}, "length"))]
    known = first.known
    detector = str(first.metrics["detector"])
    scores = first.scores[detector]
    few = known.copy()
    few[known] = band_of(first.counts, first.rule)[first.labels[known]] == 2
    correct = first.predictions[known] == first.labels[known]
    groups = {"known": known, "unknown": ~known}
    return [
        *shown,
        (
            "roc",
            "Known against unknown pictures at every threshold, by detector",
            lambda: plots.rates(
                {name: roc_curve(each[known], each[~known]) for name, each in first.scores.items()},
                "known pictures accepted, %",
            ),
        ),
        (
            "oscr",
            "Known pictures accepted and right, by detector",
            lambda: plots.rates(
                {name: oscr_curve(each[known], correct, each[~known]) for name, each in first.scores.items()},
                "known pictures accepted and right, %",
            ),
        ),
        (
            "sweep",
            "F depends on threshold, formula and the number of unknown pictures",
            lambda: plots.sweep(threshold_sweep(first.predictions, first.probabilities, first.labels)),
        ),
        (
            "scores",
            f"Scores of {detector}, known and unknown",
            lambda: plots.histograms({name: scores[mask] for name, mask in groups.items()}, detector),
        ),
        (
            "tail",
            f"Scores of {detector}, few-shot classes and unknown",
            lambda: plots.histograms({"few-shot": scores[few], "unknown": scores[~known]}, detector),
        ),
        (
            "norms",
            "Length of the features",
            lambda: plots.histograms({name: first.norms[mask] for name, mask in groups.items()}, "length"),
        ),
    ]


def _preface(first: Measured) -> str:
    metrics = first.metrics
    text = (
        f"Split {metrics['split']}: {metrics['n_closed']} pictures of {len(first.counts)} known classes, "
        f"{metrics['n_open']} of unknown ones. Bands by the rule '{metrics['shot_rule']}'; F by the formula "
        f"'{metrics['f_variant']}'. A dash is not evaluated."
    )
    return f"<p>{html.escape(text)}</p>"


def _table(measured: Sequence[Measured]) -> str:
    rows = []
    for each in measured:
        detectors: Mapping[str, Mapping[str, Any]] = each.metrics.get("detectors", {"": each.metrics})
        for name, figures in detectors.items():
            threshold = figures["threshold"]
            cells = [f"{each.name}, {name} ≥ {threshold:.4g}", *(_cell(figures.get(column)) for column in _COLUMNS)]
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("run, detector", *_COLUMNS))
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _confusions(first: Measured, shown: int = 15) -> str:
    """Pairs of classes that are mistaken most, as shares of the true class."""
    wrong = first.known & (first.predictions != first.labels)
    pairs, times = np.unique(np.c_[first.labels[wrong], first.predictions[wrong]], axis=0, return_counts=True)
    totals = np.bincount(first.labels[first.known], minlength=len(first.counts))
    if not len(pairs):
        return "<h2>Confusions</h2><p>None.</p>"
    shares = times / totals[pairs[:, 0]]
    rows = []
    for row in np.argsort(-shares, kind="stable")[:shown].tolist():
        true, taken = pairs[row].tolist()
        cells = (
            first.classes[true],
            first.classes[taken],
            f"{100 * shares[row]:.0f} % of {totals[true]}",
            f"{first.counts[true]} / {first.counts[taken]}",
        )
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("class", "taken for", "pictures", "training pictures of both"))
    return f"<h2>Confusions</h2><table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _neighbours(first: Measured, shown: int = 15) -> str:
    """The nearest centroids of the rarest classes: what their memory leans on."""
    if first.centroids is None or len(first.centroids) != len(first.classes) or len(first.classes) < 4:
        return ""
    tail = np.argsort(first.counts, kind="stable")[:shown]
    lengths = np.einsum("ij,ij->i", first.centroids, first.centroids)
    squares = lengths[tail, None] + lengths - 2 * first.centroids[tail] @ first.centroids.T
    squares[np.arange(len(tail)), tail] = np.inf
    rows = []
    for row, label in enumerate(tail.tolist()):
        near = np.argsort(squares[row], kind="stable")[:3]
        around = ", ".join(
            f"{first.classes[each]} ({np.sqrt(max(squares[row, each], 0)):.3g})" for each in near.tolist()
        )
        cells = (first.classes[label], str(first.counts[label]), around)
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("rare class", "training pictures", "nearest centroids (distance)"))
    return f"<h2>Neighbours</h2><table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _centroids(weights: Path) -> np.ndarray | None:
    if not weights.is_file():
        return None
    try:
        with safe_open(weights, framework="numpy") as file:
            centroids: np.ndarray | None = file.get_tensor("centroids") if "centroids" in file.keys() else None  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{weights} is no whole safetensors file ({error}); train the run again") from None
    return centroids


def _embedded(picture: Path, caption: str) -> str:
    data = base64.b64encode(picture.read_bytes()).decode()
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
