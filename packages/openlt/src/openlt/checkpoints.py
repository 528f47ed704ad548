"""Weights to share: safetensors whose card is enough to build the network again, the memory included.

A card holds format, package version, method, stage, resolved configuration, class names, training counts, digests of
the lists, seed, epoch and measured figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError, refusing
from openlt.config import OpenltConfig
from openlt.networks.open_network import OpenNetwork, build_network

CARD_FORMAT = 1
_CENTROIDS = "centroids"


@dataclass(frozen=True)
class Origin:
    """Where weights come from, apart from the network itself."""

    dataset: str
    """Name of the data set."""
    classes: Sequence[str]
    """Names of the known classes, in the order of the labels."""
    counts: Sequence[int]
    """Training pictures of each."""
    digests: Mapping[Any, str]
    """Of the lists."""
    seed: int
    """Of the run."""


@dataclass(frozen=True)
class LoadedModel:
    """A network rebuilt from a file."""

    network: OpenNetwork
    """In evaluation mode, without gradients."""
    centroids: Float[Tensor, "class feature"] | None
    """The memory that was learnt with it; none for classifiers without one."""
    config: OpenltConfig
    """The configuration that it was trained with."""
    origin: Origin
    """Data and seed."""
    card: Mapping[str, Any]
    """The card as it stands in the file."""

    @property
    def counts(self) -> Int64[np.ndarray, "class"]:
        """Training pictures of each class."""
        return np.asarray(self.origin.counts, dtype=np.int64)


def save_model(
    path: Path,
    network: OpenNetwork,
    centroids: Tensor | None,
    *,
    config: OpenltConfig,
    stage: int,
    classifier: str,
    origin: Origin,
    epoch: int,
    metrics: Mapping[str, float | None],
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """Write weights, memory and card, whole or not at all.

    Args:
        path: Ends in ``.safetensors``.
        network: What was trained.
        centroids: The memory of this very epoch, for a classifier that has one.
        config: The resolved configuration.
        stage: 1 or 2.
        classifier: Kind of the classifier, which a step after training can have changed.
        origin: Data and seed.
        epoch: Epochs of the stage that were trained.
        metrics: Figures on the validation pictures.
        thresholds: Scores below which a picture is unknown, by detector, settled on the validation pictures.
    """
    card = {
        "format": CARD_FORMAT,
        "package": "openlt",
        "version": version("openlt"),
        "method": config.method,
        "stage": stage,
        "classifier": classifier,
        "config": settings.to_dict(config),
        "dataset": origin.dataset,
        "classes": list(origin.classes),
        "counts": [int(count) for count in origin.counts],
        "digests": dict(origin.digests),
        "seed": origin.seed,
        "epoch": epoch,
        "metrics": dict(metrics),
        "thresholds": dict(thresholds or {}),
    }
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    if centroids is not None:
        tensors[_CENTROIDS] = centroids
    weights.save(path, tensors, card)


def load_model(path: Path, *, device: torch.device | str = "cpu") -> LoadedModel:
    """Rebuild a network from its card.

    Raises:
        InputError: If the file is unreadable or of another format, its tensors do not fit its card, or the memory is
            missing that the classifier reads.
    """
    tensors, card = weights.load(path)
    if card.get("package") != "openlt" or card.get("format") != CARD_FORMAT:
        raise InputError(
            f"{path} holds no weights that this version of openlt reads "
            f"(package {card.get('package')}, format {card.get('format')}; expected openlt, {CARD_FORMAT})"
        )
    with refusing(f"the model card of {path}"):
        config = settings.from_dict(OpenltConfig, card["config"])
        origin = Origin(card["dataset"], tuple(card["classes"]), tuple(card["counts"]), card["digests"], card["seed"])
        network = build_network(config, card["stage"], len(origin.classes), classifier=card["classifier"])
    centroids = tensors.pop(_CENTROIDS, None)
    weights.load_into(network, {name.removeprefix("network."): value for name, value in tensors.items()})
    if network.needs_centroids and centroids is None:
        raise InputError(
            f"{path} holds a classifier with a memory but no centroids; train again or fetch the whole file"
        )
    return LoadedModel(
        network=network.to(device).eval().requires_grad_(False),
        centroids=None if centroids is None else centroids.to(device),
        config=config,
        origin=origin,
        card=card,
    )
