"""Is a data set there and whole, and what to tell somebody for whom it is not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from os.path import isfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hr_common import image
from hr_common.errors import InputError
from openlt.data.registry import DatasetInfo
from openlt.data.splits import ImageSplit, Verify

SAMPLE = 200
"""Pictures of each split that are opened unless all are asked for."""
_SHOWN = 5
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


@dataclass
class Inspection:
    """What was looked for and what was found, collected on the way; :meth:`finish` says it all at once."""

    info: DatasetInfo
    root: Path | None
    """As given."""
    lists: Path | None = None
    """As given."""
    sought: list[tuple[str, str]] = field(default_factory=list)
    """Each part and where it was looked for."""
    found: list[str] = field(default_factory=list)
    """What there was instead."""
    problems: list[str] = field(default_factory=list)
    """Why the data cannot be used."""
    missing: list[str] = field(default_factory=list)
    """How many files of a split are missing, and the first of them."""
    passed: list[str] = field(default_factory=list)
    """What was found to be right."""
    warnings: list[str] = field(default_factory=list)
    """What is unusual but no hindrance."""

    def finish(self) -> None:
        """Do nothing if there are no problems.

        Raises:
            InputError: There are; the message has one line for each thing to know.
        """
        if self.problems:
            raise InputError(self.message(), keep_lines=True)

    def message(self) -> str:
        """What is wrong, where was looked, what was there, where to get the parts, how to check again."""
        blocks = [
            (f"{self.info.title} cannot be used", self.problems),
            ("Looked for", _columns(self.sought)),
            ("Found instead", self.found),
            ("Missing or damaged, the first", self.missing),
            ("Where to get it", _columns(self.info.sources)),
            ("How it has to lie in a folder DIR", list(self.info.tree)),
            ("Check again with", [self.command()]),
        ]
        return "\n".join(
            line for title, lines in blocks if lines for line in [f"{title}:", *(f"  {each}" for each in lines)]
        )

    def command(self) -> str:
        """The command that checks this again."""
        root = "DIR" if self.root is None else _quoted(self.root)
        lists = f" --lists {_quoted(self.lists)}" if self.lists is not None else ""
        return f"openlt datasets verify {self.info.name} --data-root {root}{lists}"

    def check_pictures(self, split: ImageSplit, level: Verify) -> None:
        """Open pictures of a split: a sample, all, or none; what is missing or damaged becomes a problem."""
        if level == "off":
            return
        total = len(split)
        rng = np.random.default_rng(0)
        lines = np.arange(total) if level == "full" else np.sort(rng.choice(total, min(SAMPLE, total), replace=False))
        if not all(map(isfile, (split.paths[line] for line in lines.tolist()))):
            absent = list(filterfalse(isfile, split.paths))
            self.problems.append(f"{len(absent):,} of the {total:,} {split.name} pictures are missing")
            self.missing += [f"{split.name}: {path}" for path in absent[: 1 if self.missing else _SHOWN]]
            return
        damaged = [
            reason
            for line in tqdm(lines.tolist(), desc=split.name, unit="picture", leave=False, disable=None)
            if (reason := _damage(split.paths[line]))
        ]
        if damaged:
            self.problems.append(
                f"{len(damaged):,} of {len(lines):,} {split.name} pictures cannot be decoded; mend "
                "them, or leave them out in training with --set data.corrupt=skip-and-count --verify off"
            )
            self.missing += [f"{split.name}: {reason}" for reason in damaged[:_SHOWN]]
        else:
            self.passed.append(f"{split.name}: {len(lines):,} of {total:,} pictures are there and decode")

    def describe(self, folder: Path) -> None:
        """Note what a folder holds in place of what was expected."""
        if not folder.exists():
            self.found.append(f"{folder} does not exist")
        elif not folder.is_dir():
            self.found.append(f"{folder} is a file")
        else:
            self.found += contents(folder)


def locate(info: DatasetInfo, root: Path, signs: Sequence[str]) -> Path:
    """Choose the data set's own folder: the one given, or one below it that goes by the set's name.

    Args:
        info: The data set.
        root: Folder that was given, of the data set or of several.
        signs: Names of files or folders, any of which tells that the data set is here.
    """
    options = [root, *(root / name for name in info.folders)]
    return next((each for each in options if any((each / sign).exists() for sign in signs)), root).absolute()


def contents(folder: Path) -> list[str]:
    """Say in a few lines what is in a folder."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    if not entries:
        return [f"{folder} is empty"]
    lines = []
    for entry in [each for each in entries if each.is_dir()][:8]:
        inner = list(os.scandir(entry.path))
        folders = sum(each.is_dir() for each in inner)
        what = f"{folders:,} folders" if folders else f"{len(inner):,} files"
        lines.append(f"{folder}/{entry.name}/ with {what}")
    packed = [each.name for each in entries if each.name.endswith(_ARCHIVES)]
    lines += [f"{folder}/{name}, which is not unpacked" for name in packed[:5]]
    texts = [each.name for each in entries if each.name.endswith((".txt", ".json"))]
    if texts:
        lines.append(f"in {folder}: {', '.join(texts[:8])}{', …' if len(texts) > 8 else ''}")
    rest = len(entries) - sum(each.is_dir() for each in entries) - len(packed) - len(texts)
    return [*lines, f"{folder} holds {rest:,} other files"] if rest else lines


def _damage(path: str) -> str | None:
    try:
        image.read(path)
    except InputError as error:
        return str(error)
    return None


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def _quoted(path: Path) -> str:
    text = str(path.absolute())
    return f"'{text}'" if " " in text else text
