"""Figures of diverse collocation: how good, how different and how true to their style composed outfits are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from graphfit.collocation import Collocator
from graphfit.colour.schemes import STYLES

EXCLUSIVE = ("bottoms", "shoes", "bags", "all-body")
"""Categories of which an outfit has one at most."""


@dataclass(frozen=True)
class Diversity:
    """Figures over all queries and styles."""

    queries: int
    """Items that outfits were composed around."""
    outfits: int
    """Composed in all."""
    style_accuracy: float
    """Share whose style by the rule is the one asked for."""
    style_coverage: float
    """Mean number of styles of a query that exist in the catalogue, at most 6."""
    score: float
    """Mean calibrated score."""
    valid: float
    """Share without two items of an exclusive category or a dress with a bottom."""
    jaccard_diversity: float
    """1 - mean Jaccard index of two outfits of one query and style."""
    embedding_distance: float
    """Mean distance of the mean node vectors of two such outfits."""
    catalogue_coverage: float
    """Share of the catalogue that occurs."""
    duplicates: int
    """Outfits of a query that occur twice in one style."""
    lengths: Mapping[int, int]
    """How many outfits have how many items."""
    missing: Mapping[str, int]
    """For each style, the queries for which there was no outfit."""


def measure_collocation(
    collocator: Collocator, queries: Sequence[str], *, k: int = 3, length: tuple[int, int] = (3, 6)
) -> Diversity:
    """Compose ``k`` outfits for each query and style and measure them.

    Args:
        collocator: Composes.
        queries: Ids of items.
        k: Outfits asked for.
        length: Fewest and most items.
    """
    catalogue, nodes = collocator.catalogue, collocator.worn.nodes.cpu().double().numpy()
    lengths: Counter[int] = Counter()
    missing: Counter[str] = Counter()
    seen: set[str] = set()
    right, scores, validity, jaccards, distances, covered = [], [], [], [], [], []
    duplicates = 0
    for query in queries:
        found = 0
        for style in STYLES:
            looks = collocator.compose(query, style=style, length=length, k=k).looks
            found += bool(looks)
            missing[style] += not looks
            sets = [frozenset(look.ids) for look in looks]
            duplicates += len(sets) - len(set(sets))
            for look, ids in zip(looks, sets, strict=True):
                lengths[len(look.items)] += 1
                seen |= ids
                right.append(float(look.scheme.style == style))
                validity.append(float(is_valid([item.category for item in look.items])))
                if look.rating is not None:
                    scores.append(look.rating.score)
            jaccards += [1 - len(one & other) / len(one | other) for one, other in combinations(sets, 2)]
            means = [_mean_vector(nodes, [catalogue.index(item) for item in sorted(ids)]) for ids in sets]
            distances += [float(np.linalg.norm(one - other)) for one, other in combinations(means, 2)]
        covered.append(float(found))
    return Diversity(
        queries=len(queries),
        outfits=len(right),
        style_accuracy=_mean(right),
        style_coverage=_mean(covered),
        score=_mean(scores),
        valid=_mean(validity),
        jaccard_diversity=_mean(jaccards),
        embedding_distance=_mean(distances),
        catalogue_coverage=len(seen) / len(catalogue),
        duplicates=duplicates,
        lengths=dict(sorted(lengths.items())),
        missing=dict(missing),
    )


def is_valid(categories: Sequence[str]) -> bool:
    """Say whether an outfit can be worn: one item at most of each exclusive category, no dress with a bottom."""
    counts = Counter(categories)
    return all(counts[category] <= 1 for category in EXCLUSIVE) and not (counts["all-body"] and counts["bottoms"])


def _mean_vector(nodes: Float[np.ndarray, "item dim"], members: Sequence[int]) -> Float[np.ndarray, " dim"]:
    mean: np.ndarray = nodes[list(members)].mean(axis=0)
    return mean


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
