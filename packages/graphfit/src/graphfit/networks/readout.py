"""Pooling of all nodes to one vector of the outfit."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from graphfit.config import ReadoutKind


class Readout(nn.Module):
    """Pools what was gathered at the nodes once more, by symmetric functions.

    Args:
        dim: Size of node vectors.
        kind: ``max``, ``mean``, ``max+mean`` one behind the other, or with ``pairs`` behind both: the mean over all
            edges of ``(W x_i) ⊙ (W x_j)``, zero for a single node. Which the paper uses is not known; the choice is
            ours.
    """

    def __init__(self, dim: int, kind: ReadoutKind) -> None:
        super().__init__()
        parts = kind.split("+")
        self.size = dim * len(parts)
        """Numbers in the result."""
        pools: dict[str, Callable[[], nn.Module]] = {"max": _Maximum, "mean": _Mean, "pairs": partial(_Pairs, dim)}
        self.pools = nn.ModuleList(pools[part]() for part in parts)

    def forward(
        self, nodes: Float[Tensor, "batch node dim"], mask: Bool[Tensor, "batch node"] | None = None
    ) -> Float[Tensor, "batch pooled"]:
        """Pool the nodes that exist; every set needs at least one."""
        return torch.cat([pool(nodes, mask) for pool in self.pools], dim=-1)


class _Maximum(nn.Module):
    def forward(self, nodes: Tensor, mask: Tensor | None) -> Tensor:
        return (nodes if mask is None else nodes.masked_fill(~mask.unsqueeze(-1), -torch.inf)).amax(dim=1)


class _Mean(nn.Module):
    def forward(self, nodes: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return nodes.mean(dim=1)
        return nodes.masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


class _Pairs(nn.Module):
    """Products of the two ends of every edge.

    The sum over ordered pairs is the square of the sum less the sum of the squares, so that no edge need be formed
    (Rendle, "Factorization Machines", ICDM 2010, lemma 3.1).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, dim, bias=False)

    def forward(self, nodes: Tensor, mask: Tensor | None) -> Tensor:
        ends = self.projection(nodes if mask is None else nodes.masked_fill(~mask.unsqueeze(-1), 0.0))
        count = nodes.new_tensor(nodes.shape[1]) if mask is None else mask.sum(dim=1, keepdim=True)
        products: Tensor = ends.sum(dim=1).square() - ends.square().sum(dim=1)
        return products / (count * (count - 1)).clamp_min(1)
