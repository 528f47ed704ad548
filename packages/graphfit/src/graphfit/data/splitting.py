"""Splits that nothing leaks through, and fixed, seeded tasks, in the layout of Polyvore Outfits.

Stylists repeat themselves: in real data two of five outfits have a near-twin. Twins (Jaccard index of their items of at
least one half) are kept on one side, exact repetitions are dropped.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from graphfit.data.items import Catalogue, Outfit
from graphfit.data.tasks import SPLITS, CompatibilityTask, FillTask, OutfitData, Split, positions
from graphfit.negatives import Corrupter
from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json

Kind = Literal["nondisjoint", "disjoint"]
TWIN = 0.5
"""Jaccard index from which two outfits are near-twins."""
FEWEST = 3
"""Items that an outfit of a disjoint split keeps at least."""
_TRIES = 20


@dataclass(frozen=True, eq=False)
class SplitReport:
    """A split data set and what happened to the outfits."""

    data: OutfitData
    """With tasks."""
    repeated: int
    """Exact repetitions that were dropped."""
    clusters: int
    """Clusters of near-twins."""
    largest: int
    """Outfits in the largest cluster."""
    lost: int
    """Outfits that kept too few items (disjoint)."""
    unasked: Mapping[Split, int] = field(default_factory=dict)
    """Outfits of each split for which no corruption or no question could be made."""


def distinct_outfits(outfits: Sequence[Outfit]) -> list[Outfit]:
    """Drop exact repetitions; the first of each stays."""
    seen: dict[frozenset[str], Outfit] = {}
    for outfit in outfits:
        seen.setdefault(frozenset(outfit.items), outfit)
    return list(seen.values())


def twin_clusters(outfits: Sequence[Outfit], threshold: float = TWIN) -> Int64[np.ndarray, " outfit"]:
    """Number the clusters of outfits that hang together by near-twins.

    Args:
        outfits: Any.
        threshold: Least Jaccard index of twins, more than 0.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sets = [frozenset(outfit.items) for outfit in outfits]
    holders: dict[str, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for number, items in enumerate(sets):
        common = Counter(other for item in items for other in holders.get(item, ()))
        pairs += [
            (number, other)
            for other, shared in common.items()
            if shared >= threshold * (len(items) + len(sets[other]) - shared)
        ]
        for item in items:
            holders.setdefault(item, []).append(number)
    rows, columns = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(sets), len(sets)))
    numbers: np.ndarray = connected_components(graph, directed=False)[1]
    return numbers.astype(np.int64)


def split_outfits(
    outfits: Sequence[Outfit],
    kind: Kind,
    *,
    shares: tuple[float, float, float] = (0.78, 0.11, 0.11),
    seed: int = 0,
) -> tuple[dict[Split, tuple[Outfit, ...]], int]:
    """Divide distinct outfits among train, valid and test, cluster by cluster.

    In a ``disjoint`` split every item belongs to the side that first claims it, and outfits lose the items of other
    sides; those left with fewer than three are dropped.

    Args:
        outfits: Without exact repetitions.
        kind: Whether sides may share items.
        shares: Of the outfits, for train, valid and test.
        seed: Settles who goes where.

    Returns:
        The splits, and how many outfits were dropped.
    """
    clusters = twin_clusters(outfits)
    generator = np.random.default_rng(seed)
    members: dict[int, list[Outfit]] = {}
    for outfit, cluster in zip(outfits, clusters.tolist(), strict=True):
        members.setdefault(cluster, []).append(outfit)
    wanted = dict(zip(SPLITS, (share * len(outfits) for share in shares), strict=True))
    splits: dict[Split, list[Outfit]] = {split: [] for split in SPLITS}
    order = generator.permutation(len(members)).tolist()
    # Large clusters first, so that none has to go where there is no room; the order among equals is random.
    for cluster in sorted(order, key=lambda number: -len(members[number])):
        split = max(SPLITS, key=lambda name: (wanted[name] - len(splits[name])) / max(wanted[name], 1e-9))
        splits[split] += members[cluster]
    if kind == "nondisjoint":
        return {split: tuple(chosen) for split, chosen in splits.items()}, 0
    owner: dict[str, Split] = {}
    queue = [(split, outfit) for split in SPLITS for outfit in splits[split]]
    kept: dict[Split, list[Outfit]] = {split: [] for split in SPLITS}
    for number in generator.permutation(len(queue)).tolist():
        split, outfit = queue[number]
        own = tuple(item for item in outfit.items if owner.get(item, split) == split)
        if len(own) >= FEWEST:
            owner.update(dict.fromkeys(own, split))
            kept[split].append(Outfit(outfit.id, own))
    # Trimming can make two outfits of a side equal.
    final = {split: tuple(distinct_outfits(chosen)) for split, chosen in kept.items()}
    return final, len(outfits) - sum(map(len, final.values()))


def make_tasks(
    catalogue: Catalogue,
    outfits: Sequence[Outfit],
    *,
    backgrounds: Int64[np.ndarray, " item"] | None,
    seed: int,
    answers: int = 4,
) -> tuple[CompatibilityTask, FillTask, int]:
    """Make one corrupted outfit and one question for each real outfit of a split.

    Every item of a corrupted outfit is replaced by one of the same fine category and photo background, drawn by how
    often it is worn; wrong answers likewise. All come from the split's own outfits. Outfits are the same size on both
    sides.

    Args:
        catalogue: The items.
        outfits: Of one split.
        backgrounds: Group of every item's photo, see :func:`graphfit.negatives.background_groups`.
        seed: Settles every draw.
        answers: Candidates of a question.

    Returns:
        Both tasks, and how many corruptions or questions could not be made.
    """
    sets = positions(catalogue, outfits)
    corrupter = Corrupter.build(catalogue, sets, backgrounds)
    generator = np.random.default_rng(seed)
    labelled: list[tuple[tuple[int, ...], int]] = []
    questions, candidates, truths, blanks = [], [], [], []
    missing = 0
    for one in sets:
        corrupted = None
        for _ in range(_TRIES):
            corrupted = corrupter.corrupt(one, [True] * len(one), generator)
            # An item without alternative stays; a whole corruption is worth more than a half one.
            if corrupted is not None and not set(corrupted) & set(one):
                break
        if corrupted is None:
            missing += 1
        else:
            labelled += [(one, 1), (corrupted, 0)]
        for blank in generator.permutation(len(one)).tolist():
            wrong = corrupter.alternatives(one[blank], one, answers - 1, generator)
            if len(wrong) == answers - 1:
                shown = [one[blank], *wrong]
                order = generator.permutation(answers).tolist()
                questions.append((*one[:blank], *one[blank + 1 :]))
                candidates.append(tuple(shown[place] for place in order))
                truths.append(order.index(0))
                blanks.append(blank)
                break
        else:
            missing += 1
    shuffled = generator.permutation(len(labelled)).tolist()
    compatibility = CompatibilityTask(
        tuple(labelled[number][0] for number in shuffled),
        np.array([labelled[number][1] for number in shuffled], dtype=np.int64),
    )
    truth, blank_places = np.array(truths, dtype=np.int64), np.array(blanks, dtype=np.int64)
    return compatibility, FillTask(tuple(questions), tuple(candidates), truth, blank_places), missing


def every_blank(
    catalogue: Catalogue,
    outfits: Sequence[Outfit],
    *,
    backgrounds: Int64[np.ndarray, " item"] | None,
    seed: int,
    answers: int = 4,
) -> FillTask:
    """Ask for every item of every outfit in turn, for a figure that depends less on which questions were drawn.

    Wrong answers are drawn as those of the fixed questions; items that have too few alternatives are not asked for.

    Args:
        catalogue: The items.
        outfits: Of one split.
        backgrounds: Group of every item's photo, see :func:`graphfit.negatives.background_groups`.
        seed: Settles every draw.
        answers: Candidates of a question; the right one stands first.
    """
    sets = positions(catalogue, outfits)
    corrupter = Corrupter.build(catalogue, sets, backgrounds)
    generator = np.random.default_rng(seed)
    questions, candidates, blanks = [], [], []
    for one in sets:
        for blank, item in enumerate(one):
            wrong = corrupter.alternatives(item, one, answers - 1, generator)
            if len(wrong) == answers - 1:
                questions.append((*one[:blank], *one[blank + 1 :]))
                candidates.append((item, *wrong))
                blanks.append(blank)
    truths = np.zeros(len(questions), dtype=np.int64)
    return FillTask(tuple(questions), tuple(candidates), truths, np.array(blanks, dtype=np.int64))


def split(
    catalogue: Catalogue,
    outfits: Sequence[Outfit],
    kind: Kind,
    *,
    backgrounds: Int64[np.ndarray, " item"] | None = None,
    shares: tuple[float, float, float] = (0.78, 0.11, 0.11),
    seed: int = 0,
) -> SplitReport:
    """Split outfits and make the tasks.

    Raises:
        InputError: There are too few outfits for three sides.
    """
    usable = [outfit for outfit in outfits if len(set(outfit.items)) >= 2]
    distinct = distinct_outfits(usable)
    splits, lost = split_outfits(distinct, kind, shares=shares, seed=seed)
    if empty := [name for name in SPLITS if not splits[name]]:
        raise InputError(
            f"{len(distinct)} distinct outfits are too few for a {kind} split: nothing is left for {', '.join(empty)}"
        )
    compatibility, fill, unasked = {}, {}, {}
    for number, name in enumerate(SPLITS):
        compatibility[name], fill[name], unasked[name] = make_tasks(
            catalogue, splits[name], backgrounds=backgrounds, seed=seed + number
        )
    sizes = np.bincount(twin_clusters(distinct))
    return SplitReport(
        data=OutfitData(f"{catalogue.name}/{kind}", catalogue, splits, compatibility, fill),
        repeated=len(usable) - len(distinct),
        clusters=len(sizes),
        largest=int(sizes.max()),
        lost=lost,
        unasked=unasked,
    )


def check_splits(outfits: Mapping[Split, tuple[Outfit, ...]], kind: Kind) -> list[str]:
    """Say what leaks between splits: repetitions, near-twins, and shared items where there must be none."""
    mistakes = []
    everything = [(name, outfit) for name, chosen in outfits.items() for outfit in chosen]
    homes: dict[frozenset[str], set[str]] = {}
    for name, outfit in everything:
        homes.setdefault(frozenset(outfit.items), set()).add(name)
    if shared := sum(len(names) > 1 for names in homes.values()):
        mistakes.append(f"{shared} outfits are in more than one split")
    clusters = twin_clusters([outfit for _, outfit in everything])
    sides: dict[int, set[str]] = {}
    for (name, _), cluster in zip(everything, clusters.tolist(), strict=True):
        sides.setdefault(cluster, set()).add(name)
    if torn := sum(len(names) > 1 for names in sides.values()):
        mistakes.append(f"{torn} clusters of near-twins (Jaccard {TWIN} and more) lie in more than one split")
    if kind == "disjoint":
        items = {name: {item for outfit in chosen for item in outfit.items} for name, chosen in outfits.items()}
        mistakes += [
            f"{both} items are in {one} and in {other}, though the split is disjoint"
            for one, other in combinations(items, 2)
            if (both := len(items[one] & items[other]))
        ]
    return mistakes


def write_polyvore(folder: Path, data: OutfitData, kind: Kind) -> None:
    """Write outfits, tasks and metadata in the layout of Polyvore Outfits.

    Raises:
        InputError: The folder cannot be made.
    """
    target = folder / kind
    target.mkdir(parents=True, exist_ok=True)
    catalogue = data.catalogue
    fines = {kind_: str(number) for number, kind_ in enumerate(_kinds(catalogue), start=1)}
    write_json(folder / "polyvore_item_metadata.json", {item.id: _metadata(item, fines) for item in catalogue})
    with atomic_path(folder / "categories.csv") as temporary:
        lines = [f"{number},{fine},{category}\n" for (category, fine), number in fines.items()]
        temporary.write_text("".join(lines), encoding="utf-8")
    for name, outfits in data.outfits.items():
        handles: dict[str, list[str]] = {}
        sets: list[Any] = []
        for outfit in outfits:
            entries = [{"item_id": item, "index": place} for place, item in enumerate(outfit.items, start=1)]
            sets.append({"set_id": outfit.id, "items": entries})
            for place, item in enumerate(outfit.items, start=1):
                handles.setdefault(item, []).append(f"{outfit.id}_{place}")
        write_json(target / f"{name}.json", sets)
        by_set = {frozenset(outfit.items): outfit for outfit in outfits}
        _write_compatibility(target / f"compatibility_{name}.txt", data, name, by_set, handles)
        _write_fill(target / f"fill_in_blank_{name}.json", data, name, by_set, handles)


def _kinds(catalogue: Catalogue) -> list[tuple[str, str]]:
    return sorted({(item.category, item.fine or item.category) for item in catalogue})


def _metadata(item: Any, fines: Mapping[tuple[str, str], str]) -> dict[str, str]:
    return {
        "url_name": "",
        "description": "",
        "title": item.title,
        "category_id": fines[item.category, item.fine or item.category],
        "semantic_category": item.category,
        "colour_group": item.colour,
    }


def _write_compatibility(
    path: Path,
    data: OutfitData,
    name: Split,
    by_set: Mapping[frozenset[str], Outfit],
    handles: Mapping[str, Sequence[str]],
) -> None:
    task, items = data.compatibility[name], data.catalogue.items
    lines = []
    for one, label in zip(task.sets, task.labels.tolist(), strict=True):
        ids = [items[position].id for position in one]
        if label == 1:
            outfit = by_set[frozenset(ids)]
            shown = [f"{outfit.id}_{outfit.items.index(item) + 1}" for item in ids]
        else:
            shown = [handles[item][0] for item in ids]
        lines.append(f"{label} {' '.join(shown)}\n")
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def _write_fill(
    path: Path,
    data: OutfitData,
    name: Split,
    by_set: Mapping[frozenset[str], Outfit],
    handles: Mapping[str, Sequence[str]],
) -> None:
    task, items = data.fill[name], data.catalogue.items
    entries = []
    for rest, answers, truth, blank in zip(
        task.questions, task.answers, task.truths.tolist(), task.blanks.tolist(), strict=True
    ):
        right = items[answers[truth]].id
        ids = [items[position].id for position in rest]
        outfit = by_set[frozenset([*ids, right])]
        own = {item: f"{outfit.id}_{place}" for place, item in enumerate(outfit.items, start=1)}
        # A wrong answer must not carry the set id of the question: that is how the right one is told.
        shown = [own[right] if items[a].id == right else handles[items[a].id][0] for a in answers]
        entries.append({"question": [own[item] for item in ids], "blank_position": blank + 1, "answers": shown})
    write_json(path, entries)
