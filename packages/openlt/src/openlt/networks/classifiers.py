"""Classifiers on a feature vector that know nothing of a memory."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

MIN_NORM = 1e-6


def squash_factor(norm: Float[Tensor, "*shape"], *, squared: bool = False) -> Float[Tensor, "*shape"]:
    """Map a norm to [0, 1): z/(1 + z), or z²/(1 + z²) as the paper prints it."""
    grown = norm.square() if squared else norm
    return grown / (1 + grown)


class CosineClassifier(nn.Module):
    """Cosine between feature and class weight, times the squashed norm of the feature and a constant.

    Args:
        features: Width of the feature.
        classes: Number of classes.
        scale: The constant.
        squared_squash: See :func:`squash_factor`. The authors call the square a slip of the pen.

    References:
        Liu et al., CVPR 2019, eq. (6), after Gidaris and Komodakis, CVPR 2018.
    """

    def __init__(self, features: int, classes: int, *, scale: float = 16.0, squared_squash: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.squared_squash = squared_squash
        bound = 1 / math.sqrt(features)
        self.weight = nn.Parameter(torch.empty(classes, features).uniform_(-bound, bound))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Score every class, in single precision."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            # The norm of a vector of zeros has no gradient.
            norm = features.square().sum(dim=1, keepdim=True).clamp_min(MIN_NORM**2).sqrt()
            directions = features / norm * squash_factor(norm, squared=self.squared_squash)
            # Divided afterwards: with very many classes a normalised copy of the weights would be the largest thing.
            lengths = self.weight.norm(dim=1).clamp_min(MIN_NORM)
            logits: Tensor = self.scale * (directions @ self.weight.mT) / lengths
            return logits


class NormalisedClassifier(nn.Module):
    """Plain cosine times a constant, for losses that subtract a margin from the cosine.

    References:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, section 3.1.
    """

    def __init__(self, features: int, classes: int, *, scale: float = 30.0) -> None:
        super().__init__()
        self.scale = scale
        bound = 1 / math.sqrt(features)
        self.weight = nn.Parameter(torch.empty(classes, features).uniform_(-bound, bound))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Return ``scale`` times the cosines, in single precision."""
        with torch.autocast(features.device.type, enabled=False):
            directions = F.normalize(features.float(), dim=1, eps=MIN_NORM)
            return self.scale * directions @ F.normalize(self.weight, dim=1, eps=MIN_NORM).mT


class ScaledClassifier(nn.Module):
    """A frozen linear classifier whose whole logits are scaled, by one learnt number a class.

    References:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 4.1:
        LWS.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(classes))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Score every class."""
        logits: Tensor = self.linear(features)
        return logits * self.scale


class NearestMeanClassifier(nn.Module):
    """Minus the squared distance to class means of centred features of unit length.

    Args:
        features: Width of the feature.
        classes: Number of classes.
        scale: Factor of the distance; it changes probabilities, not decisions.

    References:
        Kang et al., ICLR 2020, section 4.1: NCM, with the centring of Wang et al., "SimpleShot", 2019.
    """

    def __init__(self, features: int, classes: int, *, scale: float = 16.0) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("means", torch.zeros(classes, features))
        self.centre: Tensor
        self.means: Tensor

    def directions(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch feature"]:
        """Centre features and scale them to unit length."""
        return F.normalize(features.float() - self.centre, dim=1, eps=MIN_NORM)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Score every class."""
        with torch.autocast(features.device.type, enabled=False):
            x = self.directions(features)
            square = x.square().sum(dim=1, keepdim=True) + self.means.square().sum(dim=1) - 2 * x @ self.means.mT
            return -self.scale * square.clamp_min(0)


class WhitenedMemoryClassifier(nn.Module):
    """Cosines of whitened features to a memory of class means, less a share of the log prior.

    Whitened is what varies within classes: directions in which pictures of one class differ anyway count for little.
    Our combination of a memory, a cosine classifier and prior correction; nothing of it is learnt by gradients.

    Args:
        features: Width of the feature.
        classes: Number of classes.
        scale: Factor of the cosine.

    References:
        Hatch, Kajarekar and Stolcke, "Within-Class Covariance Normalization for SVM-Based Speaker Recognition",
        Interspeech 2006, for the whitening; Menon et al., ICLR 2021, for the prior.
    """

    def __init__(self, features: int, classes: int, *, scale: float = 8.0) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("whitening", torch.eye(features))
        self.register_buffer("memory", torch.zeros(classes, features))
        self.register_buffer("shift", torch.zeros(classes))
        self.centre: Tensor
        self.whitening: Tensor
        self.memory: Tensor
        self.shift: Tensor

    def directions(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch feature"]:
        """Centre and whiten features and scale them to unit length."""
        return F.normalize((features.float() - self.centre) @ self.whitening, dim=1, eps=MIN_NORM)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Score every class, in single precision."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.scale * self.directions(features) @ self.memory.mT - self.shift
            return logits
