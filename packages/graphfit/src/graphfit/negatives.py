"""Corrupted outfits: real ones with items replaced by others of the same kind, seen before a like background.

Retailers photograph kinds of garments and seasons before different backgrounds. A network that may compare backgrounds
needs no taste: on real photos the corner pixels alone tell corrupted outfits with an AUC of 0.66 if replacements match
in category only. Here they match in background too. They are drawn by how often they are worn, as the outfits' own
items are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from graphfit.config import NegativeConfig
from graphfit.data.items import Catalogue

_TRIES = 8


def background_groups(backgrounds: Float32[np.ndarray, "item 3"] | None, count: int) -> Int64[np.ndarray, " item"]:
    """Group photos by the colour of their corners: steps of 4 in L* and of 6 in a* and b*.

    Args:
        backgrounds: CIELAB; without them all photos are of one group.
        count: Number of items.
    """
    if backgrounds is None:
        return np.zeros(count, dtype=np.int64)
    steps = np.round(backgrounds / np.array([4.0, 6.0, 6.0])).astype(np.int64)
    return np.unique(steps, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Corrupter:
    """Draws replacements of items from a split's own outfits, and whole corrupted outfits."""

    pools: Sequence[int]
    """Pool of every item of the catalogue; -1 for items that no outfit of the split has."""
    worn: Sequence[Sequence[int]]
    """Items of each pool, once for every outfit they are in, so that drawing one follows popularity."""
    real: frozenset[frozenset[int]]
    """Outfits that nothing else may equal."""

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        sets: Sequence[Sequence[int]],
        backgrounds: Int64[np.ndarray, " item"] | None = None,
        *,
        real: Sequence[Sequence[int]] = (),
    ) -> "Corrupter":
        """Sort the items of a split's outfits into pools of one fine category and background group.

        An item without fine category is pooled by its semantic one.

        Args:
            catalogue: The items.
            sets: Outfits of the split, as positions.
            backgrounds: Group of every item's photo; none for pools by category alone.
            real: Outfits of other splits, which a corrupted one may not equal either.
        """
        kinds = [(item.category, item.fine) for item in catalogue]
        groups = [0] * len(catalogue) if backgrounds is None else backgrounds.tolist()
        keys: dict[tuple[tuple[str, str], int], int] = {}
        pools = [-1] * len(catalogue)
        worn: list[list[int]] = []
        for one in sets:
            for item in one:
                pools[item] = keys.setdefault((kinds[item], groups[item]), len(keys))
                if pools[item] == len(worn):
                    worn.append([])
                worn[pools[item]].append(item)
        return cls(pools=pools, worn=worn, real=frozenset(frozenset(one) for one in (*sets, *real)))

    def draw(self, item: int, generator: np.random.Generator) -> int:
        """Draw an item of the same pool, by popularity; it may be the very item."""
        pool = self.worn[self.pools[item]]
        return pool[int(generator.random() * len(pool))]

    def alternatives(self, item: int, without: Sequence[int], count: int, generator: np.random.Generator) -> list[int]:
        """Draw different items for the place of one, by popularity; fewer than ``count`` if its pool has no more."""
        refused = {item, *without}
        pool = [other for other in self.worn[self.pools[item]] if other not in refused]
        found: list[int] = []
        while len(found) < count and pool:
            found.append(pool[int(generator.random() * len(pool))])
            pool = [other for other in pool if other != found[-1]]
        return found

    def corrupt(
        self, outfit: Sequence[int], replace: Sequence[bool], generator: np.random.Generator
    ) -> tuple[int, ...] | None:
        """Replace items of an outfit by others that it does not have.

        Returns:
            As many items in the same order; ``None`` if the pools have nothing that makes another, unreal outfit.
        """
        own = set(outfit)
        result = list(outfit)
        for place, chosen in enumerate(replace):
            if not chosen:
                continue
            for _ in range(_TRIES):
                item = self.draw(outfit[place], generator)
                if item not in own and item not in result:
                    result[place] = item
                    break
            else:
                # A pool with little else in it: look for what there is.
                for item in self.alternatives(outfit[place], [*own, *result], 1, generator):
                    result[place] = item
        changed = frozenset(result)
        return None if changed == frozenset(outfit) or changed in self.real else tuple(result)


def places_to_replace(count: int, config: NegativeConfig, generator: np.random.Generator) -> list[bool]:
    """Draw which of ``count`` items are replaced: all, one, or some."""
    kind = generator.random()
    if kind < config.whole or count == 1:
        return [True] * count
    number = 1 if kind < config.whole + config.single or count == 2 else int(generator.integers(2, count))
    chosen = generator.permutation(count)[:number].tolist()
    return [place in chosen for place in range(count)]


@dataclass(frozen=True)
class Group:
    """A real outfit, or a part of one, and corruptions of it; all of one size."""

    outfit: int
    """Number of the real outfit."""
    whole: bool
    """Whether nothing was left out."""
    sets: tuple[tuple[int, ...], ...]
    """The real one first; positions in the catalogue."""


def training_groups(
    numbers: Sequence[int],
    sets: Sequence[Sequence[int]],
    corrupter: Corrupter,
    config: NegativeConfig,
    generator: np.random.Generator,
) -> list[Group]:
    """Make a group of each outfit that can be corrupted; the others are left out.

    Args:
        numbers: Which of the outfits.
        sets: All real outfits of the split.
        corrupter: Built from them.
        config: Shares and counts.
        generator: Settles what is left out and replaced.
    """
    groups = []
    for number in numbers:
        shown = tuple(sets[number])
        if len(shown) > 3 and generator.random() < config.subset:
            kept = sorted(generator.permutation(len(shown))[: int(generator.integers(3, len(shown) + 1))].tolist())
            shown = tuple(shown[place] for place in kept)
        members = [shown]
        for _ in range(4 * config.per_positive):
            candidate = corrupter.corrupt(shown, places_to_replace(len(shown), config, generator), generator)
            if candidate is not None:
                members.append(candidate)
            if len(members) == config.per_positive + 1:
                groups.append(Group(number, len(shown) == len(sets[number]), tuple(members)))
                break
    return groups
