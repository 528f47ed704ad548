"""What the training loop and the evaluation ask of every learnt method, ours and the competitors'."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphfit.data.tasks import FillTask, completed_scores
from graphfit.inputs import ItemInputs
from graphfit.negatives import Group


@dataclass(frozen=True, eq=False)
class Batch:
    """Groups of one step, sorted by the size of their sets so that nothing is padded."""

    buckets: tuple[Int64[Tensor, "_ _ _"], ...]
    """Rows of ``items`` by group, member and place, for each size; the first member of a group is the real outfit."""
    styles: tuple[Int64[Tensor, " _"], ...]
    """Style of the real outfit in each bucket, -1 where it is not known."""
    items: Int64[Tensor, " unique"]
    """The items that occur: positions in the catalogue."""
    share: float = 1.0
    """Weight of this process's part of the batch in the mean over all processes, relative to an equal part."""
    style_share: float = 1.0
    """The same for the outfits whose style is known."""

    @classmethod
    def of(
        cls, groups: Sequence[Group], styles: Int64[np.ndarray, " outfit"], *, rank: int = 0, world_size: int = 1
    ) -> "Batch":
        """Sort groups by size and number the items that occur.

        Args:
            groups: Of all processes.
            styles: Of every real outfit of the split.
            rank: Number of this process, which takes every ``world_size``-th group.
            world_size: Number of processes.
        """
        labels = [int(styles[group.outfit]) if group.whole else -1 for group in groups]
        own, own_labels = groups[rank::world_size], labels[rank::world_size]
        items = torch.tensor(sorted({item for group in own for one in group.sets for item in one}))
        by_size: dict[int, list[int]] = {}
        for number, group in enumerate(own):
            by_size.setdefault(len(group.sets[0]), []).append(number)
        members = [torch.tensor([own[number].sets for number in by_size[size]]) for size in sorted(by_size)]
        known, own_known = (sum(label >= 0 for label in each) for each in (labels, own_labels))
        return cls(
            buckets=tuple(torch.searchsorted(items, each) for each in members),
            styles=tuple(torch.tensor([own_labels[n] for n in by_size[size]]) for size in sorted(by_size)),
            items=items,
            share=len(own) * world_size / len(groups),
            style_share=own_known * world_size / max(1, known),
        )

    def to(self, device: torch.device | str) -> "Batch":
        """Move all tensors."""
        buckets, styles = (tuple(each.to(device) for each in part) for part in (self.buckets, self.styles))
        return replace(self, buckets=buckets, styles=styles, items=self.items.to(device))


class OutfitModel(nn.Module, ABC):
    """A method that is trained on groups of real and corrupted outfits."""

    @abstractmethod
    def losses(self, inputs: ItemInputs, batch: Batch) -> Mapping[str, Tensor]:
        """Compute the weighted parts of the loss.

        Args:
            inputs: Of the items of the batch, ``batch.items``.
            batch: Groups.
        """

    @abstractmethod
    def score(self, inputs: ItemInputs, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets of rows of the inputs; more is better."""

    @abstractmethod
    def item_embedding(self, inputs: ItemInputs) -> Float[Tensor, "item dim"]:
        """Encode items by themselves."""

    def fill(self, inputs: ItemInputs, task: FillTask) -> Float[np.ndarray, "question candidate"]:
        """Score every candidate of every question; here by the completed outfit."""
        return completed_scores(self.score(inputs, task.filled()), task)

    def prepare(self, inputs: ItemInputs) -> None:
        """Settle what follows from the training items before the first step."""

    def condense(self, inputs: ItemInputs) -> ItemInputs:
        """Do once for all items what training does not change; what the other methods take is condensed."""
        return inputs

    def forward(self, inputs: ItemInputs, batch: Batch) -> dict[str, Tensor]:
        """Compute the losses; the way in for torch's distributed wrapper."""
        return dict(self.losses(inputs, batch))
