"""What a training leaves on the way: the state to go on from and the log. Nothing is ever unpickled."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hr_common import config as settings
from hr_common.errors import InputError
from hr_common.files import atomic_path, read_lines, refuse_unreadable


@dataclass(frozen=True)
class RunFolder:
    """The files of a run that every training has."""

    folder: Path

    @property
    def last(self) -> Path:
        """State to go on from."""
        return self.folder / "last.pt"

    @property
    def log(self) -> Path:
        """One line of JSON for each epoch or measurement."""
        return self.folder / "metrics.jsonl"

    @property
    def model(self) -> Path:
        """Weights to use."""
        return self.folder / "model.safetensors"


def save_state(path: str | Path, *, program: str, layout: int, config: Any, seed: int, **parts: Any) -> None:
    """Write everything that is needed to go on, whole or not at all.

    Args:
        path: Where to.
        program: Which package writes, for the messages of :func:`load_state`.
        layout: Number of its layout; another one is refused.
        config: Settings, a dataclass.
        seed: Of the run.
        parts: Tensors, numbers, strings, and lists and dictionaries of them.
    """
    text = json.dumps(settings.to_dict(config))
    state = {"program": program, "layout": layout, "config": text, "seed": seed, **parts}
    write_tensors(path, state)


def write_tensors(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write what ``torch.load(weights_only=True)`` reads, whole or not at all.

    Raises:
        OSError: The disk is full, or the file cannot be written.
    """
    # Writing by itself, torch turns a full disk into a RuntimeError that does not speak of the disk.
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_state(
    path: str | Path,
    *,
    program: str,
    layout: int,
    config: Any,
    seed: int,
    free: Collection[str] = (),
    others: Callable[[Mapping[str, Any]], Iterable[str]] = lambda _: (),
    force: bool = False,
    advice: str = "start anew with --force",
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Read what :func:`save_state` wrote, and see that it belongs to the run of now.

    Args:
        path: The file.
        program: As it was written.
        layout: As it was written.
        config: The settings of now.
        seed: The seed of now.
        free: Dotted names of settings that may differ.
        others: Names what else differs, given the state; settings that the caller does not know are not among it.
        force: Take it in spite of differences.
        advice: What to do about a file that cannot be gone on from.
        device: Where the tensors go.

    Raises:
        InputError: The file is missing or no such state, or it differs; the message names all differences.
    """
    refuse_unreadable(path)
    try:
        # torch does not compare the checksums that it writes.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} has changed")
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise InputError(f"{path} cannot be read as a checkpoint ({type(error).__name__}); {advice}") from error
    if not isinstance(state, dict) or (state.get("program"), state.get("layout")) != (program, layout):
        raise InputError(f"{path} is no checkpoint of this version of {program} (layout {layout}); {advice}")
    found = list(settings.differences(json.loads(state["config"]), settings.to_dict(config), free=free))
    if state["seed"] != seed:
        found.append(f"seed {state['seed']} there, {seed} here")
    found += others(state)
    if found and not force:
        differing = "; ".join(found)
        raise InputError(f"{path} was written with other settings or data ({differing}); repeat them, or {advice}")
    return state


def append_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Add a line of JSON to a log."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(dict(record)) + "\n")


def cut_log(path: str | Path, keep: Callable[[Mapping[str, Any]], bool]) -> None:
    """Drop the records of a log that a resumed run writes again, and what a kill has left of a line.

    Args:
        path: Written by :func:`append_record`; nothing happens if it is missing.
        keep: Whether a record stays.

    Raises:
        InputError: The log holds something else.
    """
    if not Path(path).exists():
        return
    kept = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            record = json.loads(line)
            stays = keep(record)
        except json.JSONDecodeError:
            continue
        except (KeyError, TypeError, RecursionError):
            raise InputError(f"{path}, line {number}: no record of a training; remove the file") from None
        if stays:
            kept.append(line + "\n")
    with atomic_path(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")
