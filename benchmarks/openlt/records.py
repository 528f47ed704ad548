"""What every benchmark of this folder writes beside its figures, and how rows become a table with their spread."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import torch

from hr_common import tables


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows, each with machine and versions behind it."""
    tables.write_csv(path, rows, behind())


def behind() -> dict[str, object]:
    """Machine and versions behind a figure."""
    return {**tables.provenance("openlt", "torch", folder=Path(__file__).parent), "threads": torch.get_num_threads()}


def with_spread(values: Sequence[float | None], *, percent: bool) -> str:
    """Mean and standard deviation over the seeds; the mean alone of one, n/a of none."""
    there = [value * (100 if percent else 1) for value in values if value is not None]
    if not there:
        return "n/a"
    digits = 1 if percent else 3
    spread = f" ± {stdev(there):.{digits}f}" if len(there) > 1 else ""
    return f"{mean(there):.{digits}f}{spread}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as it stands in the README."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
