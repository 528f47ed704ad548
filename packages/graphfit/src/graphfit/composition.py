"""Composing outfits by beam search over slots.

A state is a set of garments and the slots that are still empty. At each step every state is extended by a short list of
garments for its next slot, all extensions are scored exactly, and the best go on. Two things are hard: the wanted
colour style (by the rule, not by the network's style head) and what cannot be worn together. Branches that cannot
reach the style any more are dropped before they are scored, see :mod:`graphfit.colour.reach`.

Outfits of different length are compared by their score alone. Of the finished ones, those are chosen that are good and
unlike each other (maximal marginal relevance, Carbonell and Goldstein 1998).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from graphfit.colour.difference import delta_e
from graphfit.colour.reach import ANYWHERE, HueStock, Reach, Sector, reach
from graphfit.colour.schemes import STYLES, Swatches, garment_weight, label_sets
from graphfit.config import ColourConfig, ComposeConfig
from graphfit.plans import LIMITS, Plan

_FLAW = 1.1  # CIEDE2000 violates the triangle inequality a little


@runtime_checkable
class Scorer(Protocol):
    """The part of a scored catalogue that composition needs; garments are positions in the catalogue."""

    def logits(self, sets: Sequence[Sequence[int]]) -> np.ndarray:
        """Score whole sets."""

    def candidate_logits(self, partial: Sequence[int], candidates: np.ndarray) -> np.ndarray:
        """Score a set with each candidate added."""

    def completed_logits(
        self, partials: Sequence[Sequence[int]], candidates: Sequence[np.ndarray]
    ) -> Sequence[np.ndarray]:
        """Score several sets of equal size, each with its own candidates added."""

    def style_log_probabilities(self, sets: Sequence[Sequence[int]]) -> np.ndarray:
        """Log-probability of each style of :data:`STYLES`."""


@runtime_checkable
class Shortlister(Protocol):
    """Chooses the garments of a category that are worth scoring exactly."""

    def shortlist(
        self, partial: Sequence[int], category: str, allowed: Int[np.ndarray, " item"], count: int
    ) -> Int[np.ndarray, " chosen"]:
        """Return at most ``count`` of the allowed positions, the most promising first."""

    def shortlists(
        self,
        partials: Sequence[Sequence[int]],
        categories: Sequence[str],
        allowed: Sequence[Int[np.ndarray, " _"]],
        counts: Sequence[int],
    ) -> Sequence[Int[np.ndarray, " _"]]:
        """Do the same for several sets of equal size."""


@dataclass(frozen=True)
class Found:
    """A finished outfit."""

    members: tuple[int, ...]
    """Positions in the catalogue, the query first."""
    logit: float
    """The network's score."""
    value: float
    """What it is ranked by: the score, and the style head's opinion."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    query: tuple[int, ...]
    """Positions of the garments to start from."""
    style: str
    """One of :data:`STYLES`, or ``any``."""
    count: int = 3
    """How many outfits."""


@dataclass(frozen=True)
class Wardrobe:
    """What there is to choose from, as arrays over the catalogue."""

    categories: tuple[str, ...]
    fine: tuple[str, ...]
    garments: Swatches
    usable: Bool[np.ndarray, " item"]
    """False for what was excluded."""
    stock: HueStock = field(init=False, repr=False)
    by_category: dict[str, Int[np.ndarray, " item"]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = np.asarray(self.categories)
        found = {name: np.flatnonzero((names == name) & self.usable) for name in dict.fromkeys(self.categories)}
        object.__setattr__(self, "by_category", {name: places for name, places in found.items() if len(places)})
        object.__setattr__(self, "stock", HueStock(self.garments.hues, self.categories, self.usable))


@dataclass(frozen=True)
class _State:
    members: tuple[int, ...]
    slots: Plan
    logit: float
    reach: Reach


class Composer:
    """Searches one wardrobe with one scorer."""

    def __init__(
        self,
        scorer: Scorer,
        wardrobe: Wardrobe,
        shortlister: Shortlister,
        *,
        config: ComposeConfig | None = None,
        colour: ColourConfig | None = None,
        trusted: Sequence[str] = STYLES,
    ) -> None:
        """Args: as named; ``trusted`` are the styles that the network's head has learnt enough about to be asked."""
        self.scorer, self.wardrobe, self.shortlister = scorer, wardrobe, shortlister
        self.config, self.colour = config or ComposeConfig(), colour or ColourConfig()
        self.trusted = set(trusted)

    def compose(
        self,
        wish: Wish,
        plans: Sequence[Plan],
        generator: np.random.Generator | None = None,
        temperature: float = 0.0,
        already: Sequence[Found] = (),
        thorough: bool = True,
    ) -> list[Found]:
        """Find outfits, the best first; fewer than asked for, or none, where the wardrobe has no more.

        Args:
            wish: Query, style and number.
            plans: Categories to add, one tuple for each plan.
            generator: Draws instead of taking the best, if the temperature is above 0.
            temperature: Of the drawing, in logits.
            already: Outfits of an earlier search, which are kept.
            thorough: Where the quick search finds nothing, look everywhere the style may be.
        """
        chosen = list(already)
        pool: dict[frozenset[int], Found] = {}
        banned: set[int] = set()
        # The tight search is quick and nearly always enough; before "there is none" the admissible one is asked.
        for tight in (True, False) if thorough else (True,):
            while len(chosen) < wish.count:
                fresh = self._search(wish, plans, banned, tight, generator, temperature)
                pool |= {frozenset(one.members): one for one in fresh}
                before = len(chosen)
                chosen = self._diverse(wish, list(pool.values()), already)
                if len(chosen) == before:
                    break
                banned = {item for one in chosen for item in one.members} - set(wish.query)
            if len(chosen) > len(already):
                break
        return sorted(chosen, key=lambda one: -one.value)

    def _search(
        self,
        wish: Wish,
        plans: Sequence[Plan],
        banned: set[int],
        tight: bool,
        generator: np.random.Generator | None,
        temperature: float,
    ) -> list[Found]:
        width = max(1, self.config.beam // max(len(plans), 1))
        if self.config.beam == 1:
            plans = plans[:1]
        # One beam a plan. They go on in step, so that all are scored together.
        beams: list[list[_State]] = []
        finished: list[_State] = []
        for plan in plans:
            start = self._state(wish, wish.query, plan, 0.0, tight, self._least_weight(wish.query, plan))
            if start is not None:
                if plan:
                    beams.append([start])
                else:
                    finished.append(start)
        while beams:
            beams = self._step(wish, beams, width, banned, tight, generator, temperature)
            finished += [state for beam in beams for state in beam if not state.slots]
            beams = [beam for beam in beams if beam[0].slots]
        return self._with_style_head(wish, [Found(one.members, one.logit, one.logit) for one in finished])

    def _step(
        self,
        wish: Wish,
        beams: Sequence[Sequence[_State]],
        width: int,
        banned: set[int],
        tight: bool,
        generator: np.random.Generator | None,
        temperature: float,
    ) -> list[list[_State]]:
        """Fill the next slot of every beam; beams that cannot be continued are left out."""
        tried: list[tuple[int, _State]] = []
        allowed: list[Int[np.ndarray, " _"]] = []
        counts: list[int] = []
        for number, beam in enumerate(beams):
            for state in beam:
                places = self._allowed(wish, state, banned, tight)
                if len(places):
                    tried.append((number, state))
                    allowed.append(places)
                    # The first step and the last one, which has to fit, look at more.
                    share = 1 if len(beam) == 1 else 2 if len(state.slots) == 1 else 4
                    counts.append(max(self.config.shortlist // share, 1))
        if not tried:
            return []
        partials = [state.members for _, state in tried]
        candidates = self.shortlister.shortlists(partials, [state.slots[0] for _, state in tried], allowed, counts)
        scores = self.scorer.completed_logits(partials, candidates)
        following = []
        for number in range(len(beams)):
            own = [place for place, (owner, _) in enumerate(tried) if owner == number]
            if own:
                states, added = [tried[one][1] for one in own], [candidates[one] for one in own]
                logits = np.concatenate([scores[one] for one in own])
                following.append(self._keep(wish, states, added, logits, width, tight, generator, temperature))
        return [beam for beam in following if beam]

    def _keep(
        self,
        wish: Wish,
        states: Sequence[_State],
        candidates: Sequence[Int[np.ndarray, " _"]],
        scores: Float[np.ndarray, " extension"],
        width: int,
        tight: bool,
        generator: np.random.Generator | None,
        temperature: float,
    ) -> list[_State]:
        """Choose the best extensions of one beam."""
        extended = [(*state.members, int(one)) for state, own in zip(states, candidates, strict=True) for one in own]
        keys = scores
        if temperature and generator is not None:
            keys = scores / temperature + generator.gumbel(size=len(scores))
        slots = states[0].slots
        least = self._least_weight(wish.query, (*(self.wardrobe.categories[one] for one in states[0].members), *slots))
        # No garment may fill the beam, or all outfits would be one with small changes.
        quota = max(1, width // 3) if width > 1 else 1
        used: dict[int, int] = {}
        seen: set[frozenset[int]] = set()
        kept: list[_State] = []
        for place in np.argsort(-keys, kind="stable"):
            members = extended[place]
            if used.get(members[-1], 0) >= quota or frozenset(members) in seen:
                continue
            following = self._state(wish, members, slots[1:], float(scores[place]), tight, least)
            if following is None:
                continue
            kept.append(following)
            seen.add(frozenset(members))
            used[members[-1]] = used.get(members[-1], 0) + 1
            if len(kept) == width:
                break
        return kept

    def _state(
        self, wish: Wish, members: tuple[int, ...], slots: Plan, logit: float, tight: bool, least: float
    ) -> _State | None:
        """Make a state, unless the style is out of reach from it."""
        if wish.style == "any":
            return _State(members, slots, logit, Reach(()))
        garments = self.wardrobe.garments
        weights, hues = garments.weights[list(members)].ravel(), garments.hues[list(members)].ravel()
        # In the end a colour may turn out too small to count. The tight search behaves as if all counted.
        found = reach(wish.style, hues if tight else hues[weights >= least], self.colour, tight=tight)
        if found is None:
            return None
        # A garment that fills the last slot has been allowed by the rule already.
        is_query = len(members) == len(wish.query)
        if is_query and not slots and not self._has_style(wish, members[:-1], np.array(members[-1:]))[0]:
            return None
        if slots and not self._can_be_met(found.needed, slots, tight):
            return None
        return _State(members, slots, logit, found)

    def _can_be_met(self, needed: Sequence[tuple[Sector, ...]], slots: Plan, tight: bool) -> bool:
        """Tell whether the wardrobe has what is needed in these slots; tight: each need in a slot of its own."""
        if not tight:
            # One garment can bring two hues.
            return len(needed) <= 2 * len(slots) and all(
                any(self._offers(slot, need) for slot in slots) for need in needed
            )
        if not needed:
            return True
        return any(
            self._offers(slot, needed[0]) and self._can_be_met(needed[1:], (*slots[:place], *slots[place + 1 :]), tight)
            for place, slot in enumerate(slots)
        )

    def _allowed(self, wish: Wish, state: _State, banned: set[int], tight: bool) -> Int[np.ndarray, " item"]:
        """Positions of the garments that may fill the next slot."""
        category, rest = state.slots[0], state.slots[1:]
        places: Int[np.ndarray, " item"] = self.wardrobe.by_category.get(category, np.zeros(0, int))
        drop = [*state.members, *banned]
        # Two garments of one fine kind are not layered: no second T-shirt, but a second piece of jewellery.
        worn = {self.wardrobe.fine[one] for one in state.members if self.wardrobe.categories[one] == category} - {""}
        if worn and LIMITS.get(category, 1) < 3:
            places = places[[self.wardrobe.fine[one] not in worn for one in places]]
        places = places[~np.isin(places, drop)]
        hues = self.wardrobe.garments.hues[places]
        fits = state.reach.admits(hues)
        needed = state.reach.needed
        brings = [np.logical_or.reduce([sector.holds(hues).any(-1) for sector in need]) for need in needed]
        for need, found in zip(needed, brings, strict=True):
            if not any(self._offers(slot, need) for slot in rest):  # now or never
                fits &= found
        if tight and len(needed) >= len(state.slots):  # every garment that is left has to bring one
            fits &= np.logical_or.reduce(brings)
        places = places[fits]
        if wish.style == "same":
            places = places[self._near(state.members, places, tight)]
        if not rest and len(places):
            places = places[self._has_style(wish, state.members, places)]
        return places

    def _near(
        self, members: tuple[int, ...], places: Int[np.ndarray, " item"], tight: bool
    ) -> Bool[np.ndarray, " item"]:
        """For ``same``: tell which garments are near the colours so far."""
        lab, weights = self.wardrobe.garments.lab, self.wardrobe.garments.weights
        own, share = lab[list(members)].reshape(-1, 3), weights[list(members)].ravel()
        limit = self.colour.same_difference
        if tight:
            targets = np.average(own, axis=0, weights=share)[None]
        else:  # both may be at the edge of what their mean will be
            targets, limit = own[share > 0], 2 * _FLAW * limit
        colours = lab[places][:, :, None]
        far = delta_e(colours, targets).max(-1) > limit
        return np.asarray(~(far & (weights[places] > 0)).any(-1))

    def _has_style(
        self, wish: Wish, members: tuple[int, ...], candidates: Int[np.ndarray, " candidate"]
    ) -> Bool[np.ndarray, " candidate"]:
        """Tell which candidates complete the style, exactly."""
        if wish.style == "any":
            return np.ones(len(candidates), bool)
        sets = np.concatenate([np.tile(members, (len(candidates), 1)).astype(int), candidates[:, None]], axis=1)
        labels = label_sets(self.wardrobe.garments.sets(sets), self.colour)
        return np.asarray(labels == STYLES.index(wish.style))

    def _least_weight(self, query: Sequence[int], plan: Sequence[str]) -> float:
        """Weight from which a colour counts whatever else is added."""
        names = [*(self.wardrobe.categories[one] for one in query), *plan]
        return self.colour.least_outfit_weight * sum(garment_weight(name, self.colour) for name in names)

    def _offers(self, category: str, need: Sequence[Sector]) -> bool:
        return self.wardrobe.stock.offers(category, need)

    def _with_style_head(self, wish: Wish, finished: list[Found]) -> list[Found]:
        """Add what the style head thinks, where it has learnt enough about the style."""
        if not finished or wish.style not in self.trusted or not self.config.style_weight:
            return finished
        opinions = self.scorer.style_log_probabilities([one.members for one in finished])[:, STYLES.index(wish.style)]
        return [
            Found(one.members, one.logit, one.logit + self.config.style_weight * float(opinion))
            for one, opinion in zip(finished, opinions, strict=True)
        ]

    def _diverse(self, wish: Wish, finished: list[Found], already: Sequence[Found]) -> list[Found]:
        """Choose by maximal marginal relevance; no two may share more garments than is set."""
        chosen = list(already)
        rest = sorted(finished, key=lambda one: -one.value)
        # Scores as chances, so that one outlier does not drown the difference between the others.
        merit = {one: 1 / (1 + float(np.exp(-one.value))) for one in rest}
        own = set(wish.query)
        while rest and len(chosen) < wish.count:
            sharing = {
                one: max((len(set(one.members) & set(other.members) - own) for other in chosen), default=0)
                for one in rest
            }
            rest = [one for one in rest if sharing[one] <= self.config.shared_items]
            if not rest:
                break

            def relevance(one: Found, sharing: dict[Found, int] = sharing) -> float:
                return (1 - self.config.diversity) * merit[one] - self.config.diversity * sharing[one] / len(
                    one.members
                )

            best = max(rest, key=relevance)
            chosen.append(best)
            rest.remove(best)
        return chosen


def missing(wardrobe: Wardrobe, wish: Wish, plans: Sequence[Plan], colour: ColourConfig) -> str:
    """Say why there is no outfit of a style around a query: what the wardrobe lacks.

    Args:
        wardrobe: What was searched.
        wish: What was asked for.
        plans: What was tried.
        colour: Thresholds of the rules.
    """
    if not plans:
        return "no usual outfit of this length has the query's category and the categories to keep"
    if wish.style == "any":
        return "nothing is left to choose from"
    slots = sorted({slot for plan in plans for slot in plan})
    garments = wardrobe.garments
    if wish.style == "same":
        return _missing_same(wardrobe, wish, plans, colour)
    hues = garments.hues[list(wish.query)].ravel()
    found = reach(wish.style, hues, colour, tight=True) or reach(wish.style, hues, colour)
    if found is None:
        own = " and ".join(f"{hue:.0f}°" for hue in hues[~np.isnan(hues)])
        return f"the query's own hues, {own}, cannot be part of a {wish.style} outfit"
    for need in found.needed:
        if not any(wardrobe.stock.offers(slot, need) for slot in slots):
            return f"no item of {' or '.join(str(sector) for sector in need)} in {', '.join(slots)}"
    lacking = list(_without_fit(wardrobe, found, slots))
    if lacking:
        wanted = " or ".join(str(sector) for sector in found.allowed)
        return f"no item of {wanted}, nor a black, grey or white one, in {', '.join(lacking)}"
    if found.needed:
        wanted = " and ".join(
            " or ".join(str(sector) for sector in each) for each in found.needed if each != (ANYWHERE,)
        )
        where = [slot for slot in slots if wardrobe.stock.offers(slot, found.needed[0])]
        return f"{wanted or 'a colour'} is to be had in {', '.join(where)}, but nothing beside it completes the style"
    return f"no set of garments in {', '.join(slots)} keeps to the rule of {wish.style}"


def _without_fit(wardrobe: Wardrobe, found: Reach, slots: Sequence[str]) -> Iterator[str]:
    for slot in slots:
        places = wardrobe.by_category.get(slot)
        if places is None or not found.admits(wardrobe.garments.hues[places]).any():
            yield slot


def _missing_same(wardrobe: Wardrobe, wish: Wish, plans: Sequence[Plan], colour: ColourConfig) -> str:
    garments = wardrobe.garments
    own = garments.lab[list(wish.query)].reshape(-1, 3)
    share = garments.weights[list(wish.query)].ravel()
    mean = np.average(own, axis=0, weights=share)
    if (delta_e(own, mean[None])[share > 0] > colour.same_difference).any():
        return "the query has two colours that are too far apart for an outfit in one colour"
    without = []
    for slot in sorted({slot for plan in plans for slot in plan}):
        places = wardrobe.by_category.get(slot, np.zeros(0, int))
        difference = delta_e(garments.lab[places], mean[None, None])
        if not ((difference <= colour.same_difference) | (garments.weights[places] == 0)).all(-1).any():
            without.append(slot)
    named = ", ".join(without) if without else "enough categories together"
    return f"no item within ΔE00 {colour.same_difference:g} of the query's colour in {named}"
