"""State to go on from: tensors and plain values only, so that reading it runs nothing."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from hr_common import config as settings
from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable
from hybridmesh.data.people import PeopleSet
from hybridmesh.regressor import PIXELS

if TYPE_CHECKING:
    from hybridmesh.training.loop import Training

STATE_FORMAT = 1
# How often one saves and who reads may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every", "training.workers", "network.backbone_weights")


def digest_people(people: PeopleSet) -> str:
    """Tell sets of people apart by their columns."""
    digest = hashlib.sha256()
    for name in sorted(people.columns):
        column = np.ascontiguousarray(people.columns[name])
        digest.update(f"{name} {column.dtype} {column.shape}".encode())
        digest.update((np.char.encode(column, "utf-8") if column.dtype.kind == "U" else column).tobytes())
    return digest.hexdigest()


def save_state(path: Path, training: "Training") -> None:
    """Write everything that is needed to go on, whole or not at all.

    No random state is among it: what is drawn follows from the seed and from where the run stands.
    """
    body = training.objective.body
    state = {
        "format": STATE_FORMAT,
        "versions": {"hybridmesh": version("hybridmesh"), "torch": str(torch.__version__)},
        "config": json.dumps(settings.to_dict(training.config)),
        "seed": training.seed,
        "data": training.data,
        "body": {"name": body.name, "id": body.id},
        "pixels": PIXELS,
        "keypoints": "keypoints25",
        "training": training.state(),
    }
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def restore_state(path: Path, training: "Training", *, force: bool = False) -> None:
    """Put a training back to where it was saved.

    Args:
        path: What :func:`save_state` wrote.
        training: Built from the settings and data of now.
        force: Go on with other settings than it was written with.

    Raises:
        InputError: It is no checkpoint, or settings, data, body or seed differ; the message names what differs.
    """
    refuse_unreadable(path)
    try:
        state = torch.load(path, map_location=training.device, weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); start anew with --force"
        ) from error
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        raise InputError(f"{path} is no checkpoint of this version of hybridmesh (format {STATE_FORMAT})")
    differences = list(
        settings.differences(json.loads(state["config"]), settings.to_dict(training.config), free=_FREE_TO_CHANGE)
    )
    if state["seed"] != training.seed:
        differences.append(f"seed {state['seed']} there, {training.seed} here")
    if state["data"] != training.data:
        differences.append("other people")
    if state["body"]["id"] != training.objective.body.id:
        differences.append(f"body {state['body']['name']} there, {training.objective.body.name} here")
    if differences and not force:
        raise InputError(
            f"{path} was written with other settings or data ({'; '.join(differences)}); "
            "repeat them, add --force to start anew, or choose another --out"
        )
    training.restore(state["training"])
