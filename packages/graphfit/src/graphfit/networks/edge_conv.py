"""The edge filtering layer for arbitrary graphs, as a layer of PyTorch Geometric."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing  # type: ignore[import-untyped]
from torch_geometric.nn.aggr import Aggregation  # type: ignore[import-untyped]

from graphfit.networks.edge_filtering import EdgeFiltering


class EdgeConv(MessagePassing):  # type: ignore[misc]
    """Shares the parameters of a dense layer and gives the same on complete graphs.

    Edges run from j to i, ``edge_index[0]`` holding j; a self-loop counts as any edge. Needs ``pip install
    graphfit[pyg]``.

    Args:
        dense: The layer whose parameters are used; batch norm is not offered here.
    """

    def __init__(self, dense: EdgeFiltering) -> None:
        super().__init__(aggr=None if dense.aggregation in ("max+mean", "attention") else dense.aggregation)
        if isinstance(dense.norm, nn.BatchNorm1d):
            raise ValueError("batch norm over edges has no counterpart here; use norm 'none' or 'layer'")
        self.dense = dense
        if dense.aggregation == "max+mean":
            self.aggr_module = _MaxAndMean()
        if dense.aggregation == "attention":
            self.aggr_module = _Attention(dense)

    def forward(
        self, nodes: Float[Tensor, "node dim"], edge_index: Int64[Tensor, "2 edge"]
    ) -> Float[Tensor, "node dim"]:
        """Gather the filtered edge vectors at the nodes; zero at a node without edge."""
        gathered: Tensor = self.propagate(edge_index, x=nodes)
        if self.dense.merge is not None:
            has_edge = torch.zeros(len(nodes), 1, dtype=nodes.dtype, device=nodes.device)
            has_edge[edge_index[1]] = 1
            gathered = self.dense.merge(gathered) * has_edge
        return gathered

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        """Compute h on edges."""
        dense = self.dense
        given = {
            "edgeconv": lambda: torch.cat([x_i, x_j - x_i], dim=-1),
            "concat": lambda: torch.cat([x_i, x_j], dim=-1),
            "diff": lambda: x_j - x_i,
            "sym": lambda: torch.cat([(x_i - x_j).abs(), x_i * x_j], dim=-1),
        }[dense.edges]()
        filtered: Tensor = dense.second(torch.relu(dense.norm(dense.first(given))))
        return filtered


class _MaxAndMean(Aggregation):  # type: ignore[misc]
    def forward(self, x: Tensor, index: Tensor, ptr: Any = None, dim_size: int | None = None, dim: int = -2) -> Tensor:
        parts = [self.reduce(x, index, ptr, dim_size, dim, reduce=how) for how in ("max", "mean")]
        return torch.cat(parts, dim=-1)


class _Attention(Aggregation):  # type: ignore[misc]
    def __init__(self, dense: EdgeFiltering) -> None:
        super().__init__()
        self.dense = [dense]  # not a child: its parameters belong to the dense layer

    def forward(self, x: Tensor, index: Tensor, ptr: Any = None, dim_size: int | None = None, dim: int = -2) -> Tensor:
        from torch_geometric.utils import softmax  # type: ignore[import-untyped]

        attention = self.dense[0].attention
        if attention is None:
            raise TypeError("the dense layer has no attention")
        shares = softmax(attention(x), index, ptr, dim_size, dim)
        total: Tensor = self.reduce(x * shares, index, ptr, dim_size, dim, reduce="sum")
        return total
