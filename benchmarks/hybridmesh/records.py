"""What every benchmark of this folder writes beside its figures."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median

import torch

from hr_common import tables


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows, each with machine and versions behind it."""
    tables.write_csv(path, rows, behind())


def behind() -> dict[str, object]:
    """Machine and versions behind a figure."""
    return {
        **tables.provenance("hybridmesh", "torch", "numpy", folder=Path(__file__).parent),
        "threads": torch.get_num_threads(),
    }


def print_table(rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows as a table in markdown."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    print("| " + " | ".join(name.replace("_", " ") for name in names) + " |")
    print("| " + " | ".join("---:" if isinstance(rows[0].get(name), (int, float)) else "---" for name in names) + " |")
    for row in rows:
        print("| " + " | ".join(str(row.get(name, "")) for name in names) + " |")


def milliseconds(work: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Median and least CPU time of a call, in milliseconds; on a busy machine wall time says little."""
    work()
    spent = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - began))
    return median(spent), min(spent)
