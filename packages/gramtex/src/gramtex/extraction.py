"""Gram sets of a whole collection, on disk: signed square roots of upper triangles, half precision, memory-mapped.

A cache is a folder with one ``.npy`` for each level and ``grams.json``, which says what the rows are: image and its
SHA-256, group, split, and which augmented variant. The header is written last; a folder without it is no cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gramtex.coordinates import signed_sqrt
from gramtex.data.exemplars import Exemplar, read_exemplar
from gramtex.descriptors import unvech, vech
from gramtex.encoders.encoder import Encoder, image_tensor
from hr_common.errors import InputError, refusing
from hr_common.files import file_digest, read_array, read_json, write_json

logger = logging.getLogger(__name__)

CACHE_FORMAT = 1
_HEADER = "grams.json"
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Row:
    """What one row of the cache was measured on."""

    image: str
    """Path of the image below the data folder."""
    sha256: str
    """Of its file."""
    group: str
    """Physical source."""
    split: str
    """``train``, ``val`` or ``test``."""
    variant: int
    """0 for the image itself, above for augmented ones."""


@dataclass(frozen=True)
class GramCache:
    """A folder of Gram sets, opened for reading."""

    folder: Path
    encoder: str
    levels: tuple[str, ...]
    weights_hash: str
    channels: tuple[int, ...]
    rows: tuple[Row, ...]

    @classmethod
    def open(cls, folder: Path) -> GramCache:
        """Open what :func:`extract` wrote.

        Raises:
            InputError: There is no cache, or it is damaged or of another format.
        """
        if not (folder / _HEADER).exists():
            raise InputError(f"{folder} holds no Gram sets ({_HEADER} is missing); make them with gramtex extract")
        header = read_json(folder / _HEADER)
        if not isinstance(header, dict) or header.get("format") != CACHE_FORMAT:
            raise InputError(f"{folder / _HEADER} is of another format; extract again")
        with refusing(f"{folder / _HEADER} is damaged; extract again: it"):
            cache = cls(
                folder,
                header["encoder"],
                tuple(header["levels"]),
                header["weights_hash"],
                tuple(header["channels"]),
                tuple(Row(**row) for row in header["rows"]),
            )
            for level, channels in zip(cache.levels, cache.channels, strict=True):
                wanted = (len(cache.rows), channels * (channels + 1) // 2)
                if cache._array(level).shape != wanted:
                    raise InputError(f"{folder / f'{level}.npy'} has another shape than the header says; extract again")
        return cache

    def _array(self, level: str) -> np.ndarray[Any, np.dtype[np.float16]]:
        path = self.folder / f"{level}.npy"
        try:
            values = read_array(path, mapped=True)
        except InputError as error:
            raise InputError(f"{path} cannot be read ({error}); extract again") from None
        if values.dtype != np.float16:
            raise InputError(f"{path} holds {values.dtype}, not float16; extract again")
        return values

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float16]]]:
        return {level: self._array(level) for level in self.levels}

    @cached_property
    def fingerprint(self) -> str:
        """Digest of encoder, levels and rows: which data a model was trained on."""
        text = json.dumps([self.encoder, self.levels, self.weights_hash, [asdict(row) for row in self.rows]])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def select(self, split: str, *, variants: bool = True) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Numbers of the rows of a split; without variants, of the images themselves."""
        chosen = [i for i, row in enumerate(self.rows) if row.split == split and (variants or row.variant == 0)]
        return np.asarray(chosen, dtype=np.int64)

    def coordinates(
        self, rows: np.ndarray[Any, np.dtype[np.int64]], level: str
    ) -> Float[Tensor, "row channel channel"]:
        """Signed square roots of the Gram matrices of one level, in single precision."""
        return unvech(torch.from_numpy(self._arrays[level][rows].astype(np.float32)))

    def refuse_other(self, encoder: str, levels: Sequence[str], weights_hash: str | None = None) -> None:
        """Check that the cache serves a model.

        Raises:
            InputError: Encoder or weights differ, or levels are missing.
        """
        if encoder != self.encoder or (weights_hash is not None and weights_hash != self.weights_hash):
            raise InputError(
                f"{self.folder} was measured with {self.encoder} ({self.weights_hash}), the model needs "
                f"{encoder} ({weights_hash or 'any weights'}); extract again with --encoder {encoder}"
            )
        if missing := [level for level in levels if level not in self.levels]:
            raise InputError(f"{self.folder} has no level {', '.join(missing)} (found: {', '.join(self.levels)})")


def extract(
    sources: Sequence[Exemplar],
    folder: Path,
    encoder: Encoder,
    *,
    augment: int = 1,
    hue: bool = False,
    seed: int = 0,
    force: bool = False,
) -> GramCache:
    """Measure every image, training images in several variants.

    Args:
        sources: Images with their groups and splits.
        folder: Where to write; made if needed.
        encoder: What measures.
        augment: Rows for each training image: itself, then turned, mirrored and scaled (0.7 to 1.4) variants.
        hue: Let variants turn their hue, too.
        seed: Settles the variants.
        force: Overwrite a cache.

    Raises:
        InputError: There are no images, an image cannot be read, a group straddles splits, or the folder is taken.
    """
    if not sources:
        raise InputError("there are no images to measure; give a folder with pictures")
    _refuse_straddling(sources)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise InputError(f"{folder} is not empty; add --force to overwrite it, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _HEADER).unlink(missing_ok=True)
    plan = [(each, variant) for each in sources for variant in range(augment if each.split == "train" else 1)]
    try:
        arrays = {
            level: np.lib.format.open_memmap(
                folder / f"{level}.npy", mode="w+", dtype=np.float16, shape=(len(plan), width * (width + 1) // 2)
            )
            for level, width in zip(encoder.levels, encoder.widths, strict=True)
        }
        rows = _measured(plan, arrays, encoder, seed=seed, hue=hue)
        write_json(
            folder / _HEADER,
            {
                "format": CACHE_FORMAT,
                "encoder": encoder.name,
                "weights_hash": encoder.weights_hash,
                "levels": encoder.levels,
                "channels": encoder.widths,
                "augment": augment,
                "hue": hue,
                "seed": seed,
                "rows": [asdict(row) for row in rows],
            },
        )
    except BaseException:
        for level in encoder.levels:  # half a cache would only stand in the way of the next try
            (folder / f"{level}.npy").unlink(missing_ok=True)
        raise
    return GramCache.open(folder)


def _measured(
    plan: Sequence[tuple[Exemplar, int]],
    arrays: Mapping[str, np.memmap[Any, np.dtype[np.float16]]],
    encoder: Encoder,
    *,
    seed: int,
    hue: bool,
) -> list[Row]:
    """Fill the rows of a cache."""
    rows: list[Row] = []
    for number, (source, variant) in enumerate(tqdm(plan, desc="extract", unit="row", disable=None)):
        digest = rows[-1].sha256 if variant else file_digest(source.path)
        picture = read_exemplar(source.path)
        if variant:
            draw = np.random.default_rng([seed, variant, int(digest[:8], 16)])
            picture = vary(picture, draw, hue=hue)
        grams = encoder.gram_set(image_tensor(picture))
        for level, matrix in grams.items():
            arrays[level][number] = vech(signed_sqrt(matrix).clamp(-_LARGEST, _LARGEST)).cpu().numpy()
        rows.append(Row(source.name, digest, source.group, source.split or "train", variant))
    for array in arrays.values():
        array.flush()
    return rows


def vary(
    picture: UInt8[np.ndarray, "height width 3"], draw: np.random.Generator, *, hue: bool = False
) -> UInt8[np.ndarray, "height_out width_out 3"]:
    """Mirror, turn by quarters and scale a texture; optionally turn its hue.

    A scale below 1 makes the picture smaller, one above 1 cuts a part and enlarges it: Gram matrices do not depend on
    the size of the picture, only on that of its motifs.
    """
    if draw.random() < 0.5:
        picture = picture[:, ::-1]
    picture = np.rot90(picture, int(draw.integers(4)))
    scale = float(np.exp(draw.uniform(np.log(0.7), np.log(1.4))))
    height, width = picture.shape[:2]
    if scale > 1:
        rows, columns = round(height / scale), round(width / scale)
        top, left = int(draw.integers(height - rows + 1)), int(draw.integers(width - columns + 1))
        picture = picture[top : top + rows, left : left + columns]
    size = (width, height) if scale > 1 else (max(32, round(width * scale)), max(32, round(height * scale)))
    resized = Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.LANCZOS)
    if hue:
        bands = np.array(resized.convert("HSV"))
        bands[..., 0] += np.uint8(draw.integers(256))  # wraps around, as hues do
        resized = Image.fromarray(bands, "HSV").convert("RGB")
    return np.array(resized)


def _refuse_straddling(sources: Sequence[Exemplar]) -> None:
    splits: dict[str, str | None] = {}
    for each in sources:
        if splits.setdefault(each.group, each.split) != each.split:
            raise InputError(
                f"group {each.group} is in {splits[each.group]} and in {each.split} ({each.path}); split by group"
            )
