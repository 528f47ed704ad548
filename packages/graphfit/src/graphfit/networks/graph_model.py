"""The outfit network with its losses and scores: the paper's full model, and its node and edge baselines."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from graphfit.colour.schemes import STYLES
from graphfit.config import GraphfitConfig
from graphfit.inputs import ItemInputs, by_length
from graphfit.losses import compatibility_loss, focal_loss, ranking_loss
from graphfit.networks.outfit_model import Batch, OutfitModel
from graphfit.networks.outfit_network import OutfitNetwork


class GraphModel(OutfitModel):
    """Trains and applies an :class:`graphfit.networks.outfit_network.OutfitNetwork`.

    Args:
        feature_size: Length of the picture features.
        config: Network and losses.
        style_weights: Weight of each style in the focal loss; all alike by default.
    """

    def __init__(
        self, feature_size: int, config: GraphfitConfig, style_weights: Float[Tensor, " style"] | None = None
    ) -> None:
        super().__init__()
        self.feature_size = feature_size
        self.network = OutfitNetwork(feature_size, config.features, config.network)
        self.settings = config.losses
        self.register_buffer("style_weights", style_weights, persistent=False)
        self.style_weights: Tensor | None

    def prepare(self, inputs: ItemInputs) -> None:
        """Settle the scale of the picture features."""
        self.network.encoder.fit(inputs)

    def condense(self, inputs: ItemInputs) -> ItemInputs:
        """Scale the picture features."""
        return self.network.encoder.condense(inputs)

    def losses(self, inputs: ItemInputs, batch: Batch) -> Mapping[str, Tensor]:
        """Compatibility, ranking within groups, and the style of real outfits."""
        nodes = self.network.encoder(inputs)
        logits, styles = [], []
        for bucket in batch.buckets:
            groups, members, _ = bucket.shape
            output = self.network(nodes[bucket.flatten(0, 1)])
            logits.append(output.logits.view(groups, members))
            styles.append(output.styles.view(groups, members, -1)[:, 0])
        scores = torch.cat(logits)
        parts = {"compatibility": batch.share * compatibility_loss(scores)}
        if self.settings.ranking:
            parts["ranking"] = batch.share * self.settings.ranking * ranking_loss(scores)
        if self.settings.style:
            labels = torch.cat(batch.styles)
            loss = focal_loss(torch.cat(styles), labels, gamma=self.settings.focal_gamma, alpha=self.style_weights)
            parts["style"] = batch.style_share * self.settings.style * loss
        return parts

    @torch.no_grad()
    def judge(
        self, inputs: ItemInputs, sets: Sequence[Sequence[int]]
    ) -> tuple[Float[np.ndarray, " set"], Float[np.ndarray, "set 6"]]:
        """Return compatibility logits and log-probabilities of the styles."""
        nodes = self.network.encoder(inputs)
        logits, styles = np.empty(len(sets)), np.empty((len(sets), len(STYLES)))
        for numbers, members in by_length(sets):
            output = self.network(nodes[members.to(nodes.device)])
            logits[numbers] = output.logits.cpu().double().numpy()
            styles[numbers] = output.styles.log_softmax(dim=-1).cpu().double().numpy()
        return logits, styles

    def score(self, inputs: ItemInputs, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Return compatibility logits."""
        return self.judge(inputs, sets)[0]

    @torch.no_grad()
    def item_embedding(self, inputs: ItemInputs) -> Float[Tensor, "item dim"]:
        """Return node vectors."""
        nodes: Tensor = self.network.encoder(inputs)
        return nodes
