"""Slot plans: which categories make an outfit together, from what people and stylists really put together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from graphfit.data.items import Catalogue, Outfit

Plan = tuple[str, ...]

LIMITS = {
    "tops": 2, "bottoms": 1, "all-body": 1, "outerwear": 1, "shoes": 1, "bags": 1, "jewellery": 3, "accessories": 2,
    "hats": 1, "scarves": 1, "sunglasses": 1,
}  # fmt: skip
"""How many of a category can be worn at once; two tops are layers."""

_NEEDED = (
    "all-body", "tops", "bottoms", "shoes", "bags", "outerwear", "scarves", "hats", "accessories", "jewellery",
    "sunglasses", "unknown",
)  # fmt: skip
"""From what an outfit cannot do without to what is left out first."""

# The commonest category multisets of the training outfits that the shipped weights were made from, and how often each
# occurred there (2,549 outfits). Only these counts are used, where no outfits are given.
_COUNTED = """
526 tops bottoms shoes bags jewellery
238 all-body shoes bags jewellery jewellery
136 tops bottoms outerwear shoes bags
121 all-body shoes bags jewellery sunglasses
78 tops tops bottoms shoes bags
63 tops bottoms outerwear shoes bags jewellery
57 tops bottoms shoes bags accessories
51 tops bottoms shoes bags sunglasses
50 tops bottoms outerwear shoes jewellery
46 tops bottoms outerwear shoes bags accessories
30 tops bottoms shoes bags jewellery sunglasses
28 tops tops bottoms shoes bags jewellery
28 bottoms outerwear shoes bags jewellery
26 tops bottoms outerwear shoes bags hats
22 tops bottoms shoes bags jewellery accessories
20 tops bottoms shoes bags jewellery jewellery
19 tops bottoms outerwear shoes bags scarves
16 tops tops bottoms shoes jewellery
15 tops bottoms outerwear shoes bags sunglasses
14 tops bottoms outerwear shoes jewellery accessories
13 tops bottoms outerwear shoes accessories
13 tops bottoms shoes bags scarves
12 tops tops bottoms outerwear shoes bags
12 tops bottoms shoes jewellery sunglasses
12 all-body shoes bags jewellery jewellery sunglasses
12 all-body shoes bags jewellery accessories
11 all-body shoes bags jewellery sunglasses accessories
9 all-body outerwear shoes bags jewellery
"""


@dataclass(frozen=True)
class SlotPlans:
    """Category multisets with how often each was seen."""

    counts: tuple[tuple[Plan, int], ...]

    @classmethod
    def usual(cls) -> "SlotPlans":
        """What stylists usually put together."""
        rows = [line.split() for line in _COUNTED.split("\n") if line]
        return cls(tuple((tuple(row[1:]), int(row[0])) for row in rows))

    @classmethod
    def from_outfits(cls, outfits: Iterable[Outfit], catalogue: Catalogue) -> "SlotPlans":
        """Count the multisets of one's own outfits; those that cannot be worn are left out."""
        seen = Counter(
            tuple(sorted((catalogue[item].category for item in outfit.items), key=_NEEDED.index)) for outfit in outfits
        )
        return cls(tuple((plan, count) for plan, count in seen.most_common() if is_wearable(plan)))

    def around(
        self,
        given: Sequence[str],
        lengths: tuple[int, int],
        *,
        available: Iterable[str],
        keep: Sequence[str] = (),
        count: int = 4,
        dressed: bool = False,
        generator: np.random.Generator | None = None,
    ) -> list[Plan]:
        """Choose plans that contain what is given; of each, return what is to be added.

        A plan longer than wanted is shortened by what an outfit can best do without. Lengths take turns, so that short
        and long outfits are both tried.

        Args:
            given: Categories of the query.
            lengths: Fewest and most garments, the query's included.
            available: Categories that have items to choose from.
            keep: Categories that every outfit must have.
            count: Most plans to return.
            dressed: Leave out plans that do not clothe a person, see :func:`is_dressed`.
            generator: Draw plans by how often they were seen; without it the commonest are taken.
        """
        weights = _plans_by_length(self, tuple(given), lengths, frozenset(available), tuple(keep), dressed)
        return _in_turn(weights, count, generator)


# All styles of one query ask for the same.
@lru_cache(maxsize=64)
def _plans_by_length(
    known: SlotPlans,
    given: Plan,
    lengths: tuple[int, int],
    stock: frozenset[str],
    keep: Plan,
    dressed: bool,
) -> dict[int, Counter[Plan]]:
    """For each length, what is to be added to what is given, and how often that was seen."""
    fixed = Counter(given) + (Counter(keep) - Counter(given))
    weights: dict[int, Counter[Plan]] = {}
    for plan, seen in known.counts:
        # A query that no plan knows (its category unknown, or worn otherwise) is added to all of them.
        whole = Counter({one: number for one, number in Counter(plan).items() if one in stock}) | fixed
        for length in range(lengths[0], lengths[1] + 1):
            slots = _shorten(whole, fixed, length)
            if slots is not None and is_wearable(slots) and (not dressed or is_dressed(slots)):
                rest = tuple(sorted((Counter(slots) - Counter(given)).elements(), key=_NEEDED.index))
                weights.setdefault(length, Counter())[rest] += seen
    return weights


def is_wearable(plan: Sequence[str]) -> bool:
    """Tell whether garments of these categories can be worn together."""
    counts = Counter(plan)
    if counts["all-body"] and (counts["tops"] or counts["bottoms"]):
        return False
    return all(counts[category] <= most for category, most in LIMITS.items())


def is_dressed(plan: Sequence[str]) -> bool:
    """Tell whether garments of these categories clothe a person: a dress, or top and bottom; and shoes."""
    return "shoes" in plan and ("all-body" in plan or ("tops" in plan and "bottoms" in plan))


def _shorten(whole: Counter[str], fixed: Counter[str], length: int) -> Plan | None:
    if fixed.total() > length or whole.total() < length:
        return None
    slots = list(fixed.elements())
    # A dress needs neither top nor bottom, and the other way round.
    slots += sorted((whole - fixed).elements(), key=_NEEDED.index)[: length - len(slots)]
    return tuple(slots)


def _in_turn(weights: dict[int, Counter[Plan]], count: int, generator: np.random.Generator | None) -> list[Plan]:
    queues = []
    for length in sorted(weights):
        plans = [plan for plan, _ in weights[length].most_common()]
        if generator is not None:
            share = np.array([weights[length][plan] for plan in plans], float)
            plans = [
                plans[place] for place in generator.choice(len(plans), len(plans), replace=False, p=share / share.sum())
            ]
        queues.append(plans)
    # The commonest length first.
    queues.sort(key=lambda plans: -max(weights[n][plans[0]] for n in weights if plans[0] in weights[n]))
    turns = max((len(queue) for queue in queues), default=0)
    mixed = [queue[turn] for turn in range(turns) for queue in queues if turn < len(queue)]
    return list(dict.fromkeys(mixed))[:count]
