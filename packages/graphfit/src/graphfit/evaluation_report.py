"""What ``graphfit evaluate`` prints and writes: the figures of a run beside those of other methods."""

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphfit.baselines.interface import Learnt
from graphfit.baselines.registry import METHODS
from graphfit.checkpoints import load_model
from graphfit.data.tasks import OutfitData, Split
from graphfit.diversity import Diversity, measure_collocation
from graphfit.evaluation import Row, evaluate, markdown, summarise, without_nan
from graphfit.features import Features
from graphfit.training.problem import Problem
from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json


@dataclass(frozen=True)
class Report:
    """Figures on one split of one data set."""

    dataset: str
    """Its name."""
    split: str
    """``valid`` or ``test``."""
    rows: Mapping[str, Row] = field(default_factory=dict)
    """By method."""
    collocation: Diversity | None = None
    """Of composed outfits."""

    def as_dict(self) -> dict[str, Any]:
        """What can be written as JSON."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    def lines(self) -> Iterator[str]:
        """Yield lines to print; the tables are Markdown."""
        if self.rows:
            first = next(iter(self.rows.values()))
            yield f"{self.dataset}, {self.split}: {first.sets} sets, {first.questions} fill-in-the-blank questions"
            yield ""
            yield from markdown(self.rows)
            yield ""
            yield "outfits of each style by the rule: " + _pairs(first.style_counts)
        if self.collocation is not None:
            figures = asdict(self.collocation)
            yield ""
            for name, value in figures.items():
                shown = (
                    _pairs(value) if isinstance(value, dict) else f"{value:.3f}" if isinstance(value, float) else value
                )
                yield f"{name.replace('_', ' ')}: {shown}"


def _pairs(values: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def chosen_methods(names: str) -> list[str]:
    """Resolve ``none``, ``floors``, ``all`` or names with commas.

    Raises:
        InputError: There is no such method.
    """
    if names in ("none", "floors", "all"):
        everything = [name for name in METHODS if name != "ours"]
        return {"none": [], "all": everything, "floors": [n for n in everything if METHODS[n].is_floor]}[names]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in METHODS]:
        raise InputError(f"unknown method {unknown[0]!r}; choose from {', '.join(METHODS)}, or none, floors, all")
    return wanted


def evaluate_run(
    run: Path,
    data: OutfitData,
    features: Features,
    *,
    task: str = "all",
    split: Split = "test",
    baselines: str = "floors",
    queries: int = 20,
    seed: int = 0,
    device: str = "auto",
) -> Report:
    """Measure a trained network on the tasks of a split, other methods beside it.

    Args:
        run: A run's folder or weights file.
        data: With tasks.
        features: Of all items, by the encoder that the network was trained with.
        task: ``compat``, ``fitb`` (which share a table), ``collocation`` or ``all``.
        split: Whose tasks.
        baselines: See :func:`chosen_methods`; learnt ones are trained with the settings of the run.
        queries: Items of the split that outfits are composed around.
        seed: Of trainings, and of the queries drawn.
        device: Where the run's network computes.

    Raises:
        InputError: The features do not fit the network, or there are no tasks.
    """
    from graphfit.collocation import Collocator
    from graphfit.scoring import OutfitScorer

    others = chosen_methods(baselines)
    loaded = load_model(run, device=devices.resolve(device))
    features = features.of(data.catalogue)
    loaded.expect(features)
    problem = Problem.build(data, features, loaded.config)
    rows = {}
    if task != "collocation":
        for name in others:
            rows[METHODS[name].title] = summarise(
                [evaluate(problem, METHODS[name].fit(problem, loaded.config, seed), split)]
            )
        inputs = loaded.model.condense(problem.inputs.to(devices.resolve(device)))
        rows[f"{run.name} (graphfit)"] = summarise([evaluate(problem, Learnt(loaded.model, inputs, 0), split)])
    collocation = None
    if task in ("collocation", "all"):
        collocator = Collocator(data.catalogue, OutfitScorer(loaded, devices.resolve(device)), features=features)
        collocator.use_outfits(data.outfits["train"])
        items = sorted({item for outfit in data.outfits[split] for item in outfit.items})
        drawn = np.random.default_rng(seed).permutation(len(items))[:queries].tolist()
        collocation = measure_collocation(collocator, [items[number] for number in drawn])
    return Report(data.name, split, rows, collocation)


def write_report(path: Path, report: Report) -> None:
    """Write a report as JSON or as one HTML page, by the suffix.

    Raises:
        InputError: The suffix is neither.
    """
    if path.suffix == ".json":
        write_json(path, report.as_dict())
        return
    if path.suffix != ".html":
        raise InputError(f"cannot write {path}: a report is .json or .html")
    body = []
    for line in report.lines():
        if line.startswith("| ---"):
            continue
        if line.startswith("| "):
            cells = [html.escape(cell.strip().replace("**", "")) for cell in line.strip("| ").split(" | ")]
            body.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        elif line:
            body.append(f"<tr><td colspan=7>{html.escape(line)}</td></tr>")
    # What is not to end the script early.
    figures = json.dumps(report.as_dict()).replace("</", "<\\/")
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>graphfit evaluate</title>"
        "<style>body{font:15px/1.5 sans-serif;margin:2em}td{padding:.2em .8em;border-bottom:1px solid #ddd}</style>"
        f"<h1>{html.escape(report.dataset)}</h1><table>{''.join(body)}</table>"
        f"<script type='application/json'>{figures}</script></html>"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
