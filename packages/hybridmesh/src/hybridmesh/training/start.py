"""From people and settings to a folder with a trained regressor."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hr_common import config as settings
from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import atomic_path, remove_abandoned, write_json
from hr_common.runs import RunFolder, cut_log
from hybridmesh.body.model import BodyModel
from hybridmesh.config import LearningConfig
from hybridmesh.data.people import PeopleSet
from hybridmesh.networks.hybrid_network import HybridNetwork
from hybridmesh.regressor import Regressor, make_card
from hybridmesh.training.batches import Batches, open_batches
from hybridmesh.training.checkpointing import digest_people, restore_state
from hybridmesh.training.loop import Training, finish
from hybridmesh.training.supervision import Flags

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a training left behind."""

    model: Path
    """Weights to use."""
    losses: Mapping[str, float]
    """Of the last epoch, those of the studio and of the wild apart."""
    is_main: bool
    """False in the processes of a group that wrote nothing."""


def build_network(config: LearningConfig, num_betas: int, seed: int) -> HybridNetwork:
    """Build an untrained network; its weights follow from the seed."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return HybridNetwork(config.network, num_betas)


def prepare(
    people: PeopleSet, body: BodyModel, config: LearningConfig, *, seed: int = 0, batches: Batches | None = None
) -> Training:
    """Make a training on the CPU that writes nothing: a cell of the study.

    Args:
        people: Studio and wild, told apart by the column ``source``.
        body: With which they were made.
        config: All settings.
        seed: Settles every random number.
        batches: Of the same people and settings, where several runs share them.
    """
    return Training(
        build_network(config, body.num_betas, seed), body,
        open_batches(people, body, config, seed=seed) if batches is None else batches,
        Flags.draw(people, config.training, seed=seed), config, seed=seed, device=torch.device("cpu"),
    )  # fmt: skip


def train(
    sets: Sequence[PeopleSet],
    body: BodyModel,
    out: Path,
    config: LearningConfig,
    *,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Trained:
    """Train a regressor.

    Leaves ``model.safetensors`` (weights to use), ``metrics.jsonl`` (a line for each epoch), ``config.toml``,
    ``with_3d.json`` (whose 3D was used) and ``last.pt`` (to go on from) in ``out``. Under ``torchrun`` the processes
    share every batch.

    Args:
        sets: People of one body; those whose ``source`` is ``studio`` keep their 3D in every setting.
        body: With which they were made.
        out: The run's folder; made if needed.
        config: All settings.
        seed: Settles every random number.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        resume: Go on from the checkpoint in ``out``.
        force: Overwrite the run in ``out``.
        facts: What the model card shall say besides.

    Raises:
        InputError: Folder, data, settings or checkpoint do not fit.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    places = RunFolder(out)
    where = devices.resolve(device)
    with devices.process_group(where) as group:
        if not resume and places.last.exists() and not force:
            raise InputError(f"{out} holds a run already; add --resume to go on, --force to overwrite it")
        people = PeopleSet.concatenate(sets)
        flags = Flags.draw(people, config.training, seed=seed)
        training = Training(
            build_network(config, body.num_betas, seed), body, open_batches(people, body, config, seed=seed), flags,
            config, seed=seed, device=where, group=group, data=digest_people(people),
        )  # fmt: skip
        if resume and places.last.exists():
            restore_state(places.last, training, force=force)
        if group.is_main:
            out.mkdir(parents=True, exist_ok=True)
            remove_abandoned(out)
            done = training.position.epoch
            cut_log(places.log, lambda record: record["epoch"] <= done)
            with atomic_path(out / "config.toml") as temporary:
                temporary.write_text(settings.to_toml(config), encoding="utf-8")
            write_json(out / "with_3d.json", flags.smpl.nonzero()[0].tolist())
        network = finish(training, places)
        losses: Mapping[str, float] = {}
        if group.is_main:
            losses = _last_losses(places.log)
            card = make_card(
                network, body, seed=seed, supervision=config.training.supervision, people=_count(flags),
                steps=training.steps_before(training.epochs), losses=losses,
                data=[str(each.manifest.get("name", each.root.name)) for each in sets],
                licences=sorted({str(each.manifest.get("licence", "that of the data")) for each in sets}),
                **(facts or {}),
            )  # fmt: skip
            Regressor(network, card).save(places.model)
    return Trained(places.model, losses, group.is_main)


def _count(flags: Flags) -> dict[str, int]:
    counts = {"studio": flags.studio, "wild": ~flags.studio, "with_3d": flags.smpl, "with_dense": flags.dense}
    return {name: int(each.sum()) for name, each in counts.items()}


def _last_losses(log: Path) -> dict[str, float]:
    *_, last = log.read_text(encoding="utf-8").splitlines()
    return {name: value for name, value in json.loads(last).items() if name.endswith(("_studio", "_wild"))}
