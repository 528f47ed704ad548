"""What every benchmark of this folder writes beside its figures, and how rows become a table with their spread."""

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import torch

from openlt import __version__

Row = Mapping[str, object]


def provenance() -> dict[str, object]:
    """Machine and versions behind a figure."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "openlt": __version__,
        "commit": told.stdout.strip() or "unknown",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, each with the provenance behind it."""
    about = provenance()
    whole = [{**row, **about} for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in whole for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(whole)


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
