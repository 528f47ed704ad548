"""What can be had without learning a network: the rows that every table must carry."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from graphfit.baselines.interface import Fitted, Floor
from graphfit.config import GraphfitConfig
from graphfit.negatives import training_groups
from graphfit.training.problem import Problem, colour_styles


def fit_random(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Draw scores."""
    generator = np.random.default_rng(seed)
    return Floor(lambda one: float(generator.random()))


def fit_size(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Count the items: fewer is better."""
    return Floor(lambda one: -float(len(one)))


def fit_popularity(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer items that many training outfits have."""
    worn = Counter(item for one in problem.sets for item in one)
    return Floor(lambda one: float(np.mean([np.log1p(worn[item]) for item in one])))


def fit_categories(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer fine categories that go together more often than chance has it (pointwise mutual information)."""
    kinds = [item.fine or item.category for item in problem.data.catalogue]
    return Floor(_pair_statistics(problem, kinds))


def fit_colour_words(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """The same for fine category and colour word together."""
    kinds = [f"{item.fine or item.category} {item.colour.split(' ')[0]}" for item in problem.data.catalogue]
    return Floor(_pair_statistics(problem, kinds))


def _pair_statistics(problem: Problem, kinds: Sequence[str]) -> Callable[[Sequence[int]], float]:
    single = Counter(kinds[item] for one in problem.sets for item in one)
    pairs = Counter(_pair(kinds, i, j) for one in problem.sets for i, j in combinations(one, 2))
    all_single, all_pairs = sum(single.values()), sum(pairs.values())

    def information(i: int, j: int) -> float:
        expected = all_pairs * single[kinds[i]] * single[kinds[j]] / all_single**2
        # Two for pairs of different kinds, which occur in both orders.
        expected *= 1 if kinds[i] == kinds[j] else 2
        return float(np.log((pairs[_pair(kinds, i, j)] + 1) / (expected + 1)))

    return lambda one: _mean(information(i, j) for i, j in combinations(one, 2))


def fit_worn_together(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer pairs of items that training outfits have."""
    pairs = Counter(frozenset(pair) for one in problem.sets for pair in combinations(one, 2))
    return Floor(lambda one: _mean(float(np.log1p(pairs[frozenset(pair)])) for pair in combinations(one, 2)))


def fit_colour_rule(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer colour styles that are more frequent among real than among corrupted training outfits."""
    generator = np.random.default_rng(seed)
    groups = training_groups(range(len(problem.sets)), problem.sets, problem.corrupter, config.negatives, generator)

    def styles(sets: Sequence[Sequence[int]]) -> np.ndarray:
        return colour_styles(problem.data.catalogue, problem.features, sets, config.colour)

    real, corrupted = (
        np.bincount(styles(sets) + 1, minlength=7) + 1.0
        for sets in ([g.sets[0] for g in groups], [one for g in groups for one in g.sets[1:]])
    )
    odds = np.log(real / real.sum()) - np.log(corrupted / corrupted.sum())
    return Floor(lambda one: float(odds[styles([one])[0] + 1]))


def fit_background(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer photos with backgrounds alike: no taste at all, so that anything but chance is a leak."""
    backgrounds = problem.features.backgrounds
    if backgrounds is None:
        return Floor(lambda one: 0.0)
    return Floor(
        lambda one: -_mean(float(np.linalg.norm(backgrounds[i] - backgrounds[j])) for i, j in combinations(one, 2))
    )


def fit_cosine(problem: Problem, config: GraphfitConfig, seed: int) -> Fitted:
    """Prefer pictures alike: mean cosine of the frozen features."""
    values = problem.features.values
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return Floor(lambda one: _mean(float(unit[i] @ unit[j]) for i, j in combinations(one, 2)))


def _pair(kinds: Sequence[str], i: int, j: int) -> tuple[str, str]:
    return (kinds[i], kinds[j]) if kinds[i] <= kinds[j] else (kinds[j], kinds[i])


def _mean(values: Iterator[float]) -> float:
    known = list(values)
    return float(np.mean(known)) if known else 0.0
