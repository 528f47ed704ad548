"""Finding what is texture in a photograph: square crops that look the same all over."""

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy import ndimage

from gramtex.data.exemplars import MANIFEST
from hr_common import image
from hr_common.errors import InputError
from hr_common.files import atomic_path

_CELL = 32  # pixels of a side of the cells that are compared
_ORIENTATIONS = 4
_STEP = 16  # pixels between crops that are tried
_OVERLAP = 0.25  # of the area that two chosen crops may share


@dataclass(frozen=True)
class Crop:
    """A square of a photograph."""

    left: int
    top: int
    side: int
    """Pixels of the photograph."""
    score: float
    """Higher is more regular."""


def stationarity(picture: UInt8[np.ndarray, "height width 3"]) -> float:
    """Score how much the cells of 32 pixels of a picture are alike.

    −(σ of log energy + 6 · σ of orientation shares + 4 · σ of colour) + 3 · min(energy, 0.25), where energies are those
    of oriented derivatives; the last term prefers cloth with something on it to plain walls. The rule is ours.

    Raises:
        ValueError: The picture has not two cells in each direction.
    """
    if min(picture.shape[:2]) < 2 * _CELL:
        raise ValueError(f"a picture of {picture.shape[1]} x {picture.shape[0]} has too few cells of {_CELL} pixels")
    return float(_scores(picture, min(picture.shape[:2]) // _CELL * _CELL).max())


def find_crops(
    picture: UInt8[np.ndarray, "height width 3"], *, sides: Sequence[int], count: int, least: float = -np.inf
) -> list[Crop]:
    """Choose the most stationary squares that hardly overlap, best first.

    Args:
        picture: A photograph.
        sides: Lengths to try, multiples of 32.
        count: How many, at most.
        least: Score that is needed.
    """
    crops = []
    for side in sides:
        if side <= min(picture.shape[:2]):
            scores = _scores(picture, side)
            crops += [
                Crop(int(column) * _STEP, int(row) * _STEP, side, float(scores[row, column]))
                for row, column in np.ndindex(*scores.shape)
            ]
    chosen: list[Crop] = []
    for crop in sorted(crops, key=lambda each: -each.score):
        if len(chosen) == count or crop.score < least:
            break
        if all(_shared(crop, other) <= _OVERLAP for other in chosen):
            chosen.append(crop)
    return chosen


def prepare(
    photos: Sequence[Path],
    out: Path,
    *,
    size: int = 128,
    per_image: int = 3,
    callback: Callable[[int], None] | None = None,
) -> tuple[int, dict[Path, str]]:
    """Cut stationary crops out of photographs and write them with a manifest whose groups are the photographs.

    Args:
        photos: Files.
        out: Folder to make; the crops are PNG.
        size: Side of the crops in pixels; squares of this size and of one and a half times it are tried.
        per_image: Crops of a photograph, at most.
        callback: Is told how many photographs are done.

    Returns:
        How many crops were written, and the files that gave none, with the reason.

    Raises:
        InputError: ``size`` is less than 64, or no photograph gave a crop.
    """
    if size < 2 * _CELL:
        raise InputError(
            f"--size {size} is too small; crops are compared in cells of {_CELL} pixels, so take 64 or more"
        )
    out.mkdir(parents=True, exist_ok=True)
    rows, refused = [], {}
    sides = sorted({size // _CELL * _CELL, size * 3 // 2 // _CELL * _CELL})
    for done, path in enumerate(photos, start=1):
        try:
            picture = image.read(path)
        except InputError as error:
            refused[path] = str(error)
            continue
        crops = find_crops(picture, sides=sides, count=per_image)
        if not crops:
            refused[path] = f"{picture.shape[1]} x {picture.shape[0]} pixels; a crop needs {sides[0]}"
        # Two folders may hold files of the same name.
        group = f"{path.stem}-{hashlib.sha256(path.as_posix().encode()).hexdigest()[:6]}"
        for number, crop in enumerate(crops):
            cut = picture[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
            name = f"{group}_{number}.png"
            image.write(out / name, np.array(Image.fromarray(cut).resize((size, size), Image.Resampling.LANCZOS)))
            rows.append([name, group, crop.left, crop.top, crop.side, f"{crop.score:.4f}"])
        if callback is not None:
            callback(done)
    if not rows:
        reason = next(iter(refused.values()), "no photographs were given")
        raise InputError(f"no photograph gave a crop; the first: {reason}")
    with atomic_path(out / MANIFEST) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "group", "crop_x", "crop_y", "crop_size", "score"])
        writer.writerows(rows)
    return len(rows), refused


def _scores(picture: UInt8[np.ndarray, "height width 3"], side: int) -> Float[np.ndarray, "row column"]:
    """The score of every square of a side, at steps of 16 pixels."""
    values = picture.astype(np.float32) / 255
    grey = values.mean(axis=2)
    across, down = ndimage.gaussian_filter(grey, 1, order=(0, 1)), ndimage.gaussian_filter(grey, 1, order=(1, 0))
    angles = np.arange(_ORIENTATIONS) * np.pi / _ORIENTATIONS
    oriented = np.stack([(np.cos(angle) * across + np.sin(angle) * down) ** 2 for angle in angles], axis=2)
    maps = np.concatenate([oriented, values], axis=2)
    # Means over cells at every step of 16 pixels.
    sums = np.pad(maps.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    rows, columns = (np.arange(0, length - _CELL + 1, _STEP) for length in grey.shape)
    corner = [sums[np.ix_(rows + dy, columns + dx)] for dy in (0, _CELL) for dx in (0, _CELL)]
    cells = (corner[3] - corner[1] - corner[2] + corner[0]) / _CELL**2
    # Differences of large sums may fall below zero where a wall is bare.
    cells = cells.clip(min=0)
    energy = cells[..., :_ORIENTATIONS].sum(axis=2)
    shares = cells[..., :_ORIENTATIONS] / (energy[..., None] + 1e-6)
    strength = np.sqrt(energy)
    features = np.concatenate([np.log(energy + 1e-5)[..., None] / 2, shares, cells[..., _ORIENTATIONS:]], axis=2)
    # A square of n cells a side takes every second of the positions, which lie half a cell apart.
    n = side // _CELL
    shape = (cells.shape[0] - 2 * (n - 1), cells.shape[1] - 2 * (n - 1))
    windows = np.lib.stride_tricks.sliding_window_view(features, (2 * n - 1, 2 * n - 1), axis=(0, 1))[..., ::2, ::2]
    spread = windows[: shape[0], : shape[1]].std(axis=(-2, -1))
    level = np.lib.stride_tricks.sliding_window_view(strength, (2 * n - 1, 2 * n - 1))[..., ::2, ::2].mean(
        axis=(-2, -1)
    )
    unrest = (
        spread[..., 0]
        + 6 * spread[..., 1 : 1 + _ORIENTATIONS].mean(axis=2)
        + 4 * spread[..., 1 + _ORIENTATIONS :].mean(axis=2)
    )
    return np.asarray(3 * np.minimum(level, 0.25) - unrest)


def _shared(one: Crop, other: Crop) -> float:
    """Area that two crops share, in shares of the smaller."""
    width = min(one.left + one.side, other.left + other.side) - max(one.left, other.left)
    height = min(one.top + one.side, other.top + other.side) - max(one.top, other.top)
    return max(width, 0) * max(height, 0) / min(one.side, other.side) ** 2
