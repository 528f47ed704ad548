"""Smaller copies of a data set, so that large pictures are decoded once and not in every epoch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from hr_common import image
from hr_common.errors import InputError
from hr_common.files import read_json, write_json
from openlt.data.lists import write_list
from openlt.data.registry import dataset_info
from openlt.data.splits import LongTailData


def cache_data(data: LongTailData, out: Path, size: int, *, workers: int = 1) -> str:
    """Copy every picture at a shorter side of ``size`` pixels, and write lists and class names beside them.

    Pictures that are smaller keep their size. A run that was broken off goes on where it stopped.

    Args:
        data: Pictures on disk.
        out: Folder to make; it is the data root of the copies.
        size: Shorter side in pixels.
        workers: Threads that decode.

    Returns:
        Name under which the copies are loaded: that of the data set if it has list files, else ``lists``.

    Raises:
        InputError: The set is embedded, the size below 1, a picture is damaged, or ``out`` holds something else.
    """
    if size < 1:
        raise InputError(f"size={size}: copies need a pixel at least")
    if any(split.arrays is not None for split in data.splits.values()):
        raise InputError(f"{data.name} is held in memory; there is nothing to copy")
    mark, about = out / "cache.json", {"data": data.name, "size": size, "sha256": dict(data.digests)}
    if out.is_dir() and any(out.iterdir()):
        _refuse_others(mark, about, out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(mark, about)
    prefix = dataset_info(data.name).prefix
    stem = "" if prefix is None else f"{prefix}_"
    jobs: list[tuple[str, Path]] = []
    rows: dict[str, list[str]] = {}
    for name, split in data.splits.items():
        # A name for each line, as one picture may stand in several.
        rows[name] = [f"{name}/{label + 1:05d}/{row:07d}.jpg" for row, label in enumerate(split.labels.tolist())]
        jobs += [(path, out / target) for path, target in zip(split.paths, rows[name], strict=True)]
    for folder in sorted({target.parent for _, target in jobs}):
        folder.mkdir(parents=True, exist_ok=True)
    _copy_all(jobs, _shrinker(size), workers)
    for name, split in data.splits.items():
        write_list(out / f"{stem}{name}.txt", rows[name], split.labels.tolist())
    write_json(out / "classes.json", [{"label": label, "name": name} for label, name in enumerate(data.classes)])
    return "lists" if prefix is None else data.name


def _refuse_others(mark: Path, about: dict[str, object], out: Path) -> None:
    if not mark.is_file() or read_json(mark) != about:
        raise InputError(f"{out} holds something else than copies of this set at this size; choose another folder")


def _shrinker(size: int) -> Callable[[str], UInt8[np.ndarray, "height width 3"]]:
    def shrink(path: str) -> np.ndarray:
        pixels = image.read(path)
        height, width = pixels.shape[:2]
        factor = size / min(height, width)
        if factor >= 1:
            return pixels
        wanted = (max(1, round(width * factor)), max(1, round(height * factor)))
        return np.array(Image.fromarray(pixels).resize(wanted, Image.Resampling.BICUBIC))

    return shrink


def _copy_all(jobs: list[tuple[str, Path]], shrink: Callable[[str], np.ndarray], workers: int) -> None:
    def copy(job: tuple[str, Path]) -> None:
        source, target = job
        if not target.exists():
            image.write(target, shrink(source))

    pool = ThreadPoolExecutor(workers)
    try:
        for _ in tqdm(pool.map(copy, jobs), total=len(jobs), desc="copy", unit="picture", disable=None):
            pass
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the pictures that are being written, not for all
