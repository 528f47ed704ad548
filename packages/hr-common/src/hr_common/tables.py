"""Rows of figures as CSV, with what has to be known of the machine and the versions behind them."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from hr_common.files import atomic_path


def provenance(package: str, *others: str, folder: Path | None = None) -> dict[str, object]:
    """Describe the machine and the versions behind a figure.

    Args:
        package: Distribution whose figure it is.
        others: Distributions whose versions matter too, such as ``torch``.
        folder: Inside a git checkout, whose commit is named; without one, or outside, it is unknown.
    """
    told = ["git", "describe", "--always", "--dirty"]
    found = None if folder is None else subprocess.run(told, cwd=folder, capture_output=True, text=True, check=False)
    return {
        package: version(package),
        "commit": (found.stdout.strip() if found else "") or "unknown",
        **{name: version(name) for name in others},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def write_csv(
    path: str | Path, rows: Iterable[Mapping[str, object]], about: Mapping[str, object] | None = None
) -> None:
    """Write rows, whole or not at all; a column that a row does not have stays empty.

    Args:
        path: The file.
        rows: By column.
        about: Columns that all rows get, such as those of :func:`provenance`.
    """
    whole = [{**row, **(about or {})} for row in rows]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in whole for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(whole)
