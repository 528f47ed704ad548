import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from graphfit.baselines.bilstm import BiLSTM
from graphfit.baselines.interface import Learnt
from graphfit.baselines.metric_learning import CSN, Euclidean, FocalEuclidean, MetricModel, TransNFCM, TypeAware
from graphfit.baselines.registry import METHODS
from graphfit.config import GraphfitConfig
from graphfit.data.items import CATEGORIES
from graphfit.data.tasks import FillTask
from graphfit.metrics import compatibility_auc
from graphfit.training.problem import Problem

METRIC: list[Any] = [Euclidean, FocalEuclidean, CSN, TypeAware, TransNFCM]


def built(kind: Any, problem: Problem, tiny: GraphfitConfig) -> Any:
    return kind(problem.inputs.features.shape[1], tiny).eval()


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.is_floor])
def test_every_learnt_method_beats_chance_on_held_out_outfits(
    problem: Problem, learning: GraphfitConfig, name: str
) -> None:
    fitted = METHODS[name].fit(problem, learning, 0)
    assert isinstance(fitted, Learnt)
    assert 1 <= fitted.epoch <= 12
    task = problem.data.compatibility["test"]
    assert compatibility_auc(fitted.score(task.sets), task.labels) > 0.6
    vectors = fitted.item_embedding()
    assert vectors is not None
    assert vectors.shape[0] == len(problem.data.catalogue)
    named = fitted.styles(task.sets)
    assert (named is not None) == (name in ("node", "edge-max", "edge-mean", "ours"))


@pytest.mark.parametrize("kind", METRIC)
def test_scores_of_pairs_do_not_depend_on_order_or_batch_mates(
    kind: Any, problem: Problem, tiny: GraphfitConfig
) -> None:
    model = built(kind, problem, tiny)
    alone = model.score(problem.inputs, [(3, 40, 77)])
    together = model.score(problem.inputs, [(1, 2), (77, 3, 40), (5,)])
    assert together[1] == pytest.approx(alone[0], abs=1e-5)
    assert together[2] == 0


@pytest.mark.parametrize("kind", METRIC)
def test_the_score_is_minus_the_mean_distance_of_the_pairs(kind: Any, problem: Problem, tiny: GraphfitConfig) -> None:
    model: MetricModel = built(kind, problem, tiny)
    with torch.no_grad():
        x, types = model.embed(problem.inputs), problem.inputs.categories
    one = [3, 40, 77]
    pairs = [(3, 40), (3, 77), (40, 77)]
    distances = [float(model.distance(x[i], x[j], types[i], types[j]).detach()) for i, j in pairs]
    assert model.score(problem.inputs, [one])[0] == pytest.approx(-np.mean(distances), abs=1e-5)


def test_csn_measures_in_the_space_of_the_unordered_pair_of_types(problem: Problem, tiny: GraphfitConfig) -> None:
    model = built(CSN, problem, tiny)
    x, y = torch.randn(64), torch.randn(64)
    a, b = torch.tensor(2), torch.tensor(5)
    mask = model.masks.weight[5 * 6 // 2 + 2].clamp_min(0)
    expected = (mask * (x - y)).norm()
    for first, second in ((a, b), (b, a)):
        torch.testing.assert_close(model.distance(x, y, first, second), expected)
    assert not torch.allclose(model.distance(x, y, a, a), expected)


def test_type_aware_vectors_have_unit_length_in_each_space(problem: Problem, tiny: GraphfitConfig) -> None:
    model = built(TypeAware, problem, tiny)
    projected = model.in_pair_space(torch.randn(4, 64), torch.tensor([0, 3, 3, 7]))
    torch.testing.assert_close(projected.norm(dim=-1), torch.ones(4))


def test_transnfcm_translates_between_categories(problem: Problem, tiny: GraphfitConfig) -> None:
    model = built(TransNFCM, problem, tiny)
    x, y, types = torch.randn(128), torch.randn(128), torch.tensor([1, 4])
    there, back = model.relations.weight[1 * len(CATEGORIES) + 4], model.relations.weight[4 * len(CATEGORIES) + 1]
    expected = ((x + there - y) ** 2).sum() / 2 + ((y + back - x) ** 2).sum() / 2 + ((x - y) ** 2).sum()
    torch.testing.assert_close(model.distance(x, y, types[0], types[1]), expected)
    torch.testing.assert_close(model.distance(y, x, types[1], types[0]), expected)


def test_bilstm_looks_for_the_next_item_in_a_fixed_pool_and_the_own_one(problem: Problem, tiny: GraphfitConfig) -> None:
    model: BiLSTM = built(BiLSTM, problem, tiny)
    vectors = model.item_embedding(problem.inputs)
    items = problem.data.catalogue
    one = [items.index(name) for name in ("shoes-0-0", "tops-0-0", "bottoms-0-0")]
    order = [one[1], one[2], one[0]]  # from head to foot
    generator = torch.Generator().manual_seed(0)
    pool = vectors[torch.randperm(len(vectors), generator=generator)]
    total = 0.0
    for lstm, sequence in ((model.ahead, order), (model.back, order[::-1])):
        states = lstm(vectors[sequence].unsqueeze(0))[0][0].detach()
        for state, following in zip(states, sequence[1:], strict=False):
            own = float(vectors[following] @ state)
            everything = [own, *(pool @ state).tolist()]
            total += own - math.log(sum(math.exp(value) for value in everything))
    assert model.score(problem.inputs, [one])[0] == pytest.approx(total / 4, abs=1e-4)


def test_bilstm_uses_one_direction_where_the_blank_is_first_or_last(problem: Problem, tiny: GraphfitConfig) -> None:
    model: BiLSTM = built(BiLSTM, problem, tiny)
    vectors, items = model.item_embedding(problem.inputs), problem.data.catalogue
    top, bottom, *shoes = (items.index(n) for n in ("tops-0-0", "bottoms-0-0", "shoes-0-0", "shoes-1-0"))
    task = FillTask(((bottom, top),), (tuple(shoes),), np.array([0]), np.array([0]))
    state = model.ahead(vectors[[top, bottom]].unsqueeze(0))[0][0, -1]
    expected = (vectors[shoes] @ state).softmax(dim=0)
    np.testing.assert_allclose(model.fill(problem.inputs, task)[0], expected.detach().numpy(), atol=1e-5)


def test_losses_of_all_methods_are_finite_and_reach_the_parameters(problem: Problem, tiny: GraphfitConfig) -> None:
    from graphfit.negatives import training_groups
    from graphfit.networks.outfit_model import Batch

    groups = training_groups(range(12), problem.sets, problem.corrupter, tiny.negatives, np.random.default_rng(0))
    batch = Batch.of(groups, problem.styles)
    for kind in (*METRIC, BiLSTM):
        model: nn.Module = kind(problem.inputs.features.shape[1], tiny)
        total = torch.stack(list(model(problem.inputs.take(batch.items), batch).values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        assert total.isfinite()
        untouched = [name for name, each in model.named_parameters() if each.grad is None]
        assert untouched == [], kind
