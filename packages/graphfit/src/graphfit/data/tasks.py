"""Outfits in three splits, and the fixed questions that are asked about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64

from graphfit.data.items import Catalogue, Outfit

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class CompatibilityTask:
    """Sets of items, some put together by a stylist and some corrupted."""

    sets: tuple[tuple[int, ...], ...] = field(repr=False)
    """Positions in the catalogue."""
    labels: Int64[np.ndarray, " set"] = field(repr=False)
    """1 for a real outfit, 0 for a corrupted one."""


@dataclass(frozen=True, eq=False)
class FillTask:
    """Fill-in-the-blank: outfits that lack one item, and candidates for it."""

    questions: tuple[tuple[int, ...], ...] = field(repr=False)
    """The rest of each outfit: positions in the catalogue."""
    answers: tuple[tuple[int, ...], ...] = field(repr=False)
    """Candidates of each question."""
    truths: Int64[np.ndarray, " question"] = field(repr=False)
    """Which candidate is the outfit's own, found by id and never by its place."""
    blanks: Int64[np.ndarray, " question"] = field(repr=False)
    """Place of the blank in the outfit, from 0; only for methods to which order means something."""

    def filled(self) -> tuple[tuple[int, ...], ...]:
        """List the outfit of every question with every candidate, question by question, the candidate in the blank."""
        return tuple(
            (*rest[:blank], answer, *rest[blank:])
            for rest, candidates, blank in zip(self.questions, self.answers, self.blanks.tolist(), strict=True)
            for answer in candidates
        )


@dataclass(frozen=True, eq=False)
class OutfitData:
    """A catalogue with outfits in splits and tasks on them."""

    name: str
    """For reports."""
    catalogue: Catalogue
    """All items that occur."""
    outfits: Mapping[Split, tuple[Outfit, ...]] = field(repr=False)
    """Real outfits."""
    compatibility: Mapping[Split, CompatibilityTask] = field(default_factory=dict, repr=False)
    """Fixed on disk."""
    fill: Mapping[Split, FillTask] = field(default_factory=dict, repr=False)
    """Fixed on disk."""

    def sets(self, split: Split) -> tuple[tuple[int, ...], ...]:
        """Return the outfits of a split as positions in the catalogue."""
        return positions(self.catalogue, self.outfits[split])


def positions(catalogue: Catalogue, outfits: Sequence[Outfit]) -> tuple[tuple[int, ...], ...]:
    """Return outfits as positions in a catalogue."""
    return tuple(tuple(catalogue.index(item_id) for item_id in outfit.items) for outfit in outfits)


def completed_scores(scores: Float[np.ndarray, " set"], task: FillTask) -> Float[np.ndarray, "question candidate"]:
    """Sort the scores of :meth:`FillTask.filled` by question; one with fewer candidates than others ends in -inf."""
    counts = [len(candidates) for candidates in task.answers]
    table = np.full((len(counts), max(counts, default=0)), -np.inf)
    table[np.arange(table.shape[1]) < np.array(counts)[:, None]] = scores
    return table
