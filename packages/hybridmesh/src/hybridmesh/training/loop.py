"""The training loop: steps, log, and going on where a run was cut off."""

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from hr_common import device as devices
from hr_common.device import ProcessGroup
from hr_common.interrupts import interruptible
from hr_common.runs import RunFolder, append_record
from hybridmesh.body.model import BodyModel
from hybridmesh.config import LearningConfig
from hybridmesh.networks.hybrid_network import HybridNetwork
from hybridmesh.networks.parameters import Parameters
from hybridmesh.training.batches import Batches
from hybridmesh.training.objective import FLAG_OF, Objective, count_annotated, total_loss
from hybridmesh.training.supervision import Flags, epoch_order

logger = logging.getLogger(__name__)

ALONE = ProcessGroup(rank=0, local_rank=0, world_size=1)
_DOMAINS = ("studio", "wild")


@dataclass
class Position:
    """Where a run stands."""

    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Steps of the next epoch that are done."""
    sums: dict[str, float] = field(default_factory=dict)
    """Losses of this epoch's steps, added up for the log; and how many samples had them."""


class Training:
    """A network, its optimiser and where they stand.

    Everything random follows from (seed, epoch, step), so that no random state needs to be kept: a run that was cut off
    and taken up again ends with the same weights, to the bit on the same machine with one thread.

    Args:
        network: Is trained.
        body: With which predictions are posed.
        batches: Of the people that the flags are about.
        flags: Which annotations count.
        config: Settings.
        seed: Settles order and dropout.
        device: Where to compute.
        group: This process among those of ``torchrun``; they share every batch.
        data: Digest of the people, so that no run goes on with others.
    """

    def __init__(
        self,
        network: HybridNetwork,
        body: BodyModel,
        batches: Batches,
        flags: Flags,
        config: LearningConfig,
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup = ALONE,
        data: str = "",
    ) -> None:
        self.data = data
        self.config, self.seed, self.device, self.group = config, seed, device, group
        self.batches, self.flags = batches, flags
        # Convolutions of a CPU run faster with the channels of a pixel side by side.
        self.network: HybridNetwork = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(body.to(device), config.training)
        settings = config.training
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate, fused=True)
        # An odd rest of an epoch is left out; a norm over a batch cannot work with one sample.
        self.steps = max(len(epoch_order(flags.studio, np.random.default_rng(0))) // settings.batch, 1)
        self.position = Position()

    @property
    def epochs(self) -> int:
        """Epochs with the annotations that every setting has, and with those of this one."""
        return self.config.training.common_epochs + self.config.training.epochs

    def steps_before(self, epoch: int) -> int:
        """Count the steps before an epoch."""
        return epoch * self.steps

    def run(self, places: RunFolder | None = None) -> Iterator[Position]:
        """Train from where it stands to the end, and yield after every step.

        Args:
            places: Where to log and to save; nowhere by default.

        Raises:
            FloatingPointError: If a loss is no longer finite.
        """
        wrapped: nn.Module = self.network.train()
        if self.group.world_size > 1:
            wrapped = DistributedDataParallel(self.network, broadcast_buffers=False)
        position, settings = self.position, self.config.training
        while position.epoch < self.epochs:
            began = time.monotonic()
            rows = self._rows(position.epoch)
            mine = [each[self.group.rank :: self.group.world_size] for each in rows]
            left = slice(position.step, None)
            batches = self.batches.epoch(position.epoch, mine[left])
            for own, batch in zip(mine[left], batches, strict=True):
                self._step(wrapped, own, batch)
                position.step += 1
                if places is not None and position.step % settings.checkpoint_every == 0:
                    self.save(places)
                yield position
            self._end_epoch(places, time.monotonic() - began)
            yield position

    def _rows(self, epoch: int) -> Sequence[Int[np.ndarray, " row"]]:
        order = epoch_order(self.flags.studio, np.random.default_rng([self.seed, epoch, 4]))
        size = self.config.training.batch
        return [order[step * size : (step + 1) * size] for step in range(self.steps)]

    def _step(self, wrapped: nn.Module, rows: Int[np.ndarray, " row"], batch: Mapping[str, Tensor]) -> None:
        position, settings = self.position, self.config.training
        batch = {name: value.to(self.device) for name, value in batch.items()}
        own = self.flags if position.epoch >= settings.common_epochs else self.flags.common
        flags = {name: value.to(self.device) for name, value in own.row(rows).items()}
        wild = 1 - flags.pop("studio")
        counts = count_annotated(flags, shared=self.group.world_size > 1)
        done = self.steps_before(position.epoch) + position.step
        # The common epochs have the full rate.
        epochs = max(position.epoch - settings.common_epochs, 0)
        within = position.step / self.steps if position.epoch >= settings.common_epochs else 0.0
        progress = (epochs + (within if settings.schedule == "step" else 0.0)) / settings.epochs
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2
        with devices.seeded((self.seed * 1_000_003 + done) * 4096 + self.group.rank, self.device):
            with devices.autocast(self.device, settings.amp):
                found: Parameters = wrapped(batch)
            losses: Mapping[str, Tensor] = self.objective(found, batch, flags)
            loss = total_loss(losses, counts)
            self.optimizer.zero_grad(set_to_none=True)
            # The processes' gradients are averaged, and shares add up.
            (loss * self.group.world_size).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if not math.isfinite(float(loss.detach())):
            raise FloatingPointError(
                f"the loss is {float(loss.detach())} in epoch {position.epoch + 1}, step {position.step + 1}; "
                "set a lower training.learning_rate"
            )
        self._add(losses, flags, wild)

    def _add(self, losses: Mapping[str, Tensor], flags: Mapping[str, Tensor], wild: Tensor) -> None:
        """Add up losses and how many samples had them, those of the studio and of the wild apart."""
        with torch.no_grad():
            domains = torch.stack([1 - wild, wild], 1)
            names = list(losses)
            sums = torch.stack([losses[name] for name in names]) @ domains
            counts = torch.stack([flags[FLAG_OF[name]] for name in names]) @ domains
        totals = self.position.sums
        for name, row, number in zip(names, sums.tolist(), counts.tolist(), strict=True):
            for domain, value, count in zip(_DOMAINS, row, number, strict=True):
                if count:
                    totals[f"{name}_{domain}"] = totals.get(f"{name}_{domain}", 0.0) + value
                    totals[f"#{name}_{domain}"] = totals.get(f"#{name}_{domain}", 0.0) + count

    def _end_epoch(self, places: RunFolder | None, seconds: float) -> None:
        position = self.position
        sums, steps = position.sums, position.step
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
        means = {name: value / sums[f"#{name}"] for name, value in sums.items() if not name.startswith("#")}
        logger.info("epoch %d: %s", position.epoch, ", ".join(f"{name} {value:.4g}" for name, value in means.items()))
        if places is None:
            return
        if self.group.is_main:
            record = {
                "epoch": position.epoch,
                **means,
                "seconds": round(seconds, 3),
                "people_per_second": round(steps * self.config.training.batch / seconds, 1) if seconds > 0 else None,
                "peak_mebibytes": round(devices.memory(self.device).peak / 2**20, 1),
            }
            append_record(places.log, record)
        self.save(places)

    def save(self, places: RunFolder) -> None:
        """Write the state to go on from."""
        from hybridmesh.training.checkpointing import save_state

        if self.group.is_main:
            save_state(places.last, self)

    def state(self) -> dict[str, Any]:
        """Give everything that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": dict(vars(self.position)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to where :meth:`state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.position = Position(**state["position"])


def finish(training: Training, places: RunFolder | None = None) -> HybridNetwork:
    """Train to the end and give the network, in evaluation mode; as in the paper's code the last weights count.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    total = training.steps_before(training.epochs)
    done = training.steps_before(training.position.epoch) + training.position.step
    with (
        interruptible() as interrupts,
        tqdm(total=total, initial=done, desc="training", disable=None if training.group.is_main else True, leave=False)
        as bar,
    ):  # fmt: skip
        for position in training.run(places):
            bar.update(training.steps_before(position.epoch) + position.step - bar.n)
            if interrupts.requested:
                if places is not None:
                    training.save(places)
                raise KeyboardInterrupt
    training.network.eval()
    return training.network
