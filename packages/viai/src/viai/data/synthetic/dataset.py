"""The synthetic data set on disk: clips, their notes, and a manifest with splits that share nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from tqdm import tqdm

from hr_common import video
from hr_common.errors import InputError
from hr_common.files import read_json, write_json
from hr_common.interrupts import left_to_parent
from viai.data.synthetic.clips import Cast, render_clip
from viai.data.synthetic.instruments import CLASSES, Instrument, Sampler, available_soundfonts, find_soundfont
from viai.data.synthetic.scene import FAMILIES
from viai.data.synthetic.scores import PATTERNS
from viai.data.synthetic.tunes import Tune, load_tunes

_log = logging.getLogger(__name__)

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
VERSION = 2
"""Changes when equal settings no longer give equal clips."""


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """What to make."""

    clips: int = 1100
    """Number of clips, shared evenly by the classes."""
    seconds: float = 9.0
    """Length of a clip."""
    height: int = 144
    """Height of the picture in pixels."""
    width: int = 192
    """Width of the picture in pixels."""
    classes: tuple[str, ...] = tuple(CLASSES)
    """Labels, from :data:`viai.data.synthetic.instruments.CLASSES`."""
    seed: int = 0
    """Settles every clip."""
    val_share: float = 0.1
    """Share of the clips held out for choosing settings."""
    test_share: float = 0.1
    """Share of the clips for the final figures."""
    soundfont: str | None = None
    """General MIDI sound font; None looks in the usual folders."""
    test_soundfont: str | None = None
    """Another font for the test clips; None takes a second one if found, else other presets of the first."""
    tunes: str | None = None
    """Folder of ABC files; None takes the collections of music21."""
    crf: tuple[int, int] = (20, 32)
    """Range of the H.264 quality (lower is better and larger)."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.classes if name not in CLASSES]
        if unknown:
            raise InputError(f"no synthetic class {unknown[0]!r}: choose from {', '.join(CLASSES)}")
        if not self.classes or self.clips < 1:
            raise InputError(f"nothing to make: {self.clips} clips of {len(self.classes)} classes")
        if not 2 <= self.seconds <= 60:
            raise InputError(f"clips of {self.seconds} seconds: choose 2 to 60")
        if self.height % 2 or self.width % 2 or min(self.height, self.width) < 32:
            raise InputError(f"pictures of {self.height}x{self.width} pixels: choose even numbers from 32")
        if min(self.val_share, self.test_share) < 0 or self.val_share + self.test_share >= 1:
            raise InputError(f"shares {self.val_share} and {self.test_share} leave nothing to train on")


@dataclass(frozen=True, kw_only=True)
class ClipRecord:
    """One line of the manifest."""

    id: str
    class_name: str
    split: Split
    tune: str
    """Name of the tune or rhythm pattern."""
    melody: str
    """Fingerprint of the melody, the same under every title and in every key."""
    family: int
    """Style family."""
    sound: str
    """Sound font and preset."""
    rate: str
    """Frames per second, as a fraction."""
    seconds: float
    notes: int
    """Number of notes."""

    @property
    def file(self) -> str:
        """Path of the film inside the data set."""
        return f"{self.class_name}/{self.id}.mp4"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a data set holds."""

    config: SyntheticConfig
    clips: tuple[ClipRecord, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, {"version": VERSION, "config": asdict(self.config), "clips": [asdict(c) for c in self.clips]})

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what :meth:`write` wrote.

        Raises:
            InputError: The file is no manifest.
        """
        value = read_json(path)
        try:
            config: dict[str, Any] = {
                key: tuple(item) if isinstance(item, list) else item for key, item in value["config"].items()
            }
            return cls(config=SyntheticConfig(**config), clips=tuple(ClipRecord(**clip) for clip in value["clips"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"{path} is no manifest of synthetic clips ({error}): make the data set again") from error


def check_splits(manifest: Manifest) -> None:
    """Refuse a manifest whose splits share what they must not.

    No melody and no style family may be in two splits. Test clips may not share a sound (font and preset) with the
    others where the others of that class leave a choice, that is where the test clips have a sound of their own.

    Args:
        manifest: A data set.

    Raises:
        InputError: Something is shared; names it and two of the clips.
    """
    for what in ("id", "melody", "family"):
        seen: dict[Any, ClipRecord] = {}
        for clip in manifest.clips:
            first = seen.setdefault(getattr(clip, what), clip)
            if first.split != clip.split or (what == "id" and first is not clip):
                raise InputError(
                    f"{what} {getattr(clip, what)} is in {first.split} ({first.file}) and {clip.split} ({clip.file}): "
                    "make the data set again into an empty folder"
                )
    for name in {clip.class_name for clip in manifest.clips}:
        here = [clip for clip in manifest.clips if clip.class_name == name]
        if len({clip.sound for clip in here}) < 2:
            continue
        known = {clip.sound for clip in here if clip.split != "test"}
        for clip in here:
            if clip.split == "test" and clip.sound in known:
                raise InputError(f"sound {clip.sound} of the test clip {clip.file} is also in another split")


def split_of(key: str | int) -> Split:
    """Split of a melody, rhythm pattern or style family: a fixed share of each kind, chosen by hash.

    Args:
        key: Fingerprint or number.

    Returns:
        "train" for about 80 %, "val" and "test" for about 10 % each.
    """
    place = int(hashlib.sha256(str(key).encode()).hexdigest()[:8], 16) % 10
    return "val" if place == 8 else "test" if place == 9 else "train"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One clip to be made."""

    record: ClipRecord
    cast: Cast
    soundfont: str
    seed: tuple[int, ...]
    crf: int


def plan(config: SyntheticConfig, tunes: Sequence[Tune], fonts: Sequence[Path]) -> list[Task]:
    """Decide what each clip shows, before anything is rendered.

    Args:
        config: What to make.
        tunes: Melodies to choose from.
        fonts: Sound font, and a second one for the test clips if there is one.

    Returns:
        A task for each clip, sorted by class; a clip does not depend on how many others are made.

    Raises:
        InputError: A split has no tunes.
    """
    by_split: dict[Split, list[Tune]] = {split: [] for split in SPLITS}
    for melody_known in tunes:
        by_split[split_of(melody_known.fingerprint)].append(melody_known)
    families = {split: [n for n in range(FAMILIES) if split_of(f"family {n}") == split] for split in SPLITS}
    patterns = {split: [n for n in range(PATTERNS) if split_of(f"pattern {n}") == split] for split in SPLITS}
    tasks = []
    names = list(dict.fromkeys(config.classes))
    for position, class_name in enumerate(names):
        count = config.clips // len(names) + (position < config.clips % len(names))
        for number in range(count):
            seed = (config.seed, list(CLASSES).index(class_name), number)
            rng = np.random.default_rng((*seed, 1))
            split = _split_of_number(number, config)
            family = int(rng.choice(families[split]))
            instrument, font = _choose_sound(class_name, split, fonts, rng)
            if instrument.bank == 128:
                tune: Tune | int = int(rng.choice(patterns[split]))
                tune_name = melody = f"pattern {tune}"
            else:
                if not by_split[split]:
                    raise InputError(f"none of {len(tunes)} tunes falls to {split}: give more ABC files")
                tune = by_split[split][int(rng.integers(0, len(by_split[split])))]
                tune_name, melody = tune.name, tune.fingerprint
            clip = ClipRecord(
                id=f"{class_name}-{config.seed}-{number:05d}",
                class_name=class_name,
                split=split,
                tune=tune_name,
                melody=melody,
                family=family,
                sound=f"{font.name}:{instrument.name}",
                rate="",
                seconds=config.seconds,
                notes=0,
            )
            cast = Cast(tune=tune, family=family, instrument=instrument)
            crf = int(rng.integers(config.crf[0], config.crf[1] + 1))
            tasks.append(Task(record=clip, cast=cast, soundfont=str(font), seed=seed, crf=crf))
    return tasks


def _split_of_number(number: int, config: SyntheticConfig) -> Split:
    # The golden ratio spreads the held-out clips evenly, so that a data set cut short keeps its shares.
    place = (number * 0.618033988749895 + 0.5) % 1.0
    if place < config.test_share:
        return "test"
    return "val" if place < config.test_share + config.val_share else "train"


def _choose_sound(
    class_name: str, split: Split, fonts: Sequence[Path], rng: np.random.Generator
) -> tuple[Instrument, Path]:
    instruments = CLASSES[class_name].instruments
    if len(fonts) > 1:
        return instruments[int(rng.integers(0, len(instruments)))], fonts[1 if split == "test" else 0]
    if len(instruments) > 1:
        instruments = instruments[-1:] if split == "test" else instruments[:-1]
    return instruments[int(rng.integers(0, len(instruments)))], fonts[0]


def make_dataset(out: Path, config: SyntheticConfig, *, jobs: int = 1, resume: bool = True) -> Manifest:
    """Make a data set of clips.

    Writes ``<class>/<id>.mp4`` (H.264 and AAC), ``<class>/<id>.json`` (notes and settings), ``tunes.json`` (the parsed
    tunes of music21, for the next run) and at last ``manifest.json``. The clips do not depend on ``jobs``.

    Args:
        out: Folder, made if missing.
        config: What to make.
        jobs: Processes.
        resume: Keep clips that an earlier run with the same settings has finished.

    Returns:
        The manifest, also written to the folder.

    Raises:
        InputError: No sound font or tunes, or the folder holds a data set with other settings.
    """
    fonts = _fonts(config)
    config = replace(config, soundfont=str(fonts[0]), test_soundfont=str(fonts[1]) if len(fonts) > 1 else None)
    out.mkdir(parents=True, exist_ok=True)
    tunes = load_tunes(Path(config.tunes)) if config.tunes else load_tunes(cache=out / "tunes.json")
    tasks = plan(config, tunes, fonts)
    done: dict[str, ClipRecord] = {}
    waiting = []
    for task in tasks:
        record = _finished(out, task, config) if resume else None
        if record is None:
            waiting.append(task)
        else:
            done[record.id] = record
    # Test clips last: a process then changes its sound font once.
    waiting.sort(key=lambda task: task.soundfont != str(fonts[0]))
    for record in tqdm(_rendered(out, waiting, config, jobs), total=len(waiting), unit="clip", disable=None):
        done[record.id] = record
    manifest = Manifest(config=config, clips=tuple(done[task.record.id] for task in tasks))
    check_splits(manifest)
    manifest.write(out / "manifest.json")
    _log.info("%d clips in %s, %d of them new", len(manifest.clips), out, len(waiting))
    return manifest


def _fonts(config: SyntheticConfig) -> list[Path]:
    first = find_soundfont(config.soundfont)
    if config.test_soundfont is not None:
        return [first, find_soundfont(config.test_soundfont)]
    others = [path for path in available_soundfonts() if path.resolve() != first.resolve()]
    return [first, *others[:1]] if config.soundfont is None else [first]


def _fingerprint(task: Task, config: SyntheticConfig) -> str:
    settings = [VERSION, task.seed, task.crf, config.seconds, config.height, config.width, asdict(task.record)]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _finished(out: Path, task: Task, config: SyntheticConfig) -> ClipRecord | None:
    film = out / task.record.file
    notes = film.with_suffix(".json")
    if not (film.is_file() and notes.is_file()):
        return None
    value = read_json(notes)
    if not isinstance(value, dict) or value.get("settings") != _fingerprint(task, config):
        return None
    return ClipRecord(**value["clip"])


def _rendered(out: Path, tasks: Sequence[Task], config: SyntheticConfig, jobs: int) -> Iterable[ClipRecord]:
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield make_clip(out, task, config)
        return
    # Fresh processes: forking one that runs threads (torch, OpenCV) may hang.
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        with left_to_parent():
            futures = [pool.submit(make_clip, out, task, config) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)


_samplers: dict[str, Sampler] = {}


def _sampler(path: str) -> Sampler:
    """Sampler of a font; one at a time, since a font takes hundreds of megabytes."""
    if path not in _samplers:
        _samplers.clear()
        _samplers[path] = Sampler(Path(path))
    return _samplers[path]


def make_clip(out: Path, task: Task, config: SyntheticConfig) -> ClipRecord:
    """Render one clip and write its film and notes.

    Args:
        out: Folder of the data set.
        task: What to render.
        config: Size and length.

    Returns:
        The finished record.
    """
    clip = render_clip(
        task.record.class_name,
        task.cast,
        seconds=config.seconds,
        size=(config.height, config.width),
        sampler=_sampler(task.soundfont),
        seed=task.seed,
    )
    record = replace(task.record, rate=str(clip.rate), notes=len(clip.notes))
    path = out / record.file
    path.parent.mkdir(parents=True, exist_ok=True)
    video.write(path, clip.frames, clip.rate, sound=clip.sound, sound_rate=clip.sound_rate, crf=task.crf)
    value = {
        "settings": _fingerprint(task, config),
        "clip": asdict(record),
        "instrument": asdict(task.cast.instrument),
        "seed": list(task.seed),
        "crf": task.crf,
        **clip.details,
        "notes": [
            {**asdict(note), "onset": round(note.onset, 5), "duration": round(note.duration, 5)} for note in clip.notes
        ],
    }
    write_json(path.with_suffix(".json"), value)
    return record
