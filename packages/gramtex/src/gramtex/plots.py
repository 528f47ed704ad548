"""Sheets of textures, to be looked at, and the curves of a training."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hr_common import image
from hr_common.errors import InputError
from hr_common.files import atomic_path, read_lines

_Picture = UInt8[np.ndarray, "_ _ 3"]


def texture_sheet(
    pictures: Sequence[_Picture], *, columns: int | None = None, labels: Sequence[str] | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay textures out in a grid, nearly square unless ``columns`` is given.

    Raises:
        InputError: There are no pictures, or another number of labels.
    """
    wanted = columns or max(round(len(pictures) ** 0.5), 1)
    return image.contact_sheet(pictures, wanted, labels)


def comparison_sheet(
    sources: Sequence[_Picture], results: Sequence[_Picture], labels: Sequence[str], *, pairs: int = 2
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay sources and what was made from them side by side, ``pairs`` of them in a row.

    Raises:
        InputError: The lists are empty or of different lengths.
    """
    pictures, texts = [], []
    for source, result, label in zip(sources, results, labels, strict=True):
        pictures += [source, result]
        texts += ["source", label]
    return image.contact_sheet(pictures, 2 * pairs, texts)


def repeated(picture: _Picture, down: int = 2, right: int = 2) -> UInt8[np.ndarray, "height width 3"]:
    """Lay a tile side by side, so that a seam would show."""
    return np.tile(picture, (down, right, 1))


def training_curves(log: Path, out: Path) -> None:
    """Draw held-out reconstruction, distance to the prior, spread of the codes and ν of a run.

    Args:
        log: ``metrics.jsonl`` of the run.
        out: PNG to write.

    Raises:
        InputError: The log is missing or empty.
    """
    from matplotlib.figure import Figure  # takes a second to import

    records = [json.loads(line) for line in read_lines(log) if line]
    if not records:
        raise InputError(f"{log} holds no measurement yet; nothing to draw")
    first = max((record["step"] for record in records if record["stage"] == "a"), default=0)
    steps = [record["step"] + (first if record["stage"] == "b" else 0) for record in records]
    shown = {
        "val_rec": "held-out reconstruction (the mean Gram set: 1 a level)",
        "val_mmd": "MMD of held-out codes to the prior",
        "val_std": "standard deviation of the codes",
        "val_nu": "ν of decoded held-out sets",
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    for panel, (key, title) in zip(figure.subplots(2, 2).flat, shown.items(), strict=True):
        panel.plot(steps, [record[key] for record in records], color="#3b6ea5")
        panel.set(title=title, xlabel="step")
        panel.set_ylim(bottom=0)
        if any(record["stage"] == "b" for record in records):
            panel.axvline(first, color="0.7", linestyle="--")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=110)
