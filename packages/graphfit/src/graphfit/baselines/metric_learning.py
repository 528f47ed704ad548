"""Competitors that compare items two by two: Euclidean, focal, CSN, Type-Aware and TransNFCM.

All read the inputs that our network reads and learn from the same corrupted outfits: each corrupted item that took the
place of a real one is the negative of a triplet with every other item of the real outfit as anchor. An outfit's score
is minus the mean distance of its pairs. Optimiser and schedule are those of the common loop, since the features are
frozen; margins and penalties are the published ones.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphfit.config import GraphfitConfig
from graphfit.data.items import CATEGORIES
from graphfit.inputs import ItemInputs, by_length
from graphfit.losses import focal_binary_loss
from graphfit.networks.item_encoder import ItemEncoder
from graphfit.networks.outfit_model import Batch, OutfitModel


class MetricModel(OutfitModel):
    """Embeds items and learns distances of pairs by triplets.

    Args:
        feature_size: Length of the picture features.
        config: Settings.
        margin: Of the triplet hinge.
        size: Length of the embedding.
    """

    def __init__(self, feature_size: int, config: GraphfitConfig, *, margin: float, size: int = 64) -> None:
        super().__init__()
        self.encoder = ItemEncoder(feature_size, config.features, config.network)
        self.project = nn.Linear(config.network.dim, size)
        self.margin = margin

    def prepare(self, inputs: ItemInputs) -> None:
        """Settle the scale of the picture features."""
        self.encoder.fit(inputs)

    def condense(self, inputs: ItemInputs) -> ItemInputs:
        """Scale the picture features."""
        return self.encoder.condense(inputs)

    def embed(self, inputs: ItemInputs) -> Float[Tensor, "item dim"]:
        """Embed items."""
        embedded: Tensor = self.project(self.encoder(inputs))
        return embedded

    @abstractmethod
    def distance(
        self,
        x: Float[Tensor, "*pair dim"],
        y: Float[Tensor, "*pair dim"],
        x_types: Int64[Tensor, "*pair"],
        y_types: Int64[Tensor, "*pair"],
    ) -> Float[Tensor, "*pair"]:
        """Measure pairs of embedded items of given types; the arguments broadcast."""

    def penalties(self, inputs: ItemInputs, embedded: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Return further parts of the loss."""
        return {}

    def losses(self, inputs: ItemInputs, batch: Batch) -> Mapping[str, Tensor]:
        """Triplet hinge over all anchors and replaced items, and the method's own penalties."""
        embedded = self.embed(inputs)
        hinges, count = embedded.new_zeros(()), 0
        for bucket in batch.buckets:
            if bucket.shape[2] < 2:
                continue
            real, corrupted = bucket[:, 0], bucket[:, 1:]
            own = self._pairs(embedded, inputs.categories, real, real)  # (group, anchor, item)
            wrong = self._pairs(embedded, inputs.categories, real.unsqueeze(1), corrupted)
            is_triplet = (corrupted != real.unsqueeze(1)).unsqueeze(-2) & ~torch.eye(
                bucket.shape[2], dtype=torch.bool, device=bucket.device
            )
            hinge = F.relu(own.unsqueeze(1) - wrong + self.margin) * is_triplet
            hinges, count = hinges + hinge.sum(), count + int(is_triplet.sum())
        return {"triplet": hinges / max(1, count), **self.penalties(inputs, embedded, batch)}

    def _pairs(self, embedded: Tensor, types: Tensor, anchors: Tensor, others: Tensor) -> Tensor:
        one, other = anchors.unsqueeze(-1), others.unsqueeze(-2)
        return self.distance(embedded[one], embedded[other], types[one], types[other])

    def set_scores(
        self, embedded: Tensor, types: Tensor, sets: Int64[Tensor, "*batch item"]
    ) -> Float[Tensor, "*batch"]:
        """Return minus the mean distance over the unordered pairs of each set; 0 for a single item."""
        size = sets.shape[-1]
        if size < 2:
            return embedded.new_zeros(sets.shape[:-1])
        i, j = torch.triu_indices(size, size, offset=1, device=sets.device)
        one, other = sets[..., i], sets[..., j]
        return -self.distance(embedded[one], embedded[other], types[one], types[other]).mean(dim=-1)

    @torch.no_grad()
    def score(self, inputs: ItemInputs, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets; more is better."""
        embedded, scores = self.embed(inputs), np.empty(len(sets))
        for numbers, members in by_length(sets):
            values = self.set_scores(embedded, inputs.categories, members.to(embedded.device))
            scores[numbers] = values.cpu().double().numpy()
        return scores

    @torch.no_grad()
    def item_embedding(self, inputs: ItemInputs) -> Float[Tensor, "item dim"]:
        """Return the general embedding."""
        return self.embed(inputs)


class Euclidean(MetricModel):
    """Plain distance of embeddings, triplet loss with margin 0.2: the paper's row "Euclidean Distance"."""

    def __init__(self, feature_size: int, config: GraphfitConfig) -> None:
        super().__init__(feature_size, config, margin=0.2)

    def distance(self, x: Tensor, y: Tensor, x_types: Tensor, y_types: Tensor) -> Tensor:
        """Measure the Euclidean distance."""
        return _norm(x - y)


class FocalEuclidean(Euclidean):
    """The same with a focal loss on whole outfits: our reading of the row "Imbalanced Collocation Handling"."""

    def __init__(self, feature_size: int, config: GraphfitConfig) -> None:
        super().__init__(feature_size, config)
        self.scale = nn.Parameter(torch.ones(()))
        self.shift = nn.Parameter(torch.zeros(()))
        self.gamma = config.losses.focal_gamma

    def penalties(self, inputs: ItemInputs, embedded: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Weigh outfits by how hard they still are."""
        scores = [self.set_scores(embedded, inputs.categories, bucket) for bucket in batch.buckets]
        logits = F.softplus(self.scale) * torch.cat(scores) + self.shift
        return {"focal": focal_binary_loss(logits, gamma=self.gamma)}


class CSN(MetricModel):
    """Conditional similarity networks: a non-negative mask on the embedding for each unordered pair of types.

    References:
        Veit, Belongie and Karaletsos, "Conditional Similarity Networks", CVPR 2017; pairs of types as conditions after
        Vasileva et al. 2018. Masks begin at N(0.9, 0.7); penalties 5e-3 on embeddings and 5e-4 on masks.
    """

    mask_weight = 5e-4
    embedding_weight = 5e-3

    def __init__(self, feature_size: int, config: GraphfitConfig, *, margin: float = 0.2, size: int = 64) -> None:
        super().__init__(feature_size, config, margin=margin, size=size)
        types = len(CATEGORIES)
        self.masks = nn.Embedding(types * (types + 1) // 2, size)
        nn.init.normal_(self.masks.weight, 0.9, 0.7)

    def in_pair_space(self, x: Tensor, pair: Tensor) -> Tensor:
        """Project embeddings into the space of a pair of types."""
        masked: Tensor = x * F.relu(self.masks(pair))
        return masked

    def distance(self, x: Tensor, y: Tensor, x_types: Tensor, y_types: Tensor) -> Tensor:
        """Measure in the space of the pair of types."""
        high, low = torch.maximum(x_types, y_types), torch.minimum(x_types, y_types)
        pair = high * (high + 1) // 2 + low
        return _norm(self.in_pair_space(x, pair) - self.in_pair_space(y, pair))

    def penalties(self, inputs: ItemInputs, embedded: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Keep embeddings short and masks sparse."""
        return {
            "embedding": self.embedding_weight * embedded.norm(dim=-1).mean() / embedded.shape[-1] ** 0.5,
            "masks": self.mask_weight * F.relu(self.masks.weight).mean(),
        }


class TypeAware(CSN):
    """Type-aware embeddings: unit length in each pair's space, and words that agree with pictures.

    Negatives are drawn from other outfits only; the published sampler can draw from the same one.

    References:
        Vasileva et al., "Learning Type-Aware Embeddings for Fashion Compatibility", ECCV 2018: margin 0.3, 5e-5 on the
        similarity of same-type items, 5e-3 on the ranking of words and pictures, 5e-4 on norms.
    """

    embedding_weight = 5e-4
    similarity_weight = 5e-5
    words_weight = 5e-3

    def __init__(self, feature_size: int, config: GraphfitConfig) -> None:
        super().__init__(feature_size, config, margin=0.3)
        self.words = nn.Linear(config.features.text_buckets, self.project.out_features, bias=False)

    def in_pair_space(self, x: Tensor, pair: Tensor) -> Tensor:
        """Project and scale to unit length."""
        return F.normalize(super().in_pair_space(x, pair), dim=-1, eps=1e-6)

    def penalties(self, inputs: ItemInputs, embedded: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Also rank an item's words before those of other items, and same-type items before the anchor."""
        described = (inputs.text != 0).any(dim=-1)
        pictures, words = embedded[described], self.words(inputs.text[described])
        similar = self._same_type(embedded, batch) + self._same_type(self.words(inputs.text), batch)
        parts = {**super().penalties(inputs, embedded, batch), "similar": self.similarity_weight * similar}
        if len(pictures) > 1:
            apart = torch.cdist(pictures, words)
            ranked = F.relu(apart.diagonal().unsqueeze(1) - apart + self.margin)
            is_other = ~torch.eye(len(apart), dtype=torch.bool, device=apart.device)
            parts["words"] = self.words_weight * ranked[is_other].mean()
        return parts

    def _same_type(self, x: Tensor, batch: Batch) -> Tensor:
        """Hinge: a replaced item and its replacement are nearer to each other than to a neighbour in the outfit."""
        total = x.new_zeros(())
        for bucket in batch.buckets:
            real, corrupted = bucket[:, :1], bucket[:, 1:]
            anchor, same = _norm(x[real.roll(1, -1)] - x[real]), _norm(x[corrupted] - x[real])
            hinge = F.relu(same - anchor + self.margin) * (corrupted != real)
            total = total + hinge.mean() / len(batch.buckets)
        return total


class TransNFCM(MetricModel):
    """Category-complementary relations as translations: ``‖f_i + r_{c_i→c_j} - f_j‖² + ‖f_i - f_j‖²``.

    References:
        Yang et al., "TransNFCM: Translation-Based Neural Fashion Compatibility Modeling", AAAI 2019, margin 1. The size
        of the embedding is ours.
    """

    def __init__(self, feature_size: int, config: GraphfitConfig) -> None:
        super().__init__(feature_size, config, margin=1.0, size=128)
        self.relations = nn.Embedding(len(CATEGORIES) ** 2, 128)
        nn.init.normal_(self.relations.weight, 0, 0.05)

    def distance(self, x: Tensor, y: Tensor, x_types: Tensor, y_types: Tensor) -> Tensor:
        """Measure both ways round, since a set has no order."""
        there = self.relations(x_types * len(CATEGORIES) + y_types)
        back = self.relations(y_types * len(CATEGORIES) + x_types)
        apart = x - y
        translated: Tensor = ((apart + there).square().sum(dim=-1) + (back - apart).square().sum(dim=-1)) / 2
        return translated + apart.square().sum(dim=-1)


def _norm(x: Tensor) -> Tensor:
    # The gradient of a norm is infinite at zero, where two equal items put us.
    return (x.square().sum(dim=-1) + 1e-12).sqrt()
