"""State to go on from: written whole or not at all, read without unpickling."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from hr_common import config as settings
from hr_common import runs
from hr_common.errors import InputError
from openlt.checkpoints import Origin
from openlt.config import OpenltConfig
from openlt.training.stage import Stage

CHECKPOINT_FORMAT = 2

# How often one saves, how many processes read, and what is done with the scores may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every", "data.workers", "data.corrupt", "threshold", "detector")


@dataclass
class Position:
    """Where a run stands."""

    stage: int = 1
    """1 or 2."""
    epoch: int = 0
    """Epochs of the stage that are done."""
    step: int = 0
    """Steps of the next epoch that are done."""
    best: float | None = None
    """Best overall accuracy on the validation pictures in this stage."""
    best_epoch: int = 0
    """Epochs after which it was reached."""
    sums: dict[str, float] = field(default_factory=dict)
    """Figures of the steps of this epoch, added up for the log."""


def save_checkpoint(path: Path, stage: Stage, position: Position, *, origin: Origin) -> None:
    """Write everything that is needed to go on.

    The samplers have no state: their order follows from seed and epoch.
    """
    runs.save_state(
        path,
        program="openlt",
        layout=CHECKPOINT_FORMAT,
        config=stage.config,
        seed=origin.seed,
        version=version("openlt"),
        classes=list(origin.classes),
        digests=dict(origin.digests),
        position={**vars(position), "sums": dict(position.sums)},
        random=torch.get_rng_state(),
        random_cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        parts={name: part.state_dict() for name, part in stage.parts().items()},
    )


def read_checkpoint(path: Path, config: OpenltConfig, origin: Origin, *, force: bool = False) -> dict[str, Any]:
    """Read a checkpoint and see that it belongs to these settings and data.

    Args:
        path: What :func:`save_checkpoint` wrote.
        config: The settings of now.
        origin: The data and seed of now.
        force: Go on with other settings or lists than it was written with.

    Raises:
        InputError: If it is no checkpoint, or settings, classes, lists or seed differ; the message names what differs.
    """

    def others(state: Mapping[str, Any]) -> Iterator[str]:
        if state["classes"] != list(origin.classes):
            yield f"{len(state['classes'])} classes there, other {len(origin.classes)} here"
        for text in settings.differences(state["digests"], origin.digests):
            yield f"list of {text}"

    return runs.load_state(
        path, program="openlt", layout=CHECKPOINT_FORMAT, config=config, seed=origin.seed, free=_FREE_TO_CHANGE,
        others=others, force=force,
    )  # fmt: skip


def restore(stage: Stage, state: Mapping[str, Any]) -> Position:
    """Put a stage back to where it was saved, and say where that is.

    Raises:
        InputError: If the state does not fit the networks.
    """
    parts = stage.parts()
    if parts.keys() != state["parts"].keys():
        raise InputError(
            f"the checkpoint holds {', '.join(state['parts'])}; this stage needs {', '.join(parts)}; start anew"
        )
    for name, part in parts.items():
        try:
            part.load_state_dict(state["parts"][name])
        except (RuntimeError, ValueError) as error:
            raise InputError(f"the checkpoint's {name} does not fit ({error}); start anew with --force") from error
    torch.set_rng_state(state["random"])
    if state["random_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random_cuda"])
    return position_of(state)


def position_of(state: Mapping[str, Any]) -> Position:
    """Say where a checkpoint was taken."""
    return Position(**state["position"])
