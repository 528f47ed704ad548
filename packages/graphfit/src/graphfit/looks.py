"""A look: the garments of an outfit with what is known about them together; what boards and pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphfit.colour.palette import Palette
from graphfit.colour.schemes import Scheme
from graphfit.data.items import Item

if TYPE_CHECKING:  # it loads torch
    from graphfit.scoring import OutfitScore

HEAD_TO_FOOT = (
    "hats", "sunglasses", "scarves", "jewellery", "outerwear", "tops", "all-body", "accessories", "bags", "bottoms",
    "shoes", "unknown",
)  # fmt: skip
"""The order in which garments are listed."""


@dataclass(frozen=True, eq=False)
class Look:
    """An outfit, head to foot."""

    items: tuple[Item, ...]
    """The garments."""
    palettes: tuple[Palette, ...]
    """Their colours."""
    scheme: Scheme
    """The colour style by the rule."""
    rating: "OutfitScore | None" = None
    """The network's opinion."""
    query: tuple[str, ...] = ()
    """Ids of the garments that the outfit was made around."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the garments."""
        return tuple(item.id for item in self.items)

    def as_dict(self) -> dict[str, Any]:
        """What can be written as JSON."""
        scheme = self.scheme
        shown: dict[str, Any] = {
            "items": list(self.ids),
            "categories": [item.category for item in self.items],
            "style": scheme.style,
            "rule": scheme.rule,
            "wheel": scheme.wheel,
            "hues": [round(hue, 1) for hue in scheme.hues],
            "groups": [[round(group.centre, 1), round(group.arc, 1)] for group in scheme.groups],
            "margin": round(scheme.margin, 1),
            "margin_unit": scheme.margin_unit,
        }
        if self.rating is not None:
            shown |= {
                "score": round(self.rating.score, 4),
                "percentile_real": round(self.rating.percentile_real, 1),
                "percentile_corrupted": round(self.rating.percentile_corrupted, 1),
                "undetermined": self.rating.undetermined,
                "style_distribution": {name: round(value, 4) for name, value in self.rating.styles.items()},
                "blame": [round(value, 3) for value in self.rating.blame],
            }
        return shown


def order_of(categories: Sequence[str]) -> list[int]:
    """Positions of garments in the order head to foot; those of one category stay in theirs."""
    return sorted(range(len(categories)), key=lambda place: HEAD_TO_FOOT.index(categories[place]))
