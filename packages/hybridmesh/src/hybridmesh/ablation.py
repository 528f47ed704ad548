"""The paper's study: which input and which annotations buy how much accuracy; a grid of trainings on one data set."""

import copy
import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from hr_common import config as settings
from hr_common.errors import InputError, reader
from hr_common.files import atomic_path
from hybridmesh.body.model import BodyModel
from hybridmesh.config import INPUTS, SUPERVISIONS, Input, LearningConfig, Supervision
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.people import PeopleSet
from hybridmesh.metrics import BodyBatch, evaluate_bodies
from hybridmesh.networks.parameters import Parameters, mean_body
from hybridmesh.regressor import Regressor, make_card
from hybridmesh.rotations import axis_angle_to_matrix
from hybridmesh.training.batches import Batches, open_batches
from hybridmesh.training.checkpointing import digest_people
from hybridmesh.training.loop import Training, finish
from hybridmesh.training.start import prepare

FIGURES = ("pve", "mpjpe", "pve_t")
MEAN = "mean body"
TITLES = {
    "full": "3D & Dense & Sparse", "part3d": "20 % 3D & Dense & Sparse", "3d_sparse": "3D & Sparse",
    "dense_sparse": "Dense & Sparse", "sparse": "Sparse only",
}  # fmt: skip
PAPER: dict[Input, dict[Supervision, tuple[float, float, float]]] = {
    "iuv": {
        "full": (120.0, 103.1, 31.8), "part3d": (125.0, 107.2, 32.6), "3d_sparse": (125.2, 106.4, 32.1),
        "dense_sparse": (138.7, 121.2, 54.7), "sparse": (204.3, 177.0, 92.1),
    },
    "segment": {
        "full": (123.0, 105.1, 32.7), "part3d": (126.7, 110.0, 33.2), "3d_sparse": (124.8, 107.8, 31.7),
        "dense_sparse": (147.4, 130.1, 55.9), "sparse": (203.8, 176.7, 93.3),
    },
    "image": {
        "full": (123.7, 105.9, 30.9), "part3d": (127.5, 110.6, 32.2), "3d_sparse": (127.4, 108.5, 30.7),
        "dense_sparse": (137.7, 120.3, 51.7), "sparse": (203.2, 178.5, 106.2),
    },
    "image+iuv": {
        "full": (122.4, 105.1, 30.2), "part3d": (125.0, 107.6, 32.1), "3d_sparse": (125.5, 107.3, 30.7),
        "dense_sparse": (133.8, 117.2, 52.5), "sparse": (197.3, 172.8, 107.9),
    },
    "image+segment": {
        "full": (121.5, 104.3, 31.0), "part3d": (126.4, 107.0, 31.6), "3d_sparse": (125.8, 106.8, 31.5),
        "dense_sparse": (142.2, 124.2, 56.6), "sparse": (201.2, 177.5, 101.7),
    },
}  # fmt: skip
"""PVE, MPJPE and PVE-T in mm on UP-3D, as the authors' slides print them: another data set, body and network."""


@dataclass(frozen=True)
class Row:
    """One training and how good it became, in mm under the protocol ``dct``."""

    input: str
    supervision: str
    seed: int
    pve: float
    mpjpe: float
    pve_t: float
    steps: int
    seconds: float
    """CPU time of the training, without the epochs that a row's cells share."""
    settings: str
    """Digest of settings and people; rows of another one are not mixed with these."""

    @property
    def cell(self) -> tuple[str, str, int]:
        """What was trained."""
        return self.input, self.supervision, self.seed


class Study:
    """A data set and settings for all cells of the grid.

    Args:
        people: Studio and wild, told apart by the column ``source``.
        test: People that are measured on.
        body: With which all were made.
        config: Settings; input and supervision are those of each cell.
    """

    def __init__(self, people: PeopleSet, test: PeopleSet, body: BodyModel, config: LearningConfig) -> None:
        self.people, self.test, self.body, self.config = people, test, body, config

    @cached_property
    def digest(self) -> str:
        """Tells studies apart."""
        parts = [json.dumps(settings.to_dict(self.configure("iuv", "full")), sort_keys=True), self.body.id]
        parts += [digest_people(each) for each in (self.people, self.test)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def configure(self, kind: Input, supervision: Supervision) -> LearningConfig:
        """Give the settings of a cell."""
        return replace(
            self.config,
            network=replace(self.config.network, input=kind),
            training=replace(self.config.training, supervision=supervision),
        )

    def mean_row(self) -> Row:
        """Measure what says the mean body whatever it sees."""
        figures = self._measure(mean_body(len(self.test), self.body.num_betas))
        return Row(MEAN, "", 0, *figures, steps=0, seconds=0.0, settings=self.digest)

    def begin(self, kind: Input, seed: int, batches: Batches) -> dict[str, Any]:
        """Train the epochs that are the same in every column, and give the state after them."""
        training = self._training(kind, "sparse", seed, batches)
        steps = training.run()
        while training.position.epoch < self.config.training.common_epochs:
            next(steps)
        return copy.deepcopy(training.state())

    def cell(self, kind: Input, supervision: Supervision, seed: int, batches: Batches, begun: Mapping[str, Any]) -> Row:
        """Train one cell to its end and measure it.

        Args:
            kind: Its row.
            supervision: Its column.
            seed: Settles everything.
            batches: Of the row.
            begun: From :meth:`begin`.
        """
        training = self._training(kind, supervision, seed, batches)
        training.restore(copy.deepcopy(dict(begun)))
        began = time.process_time()
        network = finish(training)
        seconds = time.process_time() - began
        regressor = Regressor(network, make_card(network, self.body))
        figures = self._measure(regressor.predict(self._test_batch(kind)))
        steps = training.steps_before(training.epochs)
        return Row(kind, supervision, seed, *figures, steps=steps, seconds=round(seconds, 1), settings=self.digest)

    def _training(self, kind: Input, supervision: Supervision, seed: int, batches: Batches) -> Training:
        return prepare(self.people, self.body, self.configure(kind, supervision), seed=seed, batches=batches)

    def run(
        self,
        path: Path,
        *,
        inputs: Sequence[Input] = INPUTS,
        supervisions: Sequence[Supervision] = SUPERVISIONS,
        seeds: Sequence[int] = (0,),
        report: Callable[[Row], object] = lambda _: None,
    ) -> list[Row]:
        """Fill a table, cell by cell; what it holds already is not trained again.

        Args:
            path: CSV, written anew after each cell.
            inputs: Rows of the grid.
            supervisions: Columns of the grid.
            seeds: Of each cell.
            report: Told of each new row.

        Raises:
            InputError: The table is of other settings or people.
        """
        rows = read_rows(path, self.digest)
        if not any(row.input == MEAN for row in rows):
            rows = self._keep(path, [*rows, self.mean_row()], report)
        for seed in seeds:
            for kind in inputs:
                missing = [each for each in supervisions if (kind, each, seed) not in {row.cell for row in rows}]
                if not missing:
                    continue
                batches = open_batches(self.people, self.body, self.configure(kind, "full"), seed=seed)
                begun = self.begin(kind, seed, batches)
                for supervision in missing:
                    rows = self._keep(path, [*rows, self.cell(kind, supervision, seed, batches, begun)], report)
        return rows

    def _keep(self, path: Path, rows: list[Row], report: Callable[[Row], object]) -> list[Row]:
        write_rows(path, rows)
        report(rows[-1])
        return rows

    def _test_batch(self, kind: Input) -> dict[str, Tensor]:
        dataset = PeopleDataset(self.test, self.body, size=self.config.network.size, inputs=kind, dense_points=10)
        return dataset.batch(range(len(self.test)))

    def _measure(self, found: Parameters) -> tuple[float, float, float]:
        truth = axis_angle_to_matrix(torch.from_numpy(self.test["pose"]).reshape(-1, 24, 3))
        target = BodyBatch(truth, torch.from_numpy(self.test["shape"]))
        figures = evaluate_bodies(BodyBatch(found.pose, found.betas), target, self.body, "dct")
        pve, mpjpe, pve_t = (round(float(figures[name].mean()), 2) for name in FIGURES)
        return pve, mpjpe, pve_t


@reader
def read_rows(path: Path, digest: str) -> list[Row]:
    """Read a table, which may not exist yet.

    Raises:
        InputError: It is no such table, or of other settings or people.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        try:
            rows = [
                Row(
                    each["input"], each["supervision"], int(each["seed"]), float(each["pve"]), float(each["mpjpe"]),
                    float(each["pve_t"]), int(each["steps"]), float(each["seconds"]), each["settings"],
                )
                for each in csv.DictReader(file)
            ]  # fmt: skip
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path} is no table of ablate ({type(error).__name__}: {error})") from None
    if any(row.settings != digest for row in rows):
        raise InputError(f"{path} was made with other settings or people; choose another --out, or delete it")
    return rows


def write_rows(path: Path, rows: Sequence[Row], about: Mapping[str, object] | None = None) -> None:
    """Write a table, whole or not at all.

    Args:
        path: CSV.
        rows: Its rows.
        about: Columns that all rows get, such as versions.
    """
    lines = [{**asdict(row), **(about or {})} for row in rows]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def grid(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Gather the seeds of each cell."""
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.input, row.supervision), []).append(row)
    return cells


def markdown(rows: Sequence[Row]) -> str:
    """Print the grid as the paper's table: PVE / MPJPE / PVE-T in mm, means and standard deviations over the seeds."""
    cells = grid(rows)
    lines = [
        "| input \\ supervision | " + " | ".join(TITLES[each] for each in SUPERVISIONS) + " |",
        "| --- |" + " --- |" * len(SUPERVISIONS),
    ]
    if base := cells.get((MEAN, "")):
        lines.append(f"| {MEAN}, untrained | " + " | ".join([_triple(base)] * len(SUPERVISIONS)) + " |")
    for kind in INPUTS:
        own = [cells.get((kind, each)) for each in SUPERVISIONS]
        if any(own):
            lines.append(f"| {kind} | " + " | ".join("" if each is None else _triple(each) for each in own) + " |")
    return "\n".join(lines)


def paper_markdown() -> str:
    """Print the paper's own table in the same form."""
    rows = [
        Row(kind, supervision, 0, *figures, steps=0, seconds=0.0, settings="")
        for kind, row in PAPER.items()
        for supervision, figures in row.items()
    ]
    return markdown(rows)


def _triple(rows: Sequence[Row]) -> str:
    return " / ".join(_with_spread([getattr(row, name) for row in rows]) for name in FIGURES)


def _with_spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


STEPS: tuple[tuple[Supervision, Supervision], ...] = (
    ("sparse", "dense_sparse"), ("dense_sparse", "part3d"), ("dense_sparse", "3d_sparse"), ("part3d", "full"),
    ("3d_sparse", "full"),
)  # fmt: skip
"""Neighbouring columns of the paper's order, the worse one first."""


def paired_markdown(rows: Sequence[Row]) -> str:
    """Print what each step along the paper's order takes off, seed by seed: per cent of PVE / mm of PVE-T.

    Cells of one seed share their first weights and the order of their people, so that differences between them spread
    less than the cells do. A spread that is larger than its mean leaves the order open.
    """
    cells = grid(rows)
    titles = [f"{TITLES[before]} → {TITLES[after]}" for before, after in STEPS]
    lines = ["| what it takes off | " + " | ".join(titles) + " |", "| --- |" + " --- |" * len(STEPS)]
    for kind in INPUTS:
        parts = []
        for before, after in STEPS:
            worse, better = ({row.seed: row for row in cells.get((kind, each), [])} for each in (before, after))
            pairs = [(worse[seed], better[seed]) for seed in sorted(worse.keys() & better.keys())]
            pve = [100 * (1 - second.pve / first.pve) for first, second in pairs]
            shape = [first.pve_t - second.pve_t for first, second in pairs]
            parts.append(f"{_with_spread(pve)} % / {_with_spread(shape)}" if pairs else "")
        if any(parts):
            lines.append(f"| {kind} | " + " | ".join(parts) + " |")
    return "\n".join(lines)


def verdicts(rows: Sequence[Row]) -> dict[str, bool]:
    """Say of each row of the grid whether it shows what the paper's shows, by means over the seeds.

    Of each input: whether PVE rises from column to column (3D for a part, and 3D without dense points, count as
    equals), whether PVE-T of the settings with 3D in the wild lies below that of dense and sparse, and this one below
    that of sparse alone; whether dense points take a tenth off PVE of sparse alone; and whether every setting with
    dense points beats the mean body.
    """
    cells = grid(rows)
    found: dict[str, bool] = {}
    base = cells.get((MEAN, ""), [])
    for kind in INPUTS:
        own = {each: cells[kind, each] for each in SUPERVISIONS if (kind, each) in cells}
        if len(own) < len(SUPERVISIONS):
            continue
        pve = {each: mean(row.pve for row in some) for each, some in own.items()}
        shape = {each: mean(row.pve_t for row in some) for each, some in own.items()}
        middle = [pve["part3d"], pve["3d_sparse"]]
        with_3d = [shape[each] for each in ("full", "part3d", "3d_sparse")]
        found[f"{kind}: PVE in the paper's order"] = (
            pve["full"] < min(middle) and max(middle) < pve["dense_sparse"] < pve["sparse"]
        )
        found[f"{kind}: PVE-T in the paper's order"] = max(with_3d) < shape["dense_sparse"] < shape["sparse"]
        found[f"{kind}: dense points take a tenth off sparse only"] = pve["dense_sparse"] <= 0.9 * pve["sparse"]
        if base:
            dense = [pve[each] for each in ("full", "part3d", "dense_sparse")]
            found[f"{kind}: every setting with dense points beats the mean body"] = max(dense) < base[0].pve
    return found
