"""What every benchmark of this folder writes beside its figures."""

import csv
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
import torch

from hybridmesh import __version__


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
        "hybridmesh": __version__,
        "commit": told.stdout.strip() or "unknown",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows, each with the provenance behind it, and print them."""
    about = provenance()
    whole = [{**row, **about} for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in whole for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(whole)


def milliseconds(work: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Median and least CPU time of a call, in milliseconds; on a busy machine wall time says little."""
    work()
    spent = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - began))
    return median(spent), min(spent)
