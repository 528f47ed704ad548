"""State to go on from: written whole or not at all, read without unpickling."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gramtex.config import GramtexConfig
from gramtex.training.trainer import Trainer
from hr_common import config as settings
from hr_common.errors import InputError
from hr_common.files import atomic_path

CHECKPOINT_FORMAT = 1
# How often one saves, and what is done after training, may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every", "mixture", "sampling")


@dataclass
class Position:
    """Where a run stands."""

    stage: int = 0
    """Stages that are done."""
    step: int = 0
    """Steps of the next stage that are done."""
    best: float | None = None
    """Smallest held-out loss so far."""
    waited: int = 0
    """Measurements since then."""
    first_mmd: float | None = None
    """Held-out discrepancy before the first step."""


def save_checkpoint(
    path: Path, trainer: Trainer, position: Position, *, fingerprint: str, best_state: Mapping[str, Any]
) -> None:
    """Write everything that is needed to go on. What is drawn follows from seed and step and has no state."""
    state = {
        "format": CHECKPOINT_FORMAT,
        "version": version("gramtex"),
        "config": json.dumps(settings.to_dict(trainer.config)),
        "seed": trainer.seed,
        "fingerprint": fingerprint,
        "position": vars(position),
        "best_state": dict(best_state),
        "parts": {name: part.state_dict() for name, part in trainer.parts().items()},
    }
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def read_checkpoint(path: Path, config: GramtexConfig, *, seed: int, fingerprint: str) -> dict[str, Any]:
    """Read a checkpoint and see that it belongs to these settings and data.

    Raises:
        InputError: It is no checkpoint, or settings, seed or Gram sets differ; the message names what differs.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise InputError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); start anew with --force"
        ) from error
    if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT:
        raise InputError(f"{path} is no checkpoint of this version of gramtex (format {CHECKPOINT_FORMAT})")
    differences = list(_differences(json.loads(state["config"]), settings.to_dict(config)))
    if state["seed"] != seed:
        differences.append(f"seed {state['seed']} there, {seed} here")
    if state["fingerprint"] != fingerprint:
        differences.append("other Gram sets")
    if differences:
        raise InputError(
            f"{path} was written with other settings or data ({'; '.join(differences)}); repeat them, "
            "start anew with --force, or choose another --out"
        )
    return state


def restore(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Put a trainer back to where it was saved.

    Raises:
        InputError: The state does not fit the networks.
    """
    for name, part in trainer.parts().items():
        try:
            part.load_state_dict(state["parts"][name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise InputError(f"the checkpoint's {name} does not fit ({error}); start anew with --force") from error


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(there.keys() | here.keys()):
        name, before, now = prefix + key, there.get(key), here.get(key)
        if name in _FREE_TO_CHANGE or before == now:
            continue
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from _differences(before, now, f"{name}.")
        else:
            yield f"{name} {before} there, {now} here"
