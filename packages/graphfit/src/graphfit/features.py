"""What a picture says about its garment: the encoder's feature, the palette, and the photo's background.

Each picture is read once. What was computed is kept under the SHA-256 of the picture's bytes together with encoder and
preprocessing, so that a changed picture is never mistaken for the old one.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from PIL import Image
from skimage.color import rgb2lab
from torch import Tensor
from tqdm import tqdm

from graphfit.data.items import Catalogue
from hr_common import image
from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path, read_arrays, refuse_unreadable

logger = logging.getLogger(__name__)

PREPROCESSING = "fit224-corner-1"
"""Fit into a square on the colour of the picture's own corners; palette and background as of version 1."""
PALETTE = 4
"""Most colours of a garment."""
SMALLEST_SIDE = 8
"""Shorter pictures, in pixels, show no garment."""


@runtime_checkable
@runtime_checkable
class PictureEncoder(Protocol):
    """Turns a batch of pictures into one vector each."""

    channels: int

    def __call__(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channel"]:
        """Encode RGB pictures with values from 0 to 255."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the items of a catalogue, in its order."""

    ids: tuple[str, ...]
    """Of the items."""
    values: Float32[np.ndarray, "item feature"]
    """The encoder's vectors."""
    encoder: str
    """Which encoder made them."""
    preprocessing: str = PREPROCESSING
    """How pictures were prepared for it."""
    palettes: Float32[np.ndarray, "item 4 4"] | None = None
    """Colours of the garments by falling weight: L*, a*, b* and weight; rows of zero weight are empty."""
    backgrounds: Float32[np.ndarray, "item 3"] | None = None
    """CIELAB colour of the corners of the photos."""

    def save(self, path: str | Path) -> None:
        """Write an npz file, atomically."""
        arrays: dict[str, np.ndarray] = {"ids": np.asarray(self.ids), "values": self.values}
        arrays |= {"encoder": np.asarray(self.encoder), "preprocessing": np.asarray(self.preprocessing)}
        for name in ("palettes", "backgrounds"):
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path, *, encoder: str | None = None) -> "Features":
        """Read what :meth:`save` wrote.

        Args:
            path: An npz file.
            encoder: Refuse features of any other encoder.

        Raises:
            InputError: The file is missing, damaged, no file of features, or of another encoder.
        """
        try:
            arrays = read_arrays(path)
        except InputError as error:
            raise InputError(f"{error}, so it cannot be read as features; make it with `graphfit embed`") from None
        if missing := {"ids", "values", "encoder", "preprocessing"} - arrays.keys():
            raise InputError(
                f"{path} holds no {', '.join(sorted(missing))} (found: {', '.join(arrays)}); "
                "make it with `graphfit embed`"
            )
        with refusing(str(path)), np.errstate(over="ignore"):
            features = cls(
                ids=tuple(arrays["ids"].tolist()),
                values=arrays["values"].astype(np.float32),
                encoder=str(arrays["encoder"]),
                preprocessing=str(arrays["preprocessing"]),
                palettes=arrays.get("palettes"),
                backgrounds=arrays.get("backgrounds"),
            )
        if features.values.ndim != 2 or len(features.ids) != len(features.values):
            raise InputError(f"{path}: {len(features.ids)} ids do not fit features of shape {features.values.shape}")
        if encoder is not None:
            features.expect(encoder, str(path))
        return features

    def expect(self, encoder: str, where: str = "the features") -> None:
        """Refuse features of another encoder or preprocessing.

        Raises:
            InputError: They are.
        """
        if self.encoder != encoder or self.preprocessing != PREPROCESSING:
            raise InputError(
                f"{where} were made by encoder {self.encoder} ({self.preprocessing}), but {encoder} "
                f"({PREPROCESSING}) is needed; run `graphfit embed` again"
            )

    def of(self, catalogue: Catalogue) -> "Features":
        """Put the rows in the order of a catalogue.

        Raises:
            InputError: Items have no feature; the message names the first ones.
        """
        if self.ids == tuple(item.id for item in catalogue):
            return self
        rows = {item_id: row for row, item_id in enumerate(self.ids)}
        if missing := [item.id for item in catalogue if item.id not in rows]:
            raise InputError(
                f"{len(missing)} items of {catalogue.name} have no features ({', '.join(missing[:3])} …); "
                "run `graphfit embed` again"
            )
        return self.take(np.array([rows[item.id] for item in catalogue], dtype=np.int64))

    def take(self, rows: Int64[np.ndarray, " row"]) -> "Features":
        """Keep some rows, in the order given."""
        return type(self)(
            ids=tuple(self.ids[row] for row in rows),
            values=self.values[rows],
            encoder=self.encoder,
            preprocessing=self.preprocessing,
            palettes=None if self.palettes is None else self.palettes[rows],
            backgrounds=None if self.backgrounds is None else self.backgrounds[rows],
        )


def square(picture: UInt8[np.ndarray, "height width 3"], side: int = 224) -> UInt8[np.ndarray, "side side 3"]:
    """Fit a picture into a square whose rest has the median colour of the picture's corners."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ground = tuple(int(value) for value in np.median(_corners(picture), axis=0))
    canvas = Image.new("RGB", (side, side), ground)
    fitted = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    canvas.paste(fitted, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(canvas)


def background_colour(picture: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "3"]:
    """Return the median CIELAB colour of the four corners, each a sixteenth of the sides."""
    lab: np.ndarray = np.median(rgb2lab(_corners(picture)), axis=0)
    return lab.astype(np.float32)


def _corners(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "pixel 3"]:
    height, width = (max(1, side // 16) for side in picture.shape[:2])
    rows, columns = (slice(None, height), slice(-height, None)), (slice(None, width), slice(-width, None))
    return np.concatenate([picture[row, column].reshape(-1, 3) for row in rows for column in columns])


def read_garment(path: Path) -> tuple[UInt8[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width 4"]]:
    """Read a picture over white, and with its transparency.

    Raises:
        InputError: It is missing, damaged, no picture, or too small to show a garment.
    """
    full = image.read(path, "RGBA")
    if min(full.shape[:2]) < SMALLEST_SIDE:
        height, width = full.shape[:2]
        raise InputError(f"{path} has only {width}×{height} pixels; a garment needs {SMALLEST_SIDE} on each side")
    picture = image.read(path) if (full[..., 3] < 255).any() else np.ascontiguousarray(full[..., :3])
    return picture, full


def palette_rows(picture: UInt8[np.ndarray, "height width channel"]) -> Float32[np.ndarray, "4 4"]:
    """Compute a garment's palette as rows of L*, a*, b* and weight."""
    from graphfit.colour.palette import garment_palette

    palette = garment_palette(picture)
    rows = np.zeros((PALETTE, 4), dtype=np.float32)
    count = min(PALETTE, len(palette.weights))
    rows[:count, :3] = np.asarray(palette.colours)[:count]
    rows[:count, 3] = np.asarray(palette.weights)[:count]
    return rows


def load_encoder(name: str, device: torch.device | str = "cpu") -> tuple[PictureEncoder, str]:
    """Build a picture encoder and say its id.

    Args:
        name: ``lite0``, or a file with the weights of a ResNet-18, see
            :func:`graphfit.networks.resnet18.load_resnet18`.
        device: Where it computes.

    Raises:
        InputError: There is no such encoder.
    """
    if name == "lite0":
        from graphfit.networks.efficientnet_lite0 import load_efficientnet_lite0

        return load_efficientnet_lite0(device), "lite0"
    if Path(name).is_file():
        from graphfit.networks.resnet18 import load_resnet18

        return load_resnet18(Path(name), device)
    if name.startswith("resnet18-"):
        raise InputError(
            f"pictures cannot be encoded by {name}: its weights are not part of the model; embed them with "
            "`graphfit embed --encoder FILE` and give the features"
        )
    raise InputError(f"unknown encoder {name!r}; choose lite0, or a file with the weights of a ResNet-18")


class _Cache:
    """Rows of numbers by key in an SQLite file: written at once, whole or not at all."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._rows = sqlite3.connect(path or ":memory:")
            self._rows.execute("CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, numbers BLOB)")
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} is no cache of features ({error}); give another --cache") from None

    def get(self, key: str, length: int) -> Float32[np.ndarray, " number"] | None:
        try:
            found = self._rows.execute("SELECT numbers FROM features WHERE key = ?", (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self._path} is damaged ({error}); remove it, or give another --cache") from None
        if found is None or len(found[0]) != 4 * length:
            return None
        return np.frombuffer(found[0], dtype="<f4").astype(np.float32)

    def put(self, rows: Sequence[tuple[str, Float32[np.ndarray, " number"]]]) -> None:
        with self._rows:
            self._rows.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?)",
                [(key, row.astype("<f4").tobytes()) for key, row in rows],
            )

    def close(self) -> None:
        self._rows.close()


def embed(
    catalogue: Catalogue,
    *,
    encoder: str = "lite0",
    cache: Path | None = None,
    batch: int = 32,
    device: torch.device | str = "cpu",
) -> Features:
    """Compute the features of all items of a catalogue, or take them from a cache.

    Args:
        catalogue: Every item needs a picture.
        encoder: See :func:`load_encoder`.
        cache: An SQLite file to keep features in; made if needed. What an interrupted call has computed is in it.
        batch: Pictures that are encoded at a time.
        device: Where the encoder computes.

    Raises:
        InputError: The catalogue is empty, or pictures are missing or cannot be read: all of them in one message.
    """
    if not len(catalogue):
        raise InputError(f"catalogue {catalogue.name} is empty: there is nothing to embed")
    network, encoder_id = load_encoder(encoder, device)
    length = network.channels + 4 * PALETTE + 3
    table = np.empty((len(catalogue), length), dtype=np.float32)
    mistakes: list[str] = []
    with closing(_Cache(cache)) as kept:
        waiting: list[tuple[int, str, UInt8[np.ndarray, "side side 3"], np.ndarray]] = []
        bar = tqdm(catalogue.items, desc="embedding", unit="picture", disable=None, leave=False)
        for position, item in enumerate(bar):
            if item.image is None:
                mistakes.append(f"item {item.id} has no picture")
                continue
            try:
                key = _key(item.image, encoder_id)
                if (row := kept.get(key, length)) is not None:
                    table[position] = row
                    continue
                picture, full = read_garment(item.image)
            except InputError as error:
                mistakes.append(str(error))
                continue
            extras = np.concatenate([palette_rows(full).ravel(), background_colour(picture)])
            waiting.append((position, key, square(picture), extras))
            if len(waiting) == batch:
                _encode(network, waiting, table, kept, device)
        _encode(network, waiting, table, kept, device)
    if mistakes:
        shown = "; ".join(mistakes[:10]) + (f"; and {len(mistakes) - 10} more" if len(mistakes) > 10 else "")
        raise InputError(f"{len(mistakes)} of {len(catalogue)} items cannot be embedded: {shown}")
    values, palettes, backgrounds = np.split(table, [network.channels, network.channels + 4 * PALETTE], axis=1)
    return Features(
        ids=tuple(item.id for item in catalogue),
        values=np.ascontiguousarray(values),
        encoder=encoder_id,
        palettes=palettes.reshape(-1, PALETTE, 4).copy(),
        backgrounds=backgrounds.copy(),
    )


def _key(path: Path, encoder_id: str) -> str:
    refuse_unreadable(path)
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}/{encoder_id}/{PREPROCESSING}"


def _encode(
    network: PictureEncoder,
    waiting: list[tuple[int, str, UInt8[np.ndarray, "side side 3"], np.ndarray]],
    table: Float32[np.ndarray, "item number"],
    kept: _Cache,
    device: torch.device | str,
) -> None:
    """Encode the pictures that wait, and forget them."""
    if not waiting:
        return
    pictures = as_batch([picture for _, _, picture, _ in waiting], device)
    with torch.inference_mode():
        encoded = network(pictures).float().cpu().numpy()
    for (position, _, _, extras), vector in zip(waiting, encoded, strict=True):
        table[position] = np.concatenate([vector, extras])
    kept.put([(key, table[position]) for position, key, _, _ in waiting])
    waiting.clear()


def as_batch(
    pictures: Sequence[UInt8[np.ndarray, "height width 3"]], device: torch.device | str = "cpu"
) -> Float[Tensor, "batch 3 height width"]:
    """Stack pictures of one size, with channels last in memory, which convolutions on a CPU like better."""
    stacked = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2)
    return stacked.float().contiguous(memory_format=torch.channels_last)


def batches(count: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of at most ``size``."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
