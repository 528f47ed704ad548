import itertools
import warnings
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graphfit.config import Aggregation, EdgeInput
from graphfit.networks.edge_filtering import EdgeFiltering

EDGES: tuple[EdgeInput, ...] = get_args(EdgeInput)
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
every_variant = pytest.mark.parametrize(("edges", "aggregation"), list(itertools.product(EDGES, AGGREGATIONS)))


def edge_vector(layer: EdgeFiltering, x_i: torch.Tensor, x_j: torch.Tensor) -> torch.Tensor:
    given_ = {
        "concat": [x_i, x_j],
        "diff": [x_j - x_i],
        "edgeconv": [x_i, x_j - x_i],
        "sym": [(x_i - x_j).abs(), x_i * x_j],
    }[layer.edges]
    result: torch.Tensor = layer.second(torch.relu(layer.norm(layer.first(torch.cat(given_)))))
    return result


def double_loop(layer: EdgeFiltering, nodes: torch.Tensor) -> torch.Tensor:
    """One set, straight from the formula."""
    gathered = []
    for i in range(len(nodes)):
        edges = torch.stack([edge_vector(layer, nodes[i], nodes[j]) for j in range(len(nodes)) if j != i])
        largest, mean = edges.max(dim=0).values, edges.mean(dim=0)
        if layer.aggregation == "max+mean":
            assert layer.merge is not None
            gathered.append(layer.merge(torch.cat([largest, mean])))
        elif layer.aggregation == "attention":
            assert layer.attention is not None
            gathered.append((edges * layer.attention(edges).softmax(dim=0)).sum(dim=0))
        else:
            gathered.append({"max": largest, "mean": mean, "sum": edges.sum(dim=0)}[layer.aggregation])
    return torch.stack(gathered)


@every_variant
def test_equals_a_double_loop_over_the_edges(edges: EdgeInput, aggregation: Aggregation) -> None:
    layer = EdgeFiltering(8, edges=edges, aggregation=aggregation, norm="layer")
    nodes = torch.randn(3, 5, 8)
    expected = torch.stack([double_loop(layer, one) for one in nodes])
    torch.testing.assert_close(layer(nodes), expected, atol=1e-5, rtol=1e-5)


@every_variant
def test_what_stands_in_padded_nodes_changes_nothing(edges: EdgeInput, aggregation: Aggregation) -> None:
    layer = EdgeFiltering(8, edges=edges, aggregation=aggregation)
    nodes = torch.randn(4, 6, 8)
    sizes = (1, 2, 4, 6)
    mask = torch.arange(6) < torch.tensor(sizes).unsqueeze(1)
    padded = layer(nodes.masked_fill(~mask.unsqueeze(-1), torch.nan), mask)
    for row, size in enumerate(sizes):
        torch.testing.assert_close(padded[row, :size], layer(nodes[row : row + 1, :size])[0], atol=1e-5, rtol=1e-5)
        assert not padded[row, size:].any()


@every_variant
def test_equals_the_layer_of_pytorch_geometric(edges: EdgeInput, aggregation: Aggregation) -> None:
    with warnings.catch_warnings():
        # torch.jit.script is deprecated; PyTorch Geometric calls it at import.
        warnings.simplefilter("ignore")
        from graphfit.networks.edge_conv import EdgeConv
    layer = EdgeFiltering(8, edges=edges, aggregation=aggregation)
    first, second = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    pairs += [(i, j) for i in range(3, 8) for j in range(3, 8) if i != j]
    sparse = EdgeConv(layer)(torch.cat([first[0], second[0]]), torch.tensor(pairs).T)
    dense = torch.cat([layer(first)[0], layer(second)[0]])
    torch.testing.assert_close(sparse, dense, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("aggregation", ["max", "mean"])
def test_equals_edge_conv_as_it_comes_with_pytorch_geometric(aggregation: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import EdgeConv
    layer = EdgeFiltering(8, aggregation=aggregation)
    theirs = EdgeConv(nn.Sequential(layer.first, nn.ReLU(), layer.second), aggr=aggregation)
    nodes = torch.randn(1, 6, 8)
    edges = torch.tensor([(j, i) for i in range(6) for j in range(6) if i != j]).T
    torch.testing.assert_close(layer(nodes)[0], theirs(nodes[0], edges), atol=1e-5, rtol=1e-5)


@every_variant
@pytest.mark.parametrize("size", [1, 2, 4])
def test_completing_a_set_equals_filtering_the_completed_one(
    edges: EdgeInput, aggregation: Aggregation, size: int
) -> None:
    layer = EdgeFiltering(8, edges=edges, aggregation=aggregation).eval()
    fixed, candidates, owner = torch.randn(3, size, 8), torch.randn(7, 8), torch.tensor([0, 0, 2, 1, 2, 0, 0])
    together = torch.cat([fixed[owner], candidates.unsqueeze(1)], dim=1)
    torch.testing.assert_close(layer.complete(fixed, candidates, owner), layer(together), atol=1e-5, rtol=1e-5)


@given(st.integers(2, 8), st.integers(0, 100), st.sampled_from(AGGREGATIONS))
def test_nodes_may_come_in_any_order(size: int, seed: int, aggregation: Aggregation) -> None:
    generator = torch.Generator().manual_seed(seed)
    layer = EdgeFiltering(8, aggregation=aggregation)
    nodes, order = torch.randn(2, size, 8, generator=generator), torch.randperm(size, generator=generator)
    torch.testing.assert_close(layer(nodes[:, order]), layer(nodes)[:, order], atol=1e-5, rtol=1e-5)


def test_a_node_without_neighbour_receives_nothing() -> None:
    assert not EdgeFiltering(8)(torch.randn(2, 1, 8)).any()


def test_batch_norm_sees_edges_that_exist_and_no_others() -> None:
    layer = EdgeFiltering(4, norm="batch")
    nodes = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    layer(nodes.masked_fill(~mask.unsqueeze(-1), 1e9), mask)
    hidden = [
        layer.first(torch.cat([nodes[b, i], nodes[b, j] - nodes[b, i]]))
        for b, size in ((0, 3), (1, 2))
        for i, j in itertools.permutations(range(size), 2)
    ]
    assert isinstance(layer.norm, nn.BatchNorm1d)
    assert layer.norm.running_mean is not None
    # The running mean moves by a tenth from zero.
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * torch.stack(hidden).mean(dim=0))


def test_batch_norm_takes_a_batch_of_one_edge_pair_in_evaluation() -> None:
    layer = EdgeFiltering(4, norm="batch").eval()
    assert layer(torch.randn(1, 2, 4)).isfinite().all()


@every_variant
def test_gradients_are_right(edges: EdgeInput, aggregation: Aggregation) -> None:
    layer = EdgeFiltering(3, edges=edges, aggregation=aggregation).double()
    nodes = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert torch.autograd.gradcheck(lambda x: layer(x, mask), (nodes,))
