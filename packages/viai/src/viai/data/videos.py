"""A folder of videos, ``<class>/<id>.<ext>``, prepared once into the clips of :mod:`viai.data.clips`."""

import hashlib
import logging
import math
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from hr_common import audio, video
from hr_common.errors import InputError
from hr_common.files import file_digest, read_json, write_json
from hr_common.interrupts import left_to_parent
from viai.config import ViaiConfig
from viai.data.clips import (
    SPLITS,
    ClipMeta,
    Split,
    picture_samples,
    read_meta,
    window_frames,
    write_clip,
    write_split,
)
from viai.data.shots import look_at, performances
from viai.picture import read_picture

logger = logging.getLogger(__name__)

SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")
)
"""Endings of the files that are taken for videos."""
MANIFEST = "manifest.json"
"""A file of this name in the folder of videos says which split each belongs to."""
_SILENT_DB = -60.0  # of full scale; a clip below has nothing to learn from
_IDLE = {"black": "the picture is black", "silent": "the sound is silent", "still": "the picture hardly moves"}
_MARGIN = 0.1  # seconds read on either side, for the filter of the resampler


@dataclass(frozen=True, order=True)
class VideoFile:
    """A video of a data set."""

    label: str
    """Class, the name of its folder."""
    id: str
    """Name without suffix; with YouTube videos the 11 characters of the address."""
    path: Path

    @property
    def source(self) -> str:
        """Name that is its own in the data set."""
        return f"{self.label}/{self.id}"


@dataclass(frozen=True)
class Refusal:
    """A video, or a part of one, that was left out."""

    file: str
    reason: str


@dataclass(frozen=True)
class Preparation:
    """What preparing a folder gave."""

    root: Path
    clips: Mapping[Split, int]
    """Number of clips in each split."""
    refused: Sequence[Refusal]
    """Also in ``refused.json``."""


def find_videos(folder: Path) -> list[VideoFile]:
    """List the videos ``<class>/<id>.<ext>`` of a folder, sorted.

    Raises:
        InputError: There are none, or one id stands twice in a class.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected one with videos <class>/<id>.<ext>")
    found: dict[str, VideoFile] = {}
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            entry = VideoFile(path.parent.name, path.stem, path)
            if entry.source in found:
                raise InputError(f"{path} and {found[entry.source].path.name} have one name; keep one of them")
            found[entry.source] = entry
    if not found:
        raise InputError(f"{folder} holds no videos; expected files <class>/<id>.<ext>, such as violin/dQw4w9WgXcQ.mp4")
    return sorted(found.values())


def split_of(identity: str, *, seed: int, test_fraction: float = 0.1, val_fraction: float = 0.05) -> Split:
    """Draw a video's split from its id alone, so that videos that come later move none of the others.

    Args:
        identity: The id, without class: a video that is listed under two classes has one split.
        seed: Another number gives another choice.
        test_fraction: Share of the videos for the test.
        val_fraction: Share of the others for validation.
    """
    place = _place(identity, seed)
    if place < test_fraction:
        return "test"
    return "val" if place < test_fraction + (1 - test_fraction) * val_fraction else "train"


def assign_splits(
    identities: Iterable[str], *, seed: int, test_fraction: float = 0.1, val_fraction: float = 0.05
) -> dict[str, Split]:
    """Draw the split of every id with :func:`split_of`, and see that none is empty.

    Where chance leaves the test or the validation of three videos or more empty, the video that came nearest is moved
    there from training, as long as training keeps one.
    """
    order = sorted(set(identities), key=lambda identity: (_place(identity, seed), identity))
    splits = {
        identity: split_of(identity, seed=seed, test_fraction=test_fraction, val_fraction=val_fraction)
        for identity in order
    }
    wanted: list[tuple[Split, float]] = [("test", test_fraction), ("val", val_fraction)]
    for split, fraction in wanted:
        spare = [identity for identity in order if splits[identity] == "train"]
        if fraction > 0 and len(order) >= 3 and len(spare) > 1 and split not in splits.values():
            splits[spare[0]] = split
    return splits


def prepare(
    folder: Path,
    out: Path,
    config: ViaiConfig,
    *,
    jobs: int = 1,
    seed: int = 0,
    test_fraction: float = 0.1,
    val_fraction: float = 0.05,
    manifest: Path | None = None,
    skip_seconds: float = 0.0,
    longest_seconds: float = 10.0,
    clean: bool = True,
    videos: Sequence[VideoFile] | None = None,
) -> Preparation:
    """Cut videos into clips and write them with ``split.json`` and ``refused.json``.

    Clips that an earlier run has finished with the same settings are kept. What cannot be used (damaged files, no
    sound, silence, black, hardly any motion, less than four seconds, a copy of another file) is listed with its reason.
    The result does not depend on ``jobs``.

    Args:
        folder: Videos ``<class>/<id>.<ext>``.
        out: Folder for the clips; made if needed.
        config: Rates, size and flow.
        jobs: Processes.
        seed: Settles the splits where no manifest does.
        test_fraction: Share of the videos for the test.
        val_fraction: Share of the others for validation.
        manifest: JSON with the ``split`` of videos by class and id. Default: ``manifest.json`` of the folder, and
            ``<id>.json`` beside a video, where there are such files.
        skip_seconds: Left out at the beginning of every video; 6 for videos from the web, which begin with titles.
        longest_seconds: Longer shots are cut into clips of equal length up to this.
        clean: Keep every clip within one shot, and leave out what is black, silent or still; see
            :mod:`viai.data.shots`. Otherwise a video is taken for one shot.
        videos: Take these instead of what lies in the folder.

    Raises:
        InputError: There are no videos, a fraction is no share, the manifest is wrong, or nothing at all could be used.
    """
    if not (0 <= test_fraction < 1 and 0 <= val_fraction < 1):
        raise InputError(
            f"fractions {test_fraction:g} for the test and {val_fraction:g} for validation: expected 0 to 1"
        )
    if longest_seconds * config.picture.frame_rate < window_frames(config):
        raise InputError(f"clips of at most {longest_seconds:g} s are shorter than a window; choose 4 or more")
    if skip_seconds < 0:
        raise InputError(f"cannot leave out {skip_seconds:g} s; choose 0 or more")
    picture_samples(config)
    files = sorted(videos) if videos is not None else find_videos(folder)
    if not files:
        raise InputError("there are no videos to prepare")
    known = _known_splits(folder, manifest)
    for file in files:
        if file.source not in known and (split := _split_beside(file.path)):
            known[file.source] = split
    tasks = [_Task(file, out, config, skip_seconds, longest_seconds, clean) for file in files]
    out.mkdir(parents=True, exist_ok=True)
    outcomes = dict(tqdm(_run(tasks, jobs), total=len(tasks), unit="video", desc="prepare", disable=None))

    refused: list[Refusal] = []
    usable: list[VideoFile] = []
    first: dict[str, str] = {}
    for file in files:
        outcome = outcomes[file.source]
        refused += outcome.refused
        original = first.setdefault(outcome.file_hash, file.source)
        if original != file.source:
            refused.append(Refusal(str(file.path), f"a copy of {original}"))
        elif outcome.clips:
            usable.append(file)
    unsettled = [file.id for file in usable if file.source not in known]
    drawn = assign_splits(unsettled, seed=seed, test_fraction=test_fraction, val_fraction=val_fraction)
    table: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for file in usable:
        split = known[file.source] if file.source in known else drawn[file.id]
        table[split][file.source] = list(outcomes[file.source].clips)
    write_json(out / "refused.json", refused)
    counts = {split: sum(map(len, table[split].values())) for split in SPLITS}
    if not any(counts.values()):
        raise InputError(f"none of {len(files)} videos can be used, the first because: {refused[0].reason}")
    write_split(out, table)
    for split in SPLITS:
        if not counts[split]:
            logger.warning("no clip of %d videos falls to split '%s'", len(files), split)
    if refused:
        logger.warning("%d videos or parts were left out; %s says why", len(refused), out / "refused.json")
    return Preparation(out, counts, refused)


@dataclass(frozen=True)
class _Task:
    file: VideoFile
    out: Path
    config: ViaiConfig
    skip_seconds: float
    longest_seconds: float
    clean: bool


@dataclass(frozen=True)
class _Outcome:
    file_hash: str
    clips: Sequence[str]
    refused: Sequence[Refusal]


def _run(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[str, _Outcome]]:
    if jobs <= 1:
        for task in tasks:
            yield task.file.source, _prepare_video(task)
        return
    # Decoders and OpenCV keep threads, which a forked process would not have.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as executor:
        with left_to_parent():
            running = {executor.submit(_prepare_video, task): task.file.source for task in tasks}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def _prepare_video(task: _Task) -> _Outcome:
    path = task.file.path
    digest = file_digest(path)
    try:
        header = video.info(path)
        if not header.has_sound:
            raise InputError("it has no sound that can be decoded")
        pieces, refused = _pieces(header, task)
    except InputError as error:
        return _Outcome(digest, (), (Refusal(str(path), str(error)),))
    clips = []
    for number, (start, frames) in enumerate(pieces):
        name = f"{task.file.source}_{number:03d}"
        try:
            _prepare_clip(task, task.out / name, digest, start, frames)
            clips.append(name)
        except InputError as error:
            refused.append(Refusal(str(path), f"from {start:.2f} s: {error}"))
    return _Outcome(digest, clips, refused)


def _pieces(header: video.VideoInfo, task: _Task) -> tuple[list[tuple[float, int]], list[Refusal]]:
    """Start in seconds and number of pictures of every clip, and what was left out between them.

    Less than a window may stay unused at the end of a shot.
    """
    rate, window = task.config.picture.frame_rate, window_frames(task.config)
    start = max(header.start, header.sound_start) + task.skip_seconds
    total = math.floor((header.start + header.duration - start) * rate + 1e-6)
    if total < window:
        seconds = max(0.0, total / rate)
        raise InputError(f"only {seconds:.2f} s of picture with sound, of which a window needs {window / rate:g} s")
    longest = math.floor(task.longest_seconds * rate)
    if not task.clean:
        return [(start + first / rate, length) for first, length in _divided(total, window, longest)], []
    parts, idle = performances(look_at(task.file.path, start=start, frames=total, rate=rate))
    path = str(task.file.path)
    refused = []
    for dull in idle:
        begin, end = start + dull.first / rate, start + dull.stop / rate
        refused.append(Refusal(path, f"from {begin:.2f} s to {end:.2f} s: {_IDLE[dull.reason]}"))
    pieces: list[tuple[float, int]] = []
    for part in parts:
        begin, count = start + part.first / rate, part.stop - part.first
        pieces += [(begin + first / rate, length) for first, length in _divided(count, window, longest)]
        if count < window:
            refused.append(Refusal(path, f"from {begin:.2f} s: only {count / rate:.2f} s between two cuts"))
    return pieces, refused


def _divided(count: int, window: int, longest: int) -> list[tuple[int, int]]:
    """Cut so many pictures into clips of equal length, each a first picture and a number of them."""
    if count < window:
        return []
    clips = max(1, math.ceil((count - window + 1) / longest))
    length = min(longest, count // clips)
    return [(index * length, length) for index in range(clips)]


def _prepare_clip(task: _Task, folder: Path, digest: str, start: float, frames: int) -> None:
    settings, rate = task.config.picture, task.config.spectrogram.sample_rate
    meta = ClipMeta(
        source=task.file.source,
        label=task.file.label,
        start=start,
        duration=frames / settings.frame_rate,
        sample_rate=rate,
        frame_rate=settings.frame_rate,
        frames=frames,
        size=settings.size,
        box=(0.0, 0.0, 1.0, 1.0),
        flow=settings.flow,
        flow_size=settings.flow_size,
        flow_limit=settings.flow_limit,
        file_hash=digest,
    )
    if _finished(folder, meta):
        return
    grid, window = picture_samples(task.config), window_frames(task.config)
    samples = _read_mono(task.file.path, start, frames * grid, rate)
    frames = min(frames, len(samples) // grid)
    if frames < window:
        raise InputError(
            f"the sound ends after {len(samples) / rate:.2f} s, of which a window needs {window * grid / rate:g} s"
        )
    picture = read_picture(task.file.path, start=start, frames=frames, config=settings, needs_motion=True)
    if not picture.covered.all():
        frames = int(np.argmin(picture.covered))
        if frames < window:
            raise InputError(f"pictures are missing after {frames / settings.frame_rate:.2f} s")
    samples = samples[: frames * grid]
    level = 10 * math.log10(float(np.mean(samples.astype(np.float64) ** 2)) + 1e-20)
    if level < _SILENT_DB:
        raise InputError(f"the sound is silent ({level:.0f} dB)")
    box = (picture.box.left, picture.box.top, picture.box.right, picture.box.bottom)
    write_clip(
        folder,
        audio=samples,
        frames=picture.frames[:frames],
        flow=picture.flow[:frames],
        meta=replace(meta, frames=frames, duration=frames / settings.frame_rate, box=box),
    )


def _finished(folder: Path, wanted: ClipMeta) -> bool:
    path = folder / "meta.json"
    if not path.is_file():
        return False
    try:
        there = read_meta(path)
    except InputError as error:
        logger.warning("%s; it is made again", error)
        return False
    # How long the clip has become and what was cut out is known from the video only.
    return replace(there, frames=wanted.frames, duration=wanted.duration, box=wanted.box) == wanted


def _read_mono(path: Path, start: float, count: int, rate: int) -> Float32[np.ndarray, " sample"]:
    """Samples from ``start`` on, at ``rate``; fewer than ``count`` where the track ends."""
    stop = start + count / rate
    sound, own_rate, first = video.read_sound(path, start=max(0.0, start - _MARGIN), stop=stop + _MARGIN)
    if not len(sound):
        return np.empty(0, np.float32)
    mono = audio.resample(sound.mean(axis=1), own_rate, rate)
    offset = max(0, round((start - first) * rate))
    return np.ascontiguousarray(mono[offset : offset + count], dtype=np.float32)


def _place(identity: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _known_splits(folder: Path, manifest: Path | None) -> dict[str, Split]:
    path = manifest or folder / MANIFEST
    if manifest is None and not path.is_file():
        return {}
    record = read_json(path)
    entries = record.get("clips") if isinstance(record, dict) else record
    if not isinstance(entries, list):
        raise InputError(f"{path}: expected an array of records, or an object with such an array as 'clips'")
    known: dict[str, Split] = {}
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, record {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: expected an object with id, class_name and split")
        label = entry.get("class_name", entry.get("class"))
        if not isinstance(label, str) or not isinstance(entry.get("id"), str):
            raise InputError(f"{where}: expected id and class_name (or class), found {', '.join(entry)}")
        source, split = f"{label}/{entry['id']}", _as_split(entry.get("split"), where)
        if known.setdefault(source, split) != split:
            raise InputError(
                f"{where}: '{source}' is in '{known[source]}' and in '{split}'; a source belongs to one split"
            )
    return known


def _split_beside(path: Path) -> Split | None:
    notes = path.with_suffix(".json")
    if not notes.is_file():
        return None
    record = read_json(notes)
    if isinstance(record, dict) and isinstance(record.get("clip"), dict):
        record = record["clip"]
    if not isinstance(record, dict) or "split" not in record:
        return None
    return _as_split(record["split"], str(notes))


def _as_split(value: Any, where: str) -> Split:
    for split in SPLITS:
        if value == split:
            return split
    raise InputError(f"{where}: split is {value!r}; expected train, val or test")
