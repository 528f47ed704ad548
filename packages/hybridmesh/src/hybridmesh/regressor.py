"""A trained regressor: weights with a card that is enough to use them, on batches of crops or on photos."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError, refusing
from hybridmesh.body.model import BodyModel
from hybridmesh.camera import Box
from hybridmesh.config import Input, NetworkConfig
from hybridmesh.data.batches import encode_image, encode_map
from hybridmesh.data.crops import Crop
from hybridmesh.fitting import BodyState
from hybridmesh.iuv import IUVMap
from hybridmesh.networks.hybrid_network import HybridNetwork
from hybridmesh.networks.parameters import Parameters
from hybridmesh.recovery import Predictor

CARD_FORMAT = 1
_FOLDER = Path(__file__).parent / "weights"
SHIPPED = {"iuv": _FOLDER / "iuv.safetensors"}
"""Weights that come with the package, by what they look at."""
PIXELS = "RGB, x / 127.5 - 1; I / 24 · 2 - 1, U and V in [0, 1] · 2 - 1, background -1"


class Regressor:
    """Predicts bodies.

    Attributes:
        network: In evaluation mode, without gradients.
        card: What is known of the weights: data, command, figures, limits.
        body_id: Digest of the body that it was trained with.
        inputs: What it looks at: ``image``, ``iuv``, ``segment``, ``image+iuv`` or ``image+segment``.
        size: Height and width of its crops in pixels.
    """

    def __init__(self, network: HybridNetwork, card: Mapping[str, Any]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.card = card
        self.body_id = str(card["body_id"])
        self.inputs: Input = network.config.input
        self.size = network.config.size

    @classmethod
    def load(cls, path: str | Path, *, device: torch.device | str = "cpu") -> "Regressor":
        """Rebuild a regressor from its card.

        Args:
            path: A run's folder or a ``.safetensors`` file.
            device: Where it shall compute.

        Raises:
            InputError: The file is unreadable, of another format, or its tensors do not fit its card.
        """
        path = Path(path)
        path = path / "model.safetensors" if path.is_dir() else path
        tensors, card = weights.load(path)
        if card.get("package") != "hybridmesh" or card.get("format") != CARD_FORMAT:
            raise InputError(
                f"{path} holds no regressor that this version of hybridmesh reads (package {card.get('package')}, "
                f"format {card.get('format')})"
            )
        with refusing(f"the model card of {path}"):
            config = settings.from_dict(NetworkConfig, {**card["network"], "backbone_weights": None})
            network = HybridNetwork(config, int(card["num_betas"]))
            weights.load_into(network, {name: value.float() for name, value in tensors.items()})
            return cls(network.to(device), card)

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """Write weights and card, whole or not at all.

        Args:
            path: Ends in ``.safetensors``.
            half: Round to 16 bits, which halves the file.
        """
        tensors = self.network.state_dict()
        weights.save(path, {name: value.half() if half else value for name, value in tensors.items()}, self.card)

    def predict(self, batch: Mapping[str, Tensor]) -> Parameters:
        """Predict the bodies of crops; keys as in :class:`~hybridmesh.data.batches.PeopleDataset`."""
        device = self.network.regressor.mean.device
        with torch.inference_mode():
            found: Parameters = self.network({name: batch[name].to(device) for name in self.inputs.split("+")})
        return Parameters(found.pose.clone(), found.betas.clone(), found.camera.clone())

    def fits_body(self, body: BodyModel) -> bool:
        """Whether shape means for this body what it meant in training."""
        return body.id in {self.body_id, *self.card.get("also_bodies", ())}

    def require_body(self, body: BodyModel) -> None:
        """Refuse a body whose shape means something else.

        Raises:
            InputError: The message names both bodies.
        """
        if not self.fits_body(body):
            raise InputError(
                f"the regressor was trained with body {self.card.get('body')}, whose shape numbers mean something else "
                f"than those of {body.name}; choose it with --body, or other weights with --weights"
            )

    def __call__(self, photo: UInt8[np.ndarray, "height width 3"], box: Box, dense_map: IUVMap | None) -> BodyState:
        """Predict one person of a photo, for :class:`hybridmesh.recovery.Recoverer`.

        Raises:
            InputError: The network looks at maps, and there is none.
        """
        crop, batch = Crop(box), {}
        kinds = self.inputs.split("+")
        if "image" in kinds:
            batch["image"] = encode_image(np.stack([crop.cut(photo, self.size)]))
        for kind in kinds:
            if kind == "image":
                continue
            if dense_map is None:
                raise InputError(f"the regressor looks at {self.inputs}: give an IUV map of each person with --iuv")
            batch[kind] = encode_map(np.stack([crop.cut_labels(dense_map.as_picture(), self.size)]), kind)
        found = self.predict(batch)
        pose, betas, camera = (each[0].double().cpu().numpy() for each in (found.pose, found.betas, found.camera))
        return BodyState(pose, betas, camera)


def where_possible(regressor: Regressor) -> Predictor:
    """Ask a regressor only about people whose inputs there are."""

    def ask(photo: UInt8[np.ndarray, "height width 3"], box: Box, dense_map: IUVMap | None) -> BodyState | None:
        return None if dense_map is None and regressor.inputs != "image" else regressor(photo, box, dense_map)

    return ask


def make_card(
    network: HybridNetwork, body: BodyModel, *, also: Mapping[str, str] | None = None, **facts: Any
) -> dict[str, Any]:
    """Say what a stranger has to know of weights.

    Args:
        network: What was trained.
        body: With which body.
        also: Names and digests of other bodies whose shape means the same.
        facts: Anything else: data, seed, command, figures, limits.
    """
    config = settings.to_dict(network.config)
    config["backbone_weights"] = None  # a path of somebody's machine
    return {
        "format": CARD_FORMAT,
        "package": "hybridmesh",
        "version": version("hybridmesh"),
        "network": config,
        "num_betas": network.num_betas,
        "body": body.name,
        "body_id": body.id,
        "also_bodies": [] if also is None else sorted(also.values()),
        "pixels": PIXELS,
        "rotations": "matrices; of six numbers the first column comes first",
        **facts,
    }
