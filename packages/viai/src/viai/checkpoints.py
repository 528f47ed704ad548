"""Weights to share: safetensors whose card is enough to build the network again.

A card holds format, package version, stage, resolved configuration, seed, step, training data with its
fingerprint, and measured figures. A model made for one front end is never used with another.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError
from viai.config import SpectrogramConfig, ViaiConfig
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.sample_rnn import SampleRNN, Visual2Sound
from viai.networks.wavenet import WaveNet

CARD_FORMAT = 1
STAGES = ("viai-a", "viai-av", "wavenet")
"""The networks of the package itself: those that fill gaps."""
RECURRENT_STAGES = ("samplernn", "samplernn-reversed", "visual2sound", "visual2sound-reversed")
"""The networks to compare with; a reversed one is trained on reversed time."""
ALL_STAGES = (*STAGES, *RECURRENT_STAGES)


@dataclass(frozen=True)
class Loaded:
    """A network rebuilt from a file."""

    network: nn.Module
    """In evaluation mode, without gradients."""
    config: ViaiConfig
    """The configuration that it was trained with."""
    card: Mapping[str, Any]
    """The card as it stands in the file."""


def build_network(stage: str, config: ViaiConfig) -> nn.Module:
    """Make the untrained network of a stage."""
    if stage == "viai-a":
        return AudioInpainter(config.network)
    if stage == "viai-av":
        return AudioVisualInpainter(config.network)
    if stage == "wavenet":
        return WaveNet(config.wavenet, config.spectrogram.mel_bands)
    if stage in ("samplernn", "samplernn-reversed"):
        return SampleRNN(config.sample_rnn)
    if stage in ("visual2sound", "visual2sound-reversed"):
        return Visual2Sound(config.sample_rnn, config.network)
    raise InputError(f"unknown network '{stage}'; choose one of {', '.join(ALL_STAGES)}")


def save_network(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    stage: str,
    config: ViaiConfig,
    step: int,
    seed: int,
    data: Mapping[str, object],
    metrics: Mapping[str, object] | None = None,
) -> None:
    """Write weights and card, whole or not at all."""
    card = {
        "format": CARD_FORMAT,
        "package": "viai",
        "version": version("viai"),
        "stage": stage,
        "step": step,
        "seed": seed,
        "config": json.loads(json.dumps(settings.to_dict(config))),
        "data": dict(data),
        "metrics": dict(metrics or {}),
    }
    weights.save(path, tensors, card)


def load_network(path: Path, stage: str, *, device: torch.device | str = "cpu") -> Loaded:
    """Rebuild a network from its card.

    Half-precision weights are widened to single precision.

    Raises:
        InputError: If the file is unreadable, of another stage or format, or its tensors do not fit its card.
    """
    tensors, card = weights.load(path)
    if card.get("package") != "viai" or card.get("format") != CARD_FORMAT:
        raise InputError(
            f"{path} holds no weights that this version of viai reads "
            f"(package {card.get('package')}, format {card.get('format')}; expected viai, {CARD_FORMAT})"
        )
    if card.get("stage") != stage:
        raise InputError(f"{path} holds the network '{card.get('stage')}'; expected '{stage}'")
    if not isinstance(card.get("config"), dict):
        raise InputError(f"{path} has no configuration in its card, so its network cannot be built; fetch it again")
    config = settings.from_dict(ViaiConfig, card["config"])
    network = build_network(stage, config)
    weights.load_into(network, tensors)
    return Loaded(network=network.to(device).eval().requires_grad_(False), config=config, card=card)


def require_front_end(config: ViaiConfig, wanted: SpectrogramConfig, path: Path) -> None:
    """Refuse weights that were trained with another sound front end.

    Raises:
        InputError: Names every constant that differs.
    """
    there, here = settings.to_dict(config.spectrogram), settings.to_dict(wanted)
    different = [f"{name} {there[name]} against {here[name]}" for name in here if there[name] != here[name]]
    if different:
        raise InputError(f"{path} was trained with another front end ({', '.join(different)}); use weights that match")


def stage_of(path: Path) -> str:
    """Read from its card which network a file holds."""
    _, card = weights.load(path)
    return str(card.get("stage"))


def weights_folder(folder: Path | None = None) -> Path:
    """Return the folder of weights to use: the given one, or the one that ships with the package."""
    return folder if folder is not None else Path(__file__).with_name("weights")


def read_cards(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Read the cards of the weights in a folder, by network; networks without a file are left out."""
    home = weights_folder(folder)
    paths = {stage: home / f"{stage}.safetensors" for stage in ALL_STAGES}
    return {stage: weights.load(path)[1] for stage, path in paths.items() if path.exists()}
