"""The training loop: steps, log, checkpoints, and going on where a run was cut off."""

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from tqdm import tqdm

from hr_common import config as settings
from hr_common.errors import InputError
from hr_common.files import atomic_path
from viai.config import TrainingConfig, ViaiConfig

logger = logging.getLogger(__name__)

CHECKPOINT_FORMAT = 1


@runtime_checkable
class Stateful(Protocol):
    """A module or an optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training changes."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take it back."""


@runtime_checkable
class Stage(Protocol):
    """One of the three things that are trained."""

    name: str
    config: ViaiConfig

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes, by name: modules and optimisers."""

    def update(self, step: int) -> Mapping[str, float]:
        """Take one optimiser step on the batch that belongs to ``step``; return figures for the log."""

    def export(self, path: Path, *, step: int, seed: int) -> None:
        """Write the weights to use, with their card."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands after training."""

    step: int
    """Steps taken in all."""
    seconds: float
    """Time spent in this run."""
    checkpoint: Path
    """State to resume from."""
    weights: Path
    """Weights to use."""


def learning_rate_factor(step: int, config: TrainingConfig) -> float:
    """Linear fall to zero over the last ``decay_steps`` of ``steps``; one before."""
    if config.decay_steps == 0:
        return 1.0
    return min(1.0, max(0.0, (config.steps - step) / config.decay_steps))


def save_checkpoint(path: Path, stage: Stage, *, step: int, seed: int) -> None:
    """Write everything that is needed to go on, whole or not at all."""
    state = {
        "format": CHECKPOINT_FORMAT,
        "stage": stage.name,
        "versions": {name: version(name) for name in ("viai", "torch")},
        "config": json.dumps(settings.to_dict(stage.config)),
        "step": step,
        "seed": seed,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "parts": {name: part.state_dict() for name, part in stage.parts().items()},
    }
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, stage: Stage, *, seed: int) -> int:
    """Put a stage back to where it was saved.

    Returns:
        The number of steps taken.

    Raises:
        InputError: If the file is no checkpoint of this stage with this configuration and seed.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise InputError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); remove it to start anew"
        ) from error
    if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT:
        raise InputError(f"{path} is no checkpoint of this version of viai (format {CHECKPOINT_FORMAT})")
    if state["stage"] != stage.name:
        raise InputError(f"{path} is a checkpoint of '{state['stage']}', not of '{stage.name}'; choose another --out")
    differences = _differences(json.loads(state["config"]), json.loads(json.dumps(settings.to_dict(stage.config))))
    if state["seed"] != seed:
        differences.append(f"seed {state['seed']} there, {seed} here")
    if differences:
        raise InputError(
            f"{path} was written with other settings ({'; '.join(differences)}); repeat them or choose another --out"
        )
    for name, part in stage.parts().items():
        part.load_state_dict(state["parts"][name])
    torch.set_rng_state(state["random"])
    if state["random_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random_cuda"])
    step: int = state["step"]
    return step


# How often one looks or saves, and how many processes read, may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every", "training.log_every", "training.workers")


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    before, now = dict(_leaves(there)), dict(_leaves(here))
    return [
        f"{name} {before.get(name)} there, {now.get(name)} here"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and name not in _FREE_TO_CHANGE
    ]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def train(stage: Stage, out: Path, *, seed: int, resume: bool = False, is_main: bool = True) -> Progress:
    """Run a stage to its last step.

    Leaves ``<name>.checkpoint.pt`` (everything to go on), ``<name>.safetensors`` (weights to use) and
    ``<name>.log.jsonl`` in ``out``. The batch of a step depends on the seed and the step alone, so a run
    that was cut off and resumed ends with the same weights, to the bit on the same machine with the same
    number of threads.

    Args:
        stage: What is trained.
        out: Folder for the results; made if needed.
        seed: Of the data order and of every random number.
        resume: Go on from the checkpoint in ``out`` if there is one. Without it, one that is there is an error.
        is_main: False in the processes of a group that do not write.

    Raises:
        InputError: If ``out`` holds a checkpoint that cannot be or should not be gone on from.
        FloatingPointError: If a loss is no longer finite; the last checkpoint stays.
    """
    settings_ = stage.config.training
    checkpoint = out / f"{stage.name}.checkpoint.pt"
    weights = out / f"{stage.name}.safetensors"
    start = 0
    if checkpoint.exists():
        if not resume:
            raise InputError(f"{checkpoint} exists; add --resume to go on from it, or choose another --out")
        start = load_checkpoint(checkpoint, stage, seed=seed)
        logger.info("going on from step %d", start)
    log = out / f"{stage.name}.log.jsonl"
    if is_main:
        out.mkdir(parents=True, exist_ok=True)
        _cut_log(log, start)

    began = time.monotonic()
    sums: dict[str, float] = {}
    counted = 0
    since = began
    bar = tqdm(
        range(start, settings_.steps),
        initial=start,
        total=settings_.steps,
        desc=stage.name,
        disable=None if is_main else True,
    )
    for step in bar:
        figures = stage.update(step)
        for name, value in figures.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"{name} is {value} at step {step}; the last checkpoint is {checkpoint}")
            sums[name] = sums.get(name, 0.0) + value
        counted += 1
        done = step + 1
        if is_main and (done % settings_.log_every == 0 or done == settings_.steps):
            line = {name: value / counted for name, value in sums.items()}
            now = time.monotonic()
            record = {"step": done, **line, "seconds_per_step": (now - since) / counted}
            with log.open("a") as file:
                file.write(json.dumps(record) + "\n")
            bar.set_postfix({name: f"{value:.4g}" for name, value in line.items()})
            sums, counted, since = {}, 0, now
        if is_main and (done % settings_.checkpoint_every == 0 or done == settings_.steps):
            save_checkpoint(checkpoint, stage, step=done, seed=seed)
            stage.export(weights, step=done, seed=seed)
    return Progress(
        step=max(start, settings_.steps), seconds=time.monotonic() - began, checkpoint=checkpoint, weights=weights
    )


def _cut_log(path: Path, step: int) -> None:
    """Drop the lines after ``step``: those steps are taken again, or belong to an older run."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # a kill can leave half a line
        if record["step"] <= step:
            kept.append(line + "\n")
    with atomic_path(path) as temporary:
        temporary.write_text("".join(kept))


class MovingAverage:
    """Running average of a module's weights, kept for use (Polyak averaging).

    The decay grows with the number of updates, so that the first random weights are soon forgotten.
    """

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.module = module
        self.decay = decay
        self.updates = 0
        self.average = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the module's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in self.module.state_dict().items():
            average = self.average[name]
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of updates."""
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take both back."""
        self.updates = state_dict["updates"]
        average: Mapping[str, Tensor] = state_dict["average"]
        for name, value in average.items():
            self.average[name].copy_(value)
