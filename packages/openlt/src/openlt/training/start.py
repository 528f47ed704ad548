"""From a data set and settings to a folder with a trained classifier."""

import logging
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hr_common import config as settings
from hr_common import device as devices
from hr_common.device import ProcessGroup
from hr_common.errors import InputError
from hr_common.files import atomic_path, remove_abandoned, write_json
from hr_common.runs import cut_log
from openlt.baselines import post_hoc
from openlt.baselines.episodes import EpisodeStage, base_classes, masked_objective
from openlt.checkpoints import LoadedModel, Origin, load_model, save_model
from openlt.config import OpenltConfig, stages_of
from openlt.data.splits import LongTailData
from openlt.evaluation import score_split
from openlt.losses import DiscriminativeCentroidsLoss
from openlt.metrics.accuracy import band_accuracy
from openlt.metrics.bands import band_of
from openlt.networks.meta_embedding import MetaEmbeddingClassifier
from openlt.networks.open_network import OpenNetwork, build_network, hand_over
from openlt.networks.pretrained import load_pretrained
from openlt.openset import threshold_at_tpr
from openlt.recognition import Recogniser
from openlt.training.batches import TrainingBatches, build_sampler, in_order, plain_pictures, training_pictures
from openlt.training.centroids import all_features, class_centroids
from openlt.training.checkpointing import Position, position_of, read_checkpoint, restore
from openlt.training.loop import Figures, Places, run_stage
from openlt.training.objectives import logit_objective
from openlt.training.stage import GradientStage, Stage

logger = logging.getLogger(__name__)

_WRITTEN = ("checkpoints", "eval", "report")
_WRITTEN_FILES = ("config.toml", "data.json", "environment.json", "log.txt", "metrics.jsonl", "model.safetensors")


@dataclass(frozen=True)
class Trained:
    """What a training left behind."""

    folder: Path
    """The run's folder."""
    model: Path | None
    """Weights to use; none if the last stage was not asked for."""
    best: float | None
    """Overall accuracy of the last stage on the validation pictures."""
    is_main: bool
    """False in the processes of a group that wrote nothing."""


@dataclass(frozen=True)
class _Run:
    data: LongTailData
    config: OpenltConfig
    origin: Origin
    places: Places
    device: torch.device
    group: ProcessGroup
    pretrained: str | None

    @property
    def counts(self) -> torch.Tensor:
        return torch.from_numpy(self.data.counts).to(self.device)


def train(
    data: LongTailData,
    out: Path,
    config: OpenltConfig,
    *,
    seed: int = 0,
    device: str = "auto",
    stages: Sequence[int] | None = None,
    pretrained: str | None = None,
    resume: bool = False,
    force: bool = False,
) -> Trained:
    """Train a method on a data set.

    Leaves ``model.safetensors`` (weights to use), ``metrics.jsonl`` (a line for each epoch), ``config.toml``,
    ``data.json``, ``environment.json``, ``log.txt`` and ``checkpoints/`` in ``out``. Batches depend on the seed
    and the step alone, so a run that was cut off and resumed ends with the same weights, to the bit on the same machine
    with the same number of threads. Under ``torchrun`` the processes share every batch.

    Args:
        data: What to learn from.
        out: The run's folder; made if needed.
        config: All settings.
        seed: Settles initial weights, order and views of the pictures.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        stages: Which stages to train; all by default. The second alone needs the first in ``out``.
        pretrained: Weights of the backbone to begin with; see :func:`openlt.networks.pretrained.load_pretrained`.
        resume: Go on from the checkpoint in ``out``.
        force: Overwrite the run in ``out`` or, with ``resume``, go on though settings or lists differ.

    Raises:
        InputError: If folder, settings, weights or checkpoint do not fit.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    where = devices.resolve(device)
    with devices.process_group(where) as group, torch.random.fork_rng(enabled=True):
        origin = Origin(data.name, data.classes, tuple(data.counts.tolist()), {**data.digests}, seed)
        run = _Run(data, config, origin, Places(out), where, group, pretrained)
        wanted = tuple(stages or range(1, len(stages_of(config)) + 1))
        _prepare(run, wanted, resume=resume, force=force)
        if group.world_size > 1:
            torch.distributed.barrier()
        with _log_file(out / "log.txt", group.is_main):
            trained = _train(run, wanted, resume=resume, force=force)
        if group.world_size > 1:
            # Nobody goes on before the main process has written what is named here.
            torch.distributed.barrier()
        return trained


def _prepare(run: _Run, wanted: Sequence[int], *, resume: bool, force: bool) -> None:
    """See that the folder may be written to, and describe the run in it."""
    folder, places = run.places.folder, run.places
    existing = folder.is_dir() and any(folder.iterdir())
    continues = min(wanted) == 2 and places.best(1).exists()
    goes_on = resume or (continues and (force or not places.best(2).exists()))
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder; choose another --out")
    if existing and not goes_on and not force:
        raise InputError(
            f"{folder} is not empty; add --resume to go on with the run in it, --force to overwrite it, "
            "or choose another --out"
        )
    if max(wanted) > len(stages_of(run.config)):
        raise InputError(f"the method {run.config.method} has one stage only; leave --stage 2 out")
    if resume and not places.last.exists():
        raise InputError(f"{places.last} does not exist, so there is nothing to resume; leave --resume out to begin")
    if run.group.world_size > 1:
        # Nobody may find in the folder what the main process is about to write.
        torch.distributed.barrier()
    if not run.group.is_main:
        return
    if force and not goes_on:
        for name in _WRITTEN:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in _WRITTEN_FILES:
            (folder / name).unlink(missing_ok=True)
    places.checkpoints.mkdir(parents=True, exist_ok=True)
    for each in (folder, places.checkpoints):
        remove_abandoned(each)
    if resume:
        # Before anything is written over: the settings may not fit.
        read_checkpoint(places.last, run.config, run.origin, force=force)
    with atomic_path(folder / "config.toml") as temporary:
        temporary.write_text(settings.to_toml(run.config), encoding="utf-8")
    write_json(folder / "data.json", describe_data(run.data))
    write_json(folder / "environment.json", describe_environment(run.device, run.group, run.origin.seed))


def describe_data(data: LongTailData) -> dict[str, Any]:
    """Say what was learnt from: classes, counts, bands by both rules, sizes and digests of the lists."""
    bands = {
        rule: dict(
            zip(("many", "medium", "few"), np.bincount(band_of(data.counts, rule), minlength=3).tolist(), strict=True)
        )
        for rule in ("paper", "reference")
    }
    return {
        "dataset": data.name,
        "classes": list(data.classes),
        "counts": data.counts,
        "bands": bands,
        "splits": {name: len(split) for name, split in data.splits.items()},
        "digests": dict(data.digests),
    }


def describe_environment(device: torch.device, group: ProcessGroup, seed: int) -> dict[str, Any]:
    """Say what the run was computed with."""
    return {
        "openlt": version("openlt"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "processes": group.world_size,
        "seed": seed,
    }


def _train(run: _Run, wanted: Sequence[int], *, resume: bool, force: bool) -> Trained:
    state = None
    if resume:
        state = read_checkpoint(run.places.last, run.config, run.origin, force=force)
        position = position_of(state)
        if run.group.is_main:
            _cut_log(run.places.log, position)
        logger.info("going on in stage %d after %d epochs, %d steps", position.stage, position.epoch, position.step)
    elif run.group.is_main:
        _cut_log(run.places.log, Position(stage=min(wanted)))
    best = None
    for number in wanted:
        if state is not None and number < state["position"]["stage"]:
            continue
        goes_on = state is not None and state["position"]["stage"] == number
        stage = build_stage(run, number, is_fresh=not goes_on)
        position = restore(stage, state) if state is not None and goes_on else Position(stage=number)
        position = run_stage(
            stage,
            position,
            run.places,
            origin=run.origin,
            measure=lambda stage: _validate(run, stage),
            renew=lambda stage: _renew(run, stage),
            is_main=run.group.is_main,
        )
        best = position.best
        if run.group.world_size > 1:
            torch.distributed.barrier()
    finished = max(wanted) == len(stages_of(run.config))
    if finished and run.group.is_main:
        _finish(run)
    return Trained(run.places.folder, run.places.model if finished else None, best, run.group.is_main)


def build_stage(run: _Run, number: int, *, is_fresh: bool) -> Stage:
    """Make a stage ready for its first step.

    Args:
        run: Data, settings and places.
        number: 1 or 2.
        is_fresh: False if a checkpoint will be laid over it, which spares the pass for the centroids.
    """
    config, data = run.config, run.data
    stage = stages_of(config)[number - 1]
    # Each stage begins with random numbers of its own, so that it does not matter whether the one before ran just now.
    torch.manual_seed(run.origin.seed * 2 + number - 1)
    network = build_network(config, number, data.num_classes)
    if number == 1:
        _begin(run, network, is_fresh)
    else:
        before = run.places.best(1)
        if not before.exists():
            raise InputError(f"{before} does not exist; train the first stage first (--stage all or --stage 1)")
        hand_over(_matching(load_model(before), run).network, network, restart_classifier=stage.restart_classifier)
    network.to(run.device)
    centroid_loss = None
    if isinstance(network.classifier, MetaEmbeddingClassifier):
        constants = config.losses
        centroid_loss = DiscriminativeCentroidsLoss(
            data.num_classes,
            network.features.width,
            form=constants.form,
            margin=constants.repel_margin if constants.form == "reference" else constants.paper_margin,
            repel_weight=constants.repel_weight,
        ).to(run.device)
        if is_fresh:
            _fill(run, network, centroid_loss)
    if stage.classifier == "generator":
        return EpisodeStage(number, config, network, data, seed=run.origin.seed, device=run.device)
    sampler = build_sampler(stage, data.splits["train"].labels, seed=run.origin.seed * 2 + number - 1)
    batches = TrainingBatches(
        training_pictures(data, config, seed=run.origin.seed * 2 + number - 1),
        sampler,
        batch=config.training.batch,
        workers=config.data.workers,
        rank=run.group.rank,
        world_size=run.group.world_size,
    )
    objective = logit_objective(stage, config.losses, run.counts)
    if config.stage2 is not None and config.stage2.classifier == "generator":
        objective = masked_objective(objective, base_classes(data.counts))
    return GradientStage(
        number,
        config,
        network,
        batches,
        objective,
        centroid_loss=centroid_loss,
        device=run.device,
        world_size=run.group.world_size,
    )


def _begin(run: _Run, network: OpenNetwork, is_fresh: bool) -> None:
    if run.pretrained is not None:
        if is_fresh:
            load_pretrained(network.features.backbone, run.pretrained)
    elif run.data.name in ("places-lt", "ms1m-lt") and run.config.network.backbone in ("resnet50", "resnet152"):
        logger.warning(
            "the paper begins %s with ImageNet weights of the backbone; give them with --pretrained FILE",
            run.data.name,
        )


def _matching(loaded: LoadedModel, run: _Run) -> LoadedModel:
    if tuple(loaded.origin.classes) != tuple(run.data.classes):
        raise InputError(
            f"the first stage was trained on {len(loaded.origin.classes)} other classes than the "
            f"{run.data.num_classes} of {run.data.name}; train it again"
        )
    return loaded


def _fill(run: _Run, network: OpenNetwork, holder: DiscriminativeCentroidsLoss) -> None:
    means = class_centroids(
        network.features,
        run.data.splits["train"],
        run.data.num_classes,
        run.config,
        device=run.device,
        rank=run.group.rank,
        world_size=run.group.world_size,
    )
    with torch.no_grad():
        holder.centroids.copy_(means)


def _renew(run: _Run, stage: Stage) -> None:
    if isinstance(stage, GradientStage) and stage.centroid_loss is not None:
        _fill(run, stage.network, stage.centroid_loss)


@torch.no_grad()
def _validate(run: _Run, stage: Stage) -> Figures:
    """Measure the network on the validation pictures, closed set; nothing without any."""
    names = ("overall", "many", "medium", "few")
    split = run.data.splits.get("val")
    if split is None:
        return dict.fromkeys(names)
    network = stage.network
    network.eval()
    predictions = np.full(len(split), -1, dtype=np.int64)
    group = run.group
    found: list[tuple[np.ndarray, np.ndarray]] = []
    batches = in_order(
        plain_pictures(split, run.config),
        batch=run.config.training.batch,
        workers=run.config.data.workers,
        rank=group.rank,
        world_size=group.world_size,
    )
    for batch in batches:
        logits = network(batch.images.to(run.device), stage.centroids).logits
        found.append((batch.indices.numpy(), logits.argmax(dim=1).cpu().numpy()))
    gathered: list[list[tuple[np.ndarray, np.ndarray]]] = [found]
    if group.world_size > 1:
        gathered = [[] for _ in range(group.world_size)]
        torch.distributed.all_gather_object(gathered, found)
    for share in gathered:
        for indices, predicted in share:
            predictions[indices] = predicted
    accuracy = band_accuracy(predictions, split.labels, run.data.counts)
    return {name: getattr(accuracy, name) for name in names}


def _cut_log(path: Path, position: Position) -> None:
    """Drop the lines of epochs that are trained again."""
    cut_log(path, lambda record: (record["stage"], record["epoch"]) <= (position.stage, position.epoch))


def _finish(run: _Run) -> None:
    """Write the weights to use: the best of the last stage, after whatever the method does without gradients."""
    number = len(stages_of(run.config))
    loaded = load_model(run.places.best(number))
    classifier = str(loaded.card["classifier"])
    metrics = dict(loaded.card["metrics"])
    kind, network = run.config.post_hoc, loaded.network
    if kind != "none":
        network.to(run.device)
        if kind in ("ncm", "whitened-memory"):
            features, labels = all_features(network.features, run.data.splits["train"], run.config, device=run.device)
            if kind == "ncm":
                network.classifier = post_hoc.nearest_mean(features, labels, run.data.num_classes)
                classifier = "nearest-mean"
            else:
                counts = torch.from_numpy(run.data.counts)
                network.classifier = post_hoc.whitened_memory(
                    features, labels, counts, tau=run.config.losses.tau, scale=run.config.network.scale
                )
                classifier = kind
        else:
            linear = post_hoc.require_linear(network.classifier, kind).cpu()
            if kind == "tau-norm":
                if "val" not in run.data.splits:
                    raise InputError("tau-norm chooses its power on validation pictures, and there are none")
                features, labels = all_features(network.features, run.data.splits["val"], run.config, device=run.device)
                metrics["tau"], network.classifier = post_hoc.choose_tau(linear, features, labels)
            else:
                counts = torch.from_numpy(run.data.counts)
                network.classifier = post_hoc.prior_corrected(linear, counts, run.config.losses.tau)
    save_model(
        run.places.model,
        network,
        loaded.centroids,
        config=run.config,
        stage=number,
        classifier=classifier,
        origin=run.origin,
        epoch=int(loaded.card["epoch"]),
        metrics=metrics,
        thresholds=_thresholds(run, loaded),
    )


def _thresholds(run: _Run, loaded: LoadedModel) -> dict[str, float]:
    """Settle for each detector that needs no fitting the score that 95 % of the validation pictures reach."""
    if "val" not in run.data.splits:
        return {}
    if loaded.centroids is not None:
        loaded = replace(loaded, centroids=loaded.centroids.to(run.device))
    loaded.network.to(run.device).eval()
    recogniser = Recogniser(loaded, run.device)
    detectors = {name: recogniser.make_detector(name) for name in recogniser.detector_names}
    scored = score_split(recogniser, run.data.splits["val"], detectors)
    return {name: threshold_at_tpr(values) for name, values in scored.scores.items()}


@contextmanager
def _log_file(path: Path, is_main: bool) -> Iterator[None]:
    """Also write what this package has to say to a file."""
    if not is_main:
        yield
        return
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("openlt")
    before = package.level
    package.addHandler(handler)
    package.setLevel(min(before or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        package.setLevel(before)
        package.removeHandler(handler)
        handler.close()
