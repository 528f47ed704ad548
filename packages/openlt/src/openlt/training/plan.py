"""What a training would do: for ``--dry-run``."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hr_common import config as settings
from openlt.config import OpenltConfig, stages_of
from openlt.data.splits import LongTailData
from openlt.metrics.bands import band_of
from openlt.networks.open_network import build_network
from openlt.training.batches import TrainingBatches, build_sampler, training_pictures


@dataclass(frozen=True)
class StagePlan:
    """One stage."""

    parameters: int
    """Numbers in the network, the classifier included."""
    learnt: int
    """Those that the stage changes."""
    memory: int
    """Numbers in the centroids."""
    steps: int
    """In an epoch."""
    epochs: int
    batch: int
    mebibytes: int
    """Weights, gradients and momentum, without activations."""


@dataclass(frozen=True)
class Plan:
    """What a training would do."""

    config: dict[str, Any]
    """The resolved settings."""
    toml: str
    """The same as text."""
    classes: int
    pictures: int
    bands: tuple[int, int, int]
    """Classes with many, a medium number and few pictures."""
    stages: tuple[StagePlan, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "config": self.config,
            "classes": self.classes,
            "pictures": self.pictures,
            "bands": dict(zip(("many", "medium", "few"), self.bands, strict=True)),
            "stages": [vars(stage) for stage in self.stages],
        }

    def lines(self) -> list[str]:
        """As text."""
        many, medium, few = self.bands
        text = [self.toml]
        text.append(f"{self.pictures} pictures of {self.classes} classes ({many} many, {medium} medium, {few} few)")
        for number, stage in enumerate(self.stages, start=1):
            text.append(
                f"stage {number}: {stage.parameters:,} parameters ({stage.learnt:,} learnt), {stage.memory:,} in the "
                f"memory; {stage.epochs} epochs of {stage.steps} steps of {stage.batch} pictures; "
                f"{stage.mebibytes} MiB for weights, gradients and momentum"
            )
        return text


def plan(data: LongTailData, config: OpenltConfig) -> Plan:
    """Build everything that a training builds, and count.

    Raises:
        InputError: If settings and data do not fit, as the training itself would say.
    """
    stages = []
    for number, stage in enumerate(stages_of(config), start=1):
        network = build_network(config, number, data.num_classes)
        frozen = {"nothing": None, "backbone": network.features.backbone, "features": network.features}[stage.frozen]
        if frozen is not None:
            frozen.requires_grad_(False)
        parameters = sum(each.numel() for each in network.parameters())
        learnt = sum(each.numel() for each in network.parameters() if each.requires_grad)
        memory = data.num_classes * network.features.width if stage.classifier == "meta" else 0
        batches = TrainingBatches(
            training_pictures(data, config, seed=0),
            build_sampler(stage, data.splits["train"].labels, seed=0),
            batch=config.training.batch,
        )
        stages.append(
            StagePlan(
                parameters=parameters,
                learnt=learnt,
                memory=memory,
                steps=config.training.episodes if stage.classifier == "generator" else batches.steps,
                epochs=stage.epochs,
                batch=config.training.batch,
                mebibytes=round(4 * (parameters + 2 * learnt + 3 * memory) / 2**20),
            )
        )
    many, medium, few = np.bincount(band_of(data.counts), minlength=3).tolist()
    return Plan(
        config=settings.to_dict(config),
        toml=settings.to_toml(config),
        classes=data.num_classes,
        pictures=len(data.splits["train"]),
        bands=(many, medium, few),
        stages=tuple(stages),
    )
