"""Two towers: a cheap stand-in for the outfit network, whose score of a candidate is one dot product.

One tower turns the garments of an unfinished outfit and the wanted category into a vector (attention pooling, with the
category as the question), the other one a garment. The idea is that of the retrieval in CSA-Net (Lin, Tran and Davis,
CVPR 2020) and OutfitTransformer (Sarkar et al., WACV 2023); sizes and training are our choice. Here the towers learn to
order the candidates of a category as the outfit network does, since that order is what pruning must keep.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from graphfit.data.items import CATEGORIES


class Towers(nn.Module):
    """Context tower and item tower.

    Args:
        dim: Length of the node vectors.
        size: Length of the vectors that are compared.
    """

    def __init__(self, dim: int, size: int = 128) -> None:
        super().__init__()
        self.dim, self.size = dim, size
        self.question = nn.Embedding(len(CATEGORIES), size)
        self.key, self.value = nn.Linear(dim, size), nn.Linear(dim, size)
        # Beside the attended garments, their extremes: the outfit network pools by the maximum.
        self.context = nn.Sequential(nn.Linear(2 * size + dim, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))
        self.item = nn.Sequential(nn.Linear(dim, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))

    def forward(
        self,
        nodes: Float[Tensor, "batch node dim"],
        mask: Bool[Tensor, "batch node"],
        categories: Int64[Tensor, " batch"],
    ) -> Float[Tensor, "batch size"]:
        """Turn unfinished outfits into vectors.

        Args:
            nodes: Node vectors of their garments, padded.
            mask: Which of them exist.
            categories: Index of the category that is wanted next.
        """
        question: Tensor = self.question(categories)
        fit = (self.key(nodes) * question[:, None]).sum(-1) / self.size**0.5
        weights = fit.masked_fill(~mask, float("-inf")).softmax(dim=1)
        attended = (weights[..., None] * self.value(nodes)).sum(1)
        highest = nodes.masked_fill(~mask[..., None], float("-inf")).amax(1)
        context: Tensor = self.context(torch.cat([attended, question, highest], dim=1))
        scaled: Tensor = context / self.size**0.5
        return scaled

    def embed(self, nodes: Float[Tensor, "*item dim"]) -> Float[Tensor, "*item size"]:
        """Turn garments into vectors; the dot product with a context's is the score."""
        vectors: Tensor = self.item(nodes)
        return vectors
