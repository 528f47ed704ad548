"""One of the two stages: its network, its optimisers, and what a step does."""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from openlt.config import OpenltConfig, StageConfig, stages_of
from openlt.data.images import Batch, DamageCount
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.networks.classifiers import squash_factor
from openlt.networks.open_network import OpenNetwork, Output
from openlt.training.batches import TrainingBatches
from openlt.training.objectives import Objective, feature_objective

logger = logging.getLogger(__name__)


@runtime_checkable
class Stateful(Protocol):
    """A module, an optimiser or a scaler."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training changes."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take it back."""


@runtime_checkable
class Stage(Protocol):
    """What the loop asks of a stage."""

    number: int
    config: OpenltConfig
    settings: StageConfig
    network: OpenNetwork
    steps: int

    @property
    def centroids(self) -> Tensor | None:
        """The memory, for a classifier that has one."""

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes, by name."""

    def run(self, epoch: int, start: int) -> Iterator[Mapping[str, float]]:
        """Take the steps of an epoch from ``start`` on, and give figures for the log after each."""

    def end_epoch(self, epoch: int) -> None:
        """Make the network ready to be measured."""

    def remarks(self) -> Mapping[str, float]:
        """What the log says about the way of the data since the last call."""


def learning_rate_factor(settings: StageConfig, epoch: int) -> float:
    """Share of the learning rate that an epoch has; the first has all of it."""
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))
    return float(settings.gamma ** (epoch // settings.step_epochs))


class GradientStage:
    """A stage of pictures, losses and gradient descent.

    Args:
        number: 1 or 2.
        config: All settings.
        network: What is trained, ready to begin.
        batches: Its pictures.
        objective: Loss on the logits.
        centroid_loss: Holder of the memory, for a classifier that reads it.
        device: Where it is computed.
        world_size: Number of processes.
    """

    def __init__(
        self,
        number: int,
        config: OpenltConfig,
        network: OpenNetwork,
        batches: TrainingBatches,
        objective: Objective,
        *,
        centroid_loss: DiscriminativeCentroidsLoss | None,
        device: torch.device,
        world_size: int = 1,
    ) -> None:
        self.number = number
        self.config = config
        self.settings = stages_of(config)[number - 1]
        self.network = network.to(device)
        self.batches = batches
        self.steps = batches.steps
        self.objective = objective
        self.feature_objective = feature_objective(self.settings, config.losses)
        self.centroid_loss = None if centroid_loss is None else centroid_loss.to(device)
        self.device = device
        self.world_size = world_size
        self.damage = DamageCount()
        self._freeze()
        self.optimiser = self._optimiser()
        self.centroid_optimiser = self._centroid_optimiser()
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.training.amp == "fp16")
        self.wrapped: nn.Module = network
        if world_size > 1:
            on_gpu = device.type == "cuda"
            ready = nn.SyncBatchNorm.convert_sync_batchnorm(network) if on_gpu else network  # type: ignore[no-untyped-call]
            self.wrapped = DistributedDataParallel(ready, device_ids=[device.index] if on_gpu else None)

    @property
    def centroids(self) -> Tensor | None:
        """The memory, for a classifier that has one."""
        return None if self.centroid_loss is None else self.centroid_loss.centroids.detach()

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes, by name."""
        parts: dict[str, Stateful] = {"network": self.network, "optimiser": self.optimiser, "scaler": self.scaler}
        if self.centroid_loss is not None:
            parts["centroids"] = self.centroid_loss
        if self.centroid_optimiser is not None:
            parts["centroid_optimiser"] = self.centroid_optimiser
        return parts

    def run(self, epoch: int, start: int) -> Iterator[Mapping[str, float]]:
        """Take the steps of an epoch from ``start`` on, and give figures for the log after each."""
        self._set_modes()
        self._set_learning_rates(learning_rate_factor(self.settings, epoch))
        share = epoch / self.settings.epochs
        for batch in self.batches.epoch(epoch, start):
            self.damage.add(batch)
            yield self.update(batch, share)

    def update(self, batch: Batch, share: float) -> Mapping[str, float]:
        """Take one step of every optimiser.

        Args:
            batch: This process's part of the pictures.
            share: Share of the epochs that is done.
        """
        pictures, labels = batch.images.to(self.device), batch.labels.to(self.device)
        with self._autocast():
            output: Output = self.wrapped(pictures, self.centroids)
        loss = self.objective(output.logits, labels, share)
        figures = {"loss": loss.detach()}
        if self.centroid_loss is not None and self.settings.feature_loss == "centroids":
            extra = self.centroid_loss(output.features, labels)
        elif self.feature_objective is not None:
            extra = self.feature_objective(output.features, labels)
        else:
            extra = None
        if extra is not None:
            figures["feature_loss"] = extra.detach()
            loss = loss + self.settings.feature_weight * extra
        self.optimiser.zero_grad(set_to_none=True)
        if self.centroid_optimiser is not None:
            self.centroid_optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._step(output, labels)
        if output.embedded is not None:
            norm = output.embedded.embedding.detach().norm(dim=1)
            figures["embedding_norm"] = norm.mean()
            figures["squash"] = squash_factor(norm, squared=self.config.network.squash == "squared").mean()
            figures["distance"] = output.embedded.distance.detach().mean()
        return {name: float(value) for name, value in figures.items()}

    def _step(self, output: Output, labels: Tensor) -> None:
        if self.centroid_loss is not None and self.centroid_optimiser is not None:
            if self.scaler.is_enabled():
                # The pull on the centroids ignores the scale that the rest of their gradient has; take both unscaled.
                self.centroid_loss.centroids.grad = None
                (self.settings.feature_weight * self.centroid_loss(output.features.detach(), labels)).backward()
            gradient = self.centroid_loss.centroids.grad
            if self.world_size > 1 and gradient is not None:
                torch.distributed.all_reduce(gradient)
                gradient /= self.world_size
            self.centroid_optimiser.step()
        if self.config.training.clip > 0:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.training.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()

    def end_epoch(self, epoch: int) -> None:
        """Make the network ready to be measured, and say which pictures are damaged."""
        self.network.eval()
        if report := self.damage.report():
            logger.warning("%s", report)

    def remarks(self) -> Mapping[str, float]:
        """Seconds that were spent waiting for pictures since the last call, and how many pictures are damaged."""
        waited, self.batches.seconds_waited = self.batches.seconds_waited, 0.0
        return {"seconds_waited": waited, "damaged": float(self.damage.pictures)}

    def _autocast(self) -> torch.autocast:
        amp = self.config.training.amp
        dtype = torch.float16 if amp == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, enabled=amp != "off")

    def _freeze(self) -> None:
        frozen: nn.Module | None = None
        if self.settings.frozen == "backbone":
            frozen = self.network.features.backbone
        elif self.settings.frozen == "features":
            frozen = self.network.features
        if frozen is not None:
            frozen.requires_grad_(False)

    def _set_modes(self) -> None:
        self.network.train()
        if self.settings.freeze_norm:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _learning_rates(self) -> tuple[float, float, float]:
        scale = self.config.training.batch / 128 if self.config.training.scale_learning_rate else 1.0
        settings = self.settings
        rates = settings.learning_rate, settings.classifier_learning_rate, settings.centroid_learning_rate
        return rates[0] * scale, rates[1] * scale, rates[2] * scale

    def _optimiser(self) -> torch.optim.SGD:
        features, classifier, _ = self._learning_rates()
        groups = [
            {"params": [each for each in module.parameters() if each.requires_grad], "lr": rate}
            for module, rate in ((self.network.features, features), (self.network.classifier, classifier))
        ]
        return torch.optim.SGD(groups, momentum=self.settings.momentum, weight_decay=self.settings.weight_decay)

    def _centroid_optimiser(self) -> torch.optim.SGD | None:
        if self.centroid_loss is None or self.settings.feature_loss != "centroids":
            return None
        return torch.optim.SGD(
            self.centroid_loss.parameters(),
            lr=self._learning_rates()[2],
            momentum=self.settings.momentum,
            weight_decay=self.settings.weight_decay,
        )

    def _set_learning_rates(self, factor: float) -> None:
        features, classifier, centroids = self._learning_rates()
        for group, rate in zip(self.optimiser.param_groups, (features, classifier), strict=True):
            group["lr"] = rate * factor
        if self.centroid_optimiser is not None:
            self.centroid_optimiser.param_groups[0]["lr"] = centroids * factor
