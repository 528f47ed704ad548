"""Weights to share, whose card is enough to build the network again, and state to go on from."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from graphfit.calibration import Calibration
from graphfit.config import GraphfitConfig
from graphfit.features import Features
from graphfit.networks.graph_model import GraphModel
from hr_common import config as settings
from hr_common import runs, weights
from hr_common.errors import InputError, refusing

if TYPE_CHECKING:
    from graphfit.training.loop import Training

CARD_FORMAT = 1
STATE_FORMAT = 2
SHIPPED = Path(__file__).parent / "weights" / "outfits.safetensors"

# How often one saves may change between two runs.
_FREE_TO_CHANGE = ("training.checkpoint_every",)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network rebuilt from a file."""

    model: GraphModel
    """In evaluation mode, without gradients."""
    config: GraphfitConfig
    """The configuration that it was trained with."""
    encoder: str
    """Id of the picture encoder that its features come from."""
    calibration: Calibration
    """What its logits mean."""
    card: Mapping[str, Any]
    """The card as it stands in the file."""

    def expect(self, features: Features) -> None:
        """Refuse features that the network was not trained on.

        Raises:
            InputError: They are of another encoder or size.
        """
        features.expect(self.encoder)
        if features.values.shape[1] != self.model.feature_size:
            raise InputError(
                f"the network was trained on features of {self.model.feature_size} numbers, but these have "
                f"{features.values.shape[1]}; run `graphfit embed` again"
            )


def save_model(
    path: Path,
    model: GraphModel,
    config: GraphfitConfig,
    *,
    encoder: str,
    calibration: Calibration,
    facts: Mapping[str, Any],
) -> None:
    """Write weights and card, whole or not at all.

    Args:
        path: Ends in ``.safetensors``.
        model: What was trained.
        config: The resolved configuration.
        encoder: Id of the picture encoder.
        calibration: Settled on validation outfits.
        facts: Anything else that a stranger has to know: data, seed, figures, counts of styles.
    """
    card = {
        "format": CARD_FORMAT,
        "package": "graphfit",
        "version": version("graphfit"),
        "class": type(model).__name__,
        "config": settings.to_dict(config),
        "encoder": encoder,
        "feature_size": model.feature_size,
        "calibration": calibration.as_dict(),
        **facts,
    }
    weights.save(path, model.state_dict(), card)


def load_model(path: Path | None = None, *, device: torch.device | str = "cpu") -> LoadedModel:
    """Rebuild a network from its card.

    Args:
        path: A run's folder or a ``.safetensors`` file; the weights that ship by default.
        device: Where it shall compute.

    Raises:
        InputError: The file is unreadable, of another format, or its tensors do not fit its card.
    """
    path = SHIPPED if path is None else path
    path = path / "model.safetensors" if path.is_dir() else path
    tensors, card = weights.load(path)
    if card.get("package") != "graphfit" or card.get("format") != CARD_FORMAT or card.get("class") != "GraphModel":
        raise InputError(
            f"{path} holds no outfit network that this version of graphfit reads "
            f"(package {card.get('package')}, format {card.get('format')}, {card.get('class')})"
        )
    with refusing(f"the model card of {path}"):
        config = settings.from_dict(GraphfitConfig, card["config"])
        model = GraphModel(int(card["feature_size"]), config)
        encoder, calibration = str(card["encoder"]), Calibration.from_dict(card["calibration"])
    weights.load_into(model, tensors)
    return LoadedModel(
        model=model.to(device).eval().requires_grad_(False),
        config=config,
        encoder=encoder,
        calibration=calibration,
        card=card,
    )


def save_state(path: Path, training: "Training") -> None:
    """Write everything that is needed to go on, whole or not at all."""
    runs.save_state(
        path, program="graphfit", layout=STATE_FORMAT, config=training.config, seed=training.seed,
        data=training.problem.digest, training=training.state(),
    )  # fmt: skip


def restore_state(path: Path, training: "Training", *, force: bool = False) -> None:
    """Put a training back to where it was saved.

    Args:
        path: What :func:`save_state` wrote.
        training: Built from the settings and data of now.
        force: Go on with other settings than it was written with.

    Raises:
        InputError: It is no checkpoint, or settings, data or seed differ; the message names what differs.
    """
    state = runs.load_state(
        path, program="graphfit", layout=STATE_FORMAT, config=training.config, seed=training.seed,
        free=_FREE_TO_CHANGE, force=force, device=training.device,
        others=lambda state: () if state["data"] == training.problem.digest else ("other outfits or features",),
    )  # fmt: skip
    training.restore(state["training"])
