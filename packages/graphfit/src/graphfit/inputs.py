"""A catalogue as tensors: what the network may know of each item."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphfit.config import FeatureConfig
from graphfit.data.items import CATEGORIES, Catalogue
from graphfit.features import Features

UNKNOWN = CATEGORIES.index("unknown")
COLOUR_NUMBERS = 8
"""L*, a*, b* and weight of each of the two heaviest colours of a garment."""


@dataclass(frozen=True, eq=False)
class ItemInputs:
    """Inputs of the nodes, one row an item. Rows of zeros in ``colours`` and ``text`` mean that nothing is known."""

    features: Float32[Tensor, "item feature"]
    """Of the picture encoder."""
    categories: Int64[Tensor, " item"]
    """Index in :data:`graphfit.data.items.CATEGORIES`."""
    colours: Float32[Tensor, "item 8"]
    """The two heaviest colours: CIELAB in hundredths, and weight."""
    text: Float32[Tensor, "item bucket"]
    """Hashed words, of unit length."""

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Int64[Tensor, " row"]) -> "ItemInputs":
        """Return some rows, in the order given."""
        return type(self)(*(getattr(self, each.name)[rows] for each in fields(self)))

    def without(self, *, category: bool = False, colour: bool = False, text: bool = False) -> "ItemInputs":
        """Take something as unknown of all items."""
        changes = {}
        if category:
            changes["categories"] = torch.full_like(self.categories, UNKNOWN)
        if colour:
            changes["colours"] = torch.zeros_like(self.colours)
        if text:
            changes["text"] = torch.zeros_like(self.text)
        return replace(self, **changes)

    def to(self, device: torch.device | str) -> "ItemInputs":
        """Move all tensors."""
        return type(self)(*(getattr(self, each.name).to(device) for each in fields(self)))


def item_inputs(catalogue: Catalogue, features: Features, config: FeatureConfig) -> ItemInputs:
    """Gather what is known of the items of a catalogue.

    Args:
        catalogue: The items.
        features: Of the same items, in any order.
        config: Settles the length of the word vector.
    """
    features = features.of(catalogue)
    categories = [CATEGORIES.index(item.category) for item in catalogue]
    return ItemInputs(
        features=torch.from_numpy(features.values),
        categories=torch.tensor(categories, dtype=torch.int64),
        colours=torch.from_numpy(_colours(features)),
        text=torch.from_numpy(_text(catalogue, config.text_buckets)),
    )


def _colours(features: Features) -> Float32[np.ndarray, "item 8"]:
    if features.palettes is None:
        return np.zeros((len(features.ids), COLOUR_NUMBERS), dtype=np.float32)
    heaviest = features.palettes[:, :2].astype(np.float32, copy=True)
    heaviest[..., :3] /= 100
    return heaviest.reshape(-1, COLOUR_NUMBERS)


def _text(catalogue: Catalogue, buckets: int) -> Float32[np.ndarray, "item bucket"]:
    from sklearn.feature_extraction.text import HashingVectorizer

    words = [f"{item.title} {item.colour} {item.fine}" for item in catalogue]
    hashed = HashingVectorizer(n_features=buckets, norm="l2", alternate_sign=True, dtype=np.float32)
    table: np.ndarray = hashed.transform(words).toarray()
    return table


def by_length(
    sets: Sequence[Sequence[int]], largest: int = 512
) -> Iterator[tuple[list[int], Int64[Tensor, "set size"]]]:
    """Group sets of equal size, so that no batch needs padding.

    Yields:
        Which sets they are, and their items.
    """
    groups: dict[int, list[int]] = {}
    for number, one in enumerate(sets):
        groups.setdefault(len(one), []).append(number)
    for size in sorted(groups):
        for start in range(0, len(groups[size]), largest):
            numbers = groups[size][start : start + largest]
            yield numbers, torch.tensor([list(sets[number]) for number in numbers], dtype=torch.int64)
