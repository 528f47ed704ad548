"""State to go on from: written whole or not at all, read without unpickling."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gramtex.config import GramtexConfig
from gramtex.training.trainer import Trainer
from hr_common import runs
from hr_common.errors import InputError

CHECKPOINT_FORMAT = 2
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
    runs.save_state(
        path,
        program="gramtex",
        layout=CHECKPOINT_FORMAT,
        config=trainer.config,
        seed=trainer.seed,
        version=version("gramtex"),
        fingerprint=fingerprint,
        position=vars(position),
        best_state=dict(best_state),
        parts={name: part.state_dict() for name, part in trainer.parts().items()},
    )


def read_checkpoint(path: Path, config: GramtexConfig, *, seed: int, fingerprint: str) -> dict[str, Any]:
    """Read a checkpoint and see that it belongs to these settings and data.

    Raises:
        InputError: It is no checkpoint, or settings, seed or Gram sets differ; the message names what differs.
    """
    return runs.load_state(
        path,
        program="gramtex",
        layout=CHECKPOINT_FORMAT,
        config=config,
        seed=seed,
        free=_FREE_TO_CHANGE,
        others=lambda state: () if state["fingerprint"] == fingerprint else ("other Gram sets",),
    )


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
