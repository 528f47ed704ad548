"""From a cache of Gram sets and settings to a folder with a trained model."""

import copy
import logging
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gramtex.checkpoints import TrainingCodes, save_model
from gramtex.config import GramtexConfig
from gramtex.extraction import GramCache
from gramtex.mixture import Mixture, fit_mixture
from gramtex.networks.gram_autoencoder import GramAutoEncoder
from gramtex.training.checkpointing import Position, read_checkpoint, restore, save_checkpoint
from gramtex.training.gram_data import LevelFeatures, Rows, encode_rows, fit_statistics
from gramtex.training.principal_start import principal_start
from gramtex.training.trainer import Trainer, schedules
from hr_common import config as settings
from hr_common import device as devices
from hr_common import runs
from hr_common.device import ProcessGroup
from hr_common.errors import InputError
from hr_common.files import atomic_path, remove_abandoned
from hr_common.interrupts import interruptible

logger = logging.getLogger(__name__)

_PRINCIPAL_ROWS = 2000
_FEWEST = 8


@dataclass(frozen=True)
class Trained:
    """What a training left behind."""

    folder: Path
    """The run's folder."""
    model: Path
    """The model to use."""
    figures: dict[str, Any]
    """Of the best measurement, and the discrepancy at the start."""
    is_main: bool
    """False in the processes of a group that wrote nothing."""


def train(
    cache: GramCache,
    out: Path,
    config: GramtexConfig,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
) -> Trained:
    """Train the Gram-WAE, then fit the mixture to the codes of its best state.

    Leaves ``model.safetensors``, ``metrics.jsonl``, ``config.toml`` and ``last.pt`` in ``out``. A run that was cut off
    and resumed ends with the same weights, to the bit on the same machine with the same number of threads. Under
    ``torchrun`` the processes share every batch.

    Args:
        cache: Gram sets with groups held out as ``val``.
        out: The run's folder; made if needed.
        config: All settings.
        seed: Settles initial weights, batches, prior draws and mixture.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        resume: Go on from the checkpoint in ``out``.
        force: Overwrite the run in ``out``.

    Raises:
        InputError: Folder, settings, Gram sets or checkpoint do not fit.
        FloatingPointError: A loss is no longer finite.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    model_config = config.model
    cache.refuse_other(model_config.encoder, model_config.levels)
    widths = {level: cache.channels[cache.levels.index(level)] for level in model_config.levels}
    if tuple(widths.values()) != model_config.channels:
        raise InputError(f"model.channels={list(model_config.channels)} do not fit the Gram sets: {widths}")
    rows, held_out = cache.select("train"), cache.select("val", variants=False)
    largest = max(config.training.batch, config.training.batch_b)
    if len(rows) < max(largest, _FEWEST) or len(held_out) < 2:
        raise InputError(
            f"{cache.folder} has {len(rows)} rows for training and {len(held_out)} held out; training needs at least "
            f"{max(largest, _FEWEST)} (a batch) and 2"
        )
    where = devices.resolve(device)
    with devices.process_group(where) as group, torch.random.fork_rng():
        if group.world_size > 1 and config.training.gram_gan:
            raise InputError("training.gram_gan works in one process only; leave torchrun out, or the option")
        if config.training.batch % group.world_size or config.training.batch_b % group.world_size:
            raise InputError(f"batches have to be multiples of the {group.world_size} processes")
        if group.is_main:
            _prepare(out, config, resume=resume, force=force)
        if group.world_size > 1:
            torch.distributed.barrier()
        trained = _train(cache, out, config, rows, held_out, seed=seed, device=where, group=group, resume=resume)
        if group.world_size > 1:
            torch.distributed.barrier()  # nobody goes on before the model is written
        return trained


def _prepare(out: Path, config: GramtexConfig, *, resume: bool, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is no folder; choose another --out")
    last = out / "last.pt"
    if resume and not last.exists():
        raise InputError(f"{out} holds no run to go on with (last.pt is missing); leave --resume out")
    if not resume and out.exists() and any(out.iterdir()):
        if not force:
            raise InputError(
                f"{out} is not empty; add --resume to go on with the run in it, --force to overwrite it, "
                "or choose another --out"
            )
        for name in ("last.pt", "metrics.jsonl", "model.safetensors", "config.toml"):
            (out / name).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    remove_abandoned(out)
    if shutil.disk_usage(out).free < 1 << 28:
        raise InputError(f"less than 256 MB are free at {out}; make room, or choose another --out")
    with atomic_path(out / "config.toml") as temporary:
        temporary.write_text(settings.to_toml(config), encoding="utf-8")


def _train(
    cache: GramCache,
    out: Path,
    config: GramtexConfig,
    rows: Rows,
    held_out: Rows,
    *,
    seed: int,
    device: torch.device,
    group: ProcessGroup,
    resume: bool,
) -> Trained:
    torch.manual_seed(seed)
    model = GramAutoEncoder(config.model).to(device)
    state = read_checkpoint(out / "last.pt", config, seed=seed, fingerprint=cache.fingerprint) if resume else None
    position, best = Position(), dict[str, Tensor]()
    if state is not None:
        position, best = Position(**state["position"]), state["best_state"]
        model.load_state_dict(state["parts"]["model"])
        reached = (position.stage, position.step)
        runs.cut_log(out / "metrics.jsonl", lambda record: ("ab".index(record["stage"]), record["step"]) <= reached)
    else:
        fit_statistics(model, cache, rows)
        if config.training.principal_start:
            chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:_PRINCIPAL_ROWS])
            sample = LevelFeatures(model, cache, chosen)
            principal_start(model, sample.batch(range(len(chosen)), device))
    began = time.process_time()
    figures: dict[str, Any] = {}
    plan = schedules(config)
    while position.stage < len(plan):
        if position.stage and position.step == 0 and best:
            model.load_state_dict(best)  # a stage begins with the best weights of the one before
        # The adversaries start from their own seed, so that a resumed run builds the same ones.
        torch.manual_seed(seed + 1 + position.stage)
        trainer = Trainer(
            model, config, plan[position.stage], cache=cache, train=rows, val=held_out, seed=seed, group=group
        )  # fmt: skip
        if state is not None and position.step:
            restore(trainer, state)
        state = None
        best = _run_stage(trainer, position, best, out, cache.fingerprint)
        position.stage, position.step, position.waited = position.stage + 1, 0, 0
    model.load_state_dict(best)
    trainer = Trainer(model, config, plan[-1], cache=cache, train=rows[:0], val=held_out, seed=seed, group=group)
    figures = {
        **trainer.measure(),
        "first_mmd": position.first_mmd,
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    if group.is_main:
        mixture, codes = fit_codes(model, cache, config, seed=seed)
        save_model(
            out / "model.safetensors",
            model,
            config=config,
            weights_hash=cache.weights_hash,
            mixture=mixture,
            training=codes,
            card={"data": cache.fingerprint, "rows": len(rows), "seed": seed, "figures": figures},
        )
    return Trained(out, out / "model.safetensors", figures, group.is_main)


def fit_codes(
    model: GramAutoEncoder, cache: GramCache, config: GramtexConfig, *, seed: int
) -> tuple[Mixture, TrainingCodes]:
    """Fit the mixture to the training codes of a model, and keep those of the images themselves."""
    rows, images = cache.select("train"), cache.select("train", variants=False)
    held_out = cache.select("val", variants=False)
    mixture = fit_mixture(
        encode_rows(model, cache, rows),
        encode_rows(model, cache, held_out),
        components=config.mixture.components,
        covariance=config.mixture.covariance,
        ridge=config.mixture.ridge,
        truncation=config.sampling.truncation,
        seed=seed,
    )
    names = {name: number for number, name in enumerate(sorted({row.group for row in cache.rows}))}
    groups = np.asarray([names[cache.rows[row].group] for row in images], dtype=np.int64)
    return mixture, TrainingCodes(encode_rows(model, cache, images), groups)


def _run_stage(
    trainer: Trainer, position: Position, best: dict[str, Tensor], out: Path, fingerprint: str
) -> dict[str, Tensor]:
    """Train a stage from a position to its end or until nothing gets better; returns the best weights."""
    settings_, schedule = trainer.config.training, trainer.schedule
    is_main = trainer.group.is_main

    def save() -> None:
        if is_main:
            save_checkpoint(out / "last.pt", trainer, position, fingerprint=fingerprint, best_state=best)

    def note(figures: dict[str, Any]) -> None:
        nonlocal best
        measured = trainer.measure()
        if position.first_mmd is None:
            position.first_mmd = measured["val_mmd"]  # type: ignore[assignment]  # this one is a number
        loss = float(measured["val_loss"])  # type: ignore[arg-type]  # so is this
        position.waited += 1
        if position.best is None or loss < position.best:
            position.best, position.waited = loss, 0
            best = copy.deepcopy({name: value.cpu() for name, value in trainer.model.state_dict().items()})
        if is_main:
            record = {"stage": schedule.name, "step": position.step, **figures, **measured}
            runs.append_record(out / "metrics.jsonl", record)
            logger.info("stage %s, step %d: held-out loss %.4f", schedule.name, position.step, loss)

    with interruptible() as interrupts:
        if position.step == 0:
            note({})
        bar = tqdm(
            total=schedule.steps,
            initial=position.step,
            desc=f"stage {schedule.name}",
            disable=None if is_main else True,
        )
        with bar:
            for figures in trainer.run(position.step):
                position.step += 1
                bar.update()
                if not all(math.isfinite(value) for value in figures.values()):
                    raise FloatingPointError(
                        f"the loss is {figures['loss']} in stage {schedule.name}, step {position.step}; the last "
                        f"checkpoint is {out / 'last.pt'}; lower the learning rates"
                    )
                if position.step % settings_.validate_every == 0 or position.step == schedule.steps:
                    note(figures)
                if interrupts.requested or position.step % settings_.checkpoint_every == 0:
                    save()
                if interrupts.requested:
                    raise KeyboardInterrupt
                if position.waited >= settings_.patience:
                    logger.info("nothing better for %d measurements", position.waited)
                    break
    return best
