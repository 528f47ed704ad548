"""From what is known of an item to its node vector x."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from graphfit.config import FeatureConfig, NetworkConfig
from graphfit.data.items import CATEGORIES
from graphfit.inputs import COLOUR_NUMBERS, ItemInputs


class Standardising(nn.Module):
    """Gives every picture feature mean 0 and variance 1 over the training items; settled before training, not learnt.

    Args:
        size: Length of the features.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.mean: Tensor
        self.deviation: Tensor

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "item feature"]) -> None:
        """Measure the training items."""
        deviation = features.std(dim=0, correction=0)
        self.mean.copy_(features.mean(dim=0))
        # A feature that hardly varies must not be blown up.
        self.deviation.copy_(deviation.clamp_min(max(1e-2 * float(deviation.mean()), 1e-12)))

    def forward(self, features: Float[Tensor, "item feature"]) -> Float[Tensor, "item feature"]:
        """Shift and scale features."""
        return (features - self.mean) / self.deviation


class ItemEncoder(nn.Module):
    """Projects the picture's feature, and adds what category, colour and words say if they are known.

    The paper uses a CNN's visual embedding as node feature. Category, colour and words are our additions; each adds a
    vector to the projection, nothing where it is unknown, so that an item with a picture alone is an item like any
    other.

    Args:
        feature_size: Length of the picture's feature.
        features: Which inputs are used.
        network: Size and regularisation.
    """

    def __init__(self, feature_size: int, features: FeatureConfig, network: NetworkConfig) -> None:
        super().__init__()
        dim = network.dim
        self.standardising = Standardising(feature_size)
        self.input_dropout = nn.Dropout(features.input_dropout)
        self.picture = nn.Linear(feature_size, dim)
        self.category = nn.Embedding(len(CATEGORIES), dim) if features.use_category else None
        self.colour = (
            nn.Sequential(nn.Linear(COLOUR_NUMBERS, dim), nn.ReLU(), nn.Linear(dim, dim, bias=False))
            if features.use_colour
            else None
        )
        self.words = nn.Linear(features.text_buckets, dim, bias=False) if features.use_text else None
        self.dropout = nn.Dropout(network.dropout)
        self.normalise = network.normalise

    @torch.no_grad()
    def fit(self, inputs: ItemInputs) -> None:
        """Settle the scale of the picture features on the items of the training outfits."""
        self.standardising.fit(inputs.features)

    @torch.no_grad()
    def condense(self, inputs: ItemInputs) -> ItemInputs:
        """Do once for all items what does not change in training: scale their picture features."""
        return replace(inputs, features=self.standardising(inputs.features))

    def forward(self, items: ItemInputs) -> Float[Tensor, "item dim"]:
        """Encode condensed items; what is unknown of one adds nothing."""
        x: Tensor = self.picture(self.input_dropout(items.features))
        if self.category is not None:
            x = x + self.category(items.categories)
        if self.colour is not None:
            x = x + (items.colours[:, 3:4] > 0) * self.colour(items.colours)
        if self.words is not None:
            x = x + self.words(items.text)
        x = self.dropout(F.relu(x))
        return F.normalize(x, dim=-1) if self.normalise else x
