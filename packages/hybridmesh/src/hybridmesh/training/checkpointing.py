"""State to go on from: tensors and plain values only, so that reading it runs nothing."""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hr_common import runs
from hybridmesh.data.people import PeopleSet
from hybridmesh.regressor import PIXELS

if TYPE_CHECKING:
    from hybridmesh.training.loop import Training

STATE_FORMAT = 2
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
    runs.save_state(
        path, program="hybridmesh", layout=STATE_FORMAT, config=training.config, seed=training.seed,
        versions={"hybridmesh": version("hybridmesh"), "torch": str(torch.__version__)}, data=training.data,
        body={"name": body.name, "id": body.id}, pixels=PIXELS, keypoints="keypoints25", training=training.state(),
    )  # fmt: skip


def restore_state(path: Path, training: "Training", *, force: bool = False) -> None:
    """Put a training back to where it was saved.

    Args:
        path: What :func:`save_state` wrote.
        training: Built from the settings and data of now.
        force: Go on with other settings than it was written with.

    Raises:
        InputError: It is no checkpoint, or settings, data, body or seed differ; the message names what differs.
    """
    body = training.objective.body

    def others(state: Mapping[str, Any]) -> Iterator[str]:
        if state["data"] != training.data:
            yield "other people"
        if state["body"]["id"] != body.id:
            yield f"body {state['body']['name']} there, {body.name} here"

    state = runs.load_state(
        path, program="hybridmesh", layout=STATE_FORMAT, config=training.config, seed=training.seed,
        free=_FREE_TO_CHANGE, others=others, force=force, device=training.device,
    )  # fmt: skip
    training.restore(state["training"])
