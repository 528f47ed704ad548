from dataclasses import replace

import numpy as np
import pytest

from graphfit.baselines.floors import fit_background, fit_categories, fit_popularity, fit_size, fit_worn_together
from graphfit.baselines.interface import Fitted, Floor
from graphfit.baselines.registry import METHODS
from graphfit.config import GraphfitConfig
from graphfit.data.items import Catalogue, Item, Outfit
from graphfit.data.tasks import CompatibilityTask, FillTask, OutfitData
from graphfit.evaluation import evaluate
from graphfit.features import Features
from graphfit.training.problem import Problem

FLOORS = [name for name, method in METHODS.items() if method.is_floor]


@pytest.fixture
def small(tiny: GraphfitConfig) -> Problem:
    """Four tops and two hats: 0 is worn with 4 twice, 1 with 5 once."""
    items = tuple(Item(str(n), category="tops" if n < 4 else "hats") for n in range(6))
    outfits = (Outfit("a", ("0", "4")), Outfit("b", ("0", "4", "2")), Outfit("c", ("1", "5")))
    features = Features(tuple("012345"), np.eye(6, dtype=np.float32), "lite0",
                        backgrounds=np.array([[90, 0, 0]] * 3 + [[50, 0, 0]] * 3, dtype=np.float32))  # fmt: skip
    return Problem.build(OutfitData("small", Catalogue("small", items), {"train": outfits}), features, tiny)


def test_popularity_counts_the_outfits_of_each_item(small: Problem, tiny: GraphfitConfig) -> None:
    scores = fit_popularity(small, tiny, 0).score([(0,), (1,), (3,), (0, 3)])
    np.testing.assert_allclose(scores, [np.log(3), np.log(2), 0, np.log(3) / 2])


def test_pairs_are_counted_whatever_their_order(small: Problem, tiny: GraphfitConfig) -> None:
    scores = fit_worn_together(small, tiny, 0).score([(0, 4), (4, 0), (0, 5), (0, 4, 5), (3,)])
    np.testing.assert_allclose(scores, [np.log(3), np.log(3), 0, np.log(3) / 3, 0])


def test_category_pairs_are_compared_with_chance(small: Problem, tiny: GraphfitConfig) -> None:
    # Pairs: three of top and hat, of four in all, and one of two tops is the rest.
    # Single: four tops, three hats of seven.
    scores = fit_categories(small, tiny, 0).score([(0, 4), (4, 5)])
    pairs, single = 5, np.array([4, 3]) / 7
    assert scores[0] == pytest.approx(np.log((4 + 1) / (pairs * 2 * single[0] * single[1] + 1)))
    assert scores[1] == pytest.approx(np.log((0 + 1) / (pairs * single[1] ** 2 + 1)))


def test_backgrounds_alike_score_higher(small: Problem, tiny: GraphfitConfig) -> None:
    scores = fit_background(small, tiny, 0).score([(0, 1), (0, 4)])
    assert scores.tolist() == [0.0, -40.0]
    bare = replace(small, features=replace(small.features, backgrounds=None))
    assert fit_background(bare, tiny, 0).score([(0, 4)]).tolist() == [0.0]


def test_sizes_count_items(small: Problem, tiny: GraphfitConfig) -> None:
    assert fit_size(small, tiny, 0).score([(0, 1), (0, 1, 2)]).tolist() == [-2.0, -3.0]


def test_a_constant_scorer_answers_a_quarter_of_the_questions(problem: Problem) -> None:
    outcome = evaluate(problem, Floor(lambda one: 7.0))
    assert outcome.credits.mean() == pytest.approx(0.25, abs=1e-12)


def test_the_size_of_sets_tells_nothing_on_tasks_of_our_own(problem: Problem, tiny: GraphfitConfig) -> None:
    from graphfit.metrics import compatibility_auc

    outcome = evaluate(problem, fit_size(problem, tiny, 0))
    assert compatibility_auc(outcome.scores, outcome.labels) == pytest.approx(0.5, abs=1e-12)
    assert outcome.credits.mean() == pytest.approx(0.25, abs=1e-12)


@pytest.mark.parametrize("name", FLOORS)
def test_every_floor_scores_every_set_and_every_candidate(problem: Problem, tiny: GraphfitConfig, name: str) -> None:
    fitted = METHODS[name].fit(problem, tiny, 0)
    assert isinstance(fitted, Fitted)
    outcome = evaluate(problem, fitted)
    assert np.isfinite(outcome.scores).all()
    assert len(outcome.credits) == len(problem.data.fill["test"].questions)
    assert fitted.item_embedding() is None
    assert fitted.styles([(0, 1)]) is None


def test_missing_candidates_are_never_chosen(problem: Problem) -> None:
    task = FillTask(((0,), (1,)), ((2, 3, 4), (5, 6)), np.array([0, 1]), np.array([0, 0]))
    data = replace(
        problem.data, fill={"test": task}, compatibility={"test": CompatibilityTask(((0, 1),), np.array([1]))}
    )
    outcome = evaluate(replace(problem, data=data), Floor(lambda one: 0.0))
    np.testing.assert_allclose(outcome.credits, [1 / 3, 1 / 2])
