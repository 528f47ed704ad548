"""Dynamic meta-embedding: a direct feature, enriched from the memory of class centroids and scaled by its nearness."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from openlt.networks.classifiers import CosineClassifier

# A picture of a tiny class can be its class's centroid; the reciprocal of its distance would be infinite.
MIN_DISTANCE = 1e-6
CHUNK = 4_096


@dataclass(frozen=True)
class Embedded:
    """What the classifier made of a batch."""

    logits: Float[Tensor, "batch class"]
    """Scores of the known classes."""
    memory: Float[Tensor, "batch feature"]
    """What the memory added to the direct feature (the paper's e ⊗ v_memory)."""
    embedding: Float[Tensor, "batch feature"]
    """The meta-embedding itself."""
    distance: Float[Tensor, " batch"]
    """Distance to the nearest centroid."""
    nearest: Int64[Tensor, " batch"]
    """The class of that centroid."""


def nearest_centroid(
    features: Float[Tensor, "batch feature"], centroids: Float[Tensor, "class feature"], *, chunk: int = CHUNK
) -> Int64[Tensor, " batch"]:
    """Find the class of the nearest centroid, ``chunk`` classes at a time, in single precision.

    Nothing larger than batch × chunk is held, however many classes there are.
    """
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        features, centroids = features.float(), centroids.float()
        # Distances from a common origin in the midst of the centroids lose fewer digits.
        origin = centroids.mean(dim=0)
        features = features - origin
        best = torch.full((len(features),), torch.inf, device=features.device)
        found = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        for start in range(0, len(centroids), chunk):
            part = centroids[start : start + chunk] - origin
            # The square of the feature is the same for all classes and decides nothing.
            distance, index = (part.square().sum(dim=1) - 2 * features @ part.mT).min(dim=1)
            closer = distance < best
            best = torch.where(closer, distance, best)
            found = torch.where(closer, index + start, found)
        return found


class MetaEmbeddingClassifier(nn.Module):
    """Memory, selector, reachability and cosine classifier; each can be left out to see what it is worth.

    Args:
        features: Width of the direct feature.
        classes: Number of known classes.
        memory: Add what the hallucinator reads from the centroids.
        selector: Let the concept selector choose how much of it.
        reachability: Scale by ten over the distance to the nearest centroid.
        cosine: Classify by the cosine; otherwise by a linear layer.
        squared_squash: Squash the norm as the paper prints it, z²/(1 + z²), instead of z/(1 + z).
        scale: Factor of the cosine.
        reach: Numerator of the reachability; ten stands in the authors' code only.
        nearest_only: Read only from so many centroids with the largest coefficients; 0 reads from all.

    References:
        Liu et al., CVPR 2019, section 3.2, eqs. (3) to (6).
    """

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        memory: bool = True,
        selector: bool = True,
        reachability: bool = True,
        cosine: bool = True,
        squared_squash: bool = False,
        scale: float = 16.0,
        reach: float = 10.0,
        nearest_only: int = 0,
    ) -> None:
        super().__init__()
        self.reach = reach
        self.reachability = reachability
        self.nearest_only = nearest_only
        self.hallucinator = nn.Linear(features, classes) if memory else None
        self.selector = nn.Linear(features, features) if memory and selector else None
        self.classifier: nn.Module = (
            CosineClassifier(features, classes, scale=scale, squared_squash=squared_squash)
            if cosine
            else nn.Linear(features, classes)
        )

    def start_from(self, linear: nn.Linear) -> None:
        """Let the hallucinator begin as the linear classifier of the first stage, and a linear classifier too."""
        for layer in (self.hallucinator, self.classifier):
            if isinstance(layer, nn.Linear):
                layer.load_state_dict(linear.state_dict())

    def forward(self, features: Float[Tensor, "batch feature"], centroids: Float[Tensor, "class feature"]) -> Embedded:
        """Embed and classify. No gradient reaches the centroids; those of the distance reach the features.

        Computed in single precision, under autocast too.
        """
        with torch.autocast(features.device.type, enabled=False):
            features, memory = features.float(), centroids.detach().float()
            nearest = nearest_centroid(features, memory)
            # Only the nearest centroid enters the graph, and by the difference itself: exact where the expanded square
            # has no digits left.
            square = (features - memory[nearest]).square().sum(dim=1)
            distance = square.clamp_min(MIN_DISTANCE**2).sqrt()
            infused = self._read(features, memory)
            embedding = features + infused
            if self.reachability:
                embedding = self.reach / distance[:, None] * embedding
            logits = self.classifier(embedding)
        return Embedded(logits, infused, embedding, distance, nearest)

    def _read(self, features: Tensor, memory: Tensor) -> Tensor:
        if self.hallucinator is None:
            return torch.zeros_like(features)
        coefficients = self.hallucinator(features)
        if 0 < self.nearest_only < len(memory):
            top, which = coefficients.topk(self.nearest_only, dim=1)
            # One matrix product a batch row; batch × nearest × feature is the largest thing here.
            read = (top.softmax(dim=1)[:, None] @ memory[which]).squeeze(1)
        else:
            read = coefficients.softmax(dim=1) @ memory
        chosen: Tensor = read if self.selector is None else torch.tanh(self.selector(features)) * read
        return chosen
