"""What a colour style still allows and still needs, given the hues of an unfinished outfit.

Composition asks this before it adds a garment. Two answers are given: the ``tight`` one, under which groups of hues are
about where the rule wants them already, leads a search quickly to outfits that satisfy the rule; the other one is
admissible: it never rules out an outfit that would satisfy it in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from graphfit.config import ColourConfig


@dataclass(frozen=True)
class Sector:
    """A piece of the hue circle; both numbers in degrees."""

    centre: float
    half: float
    """Half of its width; 180 and more is the whole circle."""

    def holds(self, hues: Float[np.ndarray, "*colour"]) -> Bool[np.ndarray, "*colour"]:
        """Tell which hues lie in it; NaN does not."""
        return np.asarray(np.abs((hues - self.centre + 180) % 360 - 180) <= self.half + 1e-6)

    def __str__(self) -> str:
        if self.half >= 180:
            return "any hue"
        return f"hue {round(self.centre - self.half) % 360}–{round(self.centre + self.half) % 360}°"


@dataclass(frozen=True)
class Reach:
    """What the rest of an outfit may and must bring."""

    allowed: tuple[Sector, ...]
    """Every further hue has to lie in one of these; empty where all are allowed."""
    needed: tuple[tuple[Sector, ...], ...] = ()
    """For each of these, a further hue has to lie in one of its sectors."""

    def admits(self, hues: Float[np.ndarray, "*item 2"]) -> Bool[np.ndarray, "*item"]:
        """Tell which garments bring only allowed hues; black, grey and white always are."""
        if not self.allowed:
            return np.ones(hues.shape[:-1], bool)
        inside = np.isnan(hues)
        for sector in self.allowed:
            inside |= sector.holds(hues)
        return np.asarray(inside.all(-1))


ANYWHERE = Sector(0.0, 180.0)


def reach(
    style: str, hues: Float[np.ndarray, " colour"], config: ColourConfig | None = None, *, tight: bool = False
) -> Reach | None:
    """Say what an outfit with these hues still may and must get to have a style by rules 2 to 6.

    Args:
        style: The wanted one; ``same`` is not a matter of hues, so it is not restricted here.
        hues: Those of the unfinished outfit, in degrees; NaN is ignored.
        config: Thresholds of the rules.
        tight: See the module.

    Returns:
        None if the style is out of reach.
    """
    config = config or ColourConfig()
    hues = np.sort(np.asarray(hues, np.float64)[~np.isnan(hues)] % 360)
    if style == "same" or (style == "monochromatic" and not len(hues)):
        return Reach(())
    groups = {"complementary": 2, "triadic": 3}.get(style, 1)
    if not len(hues):
        # Tight: each group by a garment of its own. One garment can bring the hues of two.
        return Reach((), ((ANYWHERE,),) * (groups if tight else 1))
    if groups > 1:
        return _spaced(groups, hues, config, tight)
    first, arc = _arc(hues)
    middle = (first + arc / 2) % 360
    if style == "other":
        # One hue further off than the whole arc is enough; two on either side need only half of it.
        far = config.analogous_arc - arc / 2 if tight else config.analogous_arc / 2
        beyond = Sector((middle + 180) % 360, 180 - far)
        return Reach((), ((beyond,),) if arc <= config.analogous_arc else ())
    widest = config.monochromatic_arc if style == "monochromatic" else config.analogous_arc
    if arc > widest + 1e-6:
        return None
    allowed = (Sector(middle, widest - arc / 2),)
    if style == "monochromatic" or arc > config.monochromatic_arc:
        return Reach(allowed)
    # From where a hue leaves monochromatic to the last one that is analogous, on either side. One hue alone has to be
    # off by the whole arc; of two on either side none needs to be off by more than half of it.
    near = config.monochromatic_arc - arc / 2 if tight else config.monochromatic_arc / 2
    far = config.analogous_arc - arc / 2
    sides = tuple(Sector((middle + sign * (near + far) / 2) % 360, (far - near) / 2) for sign in (-1, 1))
    return Reach(allowed, (sides,))


def _spaced(groups: int, hues: Float[np.ndarray, " colour"], config: ColourConfig, tight: bool) -> Reach | None:
    """Two or three groups of hues at even distances."""
    clusters = _clusters(hues, config.group_arc)
    if len(clusters) > groups or any(arc > config.group_arc + 1e-6 for _, arc in clusters):
        return None
    even, slack = 360 / groups, config.opposite_tolerance
    middles = [(first + arc / 2) % 360 for first, arc in clusters]
    # A group may still grow, and its centre may move as far as it grows.
    spare = [config.group_arc - arc / 2 for _, arc in clusters]
    moves = [0.0 if tight else room for room in spare]
    for one in range(len(clusters)):
        for other in range(one):
            apart = abs((middles[one] - middles[other] + 180) % 360 - 180)
            if abs(apart - even) > slack + moves[one] + moves[other] + 1e-6:
                return None
    own = [Sector(middle, room) for middle, room in zip(middles, spare, strict=True)]
    missing = groups - len(clusters)
    if not missing:
        return Reach(tuple(own))
    room = 0.0 if tight else config.group_arc
    if groups == 2:
        new = [Sector((middles[0] + 180) % 360, slack + moves[0] + room)]
    elif missing == 2:
        new = [Sector((middles[0] + sign * even) % 360, slack + moves[0] + room) for sign in (-1, 1)]
    else:
        # Halfway round the longer way from one group to the other.
        span = (middles[1] - middles[0]) % 360
        far = (middles[0] + span / 2 + (180 if span < 180 else 0)) % 360
        off = abs(abs((span + 180) % 360 - 180) - even)
        new = [
            Sector(far, max(slack + max(moves) + room - off / 2, 1.0) if tight else slack + max(moves) + room + off / 2)
        ]
    return Reach((*own, *new), tuple((sector,) for sector in new))


def _arc(hues: Float[np.ndarray, " colour"]) -> tuple[float, float]:
    """First hue and length of the smallest arc that holds sorted hues."""
    gaps = np.diff(hues, append=hues[0] + 360)
    widest = int(gaps.argmax())
    return float(hues[(widest + 1) % len(hues)]), float(360 - gaps[widest])


def _clusters(hues: Float[np.ndarray, " colour"], gap: float) -> list[tuple[float, float]]:
    """First hue and arc of each cluster of sorted hues, cut where the circle is empty for more than ``gap`` degrees."""
    start, _ = _arc(hues)
    along = np.sort((hues - start) % 360)
    cuts = np.flatnonzero(np.diff(along) > gap)
    return [(float(start + part[0]) % 360, float(part[-1] - part[0])) for part in np.split(along, cuts + 1)]


class HueStock:
    """Which hues a catalogue has to offer in each category."""

    def __init__(self, hues: Float[np.ndarray, "item 2"], categories: Sequence[str], usable: Bool[np.ndarray, " item"]):
        self._sorted: dict[str, Float[np.ndarray, " colour"]] = {}
        names = np.asarray(categories)
        for category in dict.fromkeys(categories):
            own = hues[(names == category) & usable]
            self._sorted[category] = np.sort(own[~np.isnan(own)] % 360)

    def offers(self, category: str, sectors: Sequence[Sector]) -> bool:
        """Tell whether a category has an item with a hue in one of the sectors."""
        hues = self._sorted.get(category)
        if hues is None or not len(hues):
            return False
        for each in sectors:
            # The first hue from the sector's beginning on, round the circle.
            begin = (each.centre - each.half - 1e-6) % 360
            nearest = hues[np.searchsorted(hues, begin) % len(hues)]
            if (nearest - begin) % 360 <= 2 * each.half + 2e-6:
                return True
        return False
