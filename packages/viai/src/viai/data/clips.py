"""Prepared clips on disk: one folder a clip, and one file that says which sources are for training.

::

    <root>/split.json                    {"train": {"<source>": ["<clip>", ...]}, "val": {...}, "test": {...}}
    <root>/<clip>/audio.npy              float32 (sample,), mono, 16 kHz, at its own level
    <root>/<clip>/frames.npy             uint8 (frame, size, size, 3), RGB, 12.5 a second
    <root>/<clip>/flow.npy               uint8 (frame, 2, size, size), 127 is rest
    <root>/<clip>/meta.json              where it comes from and how it was made

A clip's name is ``<class>/<id>_<number>``, a source's ``<class>/<id>``. A frame belongs to as many samples as a picture
lasts: 1,280. Nothing is read before it is needed.
"""

import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from hr_common import config as settings
from hr_common.errors import InputError
from hr_common.files import read_array, read_json, write_json
from viai.config import ViaiConfig
from viai.picture import as_box

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
WINDOW_SECONDS = 4.0
"""Length of what the networks see at once, as in the paper; shorter clips are of no use."""
SplitTable = Mapping[Split, Mapping[str, Sequence[str]]]
"""Clips of every source of every split."""


@runtime_checkable
class Clip(Protocol):
    """Sound and pictures of one take, read from a disk format."""

    @property
    def name(self) -> str:
        """Its own in the data set."""

    @property
    def source(self) -> str:
        """The video it was cut from."""

    @property
    def label(self) -> str:
        """Class of the source, such as the instrument."""

    @property
    def frames(self) -> int:
        """Length in pictures."""

    def sound(self, start: int, stop: int) -> Float32[np.ndarray, " sample"]:
        """Samples ``start`` to ``stop`` at the rate of the networks."""

    def sight(
        self, start: int, stop: int
    ) -> tuple[UInt8[np.ndarray, "frame size size 3"], UInt8[np.ndarray, "frame 2 size size"]]:
        """Pictures ``start`` to ``stop`` and the flow that led to them."""


@dataclass(frozen=True, kw_only=True)
class ClipMeta:
    """Where a prepared clip comes from and how it was made."""

    source: str
    label: str
    start: float
    """Seconds on the time line of the video."""
    duration: float
    """Seconds."""
    sample_rate: int
    frame_rate: float
    frames: int
    size: int
    """Height and width of the pictures."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom of the part that was cut out, as shares of the picture."""
    flow: str
    flow_size: int
    flow_limit: float
    file_hash: str
    """SHA-256 of the video file."""


@dataclass(frozen=True)
class PreparedClip:
    """A clip in this layout."""

    folder: Path
    name: str
    source: str
    label: str
    frames: int
    sample_rate: int
    frame_rate: float
    size: int
    flow: str

    def sound(self, start: int, stop: int) -> Float32[np.ndarray, " sample"]:
        """See :class:`Clip`."""
        return np.array(self._open("audio", np.float32, 1)[start:stop])

    def sight(
        self, start: int, stop: int
    ) -> tuple[UInt8[np.ndarray, "frame size size 3"], UInt8[np.ndarray, "frame 2 size size"]]:
        """See :class:`Clip`."""
        return np.array(self._open("frames", np.uint8, 4)[start:stop]), np.array(
            self._open("flow", np.uint8, 4)[start:stop]
        )

    def _open(self, part: str, dtype: type[np.generic], axes: int) -> np.ndarray:
        path = self.folder / f"{part}.npy"
        try:
            values = read_array(path, mapped=True)
        except InputError as error:
            raise InputError(
                f"{path} cannot be read ({error}); delete its folder and prepare the videos again"
            ) from None
        if values.dtype != dtype or values.ndim != axes:
            raise InputError(
                f"{path} holds {values.dtype} with {values.ndim} axes; expected {np.dtype(dtype)} with {axes}"
            )
        return np.asarray(values)


def window_frames(config: ViaiConfig) -> int:
    """Pictures in a window: 50."""
    return round(WINDOW_SECONDS * config.picture.frame_rate)


def picture_samples(config: ViaiConfig) -> int:
    """Samples that belong to one picture: 1,280.

    Raises:
        InputError: The rates do not divide.
    """
    samples = config.spectrogram.sample_rate / config.picture.frame_rate
    if samples % config.spectrogram.hop:
        raise InputError(
            f"picture.frame_rate={config.picture.frame_rate:g} gives {samples:g} samples a picture, "
            f"which is no multiple of spectrogram.hop={config.spectrogram.hop}"
        )
    return int(samples)


def write_clip(
    folder: Path,
    *,
    audio: Float32[np.ndarray, " sample"],
    frames: UInt8[np.ndarray, "frame size size 3"],
    flow: UInt8[np.ndarray, "frame 2 size size"],
    meta: ClipMeta,
) -> None:
    """Write a clip; ``folder`` appears when everything is in it, and takes the place of an old one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}")
    temporary.mkdir()
    try:
        for part, values in (("audio", audio), ("frames", frames), ("flow", flow)):
            np.save(temporary / f"{part}.npy", np.ascontiguousarray(values), allow_pickle=False)
        write_json(temporary / "meta.json", asdict(meta))
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_meta(path: Path) -> ClipMeta:
    """Read ``meta.json`` of a clip.

    Raises:
        InputError: It is missing, or a value is missing or wrong.
    """
    try:
        record = read_json(path)
        if not isinstance(record, dict):
            raise InputError("no JSON object")
        meta = settings.from_dict(ClipMeta, record)
        as_box(meta.box)
        if not (meta.frames > 0 and meta.sample_rate > 0 and meta.frame_rate > 0):
            raise InputError(f"{meta.frames} frames at {meta.frame_rate:g} Hz, sound at {meta.sample_rate} Hz")
    except InputError as error:
        raise InputError(f"{path}: {error}; delete its folder and prepare the videos again") from error
    return meta


def write_split(root: Path, table: SplitTable) -> None:
    """Write ``split.json`` after checking it.

    Raises:
        InputError: See :func:`check_split`.
    """
    check_split(table, root / "split.json")
    write_json(root / "split.json", {name: dict(table.get(name, {})) for name in SPLITS})


def check_split(table: SplitTable, where: Path) -> None:
    """Refuse a source that is in two splits: the test would ask for what was seen in training.

    Raises:
        InputError: Names source and splits, or a clip that is listed twice.
    """
    home: dict[str, str] = {}
    clips: dict[str, str] = {}
    for split in SPLITS:
        for source, names in table.get(split, {}).items():
            if source in home:
                raise InputError(
                    f"{where}: source '{source}' is in '{home[source]}' and in '{split}'; a source belongs to one split"
                )
            home[source] = split
            for name in names:
                if name in clips:
                    raise InputError(
                        f"{where}: clip '{name}' belongs to '{clips[name]}' and to '{source}'; list it once"
                    )
                clips[name] = source


def read_split(root: Path) -> SplitTable:
    """Read and check ``split.json``.

    Raises:
        InputError: It is missing or malformed, or a source is in two splits.
    """
    path = root / "split.json"
    if not path.is_file():
        raise InputError(
            f"{root} holds no prepared clips (no split.json); make them of a folder <class>/<id>.<ext>: "
            f"viai prepare VIDEOS --out {root}"
        )
    record = read_json(path)
    if not isinstance(record, dict) or set(record) != set(SPLITS):
        raise InputError(f"{path}: expected an object with train, val and test")
    for split in SPLITS:
        sources = record[split]
        if not isinstance(sources, dict) or not all(
            isinstance(names, list) and all(isinstance(name, str) for name in names) for names in sources.values()
        ):
            raise InputError(f"{path}: '{split}' has to be an object from source to a list of clips")
    check_split(record, path)
    return record


def read_clips(root: Path, split: Split) -> list[PreparedClip]:
    """Open the clips of one split, in the order of the file.

    Raises:
        InputError: Nothing was prepared there, the split is empty, or a clip is missing or belongs to another source.
    """
    clips = []
    for source, names in read_split(root)[split].items():
        for name in names:
            folder = root / name
            meta = read_meta(folder / "meta.json")
            if meta.source != source:
                raise InputError(
                    f"{folder / 'meta.json'}: the clip comes from '{meta.source}', but split.json says '{source}'"
                )
            clips.append(
                PreparedClip(
                    folder,
                    name,
                    source,
                    meta.label,
                    meta.frames,
                    meta.sample_rate,
                    meta.frame_rate,
                    meta.size,
                    meta.flow,
                )
            )
    if not clips:
        raise InputError(f"{root} has no clip in its split '{split}'; prepare more videos or larger fractions")
    return clips
