"""A long-tailed, open set made of any folder of pictures: list files, or a folder of copies or links besides."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from hr_common.errors import InputError
from hr_common.files import file_digest, write_json
from openlt import __version__
from openlt.data.cutting import Cut, CutConfig, cut
from openlt.data.folders import class_names, pictures_in
from openlt.data.lists import SPLIT_NAMES, read_list, write_list
from openlt.data.lists import class_names as listed_class_names
from openlt.data.profiles import gini, head_share
from openlt.data.splits import OPEN, SplitName
from openlt.metrics.bands import BANDS, band_of

Mode = Literal["list", "copy", "symlink"]
Dedupe = Literal["drop", "report", "off"]
_DESCRIPTIONS = ("classes.json", "manifest.json", "frequency.png")


@dataclass(frozen=True)
class MadeSet:
    """What was made."""

    folder: Path
    root: Path
    """What the paths in the lists are relative to."""
    cut: Cut
    digests: Mapping[str, str]
    """SHA-256 of each list."""
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """What to tell the user."""
        counts = self.cut.counts
        bands = np.bincount(band_of(counts), minlength=3).tolist()
        sizes = {split: sum(map(len, each.values())) for split, each in self.cut.members.items()}
        summary = (
            f"{len(counts)} known classes: many {bands[0]}, medium {bands[1]}, few {bands[2]}; "
            f"{counts.max()} to {counts.min()} pictures, imbalance {counts.max() / counts.min():.1f}, "
            f"Gini {gini(counts):.3f}, {100 * head_share(counts):.0f} % in the largest fifth"
        )
        return [
            *self.notes,
            ", ".join(f"{split} {size:,}" for split, size in sizes.items() if size),
            summary,
            f"wrote {self.folder}",
        ]


def make_lt(
    source: Path,
    out: Path,
    config: CutConfig,
    *,
    test_source: Path | None = None,
    mode: Mode = "list",
    dedupe: Dedupe = "drop",
    force: bool = False,
) -> MadeSet:
    """Cut a collection and write lists, ``classes.json``, ``manifest.json`` and a plot of the frequencies.

    The same names, contents and settings give the same lists byte for byte on any machine.

    Args:
        source: A folder with one folder for each class, or a list file with paths relative to its folder.
        out: Folder to make.
        config: How to cut.
        test_source: Folder of the same form, from which the test pictures are taken.
        mode: ``list`` refers to the pictures where they are; ``copy`` and ``symlink`` also make a tree of folders.
        dedupe: ``drop`` leaves out pictures whose content occurs in several classes or in the test, and repetitions
            within a class; ``report`` only counts them.
        force: Overwrite a set that was made here before.

    Raises:
        InputError: There is nothing to cut, a setting is wrong, or ``out`` is in use.
    """
    source, out = source.absolute(), out.absolute()
    _refuse(source, out, force)
    pictures = _collection(source)
    tests = None if test_source is None else _collection(test_source.absolute())
    notes: list[str] = []
    if dedupe != "off":
        pictures, tests, notes = _without_doubles(pictures, tests, drop=dedupe == "drop")
    base = source if source.is_dir() else source.parent
    places = [base] if test_source is None else [base, test_source.absolute()]
    root = Path(os.path.commonpath(places))
    # The draws go by these names, so that it does not matter where the collection lies.
    result = cut(_relative(pictures, root), config, None if tests is None else _relative(tests, root))
    out.mkdir(parents=True, exist_ok=True)
    try:
        if mode == "list":
            listed = {
                split: [(name, path) for name, paths in each.items() for path in paths]
                for split, each in result.members.items()
            }
        else:
            listed = _placed(result, root, out, places, mode)
            root = out
        labels = {name: label for label, name in enumerate(result.classes)}
        digests = {}
        for split, rows in listed.items():
            if rows:
                ordered = sorted((labels.get(name, OPEN), path) for name, path in rows)
                digests[f"{split}.txt"] = write_list(
                    out / f"{split}.txt", [path for _, path in ordered], [label for label, _ in ordered]
                )
        _describe(result, out, config, mode, dedupe, digests)
    except BaseException:
        _clear(out)  # half a set would pass for a whole one, and stand in the way of the next try
        raise
    return MadeSet(out, root, result, digests, (*notes, *result.notes))


def _refuse(source: Path, out: Path, force: bool) -> None:
    if not source.exists():
        raise InputError(f"{source} does not exist; give a folder with one folder for each class, or a list file")
    if source.is_dir() and (out == source or source in out.parents):
        raise InputError(f"{out} lies in {source}, where it would become a class; choose a folder elsewhere")
    if out.is_dir() and any(out.iterdir()):
        if not (out / "manifest.json").is_file():
            raise InputError(f"{out} is not empty and was not made by make-lt; choose another folder")
        if not force:
            raise InputError(f"{out} holds a set already; add --force to overwrite it, or choose another folder")
        _clear(out)


def _clear(out: Path) -> None:
    for name in (*(f"{split}.txt" for split in SPLIT_NAMES), *_DESCRIPTIONS):
        (out / name).unlink(missing_ok=True)
    for split in SPLIT_NAMES:
        if (out / split).is_dir():
            shutil.rmtree(out / split)


def _collection(source: Path) -> dict[str, list[str]]:
    if source.is_file():
        listed = read_list(source, is_open=False)
        names = listed_class_names(listed, int(listed.labels.max()) + 1)
        found: dict[str, list[str]] = defaultdict(list)
        for path, label in zip(listed.paths, listed.labels.tolist(), strict=True):
            found[names[label]].append(str(source.parent / path))
        return dict(found)
    pictures = {name: pictures_in(source / name) for name in class_names(source)}
    if not any(pictures.values()):
        raise InputError(f"{source} has no folders with pictures; expected one folder for each class")
    return pictures


def _without_doubles(
    pictures: dict[str, list[str]], tests: dict[str, list[str]] | None, *, drop: bool
) -> tuple[dict[str, list[str]], dict[str, list[str]] | None, list[str]]:
    every = [path for each in pictures.values() for path in each]
    digest = {path: file_digest(path) for path in tqdm(every, desc="compare", unit="picture", disable=None)}
    held_by: dict[str, set[str]] = defaultdict(set)
    for name, paths in pictures.items():
        for path in paths:
            held_by[digest[path]].add(name)
    tested = {file_digest(path) for paths in (tests or {}).values() for path in paths}
    kept: dict[str, list[str]] = {}
    within = across = shared = 0
    for name, paths in pictures.items():
        seen: set[str] = set()
        kept[name] = []
        for path in paths:
            content = digest[path]
            if len(held_by[content]) > 1:
                across += 1
            elif content in tested:
                shared += 1
            elif content in seen:
                within += 1
            else:
                kept[name].append(path)
                seen.add(content)
    found = [
        (across, "pictures occur in several classes"),
        (within, "pictures repeat another one of their class"),
        (shared, "pictures occur among the test pictures"),
    ]
    verb = "left out" if drop else "kept"
    notes = [f"{count:,} {what} and were {verb}" for count, what in found if count]
    return kept if drop else pictures, tests, notes


def _relative(pictures: Mapping[str, Sequence[str]], root: Path) -> dict[str, list[str]]:
    return {name: [Path(os.path.relpath(path, root)).as_posix() for path in paths] for name, paths in pictures.items()}


def _placed(
    result: Cut, root: Path, out: Path, places: Sequence[Path], mode: Mode
) -> dict[SplitName, list[tuple[str, str]]]:
    listed: dict[SplitName, list[tuple[str, str]]] = {}
    for split, members in result.members.items():
        listed[split] = []
        for name, paths in members.items():
            for path in paths:
                picture = root / path
                inner = picture.relative_to(next(each for each in places if picture.is_relative_to(each)))
                tail = Path(*inner.parts[1:]) if len(inner.parts) > 1 else inner
                target = out / split / name / tail
                target.parent.mkdir(parents=True, exist_ok=True)
                if mode == "copy":
                    shutil.copyfile(picture, target)
                else:
                    target.symlink_to(picture)
                listed[split].append((name, target.relative_to(out).as_posix()))
    return listed


def _describe(
    result: Cut, out: Path, config: CutConfig, mode: Mode, dedupe: Dedupe, digests: Mapping[str, str]
) -> None:
    # Loading matplotlib takes a second that the other commands on data need not wait.
    from openlt.plots import plot_frequency

    bands = band_of(result.counts).tolist()
    rows = [
        {"label": label, "name": name, "folder": name, "train_count": count, "band": BANDS[band]}
        for label, (name, count, band) in enumerate(zip(result.classes, result.counts.tolist(), bands, strict=True))
    ]
    write_json(out / "classes.json", rows)
    write_json(
        out / "manifest.json",
        {
            "made_by": f"openlt {__version__} make-lt",
            "settings": json.loads(json.dumps(asdict(config))),
            "mode": mode,
            "dedupe": dedupe,
            "open": list(result.members["open"]),
            "open_val": list(result.members["open_val"]),
            "notes": result.notes,
            "sha256": dict(digests),
        },
    )
    plot_frequency(out / "frequency.png", result.counts)
