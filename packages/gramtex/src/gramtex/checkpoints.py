"""Models to share: safetensors whose card is enough to build the network again, with mixture and training codes.

A card holds format, package version, resolved configuration, identity of the encoder, fingerprint of the data, seed,
steps and measured figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gramtex.config import GramtexConfig
from gramtex.descriptors import unvech, vech
from gramtex.mixture import Mixture
from gramtex.networks.gram_autoencoder import GramAutoEncoder
from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError, refusing
from hr_common.files import file_digest

CARD_FORMAT = 1
SHIPPED = "cloth.safetensors"


@dataclass(frozen=True)
class TrainingCodes:
    """Codes of the training images, for novelty and the neighbour sampler."""

    codes: Float[Tensor, "n latent"]
    """One for each image, without augmented variants."""
    groups: np.ndarray[Any, np.dtype[np.int64]]
    """Number of the physical source of each."""


@dataclass(frozen=True)
class LoadedModel:
    """A model rebuilt from a file."""

    network: GramAutoEncoder
    """In evaluation mode, without gradients."""
    config: GramtexConfig
    """What it was trained with."""
    weights_hash: str
    """Of the encoder that its Gram sets are of."""
    mixture: Mixture | None
    """None if none was fitted."""
    training: TrainingCodes
    """What it has seen."""
    card: Mapping[str, Any]
    """The card as it stands in the file."""
    digest: str
    """First digits of the file's SHA-256, for the text chunks of pictures."""


def save_model(
    path: Path,
    network: GramAutoEncoder,
    *,
    config: GramtexConfig,
    weights_hash: str,
    mixture: Mixture | None,
    training: TrainingCodes,
    card: Mapping[str, Any],
    half: bool = True,
) -> None:
    """Write network, mixture, training codes and card, whole or not at all.

    Args:
        path: Ends in ``.safetensors``.
        network: What was trained.
        config: The resolved configuration.
        weights_hash: Of the encoder.
        mixture: On the codes of this very network.
        training: Codes of the training images.
        card: What else a stranger has to know: data, seed, steps, figures.
        half: Write weights in half precision; the mixture stays in single precision.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        # A mean is symmetric: half of it will do. Counters stay as they are.
        kept = vech(value) if name.endswith(".mean") and value.ndim == 2 else value
        tensors[f"network.{name}"] = kept.half() if half and kept.ndim and kept.is_floating_point() else kept
    whole = {
        "format": CARD_FORMAT,
        "package": "gramtex",
        "version": version("gramtex"),
        "config": settings.to_dict(config),
        "weights_hash": weights_hash,
        "torch": torch.__version__,
        **card,
    }
    tensors["training.codes"] = training.codes.half() if half else training.codes
    tensors["training.groups"] = torch.from_numpy(training.groups)
    if mixture is not None:
        whole["mixture"] = {"kind": mixture.kind, "held_out_log_likelihood": mixture.scores}
        for name in ("weights", "means", "limits"):
            tensors[f"mixture.{name}"] = getattr(mixture, name)
        tensors["mixture.covariances"] = vech(mixture.covariances)
    weights.save(path, tensors, whole)


def load_model(path: str | Path | None = None, *, device: torch.device | str = "cpu") -> LoadedModel:
    """Rebuild a model from its card.

    Args:
        path: A file that :func:`save_model` wrote; by default the model that ships.
        device: Where it computes.

    Raises:
        InputError: The file is unreadable or of another format, or its tensors do not fit its card.
    """
    if path is None:
        with resources.as_file(resources.files("gramtex") / "weights" / SHIPPED) as shipped:
            return load_model(shipped, device=device)
    tensors, card = weights.load(path)
    if card.get("package") != "gramtex" or card.get("format") != CARD_FORMAT or "config" not in card:
        raise InputError(
            f"{path} holds no model that this version of gramtex reads "
            f"(package {card.get('package')}, format {card.get('format')}; expected gramtex, {CARD_FORMAT})"
        )
    with refusing(f"{path} is no whole model (fetch or train it again): it"):
        config = settings.from_dict(GramtexConfig, card["config"])
        network = GramAutoEncoder(config.model)
        own = network.state_dict()
        state = {}
        for name in [each for each in tensors if each.startswith("network.")]:
            value, key = tensors.pop(name), name.removeprefix("network.")
            value = value.float() if value.is_floating_point() else value
            packed = key.endswith(".mean") and key in own and own[key].ndim == 2
            state[key] = unvech(value) if packed else value
        weights.load_into(network, state)
        training = TrainingCodes(tensors["training.codes"].float(), tensors["training.groups"].numpy())
        mixture = None
        if "mixture" in card:
            parts = [tensors[f"mixture.{name}"] for name in ("weights", "means", "covariances", "limits")]
            mixture = Mixture(
                parts[0], parts[1], unvech(parts[2]), parts[3],
                card["mixture"]["kind"], card["mixture"]["held_out_log_likelihood"],
            )  # fmt: skip
        weights_hash = str(card["weights_hash"])
    return LoadedModel(
        network=network.to(device).eval().requires_grad_(False),
        config=config,
        weights_hash=weights_hash,
        mixture=mixture,
        training=training,
        card=card,
        digest=file_digest(path)[:16],
    )
