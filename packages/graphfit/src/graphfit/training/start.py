"""From outfits and settings to a folder with a trained network."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphfit.calibration import Calibration
from graphfit.checkpoints import restore_state, save_model
from graphfit.colour.schemes import STYLES
from graphfit.config import GraphfitConfig
from graphfit.data.tasks import OutfitData
from graphfit.features import Features
from graphfit.losses import class_weights
from graphfit.networks.graph_model import GraphModel
from graphfit.training.loop import Training, finish
from graphfit.training.problem import Problem
from hr_common import config as settings
from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import atomic_path, remove_abandoned, write_json
from hr_common.runs import RunFolder, cut_log

logger = logging.getLogger(__name__)

TRUSTED_STYLE = 20
"""Training outfits that a style needs before its head is believed."""


@dataclass(frozen=True)
class Trained:
    """What a training left behind."""

    model: Path
    """Weights to use."""
    epoch: int
    """The epoch that they are from."""
    figures: Mapping[str, float]
    """Validation figures of that epoch."""
    is_main: bool
    """False in the processes of a group that wrote nothing."""


def graph_model(problem: Problem, config: GraphfitConfig, seed: int) -> GraphModel:
    """Build an untrained network for a problem; its weights follow from the seed."""
    counts = torch.from_numpy(style_counts(problem))
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return GraphModel(problem.inputs.features.shape[1], config, class_weights(counts))


def style_counts(problem: Problem) -> np.ndarray:
    """Count the training outfits of each style, in the order of :data:`graphfit.colour.schemes.STYLES`."""
    return np.bincount(problem.styles[problem.styles >= 0], minlength=len(STYLES))


def train(
    data: OutfitData,
    features: Features,
    out: Path,
    config: GraphfitConfig,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    licence: str = "",
) -> Trained:
    """Train the network on a data set.

    Leaves ``model.safetensors`` (weights to use), ``metrics.jsonl`` (a line for each epoch), ``config.toml`` and
    ``last.pt`` (to go on from) in ``out``. Under ``torchrun`` the processes share every batch.

    Args:
        data: Outfits in splits; validation tasks choose the best epoch and settle the calibration.
        features: Of all items.
        out: The run's folder; made if needed.
        config: All settings.
        seed: Settles every random number.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        resume: Go on from the checkpoint in ``out``.
        force: Overwrite the run in ``out``.
        licence: What the model card shall say about the use of the data.

    Raises:
        InputError: Folder, data, settings or checkpoint do not fit.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    places = RunFolder(out)
    where = devices.resolve(device)
    with devices.process_group(where) as group:
        if not resume and places.last.exists() and not force:
            raise InputError(f"{out} holds a run already; add --resume to go on, --force to overwrite it")
        problem = Problem.build(data, features, config)
        training = Training(graph_model(problem, config, seed), problem, config, seed=seed, device=where, group=group)
        if resume and places.last.exists():
            restore_state(places.last, training, force=force)
        if group.is_main:
            out.mkdir(parents=True, exist_ok=True)
            remove_abandoned(out)
            done = training.position.epoch
            cut_log(places.log, lambda record: record["epoch"] <= done)
            with atomic_path(out / "config.toml") as temporary:
                temporary.write_text(settings.to_toml(config), encoding="utf-8")
        model = finish(training, places)
        position = training.position
        if group.is_main:
            counts = style_counts(problem)
            for style, count in zip(STYLES, counts.tolist(), strict=True):
                if (problem.styles >= 0).any() and count < TRUSTED_STYLE:
                    logger.warning("only %d training outfits are %s: its style head is not to be trusted", count, style)
            facts: dict[str, Any] = {
                "dataset": data.name,
                "outfits": len(problem.sets),
                "items": len(data.catalogue),
                "licence": licence or "that of the data",
                "seed": seed,
                "epoch": position.best_epoch,
                "metrics": {f"valid_{name}": value for name, value in position.figures.items()},
                "style_counts": dict(zip(STYLES, counts.tolist(), strict=True)),
            }
            save_model(
                places.model,
                model,  # type: ignore[arg-type]
                config,
                encoder=problem.features.encoder,
                calibration=calibrate(training),
                facts=facts,
            )
            write_json(out / "run.json", facts)
    return Trained(places.model, position.best_epoch, position.figures, group.is_main)


def calibrate(training: Training) -> Calibration:
    """Settle what logits mean on the validation outfits."""
    problem = training.problem
    task = problem.data.compatibility.get("valid")
    if task is None:
        return Calibration()
    return Calibration.fit(training.model.score(problem.inputs, task.sets), task.labels)
