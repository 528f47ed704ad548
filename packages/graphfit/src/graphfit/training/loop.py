"""The training loop: steps, validation, log, the best weights, and going on where a run was cut off."""

import copy
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from graphfit.config import GraphfitConfig
from graphfit.inputs import ItemInputs
from graphfit.negatives import training_groups
from graphfit.networks.outfit_model import Batch, OutfitModel
from graphfit.training.problem import Problem
from hr_common import device as devices
from hr_common.device import ProcessGroup
from hr_common.interrupts import interruptible
from hr_common.runs import RunFolder, append_record

logger = logging.getLogger(__name__)

ALONE = ProcessGroup(rank=0, local_rank=0, world_size=1)


@dataclass
class Position:
    """Where a run stands."""

    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Steps of the next epoch that are done."""
    best: float = -math.inf
    """Best sum of the validation figures."""
    best_epoch: int = 0
    """Epochs after which it was reached."""
    figures: dict[str, float] = field(default_factory=dict)
    """Validation figures of that epoch."""
    sums: dict[str, float] = field(default_factory=dict)
    """Losses of the steps of this epoch, added up for the log."""


class Training:
    """A model, its optimiser and where they stand.

    Everything random follows from (seed, epoch, step), so that no random state needs to be kept: a run that was cut off
    and taken up again ends with the same weights, to the bit on the same machine with the same number of threads.

    Args:
        model: Is trained.
        problem: What it learns.
        config: Settings.
        seed: Settles order, corruptions and dropout.
        device: Where to compute.
        group: This process among those of ``torchrun``; they share every batch.
    """

    def __init__(
        self,
        model: OutfitModel,
        problem: Problem,
        config: GraphfitConfig,
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.config, self.seed, self.device, self.group = config, seed, device, group
        self.model = model.to(device)
        inputs = problem.inputs.to(device)
        self.model.prepare(inputs.take(problem.training_items.to(device)))
        self.problem = replace(problem, inputs=self.model.condense(inputs))
        settings = config.training
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.steps = math.ceil(len(problem.sets) / settings.batch)
        running_mean = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=running_mean) if settings.average else None
        self.best: dict[str, Tensor] = copy.deepcopy(self.model.state_dict())
        self.position = Position()

    @property
    def measured(self) -> OutfitModel:
        """The model whose figures count: the running mean of the weights, or the weights themselves."""
        return self.model if self.average is None else cast(OutfitModel, self.average.module)

    def run(self, places: RunFolder | None = None) -> Iterator[Position]:
        """Train from where it stands to the end, and yield after every step.

        Args:
            places: Where to log and to save; nowhere by default.

        Raises:
            FloatingPointError: If a loss is no longer finite.
        """
        wrapped: nn.Module = self.model
        if self.group.world_size > 1:
            wrapped = DistributedDataParallel(self.model, broadcast_buffers=False)
        position, settings = self.position, self.config.training
        while position.epoch < settings.epochs:
            began = time.monotonic()
            order = np.random.default_rng((self.seed, position.epoch)).permutation(len(self.problem.sets))
            while position.step < self.steps:
                numbers = order[position.step * settings.batch : (position.step + 1) * settings.batch]
                self._step(wrapped, numbers.tolist())
                position.step += 1
                if places is not None and position.step % settings.checkpoint_every == 0:
                    self.save(places)
                yield position
            self._end_epoch(places, time.monotonic() - began)
            yield position

    def _step(self, wrapped: nn.Module, numbers: list[int]) -> None:
        position, settings = self.position, self.config.training
        generator = np.random.default_rng((self.seed, position.epoch, position.step, 1))
        groups = training_groups(numbers, self.problem.sets, self.problem.corrupter, self.config.negatives, generator)
        hide = self.config.features.hide
        hidden = dict(zip(("category", "colour", "text"), (generator.random(3) < hide).tolist(), strict=True))
        if len(groups) < self.group.world_size:
            return
        batch = Batch.of(groups, self.problem.styles, rank=self.group.rank, world_size=self.group.world_size)
        batch = batch.to(self.device)
        inputs: ItemInputs = self.problem.inputs.take(batch.items).without(**hidden)
        total = position.epoch * self.steps + position.step
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = settings.learning_rate * _schedule(total / (self.steps * settings.epochs))
        self.model.train()
        with devices.seeded((self.seed * 1_000_003 + total) * 4096 + self.group.rank, self.device):
            with devices.autocast(self.device, settings.amp):
                parts: Mapping[str, Tensor] = wrapped(inputs, batch)
            loss = torch.stack(list(parts.values())).sum()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        for name, value in {**parts, "loss": loss}.items():
            number = float(value.detach())
            if not math.isfinite(number):
                raise FloatingPointError(
                    f"{name} is {number} in epoch {position.epoch + 1}, step {position.step + 1}; "
                    "set a lower training.learning_rate"
                )
            position.sums[name] = position.sums.get(name, 0.0) + number

    def _end_epoch(self, places: RunFolder | None, seconds: float) -> None:
        position = self.position
        self.measured.eval()
        figures = self.problem.figures(self.measured)
        sums, steps = position.sums, position.step
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
        # Without validation tasks the last epoch counts.
        value = sum(figures.values()) if figures else float(position.epoch)
        if value > position.best:
            position.best, position.best_epoch, position.figures = value, position.epoch, figures
            self.best = copy.deepcopy(self.measured.state_dict())
        logger.info("epoch %d: loss %.4g, %s", position.epoch, sums.get("loss", math.nan) / steps, figures)
        if places is not None and self.group.is_main:
            record = {
                "epoch": position.epoch,
                **{name: total / steps for name, total in sums.items()},
                **{f"valid_{name}": figure for name, figure in figures.items()},
                "seconds": round(seconds, 3),
                "peak_mebibytes": round(devices.memory(self.device).peak / 2**20, 1),
            }
            append_record(places.log, record)
        if places is not None:
            self.save(places)

    def save(self, places: RunFolder) -> None:
        """Write the state to go on from."""
        from graphfit.checkpoints import save_state

        if self.group.is_main:
            save_state(places.last, self)

    def state(self) -> dict[str, Any]:
        """Return everything that is needed to go on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": self.best,
            "position": dict(vars(self.position)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to where :meth:`state` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.best = dict(state["best"])
        self.position = Position(**state["position"])


def finish(training: Training, places: RunFolder | None = None) -> OutfitModel:
    """Train to the end and return the model with the weights of its best epoch, in evaluation mode.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    total = training.steps * training.config.training.epochs
    done = training.position.epoch * training.steps + training.position.step
    with (
        interruptible() as interrupts,
        tqdm(total=total, initial=done, desc="training", disable=None if training.group.is_main else True, leave=False)
        as bar,
    ):  # fmt: skip
        for position in training.run(places):
            bar.update(position.epoch * training.steps + position.step - bar.n)
            if interrupts.requested:
                if places is not None:
                    training.save(places)
                raise KeyboardInterrupt
    training.model.load_state_dict(
        {name.removeprefix("module."): value for name, value in training.best.items() if name != "n_averaged"}
    )
    return training.model.eval()


def _schedule(progress: float) -> float:
    """Half a cosine, after a rise over the first twentieth."""
    return min(1.0, (progress + 1e-3) * 20) * (1 + math.cos(math.pi * progress)) / 2
