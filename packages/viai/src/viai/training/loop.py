"""The training loop: steps, log, checkpoints, and going on where a run was cut off."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from tqdm import tqdm

from hr_common import runs
from hr_common.errors import InputError
from hr_common.files import remove_abandoned
from hr_common.interrupts import interruptible
from viai.config import TrainingConfig, ViaiConfig

logger = logging.getLogger(__name__)

CHECKPOINT_FORMAT = 2

# How often one looks or saves, and how many processes read, may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every", "training.log_every", "training.workers")


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
    runs.save_state(
        path,
        program="viai",
        layout=CHECKPOINT_FORMAT,
        config=stage.config,
        seed=seed,
        versions={name: version(name) for name in ("viai", "torch")},
        stage=stage.name,
        step=step,
        random=torch.get_rng_state(),
        random_cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        parts={name: part.state_dict() for name, part in stage.parts().items()},
    )


def load_checkpoint(path: Path, stage: Stage, *, seed: int) -> int:
    """Put a stage back to where it was saved.

    Returns:
        The number of steps taken.

    Raises:
        InputError: If the file is no checkpoint of this stage with this configuration and seed.
    """
    state = runs.load_state(
        path,
        program="viai",
        layout=CHECKPOINT_FORMAT,
        config=stage.config,
        seed=seed,
        free=_FREE_TO_CHANGE,
        others=lambda state: () if state["stage"] == stage.name else (f"{state['stage']} there, {stage.name} here",),
    )
    for name, part in stage.parts().items():
        part.load_state_dict(state["parts"][name])
    torch.set_rng_state(state["random"])
    if state["random_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random_cuda"])
    step: int = state["step"]
    return step


def train(
    stage: Stage, out: Path, *, seed: int, resume: bool = False, force: bool = False, is_main: bool = True
) -> Progress:
    """Run a stage to its last step.

    Leaves ``<name>.checkpoint.pt`` (everything to go on), ``<name>.safetensors`` (weights to use) and
    ``<name>.log.jsonl`` in ``out``. The batch of a step depends on the seed and the step alone, so a run
    that was cut off and resumed ends with the same weights, to the bit on the same machine with the same
    number of threads.

    Args:
        stage: What is trained.
        out: Folder for the results; made if needed.
        seed: Of the data order and of every random number.
        resume: Go on from the checkpoint in ``out`` if there is one.
        force: Overwrite a run of this stage in ``out``. Without it or ``resume``, one that is there is an error.
        is_main: False in the processes of a group that do not write.

    Raises:
        InputError: If ``out`` holds a checkpoint that cannot be or should not be gone on from.
        FloatingPointError: If a loss is no longer finite; the last checkpoint stays.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    settings_ = stage.config.training
    checkpoint = out / f"{stage.name}.checkpoint.pt"
    weights = out / f"{stage.name}.safetensors"
    start = 0
    if checkpoint.exists() and not (resume or force):
        raise InputError(f"{checkpoint} exists; add --resume to go on from it, --force to overwrite it")
    if checkpoint.exists() and resume:
        start = load_checkpoint(checkpoint, stage, seed=seed)
        logger.info("going on from step %d", start)
    log = out / f"{stage.name}.log.jsonl"
    if is_main:
        out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out)
        # Those steps are taken again, or belong to an older run.
        runs.cut_log(log, lambda record: record["step"] <= start)

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
    with interruptible() as interrupts, bar:
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
                runs.append_record(log, {"step": done, **line, "seconds_per_step": (now - since) / counted})
                bar.set_postfix({name: f"{value:.4g}" for name, value in line.items()})
                sums, counted, since = {}, 0, now
            at_end = done == settings_.steps
            if is_main and (interrupts.requested or done % settings_.checkpoint_every == 0 or at_end):
                save_checkpoint(checkpoint, stage, step=done, seed=seed)
                stage.export(weights, step=done, seed=seed)
            if interrupts.requested and not at_end:
                raise KeyboardInterrupt
    return Progress(
        step=max(start, settings_.steps), seconds=time.monotonic() - began, checkpoint=checkpoint, weights=weights
    )


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
