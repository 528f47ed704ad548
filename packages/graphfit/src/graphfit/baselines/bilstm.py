"""Bi-LSTM: an outfit as a sequence from head to foot, each item predicted from those before and from those after it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphfit.config import GraphfitConfig
from graphfit.data.items import CATEGORIES
from graphfit.data.tasks import FillTask
from graphfit.inputs import ItemInputs, by_length
from graphfit.networks.item_encoder import ItemEncoder
from graphfit.networks.outfit_model import Batch, OutfitModel

_HEAD_TO_FOOT = (
    "hats", "sunglasses", "scarves", "outerwear", "all-body", "tops", "jewellery", "bottoms", "bags", "accessories",
    "shoes", "unknown",
)  # fmt: skip
_RANKS = torch.tensor([_HEAD_TO_FOOT.index(category) for category in CATEGORIES])
POOL = 1000
"""Items among which the next one has to be found when outfits are scored: a fixed sample of the catalogue."""


class BiLSTM(OutfitModel):
    """Two LSTMs over the ordered items; the next item is found by softmax over dot products.

    It learns from real outfits alone, as published. The state is of ``size`` numbers (512 as published, fewer here by
    default: there are thousands of outfits, not tens of thousands).

    Args:
        feature_size: Length of the picture features.
        config: Settings.
        size: Length of the common space and of the states.

    References:
        Han et al., "Learning Fashion Compatibility with Bidirectional LSTMs", ACM Multimedia 2017.
    """

    def __init__(self, feature_size: int, config: GraphfitConfig, *, size: int = 128) -> None:
        super().__init__()
        self.encoder = ItemEncoder(feature_size, config.features, config.network)
        self.project = nn.Linear(config.network.dim, size)
        self.ahead, self.back = nn.LSTM(size, size, batch_first=True), nn.LSTM(size, size, batch_first=True)
        self.dropout = nn.Dropout(0.3)

    def prepare(self, inputs: ItemInputs) -> None:
        """Settle the scale of the picture features."""
        self.encoder.fit(inputs)

    def condense(self, inputs: ItemInputs) -> ItemInputs:
        """Scale the picture features."""
        return self.encoder.condense(inputs)

    def losses(self, inputs: ItemInputs, batch: Batch) -> Mapping[str, Tensor]:
        """Cross-entropy of the next item among all of the batch, in both directions."""
        embedded = self._embed(inputs)
        # The zero vector behind the last item means the end.
        pool = torch.cat([embedded, embedded.new_zeros(1, embedded.shape[1])])
        losses, count = embedded.new_zeros(()), 0
        for bucket in batch.buckets:
            order = _ordered(bucket[:, 0], inputs.categories)
            for lstm, sequence in ((self.ahead, order), (self.back, order.flip(1))):
                states = self.dropout(lstm(embedded[sequence])[0])
                ends = sequence.new_full((len(sequence), 1), len(embedded))
                targets = torch.cat([sequence[:, 1:], ends], dim=1)
                losses = losses + F.cross_entropy((states @ pool.T).flatten(0, 1), targets.flatten(), reduction="sum")
                count += targets.numel()
        return {"next": losses / max(1, count)}

    @torch.no_grad()
    def score(self, inputs: ItemInputs, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Return the mean log-probability of the next item, both directions, among a fixed pool and the set's own."""
        embedded, scores = self._embed(inputs), np.empty(len(sets))
        generator = torch.Generator().manual_seed(0)
        pool = embedded[torch.randperm(len(embedded), generator=generator)[:POOL].to(embedded.device)]
        for numbers, members in by_length(sets):
            order = _ordered(members.to(embedded.device), inputs.categories)
            total = embedded.new_zeros(len(order))
            for lstm, sequence in ((self.ahead, order), (self.back, order.flip(1))):
                states, following = lstm(embedded[sequence])[0][:, :-1], embedded[sequence[:, 1:]]
                own = (states * following).sum(dim=-1)
                others = torch.logsumexp(states @ pool.T, dim=-1)
                total = total + (own - torch.logaddexp(own, others)).sum(dim=1)
            scores[numbers] = (total / max(1, 2 * (order.shape[1] - 1))).cpu().double().numpy()
        return scores

    @torch.no_grad()
    def fill(self, inputs: ItemInputs, task: FillTask) -> Float[np.ndarray, "question candidate"]:
        """Score candidates by the mean of both softmaxes; one of them where the blank is first or last."""
        embedded = self._embed(inputs)
        ranks = _RANKS.to(embedded.device)[inputs.categories].tolist()
        table = np.full((len(task.questions), max(len(each) for each in task.answers)), -np.inf)
        for number, (rest, candidates) in enumerate(zip(task.questions, task.answers, strict=True)):
            order = sorted(rest, key=lambda item: ranks[item])
            # The place of the blank follows from the candidates' own category, which is that of all of them.
            place = sum(ranks[item] <= ranks[candidates[0]] for item in order)
            answers, chances = embedded[list(candidates)], []
            for lstm, before in ((self.ahead, order[:place]), (self.back, order[place:][::-1])):
                if before:
                    state = lstm(embedded[before].unsqueeze(0))[0][0, -1]
                    chances.append((answers @ state).softmax(dim=0))
            table[number, : len(candidates)] = torch.stack(chances).mean(dim=0).cpu().double().numpy()
        return table

    @torch.no_grad()
    def item_embedding(self, inputs: ItemInputs) -> Float[Tensor, "item dim"]:
        """Return items in the common space."""
        return self._embed(inputs)

    def _embed(self, inputs: ItemInputs) -> Tensor:
        embedded: Tensor = self.project(self.encoder(inputs))
        return embedded


def _ordered(sets: Int64[Tensor, "set item"], categories: Int64[Tensor, " row"]) -> Int64[Tensor, "set item"]:
    """Sort the items of each set from head to foot."""
    order = _RANKS.to(sets.device)[categories[sets]].argsort(dim=1, stable=True)
    return sets.gather(1, order)
