"""The network: one branch or two, then the estimator."""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hr_common import weights
from hybridmesh.config import Encoder, NetworkConfig
from hybridmesh.networks.encoders import ConvEncoder, ResNet
from hybridmesh.networks.parameters import Parameters, mean_parameters, split_parameters
from hybridmesh.networks.regressors import DirectRegressor, IterativeRegressor

CHANNELS = 3
"""Of every kind of input; a segment map comes three times, so that it fits what was trained on colours."""


class Branch(nn.Module):
    """An encoder, and a layer that brings its vector to the size of the feature.

    Args:
        kind: What it looks at.
        encoder: Which network looks.
        config: Sizes.
        width: Channels of the first convolution of the small encoder.
    """

    def __init__(self, kind: str, encoder: Encoder, config: NetworkConfig, *, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.encoder: ConvEncoder | ResNet = (
            ConvEncoder(CHANNELS, width=width, cells=config.cells)
            if encoder == "conv"
            else ResNet(CHANNELS, depth=int(encoder.removeprefix("resnet")))
        )
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(self.encoder.size, config.feature), nn.ReLU())

    def forward(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch feature"]:
        """Look at what the branch is for."""
        feature: Tensor = self.layers(self.encoder(batch[self.kind]))
        return feature


class HybridNetwork(nn.Module):
    """Picture, map, or both, to the body: input encoder and parameter estimator of the paper's figure 2.

    A single input goes through one branch. Of two, the picture goes through the main branch and the map through the
    auxiliary one; weights are not shared, and the two features are joined.

    Args:
        config: Sizes and forms.
        num_betas: Numbers of the body's shape.
    """

    def __init__(self, config: NetworkConfig, num_betas: int = 10) -> None:
        super().__init__()
        self.config, self.num_betas = config, num_betas
        kinds = config.input.split("+")
        encoders: list[tuple[Encoder, int]] = [
            (config.encoder, config.width), (config.auxiliary, config.auxiliary_width),
        ]  # fmt: skip
        self.branches = nn.ModuleList(
            Branch(kind, encoder, config, width=width) for kind, (encoder, width) in zip(kinds, encoders, strict=False)
        )
        regressor = DirectRegressor if config.regressor == "direct" else IterativeRegressor
        self.regressor = regressor(config.feature * len(kinds), config.hidden, mean_parameters(config.pose, num_betas))
        if config.backbone_weights is not None:
            for branch, (encoder, _) in zip(self.branches, encoders, strict=False):
                if encoder == config.encoder and encoder != "conv":
                    load_backbone(branch.encoder, config.backbone_weights)  # type: ignore[arg-type]

    def forward(self, batch: Mapping[str, Tensor]) -> Parameters:
        """Estimate the bodies of a batch.

        Args:
            batch: ``image``, ``iuv`` and ``segment``, each as far as it is an input; batch, channel, height, width in
                [-1, 1].
        """
        features = torch.cat([branch(batch) for branch in self.branches], 1)
        numbers: Tensor = self.regressor(features)
        return split_parameters(numbers.float(), self.config.pose)


def load_backbone(encoder: ResNet, path: Path) -> None:
    """Take over the weights of a residual network with torchvision's names, the classifier aside.

    Args:
        encoder: Receives them.
        path: ``.safetensors``, or a file of tensors that torch wrote; nothing is unpickled.

    Raises:
        InputError: The file is unreadable, or tensors are missing or of another shape.
    """
    tensors = weights.read_state_dict(path)
    kept = {name: value for name, value in tensors.items() if not name.startswith("fc.")}
    weights.load_into(encoder, kept)
