"""Estimators: from a feature to the row of parameters."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_CAUTIOUS = 0.01  # gain of the last layer, as in HMR: the first predictions are near the mean
_ROUNDS = 3


class DirectRegressor(nn.Module):
    """Two layers, once, added to the mean: the paper's.

    Args:
        feature: Numbers of the feature.
        hidden: Of the layer between; 1024 in the paper's code.
        mean: What predictions are added to.
    """

    mean: Tensor

    def __init__(self, feature: int, hidden: int, mean: Float[Tensor, " number"]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(feature, hidden), nn.ReLU(), _last_layer(hidden, len(mean)))
        self.register_buffer("mean", mean)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch number"]:
        """Estimate."""
        correction: Tensor = self.layers(features)
        return correction + self.mean


class IterativeRegressor(nn.Module):
    """Three rounds of correction, each of which sees the feature and where the last one arrived: HMR's.

    References:
        Kanazawa, Black, Jacobs and Malik, "End-to-end Recovery of Human Shape and Pose", CVPR 2018, section 3.2.
    """

    mean: Tensor

    def __init__(self, feature: int, hidden: int, mean: Float[Tensor, " number"]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(feature + len(mean), hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(),
            _last_layer(hidden, len(mean)),
        )  # fmt: skip
        self.register_buffer("mean", mean)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch number"]:
        """Estimate."""
        numbers = self.mean.expand(len(features), -1)
        for _ in range(_ROUNDS):
            numbers = numbers + self.layers(torch.cat([features, numbers], 1))
        return numbers


def _last_layer(hidden: int, numbers: int) -> nn.Linear:
    layer = nn.Linear(hidden, numbers)
    nn.init.xavier_uniform_(layer.weight, gain=_CAUTIOUS)
    nn.init.zeros_(layer.bias)
    return layer
