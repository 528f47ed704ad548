import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphfit.config import FeatureConfig, NetworkConfig
from graphfit.networks.outfit_network import OutfitNetwork
from graphfit.networks.readout import Readout


def network(**changes: object) -> OutfitNetwork:
    return OutfitNetwork(8, FeatureConfig(), NetworkConfig(dim=8, **changes)).eval()  # type: ignore[arg-type]


@given(st.integers(1, 20), st.integers(0, 50))
def test_score_and_style_do_not_depend_on_order(size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    judge, nodes = network(), torch.randn(1, size, 8, generator=generator)
    mixed = nodes[:, torch.randperm(size, generator=generator)]
    torch.testing.assert_close(judge(mixed).logits, judge(nodes).logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(judge(mixed).styles, judge(nodes).styles, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("readout", ["max", "max+mean+pairs"])
@pytest.mark.parametrize("aggregation", ["max", "mean", "sum", "max+mean", "attention"])
def test_padding_and_batch_mates_change_nothing(aggregation: str, readout: str) -> None:
    judge = network(aggregation=aggregation, readout=readout)
    sizes = torch.tensor([1, 2, 3, 7, 12, 20])
    nodes, mask = torch.randn(6, 20, 8), torch.arange(20) < sizes.unsqueeze(1)
    together = judge(nodes.masked_fill(~mask.unsqueeze(-1), 1e6), mask)
    for row, size in enumerate(sizes.tolist()):
        alone = judge(nodes[row : row + 1, :size])
        torch.testing.assert_close(together.logits[row : row + 1], alone.logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.styles[row : row + 1], alone.styles, atol=1e-5, rtol=1e-5)


def test_a_single_item_has_a_finite_score() -> None:
    assert network()(torch.randn(1, 1, 8)).logits.isfinite().all()


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("residual", [True, False])
def test_completing_equals_judging_the_completed_set(layers: int, residual: bool) -> None:
    judge = network(layers=layers, residual=residual)
    fixed, candidates, owner = torch.randn(2, 4, 8), torch.randn(9, 8), torch.tensor([0, 0, 1, 1, 0, 1, 1, 1, 0])
    expected = judge(torch.cat([fixed[owner], candidates.unsqueeze(1)], dim=1)).logits
    torch.testing.assert_close(judge.complete(fixed, candidates, owner), expected, atol=1e-5, rtol=1e-5)


def test_completing_an_empty_set_judges_single_items() -> None:
    judge, candidates = network(), torch.randn(3, 8)
    alone = judge(candidates.unsqueeze(1)).logits
    owner = torch.zeros(3, dtype=torch.int64)
    torch.testing.assert_close(judge.complete(torch.empty(1, 0, 8), candidates, owner), alone)


def test_the_readout_pools_what_exists() -> None:
    nodes = torch.tensor([[[1.0, 5.0], [3.0, -1.0], [9.0, 9.0]]])
    pooled = Readout(2, "max+mean")(nodes, torch.tensor([[True, True, False]]))
    # Maximum (3, 5), then mean ((1 + 3) / 2, (5 - 1) / 2) of the first two.
    assert pooled.tolist() == [[3.0, 5.0, 2.0, 2.0]]


def test_pairs_are_the_mean_product_of_the_ends_of_all_edges() -> None:
    readout, nodes = Readout(3, "max+mean+pairs"), torch.randn(2, 5, 3)
    (projection,) = readout.parameters()
    for size in (2, 3, 5):
        ends = nodes[:, :size] @ projection.T
        edges = [ends[:, i] * ends[:, j] for i in range(size) for j in range(size) if i != j]
        expected = torch.stack(edges).mean(dim=0)
        mask = (torch.arange(5) < size).expand(2, 5)
        hidden = nodes.masked_fill(~mask.unsqueeze(-1), torch.nan)
        torch.testing.assert_close(readout(nodes[:, :size])[:, 6:], expected)
        torch.testing.assert_close(readout(hidden, mask)[:, 6:], expected)
    assert readout(nodes[:, :1])[:, 6:].abs().max() < 1e-6
