"""Few-shot learning without forgetting: a generator makes the weights of few-shot classes from a few examples."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn


class LearntCosineClassifier(nn.Module):
    """Cosine plus a learnt constant, times a learnt factor.

    References:
        Gidaris and Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting", CVPR 2018, section 3.2.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, features) * math.sqrt(2 / features))
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Score every class, in single precision."""
        return self.score(features, self.weight)

    def score(
        self, features: Float[Tensor, "batch feature"], weights: Float[Tensor, "class feature"]
    ) -> Float[Tensor, "batch class"]:
        """Score classes with other weights than the own ones."""
        with torch.autocast(features.device.type, enabled=False):
            cosine = F.normalize(features.float(), dim=1) @ F.normalize(weights.float(), dim=1).mT
            return self.scale * (cosine + self.bias)


class WeightGenerator(nn.Module):
    """Makes the weight of a class from its examples and, by attention, from the weights of the base classes.

    Args:
        features: Width of the feature.
        base: Number of base classes.
        sharpness: Factor of the cosine between query and key at first.

    References:
        Gidaris and Komodakis, CVPR 2018, section 3.1, eqs. (2) to (5).
    """

    def __init__(self, features: int, base: int, *, sharpness: float = 10.0) -> None:
        super().__init__()
        self.average = nn.Parameter(torch.ones(features))
        self.attention = nn.Parameter(torch.ones(features))
        self.query = nn.Linear(features, features)
        with torch.no_grad():
            self.query.weight.copy_(torch.eye(features) + 1e-3 * torch.randn(features, features))
            self.query.bias.zero_()
        self.keys = nn.Parameter(torch.randn(base, features) * math.sqrt(2 / features))
        self.sharpness = nn.Parameter(torch.tensor(sharpness))

    def forward(
        self,
        examples: Float[Tensor, "class shot feature"],
        base_weights: Float[Tensor, "base feature"],
        allowed: Int64[Tensor, " allowed"],
    ) -> Float[Tensor, "class feature"]:
        """Make weights.

        Args:
            examples: Features of the new classes' examples.
            base_weights: Weights of all base classes.
            allowed: Base classes that may be attended to: in an episode, those that do not play a new class.
        """
        examples = F.normalize(examples, dim=-1)
        queries = F.normalize(self.query(examples), dim=-1)
        keys = F.normalize(self.keys[allowed], dim=1)
        coefficients = (self.sharpness * queries @ keys.mT).softmax(dim=-1)
        attended = coefficients @ F.normalize(base_weights[allowed], dim=1)
        return self.average * examples.mean(dim=1) + self.attention * attended.mean(dim=1)
