"""What there is to learn: outfits, the inputs of their items, and the tasks that choose the best epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from graphfit.colour.palette import palettes_from_rows
from graphfit.colour.schemes import label_sets, swatches
from graphfit.config import ColourConfig, GraphfitConfig
from graphfit.data.items import Catalogue
from graphfit.data.tasks import OutfitData, Split
from graphfit.features import Features
from graphfit.inputs import ItemInputs, item_inputs
from graphfit.metrics import compatibility_auc, fitb_credits
from graphfit.negatives import Corrupter, background_groups
from graphfit.networks.outfit_model import OutfitModel
from hr_common.errors import InputError


@dataclass(frozen=True, eq=False)
class Problem:
    """A data set made ready for training."""

    data: OutfitData
    """Outfits and tasks."""
    inputs: ItemInputs
    """Of all items of the catalogue."""
    sets: tuple[tuple[int, ...], ...]
    """Training outfits as positions."""
    styles: Int64[np.ndarray, " outfit"]
    """Colour style of each by rule, -1 where it is not known."""
    corrupter: Corrupter
    """Draws from the training outfits."""
    features: Features
    """What the pictures say of all items of the catalogue."""
    colour: ColourConfig
    """Rules of the colour styles."""
    digest: str
    """Of outfits and features, so that no run goes on with other ones."""

    @classmethod
    def build(cls, data: OutfitData, features: Features, config: GraphfitConfig) -> "Problem":
        """Gather inputs, style labels and the pools of replacements.

        Raises:
            InputError: There is no training outfit of two items or more.
        """
        features = features.of(data.catalogue)
        sets = tuple(one for one in data.sets("train") if len(one) > 1) if "train" in data.outfits else ()
        if not sets:
            raise InputError(f"{data.name} has no training outfit of two items or more")
        matched = (
            background_groups(features.backgrounds, len(features.ids)) if config.negatives.match_background else None
        )
        return cls(
            data=data,
            inputs=item_inputs(data.catalogue, features, config.features),
            sets=sets,
            styles=colour_styles(data.catalogue, features, sets, config.colour),
            corrupter=Corrupter.build(data.catalogue, sets, matched),
            features=features,
            colour=config.colour,
            digest=hashlib.sha256(repr(sets).encode() + features.values.tobytes()).hexdigest(),
        )

    def figures(self, model: OutfitModel, split: Split = "valid") -> dict[str, float]:
        """Measure AUC and FITB on the tasks of a split that exist; the inputs have to be condensed."""
        found = {}
        if (task := self.data.compatibility.get(split)) is not None:
            found["auc"] = compatibility_auc(model.score(self.inputs, task.sets), task.labels)
        if (fill := self.data.fill.get(split)) is not None:
            found["fitb"] = float(fitb_credits(model.fill(self.inputs, fill), fill.truths).mean())
        return found

    @property
    def training_items(self) -> Int64[torch.Tensor, " item"]:
        """Items that training outfits have."""
        return torch.tensor(sorted({item for one in self.sets for item in one}))


def colour_styles(
    catalogue: Catalogue, features: Features, sets: Sequence[Sequence[int]], config: ColourConfig
) -> Int64[np.ndarray, " outfit"]:
    """Name the style of outfits by the colour rule; -1 for all if there are no palettes."""
    if features.palettes is None or not sets:
        return np.full(len(sets), -1, dtype=np.int64)
    used = sorted({item for one in sets for item in one})
    place = {item: row for row, item in enumerate(used)}
    garments = swatches(
        palettes_from_rows(features.palettes[used]), [catalogue.items[item].category for item in used], config=config
    )
    members = np.full((len(sets), max(len(one) for one in sets)), -1, dtype=np.int64)
    for row, one in zip(members, sets, strict=True):
        row[: len(one)] = [place[item] for item in one]
    return label_sets(garments.sets(members), config).astype(np.int64)
