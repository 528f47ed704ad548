"""Finding garments in a large catalogue: what completes an outfit (two towers, then the exact scorer), what is similar.

The outfit network's score is no distance, so there is no index for it. :class:`Index` keeps one matrix of item vectors
for each category; a product with the context's vector gives the short list that is scored exactly. Up to about 50,000
items a category that is faster than any approximate index, and finds the nearest for certain.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor, nn

from graphfit.composition import Scorer
from graphfit.data.items import CATEGORIES, Catalogue, Item
from graphfit.networks.towers import Towers
from graphfit.plans import SlotPlans
from hr_common import weights
from hr_common.errors import InputError, refusing
from hr_common.files import read_json, write_json

logger = logging.getLogger(__name__)

FORMAT = 1
_SHARPNESS = 2.0  # of the softmax of the exact scores that the towers learn, per standard deviation of them


@dataclass(frozen=True)
class Recall:
    """How much of the exact ranking's top the short list holds."""

    at: int
    """Length of the exact top."""
    shortlist: int
    """Length of the short list."""
    mean: float
    """Share of the top that is in the short list, over the contexts."""
    by_category: Mapping[str, float]
    """The same for each category that is larger than the short list."""
    contexts: int
    """Unfinished outfits that were tried."""


class ExactShortlist:
    """Scores everything exactly; right, and slow where a category has thousands of items."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def shortlist(
        self, partial: Sequence[int], category: str, allowed: Int[np.ndarray, " item"], count: int
    ) -> Int[np.ndarray, " chosen"]:
        """Return the best ``count`` of the allowed items of a category."""
        if len(allowed) <= count:
            return allowed
        return allowed[np.argsort(-self.scorer.candidate_logits(partial, allowed), kind="stable")[:count]]

    def shortlists(
        self,
        partials: Sequence[Sequence[int]],
        categories: Sequence[str],
        allowed: Sequence[Int[np.ndarray, " _"]],
        counts: Sequence[int],
    ) -> list[Int[np.ndarray, " _"]]:
        """Do the same for several partial outfits of equal size."""
        found, large = list(allowed), [row for row, one in enumerate(allowed) if len(one) > counts[row]]
        if large:
            logits = self.scorer.completed_logits([partials[row] for row in large], [allowed[row] for row in large])
            for row, own in zip(large, logits, strict=True):
                found[row] = allowed[row][np.argsort(-own, kind="stable")[: counts[row]]]
        return found


class Index:
    """The towers, and the item tower's vectors of a catalogue.

    Args:
        towers: Trained.
        nodes: Node vectors of the catalogue by the outfit network.
        ids: Of the items.
        palettes: Their colours, as :class:`graphfit.features.Features` keeps them.
        explore: Share of a short list that is drawn at random from the rest.
        recall: What was measured when it was made.
    """

    def __init__(
        self,
        towers: Towers,
        nodes: Float32[Tensor, "item dim"],
        ids: Sequence[str],
        *,
        palettes: Float32[np.ndarray, "item 4 4"] | None = None,
        explore: float = 0.0,
        recall: Recall | None = None,
    ) -> None:
        self.towers, self.nodes, self.ids = towers.eval().requires_grad_(False), nodes, tuple(ids)
        self.palettes, self.explore, self.recall = palettes, explore, recall
        with torch.inference_mode():
            vectors = [towers.embed(nodes[start : start + 4096]) for start in range(0, len(nodes), 4096)]
        self.vectors: Float32[np.ndarray, "item size"] = torch.cat(vectors).numpy()

    def shortlist(
        self, partial: Sequence[int], category: str, allowed: Int[np.ndarray, " item"], count: int
    ) -> Int[np.ndarray, " chosen"]:
        """Return at most ``count`` of the allowed items: the nearest to the context, and some at random.

        What is drawn depends on the partial outfit and nothing else.
        """
        return self.shortlists([partial], [category], [allowed], [count])[0]

    def shortlists(
        self,
        partials: Sequence[Sequence[int]],
        categories: Sequence[str],
        allowed: Sequence[Int[np.ndarray, " _"]],
        counts: Sequence[int],
    ) -> list[Int[np.ndarray, " _"]]:
        """Do the same for several partial outfits of equal size."""
        contexts = self._contexts(partials, categories)
        return [
            places if len(places) <= count else self._nearest(partial, context, places, count)
            for partial, context, places, count in zip(partials, contexts, allowed, counts, strict=True)
        ]

    def _nearest(
        self,
        partial: Sequence[int],
        context: Float32[np.ndarray, " size"],
        allowed: Int[np.ndarray, " item"],
        count: int,
    ) -> Int[np.ndarray, " chosen"]:
        scores = self.vectors[allowed] @ context
        drawn = round(self.explore * count)
        order = np.argpartition(-scores, count - drawn)
        best = order[: count - drawn]
        best = best[np.argsort(-scores[best], kind="stable")]
        if drawn:
            generator = np.random.default_rng([len(partial), *sorted(partial)])
            best = np.concatenate([best, generator.choice(order[count - drawn :], drawn, replace=False)])
        return allowed[best]

    def _contexts(
        self, partials: Sequence[Sequence[int]], categories: Sequence[str]
    ) -> Float32[np.ndarray, "partial size"]:
        with torch.inference_mode():
            nodes = self.nodes[torch.tensor([list(one) for one in partials])]
            wanted = torch.tensor([CATEGORIES.index(category) for category in categories])
            contexts: Tensor = self.towers(nodes, torch.ones(nodes.shape[:2], dtype=torch.bool), wanted)
        return contexts.numpy()

    def save(self, folder: str | Path, catalogue: Catalogue, about: Mapping[str, Any]) -> None:
        """Write ``index.safetensors`` (towers and nodes) and ``items.json`` into a folder, which is made.

        Args:
            folder: Where to.
            catalogue: Kept beside the vectors, so that the index is all that is needed later.
            about: Which network and encoder it belongs to.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"towers.{name}": each for name, each in self.towers.state_dict().items()} | {"nodes": self.nodes}
        if self.palettes is not None:
            tensors["palettes"] = torch.from_numpy(self.palettes)
        recall = None if self.recall is None else {**vars(self.recall), "by_category": dict(self.recall.by_category)}
        card = {"format": FORMAT, "package": "graphfit", "class": "Index", "dim": self.towers.dim, "recall": recall}
        # While the new pair is written, neither half of it may stand beside the old other half.
        (folder / "items.json").unlink(missing_ok=True)
        weights.save(folder / "index.safetensors", tensors, {**card, "size": self.towers.size, **about})
        rows = [
            {**vars(item), "image": None if item.image is None else str(item.image.resolve())} for item in catalogue
        ]
        write_json(folder / "items.json", {"name": catalogue.name, "items": rows})

    @classmethod
    def load(cls, folder: str | Path, *, explore: float = 0.0) -> "tuple[Index, Catalogue, dict[str, Any]]":
        """Read what :meth:`save` wrote: the index, its catalogue, and what network it belongs to.

        Raises:
            InputError: The folder holds no index of this version.
        """
        folder = Path(folder)
        if not (folder / "index.safetensors").exists():
            raise InputError(f"{folder} holds no index; make one with `graphfit index`")
        tensors, card = weights.load(folder / "index.safetensors")
        if card.get("class") != "Index" or card.get("format") != FORMAT:
            raise InputError(f"{folder} holds no index that this version of graphfit reads; make it again")
        with refusing(f"the index in {folder}"):
            towers = Towers(int(card["dim"]), int(card["size"]))
            own = {name: each for name, each in tensors.items() if name.startswith("towers.")}
            weights.load_into(towers, {name.removeprefix("towers."): each for name, each in own.items()})
            recall = None if card["recall"] is None else Recall(**card["recall"])
            palettes = tensors["palettes"].numpy() if "palettes" in tensors else None
            nodes = tensors["nodes"]
        with refusing(f"{folder / 'items.json'}"):
            listed = read_json(folder / "items.json")
            rows = [{**row, "image": None if row["image"] is None else Path(row["image"])} for row in listed["items"]]
            catalogue = Catalogue(str(listed["name"]), tuple(Item(**row) for row in rows))
            ids = [item.id for item in catalogue]
        if len(ids) != len(nodes):
            raise InputError(f"{folder / 'items.json'} names {len(ids)} items, the index {len(nodes)}; make it again")
        return cls(towers, nodes, ids, palettes=palettes, explore=explore, recall=recall), catalogue, card


def build_index(
    scorer: Scorer,
    nodes: Float32[Tensor, "item dim"],
    catalogue: Catalogue,
    *,
    contexts: int = 1500,
    steps: int = 1200,
    shortlist: int = 200,
    palettes: Float32[np.ndarray, "item 4 4"] | None = None,
    explore: float = 0.0,
    seed: int = 0,
) -> Index:
    """Train the towers on a catalogue and measure how well they prune it.

    For unfinished outfits drawn from the usual slot plans, candidates of the next category are scored by the outfit
    network; the towers learn that order (cross-entropy between softmaxes). No outfits are needed.

    Args:
        scorer: The catalogue, worn.
        nodes: Its node vectors.
        catalogue: Its items.
        contexts: Unfinished outfits to learn from.
        steps: Of training.
        shortlist: For the report of the recall.
        palettes: Kept with the index.
        explore: Share of short lists that is drawn at random.
        seed: Settles what is drawn.
    """
    generator = np.random.default_rng(seed)
    nodes = nodes.detach().cpu().float()
    drawn = _contexts(scorer, catalogue, contexts, generator)
    towers = _train(scorer, nodes, catalogue, drawn, steps, generator, seed)
    index = Index(towers, nodes, [item.id for item in catalogue], palettes=palettes, explore=explore)
    held_out = _contexts(scorer, catalogue, 60, generator)
    index.recall = measure_recall(scorer, index, catalogue, held_out, shortlist=shortlist)
    return index


Context = tuple[tuple[int, ...], str]


def _contexts(scorer: Scorer, catalogue: Catalogue, count: int, generator: np.random.Generator) -> list[Context]:
    """Draw unfinished outfits with the category that is wanted next.

    Half of them are drawn at random, half are completed greedily among a few, since that is what beams look like.
    """
    stock = {name: np.array(places) for name, places in catalogue.by_category().items()}
    plans = [(plan, seen) for plan, seen in SlotPlans.usual().counts if set(plan) <= set(stock)]
    if not plans:  # a catalogue of few or unknown categories
        plans = [(tuple(name for name in stock for _ in range(4)), 1)]
    share = np.array([seen for _, seen in plans], float)
    found: list[Context] = []
    while len(found) < count:
        plan = plans[int(generator.choice(len(plans), p=share / share.sum()))][0]
        order = [plan[place] for place in generator.permutation(len(plan))]
        size = int(generator.integers(1, len(order)))
        greedy = generator.random() < 0.5
        members: list[int] = []
        for category in order[:size]:
            options = generator.choice(stock[category], 12 if greedy and members else 1)
            options = options[~np.isin(options, members)]
            if len(options):
                best = int(scorer.candidate_logits(members, options).argmax()) if len(options) > 1 else 0
                members.append(int(options[best]))
        if members:
            found.append((tuple(members), order[size]))
    return found


def _train(
    scorer: Scorer,
    nodes: Float32[Tensor, "item dim"],
    catalogue: Catalogue,
    contexts: Sequence[Context],
    steps: int,
    generator: np.random.Generator,
    seed: int,
    candidates: int = 192,
    batch: int = 48,
    each: int = 64,
) -> Towers:
    """Train on ``batch`` contexts a step, with ``each`` of the candidates that were scored for them."""
    stock = {name: np.array(places) for name, places in catalogue.by_category().items()}
    size = max(len(members) for members, _ in contexts)
    filled = torch.zeros(len(contexts), size, dtype=torch.int64)
    mask = torch.zeros(len(contexts), size, dtype=torch.bool)
    tried = torch.zeros(len(contexts), candidates, dtype=torch.int64)
    targets = torch.zeros(len(contexts), candidates)
    for row, (members, category) in enumerate(contexts):
        places = stock[category]
        chosen = generator.choice(places, candidates, replace=len(places) < candidates)
        logits = scorer.candidate_logits(members, chosen)
        filled[row, : len(members)], mask[row, : len(members)] = torch.tensor(members), True
        tried[row] = torch.from_numpy(chosen)
        spread = max(float(logits.std()), 1e-6)
        targets[row] = torch.from_numpy((logits - logits.mean()) / spread).float()
    wanted = torch.tensor([CATEGORIES.index(category) for _, category in contexts])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        towers = Towers(nodes.shape[1])
    optimiser = torch.optim.AdamW(towers.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.from_numpy(generator.integers(0, len(contexts), batch))
        columns = torch.from_numpy(generator.permutation(candidates)[:each])
        exact = targets[rows][:, columns]
        context = towers(nodes[filled[rows]], mask[rows], wanted[rows])
        scores = torch.einsum("bs,bcs->bc", context, towers.embed(nodes[tried[rows][:, columns]]))
        # The square keeps the whole order, the cross-entropy sharpens its top, which is what matters.
        wanted_order = (_SHARPNESS * exact).softmax(dim=1)
        loss = -(wanted_order * (_SHARPNESS * scores).log_softmax(dim=1)).sum(1).mean()
        centred = scores - scores.mean(1, keepdim=True)
        loss = loss + 0.5 * (centred - exact).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return towers


def measure_recall(
    scorer: Scorer,
    index: Index,
    catalogue: Catalogue,
    contexts: Sequence[Context] | int,
    *,
    at: int = 10,
    shortlist: int = 200,
    seed: int = 1,
) -> Recall:
    """Compare short lists with the exact ranking of the whole category.

    Args:
        scorer: The catalogue, worn.
        index: Of the same catalogue.
        catalogue: Its items.
        contexts: Unfinished outfits with the category wanted next, or how many to draw.
        at: Length of the exact top.
        shortlist: Length of the short list; categories no larger are left out, as nothing is pruned there.
        seed: Settles what is drawn.
    """
    if isinstance(contexts, int):
        contexts = _contexts(scorer, catalogue, contexts, np.random.default_rng(seed))
    stock = {name: np.array(places) for name, places in catalogue.by_category().items()}
    shares: dict[str, list[float]] = {}
    for members, category in contexts:
        allowed = np.setdiff1d(stock[category], members)
        if len(allowed) <= shortlist:
            continue
        exact = allowed[np.argsort(-scorer.candidate_logits(members, allowed), kind="stable")[:at]]
        found = index.shortlist(members, category, allowed, shortlist)
        shares.setdefault(category, []).append(float(np.isin(exact, found).mean()))
    every = [share for own in shares.values() for share in own]
    mean = float(np.mean(every)) if every else 1.0
    return Recall(at, shortlist, mean, {name: float(np.mean(own)) for name, own in shares.items()}, len(every))


def similar(
    features: Float32[np.ndarray, "item feature"], query: Float32[np.ndarray, " feature"], count: int
) -> list[tuple[int, float]]:
    """Find the items whose pictures are nearest by cosine.

    Returns:
        Positions and cosines, the nearest first.
    """
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(query) + 1e-12
    cosines = features @ query / lengths
    return [(int(place), float(cosines[place])) for place in np.argsort(-cosines, kind="stable")[:count]]


def fingerprint(network: nn.Module) -> str:
    """Tell the weights of one network from any others."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]
