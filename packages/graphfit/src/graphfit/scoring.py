"""Scores of outfits: from pictures, or in a catalogue whose items were encoded once.

>>> from graphfit import OutfitScorer
>>> OutfitScorer.from_pretrained().score(["top.jpg", "skirt.jpg", "shoes.jpg"])[0].score  # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphfit.checkpoints import LoadedModel, load_model
from graphfit.colour.schemes import STYLES
from graphfit.data.items import CATEGORIES, Catalogue, Item
from graphfit.features import Features, embed
from graphfit.inputs import by_length, item_inputs
from graphfit.networks.graph_model import GraphModel
from hr_common.errors import InputError


@dataclass(frozen=True)
class OutfitScore:
    """What the network says of one set of items."""

    items: tuple[str, ...]
    """Ids of the items, or names of the pictures."""
    score: float
    """Chance in [0, 1] that the set is a stylist's rather than a corrupted one, where both are equally frequent."""
    logit: float
    """What the network put out before calibration; sets are ordered by it."""
    percentile_real: float
    """Percentage of held-out real outfits that score lower."""
    percentile_corrupted: float
    """Percentage of held-out corrupted outfits that score lower."""
    undetermined: bool
    """Whether the set is of one item, which goes with nothing and against nothing."""
    styles: Mapping[str, float]
    """Probabilities of the colour styles by the network; the colour rule has the last word on the style."""
    blame: tuple[float, ...]
    """For each item, how much the score rises (positive) or falls when it is left out."""


class WornCatalogue:
    """A catalogue with the node vectors of its items; sets of positions in it are scored.

    Args:
        model: In evaluation mode.
        catalogue: The items.
        nodes: Node vectors in the order of the catalogue.
    """

    def __init__(self, model: GraphModel, catalogue: Catalogue, nodes: Float[Tensor, "item dim"]) -> None:
        self.model, self.catalogue, self.nodes = model, catalogue, nodes

    def logits(self, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, " set"]:
        """Score sets of any sizes; more is better.

        Raises:
            InputError: A set is empty.
        """
        return self._judge(sets)[0]

    def style_log_probabilities(self, sets: Sequence[Sequence[int]]) -> Float[np.ndarray, "set 6"]:
        """Return log-probabilities of the styles, in the order of :data:`graphfit.colour.schemes.STYLES`."""
        return self._judge(sets)[1]

    @torch.inference_mode()
    def _judge(self, sets: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        if empty := [number for number, one in enumerate(sets, start=1) if not len(one)]:
            raise InputError(f"outfit {empty[0]} is empty; give it at least one item")
        logits, styles = np.empty(len(sets)), np.empty((len(sets), len(STYLES)))
        for numbers, members in by_length(sets):
            output = self.model.network(self.nodes[members.to(self.nodes.device)])
            logits[numbers] = output.logits.cpu().double().numpy()
            styles[numbers] = output.styles.log_softmax(dim=-1).cpu().double().numpy()
        return logits, styles

    def candidate_logits(
        self, partial: Sequence[int], candidates: Int64[np.ndarray, " k"], *, batch: int = 2048
    ) -> Float[np.ndarray, " k"]:
        """Score a fixed set completed by each of many candidates.

        The same as :meth:`logits` of each completed set to 1e-5, but messages within the fixed set are computed once in
        the first layer.

        Args:
            partial: Positions of the items that stay.
            candidates: Positions of the items to try.
            batch: Candidates that are scored at a time.
        """
        return self.completed_logits([partial], [candidates], batch=batch)[0]

    @torch.inference_mode()
    def completed_logits(
        self, partials: Sequence[Sequence[int]], candidates: Sequence[Int64[np.ndarray, " _"]], *, batch: int = 2048
    ) -> list[Float[np.ndarray, " _"]]:
        """Score several fixed sets of equal size, each completed by each of its own candidates.

        Args:
            partials: Positions of the items that stay.
            candidates: For each set, positions of the items to try.
            batch: Candidates that are scored at a time.
        """
        network, device = self.model.network, self.nodes.device
        fixed = self.nodes[torch.tensor([list(one) for one in partials], dtype=torch.int64, device=device)]
        counts = [len(one) for one in candidates]
        owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).to(device)
        rows = torch.from_numpy(np.concatenate(candidates).astype(np.int64)).to(device)
        found = np.empty(len(rows))
        for start in range(0, len(rows), batch):
            part = slice(start, start + batch)
            found[part] = network.complete(fixed, self.nodes[rows[part]], owner[part]).cpu().double().numpy()
        return np.split(found, np.cumsum(counts)[:-1])

    def blame(self, one: Sequence[int]) -> Float[np.ndarray, " item"]:
        """Say by how much the logit rises when each item is left out; 0 for the only item of a set."""
        if len(one) < 2:
            return np.zeros(len(one))
        without = [[*one[:place], *one[place + 1 :]] for place in range(len(one))]
        logits = self.logits([one, *without])
        rises: np.ndarray = logits[1:] - logits[0]
        return rises

    def sensitivity(self, one: Sequence[int]) -> Float[np.ndarray, " item"]:
        """Return the norm of the gradient of the logit with respect to each item's node vector."""
        nodes = self.nodes[torch.tensor([list(one)], device=self.nodes.device)].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.model.network(nodes).logits.sum(), nodes)
        norms: np.ndarray = gradient[0].norm(dim=-1).cpu().double().numpy()
        return norms


class OutfitScorer:
    """Scores outfits of any size and any mix of categories.

    Args:
        loaded: A network from a file.
        device: Where to compute.
    """

    def __init__(self, loaded: LoadedModel, device: torch.device | str = "cpu") -> None:
        self.loaded, self.device = loaded, torch.device(device)
        self.calibration = loaded.calibration
        self.encoder = loaded.encoder
        """Id of the picture encoder whose features the network reads."""

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, *, device: str = "cpu") -> "OutfitScorer":
        """Load the weights that ship, or those of a run folder or a ``.safetensors`` file.

        Raises:
            InputError: There are none, or they are of another format.
        """
        return cls(load_model(None if path is None else Path(path), device=device), device)

    def calibrate(self, logit: float) -> float:
        """Turn a logit into the chance that an outfit is a stylist's."""
        return float(self.calibration.probability(np.array(logit)))

    def wear(self, catalogue: Catalogue, features: Features) -> WornCatalogue:
        """Encode all items of a catalogue.

        Raises:
            InputError: The features are of another encoder or size, or items have none.
        """
        model = self.loaded.model
        self.loaded.expect(features)
        inputs = item_inputs(catalogue, features, self.loaded.config.features).to(self.device)
        return WornCatalogue(model, catalogue, model.item_embedding(model.condense(inputs)))

    def score_worn(self, worn: WornCatalogue, sets: Sequence[Sequence[int]]) -> list[OutfitScore]:
        """Score sets of positions in a catalogue, with percentiles, styles and blame."""
        logits, styles = worn.logits(sets), np.exp(worn.style_log_probabilities(sets))
        return [
            OutfitScore(
                items=tuple(worn.catalogue.items[position].id for position in one),
                score=self.calibrate(logit),
                logit=float(logit),
                percentile_real=self.calibration.percentile(float(logit), "real"),
                percentile_corrupted=self.calibration.percentile(float(logit), "corrupted"),
                undetermined=len(one) < 2,
                styles=dict(zip(STYLES, map(float, probabilities), strict=True)),
                blame=tuple(self.calibrate(logit + rise) - self.calibrate(logit) for rise in worn.blame(one).tolist()),
            )
            for one, logit, probabilities in zip(sets, logits.tolist(), styles, strict=True)
        ]

    def score(
        self,
        outfits: Sequence[Sequence[str | Path]] | Sequence[str | Path],
        *,
        categories: Mapping[str, str] | None = None,
    ) -> list[OutfitScore]:
        """Score outfits given as picture files.

        Args:
            outfits: Lists of pictures, or the pictures of one outfit.
            categories: Semantic category by picture file, for those that are known.

        Raises:
            InputError: An outfit is empty, has a picture twice, or pictures cannot be read; or a category is unknown.
        """
        nested = [[each] if isinstance(each, str | Path) else list(each) for each in outfits]
        if outfits and isinstance(outfits[0], str | Path):
            nested = [[path for one in nested for path in one]]
        known = {} if categories is None else categories
        if wrong := sorted(set(known.values()) - set(CATEGORIES)):
            raise InputError(f"unknown category {wrong[0]!r}; choose one of {', '.join(CATEGORIES)}")
        paths = [[str(path) for path in one] for one in nested]
        for number, one in enumerate(paths, start=1):
            if twice := sorted({path for path in one if one.count(path) > 1}):
                raise InputError(f"outfit {number} has {twice[0]} twice; an outfit is a set")
        names = dict.fromkeys(path for one in paths for path in one)
        catalogue = Catalogue("pictures", tuple(Item(n, Path(n), known.get(n, "unknown")) for n in names))
        worn = self.wear(catalogue, embed(catalogue, encoder=self.encoder, device=self.device))
        return self.score_worn(worn, [[catalogue.index(path) for path in one] for one in paths])
