"""The main job: given a garment, compose outfits around it, of any length, in a named colour style.

>>> from graphfit import Collocator, OutfitScorer, read_catalogue
>>> collocator = Collocator(read_catalogue("shop.csv"), OutfitScorer.from_pretrained())  # doctest: +SKIP
>>> collocator.compose("sku-1042", style="triadic", length=(3, 6), k=3).looks[0].ids  # doctest: +SKIP
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from graphfit.colour.palette import Palette, palettes_from_rows
from graphfit.colour.schemes import STYLES, classify, swatches
from graphfit.composition import Composer, Found, Shortlister, Wardrobe, Wish, missing
from graphfit.config import ColourConfig, ComposeConfig
from graphfit.data.items import CATEGORIES, Catalogue, Item, Outfit, known_category
from graphfit.features import Features, embed
from graphfit.looks import Look, order_of
from graphfit.plans import SlotPlans
from graphfit.retrieval import ExactShortlist, Index, build_index, fingerprint, similar
from graphfit.scoring import OutfitScorer, WornCatalogue
from hr_common.errors import InputError

logger = logging.getLogger(__name__)

_LEAST_EXAMPLES = 20  # outfits of a style in training below which the style head is not asked about it
_NEIGHBOURS = 11


@dataclass(frozen=True, eq=False)
class Answer:
    """The outfits of one style."""

    style: str
    """What was asked for."""
    looks: tuple[Look, ...]
    """The best first; each has the style by the rule."""
    reason: str = ""
    """Why there are fewer than asked for, or none."""

    def as_dict(self) -> dict[str, Any]:
        """What can be written as JSON."""
        return {"style": self.style, "outfits": [look.as_dict() for look in self.looks], "reason": self.reason}


@dataclass(frozen=True)
class Completion:
    """One candidate for the empty place of an outfit."""

    item: Item
    """The candidate."""
    logit: float
    """Score of the completed outfit."""
    score: float
    """The same as a calibrated chance, 0 to 1."""


class Collocator:
    """Composes and completes outfits from a catalogue.

    Args:
        catalogue: What there is.
        scorer: The network.
        features: Of the catalogue's pictures. [default: computed now]
        index: Prunes large categories; made with the same network from the same catalogue.
        cache: Where features are kept, if they are computed now.
        config: How to search.
        colour: The colour rules.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        scorer: OutfitScorer,
        *,
        features: Features | None = None,
        index: Index | None = None,
        cache: Path | None = None,
        config: ComposeConfig | None = None,
        colour: ColourConfig | None = None,
    ) -> None:
        self.catalogue, self.scorer, self.index = catalogue, scorer, index
        self.config, self.colour = config or ComposeConfig(), colour or ColourConfig()
        self.plans = SlotPlans.usual()
        self._cache = cache
        self._latest: tuple[Any, Wardrobe] | None = None
        if index is not None and index.ids != tuple(item.id for item in catalogue):
            raise InputError(
                f"the index is of another catalogue than {catalogue.name}; make it again with `graphfit index`"
            )
        if features is None and index is None:
            features = embed(catalogue, encoder=scorer.encoder, cache=cache, device=scorer.device)
        if features is not None:
            features = features.of(catalogue)
        self.worn = (
            WornCatalogue(scorer.loaded.model, catalogue, index.nodes.to(scorer.device))
            if index is not None
            else scorer.wear(catalogue, _given(features))
        )
        rows = index.palettes if index is not None else _given(features).palettes
        if rows is None:
            raise InputError(
                "the features hold no palettes, so no colour style can be told; run `graphfit embed` again"
            )
        self.palettes = palettes_from_rows(rows)
        self.garments = swatches(self.palettes, [item.category for item in catalogue], config=self.colour)
        self._vectors: Float32[np.ndarray, "item number"] = (
            features.values if features is not None else self.worn.nodes.cpu().float().numpy()
        )
        self.shortlister: Shortlister = index or ExactShortlist(self.worn)

    @classmethod
    def from_index(cls, folder: str | Path, scorer: OutfitScorer, **options: Any) -> "Collocator":
        """Open an index, which holds all that is needed of its catalogue.

        Raises:
            InputError: There is none, or it was made with another network.
        """
        config: ComposeConfig = options.get("config") or ComposeConfig()
        index, catalogue, card = Index.load(folder, explore=config.explore)
        if card.get("network") != fingerprint(scorer.loaded.model):
            raise InputError(f"the index {folder} was made with another network; make it again with `graphfit index`")
        return cls(catalogue, scorer, index=index, **options)

    def use_outfits(self, outfits: Iterable[Outfit]) -> None:
        """Take slot plans from real outfits of the catalogue from now on."""
        self.plans = SlotPlans.from_outfits(outfits, self.catalogue)

    def make_index(self, folder: str | Path, *, seed: int = 0, contexts: int = 1500, steps: int = 1200) -> Index:
        """Train the pruning towers on this catalogue and write an index."""
        rows = np.zeros((len(self.catalogue), 4, 4), np.float32)
        for row, palette in enumerate(self.palettes):
            rows[row, : len(palette.weights), :3], rows[row, : len(palette.weights), 3] = (
                palette.colours,
                palette.weights,
            )
        index = build_index(
            self.worn, self.worn.nodes, self.catalogue, contexts=contexts, steps=steps, palettes=rows,
            shortlist=self.config.shortlist, explore=self.config.explore, seed=seed,
        )  # fmt: skip
        about = {"network": fingerprint(self.scorer.loaded.model), "encoder": self.scorer.encoder, "seed": seed}
        index.save(folder, self.catalogue, about)
        return index

    def with_picture(self, path: str | Path, category: str | None = None) -> "tuple[Collocator, str]":
        """Add a picture from outside to the catalogue.

        Args:
            path: The picture.
            category: Its semantic category. [default: that of the most similar items]

        Returns:
            A collocator that knows the picture, and the id it got.

        Raises:
            InputError: The picture cannot be read, or the category is unknown.
        """
        path = Path(path)
        name = path.stem if path.stem not in self.catalogue else str(path)
        blank = Catalogue("query", (Item(name, path),))
        found = embed(blank, encoder=self.scorer.encoder, cache=self._cache, device=self.scorer.device)
        if category is None:
            category = self._guess_category(found, blank)
            logger.info("%s looks like %s; say --category if it is not", path, category)
        item = Item(name, path, known_category(category), title=path.stem)
        node = self.scorer.wear(Catalogue("query", (item,)), found).nodes
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._latest = None
        new.catalogue = Catalogue(self.catalogue.name, (*self.catalogue.items, item))
        new.worn = WornCatalogue(self.worn.model, new.catalogue, torch.cat([self.worn.nodes, node]))
        new.palettes = [*self.palettes, *palettes_from_rows(_palette_rows(found))]
        new.garments = swatches(new.palettes, [each.category for each in new.catalogue], config=self.colour)
        extra = found.values if self._vectors.shape[1] == found.values.shape[1] else node.cpu().float().numpy()
        new._vectors = np.concatenate([self._vectors, extra])
        if self.index is not None:
            new.index = Index(
                self.index.towers, new.worn.nodes.cpu(), [each.id for each in new.catalogue], explore=self.index.explore
            )
        new.shortlister = new.index or ExactShortlist(new.worn)
        return new, name

    def compose(
        self,
        query: str | Sequence[str],
        *,
        style: str = "any",
        length: tuple[int, int] = (3, 6),
        k: int = 3,
        keep: Sequence[str] = (),
        exclude: Sequence[str] = (),
        max_price: float | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Answer:
        """Compose outfits around garments.

        Args:
            query: Id of a garment of the catalogue, or several.
            style: One of :data:`graphfit.colour.schemes.STYLES`, or ``any``.
            length: Fewest and most garments, the query's included.
            k: How many outfits.
            keep: Categories that every outfit must have.
            exclude: Ids or categories that must not be used.
            max_price: Of each garment; those without a price are left out then.
            temperature: Above 0, draw instead of taking the best; larger is more varied.
            seed: Settles what is drawn.

        Returns:
            The outfits; none, with the reason, if there are none of the style.

        Raises:
            InputError: Something is unknown, or contradicts something else.
        """
        names = (query,) if isinstance(query, str) else tuple(query)
        members = tuple(self.catalogue.index(name) for name in names)
        _check(style, length, k, members)
        kept = [known_category(word) for word in keep]
        wardrobe = self._wardrobe(members, exclude, max_price)
        wish = Wish(members, style, k)
        if reason := self._binding(members, wardrobe, kept, length, max_price):
            return Answer(style, (), reason)
        generator = np.random.default_rng(seed) if temperature else None
        composer = Composer(
            self.worn, wardrobe, self.shortlister, config=self.config, colour=self.colour, trusted=self._trusted()
        )
        given = [self.catalogue.items[one].category for one in members]
        found: list[Found] = []
        plans: list[tuple[str, ...]] = []
        few = self.config.plans
        # Bag, top and skirt without shoes are an outfit only where there is no better one.
        for number, dressed in ((few, True), (3 * few, True), (3 * few, False)):
            if found and not dressed:
                break
            more = self.plans.around(
                given, length, available=wardrobe.by_category, keep=kept, count=number, dressed=dressed,
                generator=generator,
            )  # fmt: skip
            if not more or more == plans:
                continue
            plans = more
            found = composer.compose(wish, plans, generator, temperature, found, thorough=number > few and not found)
            if len(found) >= k:
                break
        if not found and len(plans) <= few:
            found = composer.compose(wish, plans, generator, temperature)
        looks = self.looks([one.members for one in found], query=names)
        reason = ""
        if not looks:
            reason = missing(wardrobe, wish, plans, self.colour)
        elif len(looks) < k:
            shared = self.config.shared_items
            reason = (
                f"only {len(looks)} of {k}: no other outfit of this style shares at most {shared} garment with these"
            )
        return Answer(style, tuple(looks), reason)

    def complete(
        self,
        items: Sequence[str],
        *,
        candidates: Sequence[str] = (),
        category: str | None = None,
        k: int = 5,
        exclude: Sequence[str] = (),
        max_price: float | None = None,
    ) -> list[Completion]:
        """Rank candidates for the empty place of an outfit.

        Args:
            items: Ids of what is there.
            candidates: Ids to choose from.
            category: Or a category of the catalogue to choose from.
            k: How many to return.
            exclude: Ids that must not be used.
            max_price: Of a candidate.

        Raises:
            InputError: Neither or both of candidates and category are given, or something is unknown.
        """
        if bool(candidates) == (category is not None):
            raise InputError("give either candidates or a category to choose from")
        members = [self.catalogue.index(name) for name in items]
        if not members:
            raise InputError("there is nothing to complete; give at least one item")
        usable = self._wardrobe(members, exclude, max_price).usable
        if category is not None:
            word = known_category(category)
            places = np.array([p for p in self.catalogue.by_category().get(word, ()) if usable[p]], np.int64)
            if not len(places):
                raise InputError(
                    f"nothing is left to choose from in {word}: the catalogue has no such item, or all are excluded"
                )
            places = self.shortlister.shortlist(members, word, places, max(k, self.config.shortlist))
        else:
            places = np.array([self.catalogue.index(name) for name in candidates], np.int64)
            if twice := sorted(set(places.tolist()) & set(members)):
                raise InputError(
                    f"{self.catalogue.items[twice[0]].id} is in the outfit already; give another candidate"
                )
        logits = self.worn.candidate_logits(members, places)
        return [
            Completion(self.catalogue.items[places[row]], float(logits[row]), self.scorer.calibrate(float(logits[row])))
            for row in np.argsort(-logits, kind="stable")[:k]
        ]

    def similar(self, item: str, k: int = 10) -> list[tuple[Item, float]]:
        """Find the garments whose pictures are most like one's, with their cosines."""
        place = self.catalogue.index(item)
        found = similar(self._vectors, self._vectors[place], k + 1)
        return [(self.catalogue.items[one], cosine) for one, cosine in found if one != place][:k]

    def looks(self, sets: Sequence[Sequence[int]], query: Sequence[str] = ()) -> list[Look]:
        """Put garments, given by position, together with what is known of them, head to foot."""
        if not sets:
            return []
        ordered = [self._head_to_foot(one) for one in sets]
        ratings = self.scorer.score_worn(self.worn, ordered)
        return [
            replace(self.look(one), rating=rating, query=tuple(query))
            for one, rating in zip(ordered, ratings, strict=True)
        ]

    def look(self, members: Sequence[int]) -> Look:
        """Put garments together without asking the network."""
        items = tuple(self.catalogue.items[one] for one in members)
        palettes: tuple[Palette, ...] = tuple(self.palettes[one] for one in members)
        return Look(items, palettes, classify(palettes, [item.category for item in items], config=self.colour))

    def _head_to_foot(self, members: Sequence[int]) -> list[int]:
        return [members[place] for place in order_of([self.catalogue.items[one].category for one in members])]

    def _wardrobe(self, members: Sequence[int], exclude: Sequence[str], max_price: float | None) -> Wardrobe:
        """What may be added to a query; kept, since all styles ask for the same."""
        asked = (tuple(members), tuple(exclude), max_price)
        if self._latest is None or self._latest[0] != asked:
            self._latest = asked, self._make_wardrobe(members, exclude, max_price)
        return self._latest[1]

    def _make_wardrobe(self, members: Sequence[int], exclude: Sequence[str], max_price: float | None) -> Wardrobe:
        usable = np.ones(len(self.catalogue), bool)
        usable[list(members)] = False
        for word in exclude:
            if word in self.catalogue:
                usable[self.catalogue.index(word)] = False
            elif word in CATEGORIES:
                usable &= np.array([item.category != word for item in self.catalogue])
            else:
                self.catalogue.index(word)  # says which ids are near
        if max_price is not None:
            usable &= np.array([item.price is not None and item.price <= max_price for item in self.catalogue])
        categories = tuple(item.category for item in self.catalogue)
        fine = tuple(item.fine.lower() for item in self.catalogue)
        return Wardrobe(categories, fine, self.garments, usable)

    def _binding(
        self,
        members: Sequence[int],
        wardrobe: Wardrobe,
        keep: Sequence[str],
        length: tuple[int, int],
        max_price: float | None,
    ) -> str:
        """Name the constraint, other than the style, that leaves no outfit."""
        under = "" if max_price is None else f" under a price of {max_price:g}"
        for word in keep:
            if word not in wardrobe.by_category and word not in {self.catalogue.items[one].category for one in members}:
                return f"no item is left in {word}{under}, which every outfit was to have"
        given = [self.catalogue.items[one].category for one in members]
        wanted = len(given) + sum((Counter(keep) - Counter(given)).values())
        if wanted > length[1]:
            return f"the query and the categories to keep are {wanted} garments, more than the length of {length[1]}"
        if not self.plans.around(given, length, available=wardrobe.by_category, keep=keep, count=1):
            stock = ", ".join(wardrobe.by_category) or "nothing"
            return (
                f"no wearable outfit of {length[0]}–{length[1]} garments has {', '.join([*given, *keep])}; "
                f"there is {stock} to add{under}"
            )
        return ""

    def _trusted(self) -> list[str]:
        """Styles of which the network has seen enough in training."""
        counts = self.scorer.loaded.card.get("style_counts", {})
        return [style for style in STYLES if counts.get(style, 0) >= _LEAST_EXAMPLES]

    def _guess_category(self, found: Features, blank: Catalogue) -> str:
        vector = found.values[0]
        if self._vectors.shape[1] != len(vector):
            vector = self.scorer.wear(blank, found).nodes[0].cpu().float().numpy()
        near = similar(self._vectors, vector, _NEIGHBOURS)
        votes = Counter(self.catalogue.items[place].category for place, _ in near)
        return votes.most_common(1)[0][0]


def _check(style: str, length: tuple[int, int], k: int, members: Sequence[int]) -> None:
    if style not in (*STYLES, "any"):
        raise InputError(f"unknown style {style!r}; choose one of {', '.join(STYLES)}, or any")
    if not 2 <= length[0] <= length[1] <= 20:
        raise InputError(
            f"a length of {length[0]}-{length[1]} cannot be; give fewest and most garments, from 2 to 20, such as 3-6"
        )
    if k < 1:
        raise InputError(f"{k} outfits cannot be composed; ask for 1 or more")
    if not members:
        raise InputError("there is no query; give at least one garment")
    if len(set(members)) < len(members):
        raise InputError("a garment of the query is given twice")


def _given(features: Features | None) -> Features:
    assert features is not None
    return features


def _palette_rows(features: Features) -> Float32[np.ndarray, "item 4 4"]:
    assert features.palettes is not None
    return features.palettes
