"""The edge filtering layer on dense batches of complete graphs."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from graphfit.config import Aggregation, EdgeInput, Norm


class EdgeFiltering(nn.Module):
    r"""Filters the vector of every edge and gathers at each node what its edges say.

    ``e_ij = h(x_i, x_j)`` with one two-layer perceptron ``h`` for all edges, then ``x'_i = A_{j≠i} e_ij`` with a
    symmetric ``A``, so that neither number nor order of the items matters. The form of ``h`` is that of EdgeConv; that
    the paper's filter is of this kind is our reading of it.

    The first linear layer of ``h`` splits: ``W [x_i ; x_j - x_i] = (W1 - W2) x_i + W2 x_j`` is computed for nodes, and
    only what comes after it for edges. The neighbours of node i among n are taken as i+1 … i+n-1 modulo n, so that the
    diagonal is never computed.

    Args:
        dim: Size of node and edge vectors.
        edges: ``edgeconv`` (x_i, x_j - x_i), ``concat`` (x_i, x_j), ``diff`` (x_j - x_i) or ``sym``
            (\|x_i - x_j\|, x_i ⊙ x_j).
        aggregation: ``max``, ``mean``, ``sum``, ``max+mean`` (concatenated and projected) or ``attention``.
        norm: Normalisation of the hidden layer of ``h``: ``none``, ``layer`` or ``batch`` (over edges that exist).

    References:
        Liu et al., "Learning Diverse Fashion Collocation by Neural Graph Filtering", 2020; Wang et al., "Dynamic Graph
        CNN for Learning on Point Clouds", ACM Transactions on Graphics 2019, section 3.1.
    """

    def __init__(
        self, dim: int, *, edges: EdgeInput = "edgeconv", aggregation: Aggregation = "max", norm: Norm = "none"
    ) -> None:
        super().__init__()
        self.edges, self.aggregation = edges, aggregation
        self.first = nn.Linear(dim if edges == "diff" else 2 * dim, dim)
        self.second = nn.Linear(dim, dim)
        self.norm: nn.Module = {"none": nn.Identity, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}[norm](dim)
        self.attention = nn.Linear(dim, 1) if aggregation == "attention" else None
        self.merge = nn.Linear(2 * dim, dim) if aggregation == "max+mean" else None

    def forward(
        self, nodes: Float[Tensor, "batch node dim"], mask: Bool[Tensor, "batch node"] | None = None
    ) -> Float[Tensor, "batch node dim"]:
        """Gather the filtered edge vectors at the nodes.

        Args:
            nodes: Node vectors x.
            mask: Which nodes exist; all by default. What stands in the others is never looked at.

        Returns:
            x'; zero for a node without neighbour, and for one that does not exist.
        """
        if nodes.shape[1] < 2:
            return torch.zeros_like(nodes)
        exists = None if mask is None else (mask.unsqueeze(2) & _neighbours(mask)).unsqueeze(-1)
        hidden = F.relu(self._normalised(self._hidden(nodes), exists))  # (batch, node, neighbour, dim)
        if self.aggregation in ("mean", "sum"):
            # The second layer is linear and commutes with a sum: it is needed once a node and not once an edge.
            total, count = _sum(hidden, exists)
            if self.aggregation == "mean":
                total, count = total / count.clamp_min(1), count.clamp_max(1)
            return F.linear(total, self.second.weight) + count * self.second.bias
        messages = self.second(hidden)
        if self.attention is not None:
            return _attend(messages, self.attention(messages), exists)
        gathered = _maximum(messages, exists)
        if self.merge is not None:
            total, count = _sum(messages, exists)
            together = torch.cat([gathered, total / count.clamp_min(1)], dim=-1)
            gathered = self.merge(together) * count.clamp_max(1)
        return gathered

    def complete(
        self,
        fixed: Float[Tensor, "set node dim"],
        candidates: Float[Tensor, "candidate dim"],
        owner: Int64[Tensor, " candidate"],
    ) -> Float[Tensor, "candidate all_nodes dim"]:
        """Gather at the nodes of fixed sets, each completed by one candidate at a time, which comes last.

        The same as :meth:`forward` on each completed set. A maximum, sum or mean takes in a new edge without a look at
        the old ones, so that the messages within a fixed set are computed once.

        Args:
            fixed: Sets of equal size.
            candidates: Nodes to complete them.
            owner: Which set each candidate completes.
        """
        size = fixed.shape[1]
        if self.aggregation not in ("max", "mean", "sum"):
            whole: Tensor = self(torch.cat([fixed[owner], candidates.unsqueeze(1)], dim=1))
            return whole
        # Both are of shape candidate, node, dim.
        to_fixed, to_candidate = self._new_edges(fixed, candidates, owner)
        to_fixed, to_candidate = (F.relu(self._normalised(each, None)) for each in (to_fixed, to_candidate))
        if self.aggregation == "max":
            new, last = self.second(to_fixed), self.second(to_candidate).amax(dim=1, keepdim=True)
            if size > 1:
                new = torch.maximum(new, self(fixed)[owner])
            return torch.cat([new, last], dim=1)
        inside = F.relu(self._normalised(self._hidden(fixed), None)).sum(dim=2)[owner]
        total = torch.cat([to_fixed + inside, to_candidate.sum(dim=1, keepdim=True)], dim=1)
        share, times = (total / size, 1) if self.aggregation == "mean" else (total, size)
        return F.linear(share, self.second.weight) + times * self.second.bias

    def _new_edges(self, fixed: Tensor, candidates: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """The first linear layer of h on the edges from a candidate to the nodes of its set, and on those back."""
        if self.edges == "sym":
            both = self._pairs(fixed[owner], candidates.unsqueeze(1))
            return both, both
        # Each node goes through the layer once, however many candidates its set has.
        here, there = self._halves(fixed.shape[-1])
        to_fixed = F.linear(fixed, here, self.first.bias)[owner] + F.linear(candidates, there).unsqueeze(1)
        to_candidate = F.linear(candidates, here, self.first.bias).unsqueeze(1) + F.linear(fixed, there)[owner]
        return to_fixed, to_candidate

    def _hidden(self, nodes: Tensor) -> Tensor:
        """The first linear layer of h on all edges: (batch, node, neighbour, dim)."""
        if self.edges == "sym":
            return self._pairs(nodes.unsqueeze(2), _neighbours(nodes))
        here, there = self._halves(nodes.shape[-1])
        return F.linear(nodes, here, self.first.bias).unsqueeze(2) + _neighbours(F.linear(nodes, there))

    def _pairs(self, receivers: Tensor, senders: Tensor) -> Tensor:
        """The first linear layer of a symmetric h for nodes that broadcast against each other."""
        ends = torch.cat([(receivers - senders).abs(), receivers * senders], dim=-1)
        return F.linear(ends, self.first.weight, self.first.bias)

    def _halves(self, dim: int) -> tuple[Tensor, Tensor]:
        """What the first linear layer of h does to the receiving and to the sending node."""
        weight = self.first.weight
        if self.edges == "diff":
            return -weight, weight
        if self.edges == "concat":
            return weight[:, :dim], weight[:, dim:]
        return weight[:, :dim] - weight[:, dim:], weight[:, dim:]

    def _normalised(self, hidden: Tensor, exists: Tensor | None) -> Tensor:
        if not isinstance(self.norm, nn.BatchNorm1d):
            normalised: Tensor = self.norm(hidden)
            return normalised
        # Edges of padded nodes must not enter the statistics.
        flat = hidden.flatten(0, -2)
        chosen = flat.new_ones(len(flat), dtype=torch.bool) if exists is None else exists.flatten()
        # One edge has no variance; it is normalised by the running figures.
        norm = self.norm if int(chosen.sum()) > 1 else _running(self.norm)
        return flat.masked_scatter(chosen.unsqueeze(-1), norm(flat[chosen])).view_as(hidden)


def _running(norm: nn.BatchNorm1d) -> Callable[[Tensor], Tensor]:
    return lambda x: F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def _neighbours(nodes: Tensor) -> Tensor:
    """The values at the nodes i+1 … i+n-1, modulo n, for every node i: an axis behind that of the nodes."""
    count = nodes.shape[1]
    here = torch.arange(count, device=nodes.device)
    places = (here.unsqueeze(1) + here[1:]) % count
    return nodes.index_select(1, places.flatten()).view(nodes.shape[0], count, count - 1, *nodes.shape[2:])


def _maximum(values: Tensor, exists: Tensor | None) -> Tensor:
    if exists is None:
        return values.amax(dim=2)
    largest = values.masked_fill(~exists, -torch.inf).amax(dim=2)
    return largest.masked_fill(~exists.any(dim=2), 0.0)


def _sum(values: Tensor, exists: Tensor | None) -> tuple[Tensor, Tensor]:
    """The sum over the edges of each node, and their number."""
    if exists is None:
        return values.sum(dim=2), values.new_tensor(values.shape[2])
    # Not a product: a padded node may hold NaN.
    return values.masked_fill(~exists, 0.0).sum(dim=2), exists.sum(dim=2).to(values.dtype)


def _attend(values: Tensor, scores: Tensor, exists: Tensor | None) -> Tensor:
    if exists is None:
        return (values * scores.softmax(dim=2)).sum(dim=2)
    # The lowest finite number, not -inf: a node without any edge would come out as NaN.
    shares = scores.masked_fill(~exists, torch.finfo(scores.dtype).min).softmax(dim=2)
    return (values.masked_fill(~exists, 0.0) * shares.masked_fill(~exists, 0.0)).sum(dim=2)
