"""The whole network: item encoder, edge filtering layers, read-out and two heads."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from graphfit.colour.schemes import STYLES
from graphfit.config import FeatureConfig, NetworkConfig
from graphfit.networks.edge_filtering import EdgeFiltering
from graphfit.networks.item_encoder import ItemEncoder
from graphfit.networks.readout import Readout


@dataclass(frozen=True, eq=False)
class OutfitOutput:
    """What the network says of sets of items."""

    logits: Float[Tensor, " batch"]
    """Of compatibility."""
    styles: Float[Tensor, "batch 6"]
    """Logits of the colour styles, in the order of :data:`graphfit.colour.schemes.STYLES`; of compatible sets only."""


class OutfitNetwork(nn.Module):
    """Neural graph filtering over garments.

    Args:
        feature_size: Length of the picture features.
        features: Inputs of the nodes.
        network: Sizes and variants.

    References:
        Liu et al., "Learning Diverse Fashion Collocation by Neural Graph Filtering", 2020. Sizes, the number of layers
        and the residual connections are our choice.
    """

    def __init__(self, feature_size: int, features: FeatureConfig, network: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ItemEncoder(feature_size, features, network)
        dim = network.dim
        self.layers = nn.ModuleList(
            EdgeFiltering(dim, edges=network.edges, aggregation=network.aggregation, norm=network.norm)
            for _ in range(network.layers)
        )
        self.residual = network.residual
        self.readout = Readout(dim, network.readout)
        self.compatibility = _head(self.readout.size, dim, 1, network.dropout)
        self.style = _head(self.readout.size, dim, len(STYLES), network.dropout)

    def forward(
        self,
        nodes: Float[Tensor, "batch node dim"],
        mask: Bool[Tensor, "batch node"] | None = None,
    ) -> OutfitOutput:
        """Judge sets of encoded items.

        Args:
            nodes: Node vectors from :attr:`encoder`.
            mask: Which nodes exist; all by default.
        """
        return self.judge(self.filter(nodes, mask), mask)

    def filter(self, nodes: Tensor, mask: Tensor | None = None, *, start: int = 0) -> Tensor:
        """Run the edge filtering layers, from one on."""
        for layer in self.layers[start:]:
            gathered = layer(nodes, mask)
            nodes = nodes + gathered if self.residual else gathered
        return nodes

    def complete(
        self,
        fixed: Float[Tensor, "set node dim"],
        candidates: Float[Tensor, "candidate dim"],
        owner: Int64[Tensor, " candidate"],
    ) -> Float[Tensor, " candidate"]:
        """Judge fixed sets of equal size, each completed by the candidates that it owns.

        In the first layer only the edges between a set and a candidate are new for that candidate.
        """
        together = torch.cat([fixed[owner], candidates.unsqueeze(1)], dim=1)
        if not len(self.layers) or not fixed.shape[1]:
            return self.judge(self.filter(together)).logits
        first = cast(EdgeFiltering, self.layers[0])
        gathered = first.complete(fixed, candidates, owner)
        nodes = together + gathered if self.residual else gathered
        return self.judge(self.filter(nodes, start=1)).logits

    def judge(self, nodes: Tensor, mask: Tensor | None = None) -> OutfitOutput:
        """Pool filtered nodes and run the heads."""
        outfit = self.readout(nodes, mask)
        return OutfitOutput(self.compatibility(outfit).squeeze(-1), self.style(outfit))


def _head(size: int, dim: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, outputs))
