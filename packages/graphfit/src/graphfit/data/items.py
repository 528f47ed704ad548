"""What every reader of catalogues and outfits returns."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hr_common.errors import InputError

CATEGORIES = (
    "tops", "bottoms", "all-body", "outerwear", "shoes", "bags", "jewellery", "accessories", "hats", "scarves",
    "sunglasses", "unknown",
)  # fmt: skip
"""Semantic categories of Polyvore Outfits (Vasileva et al. 2018) and one for what has none; the index is the row of the
network's category embedding."""

_WORDS = {
    "tops": "top tee t-shirt tshirt shirt blouse sweater sweatshirt knitwear cardigan poloshirt polo bodysuit tank "
    "tunic hoodie pullover jumper undershirt",
    "bottoms": "bottom trousers trouser pants pant jeans jean skirt shorts short leggings legging joggers culottes "
    "chinos",
    "all-body": "allbody dress dresses gown jumpsuit romper playsuit overall dungarees",
    "outerwear": "coat coats jacket jackets blazer blazers parka parkas trench trenchcoat trenchcoats puffer vest "
    "gilet cape",
    "shoes": "shoe footwear sneaker sneakers boot boots sandal sandals pump pumps heel heels loafer loafers flats "
    "trainers",
    "bags": "bag handbag handbags tote clutch purse backpack satchel",
    "jewellery": "jewelry jewellery necklace earring earrings bracelet ring brooch watch watches",
    "accessories": "accessory belt belts tie ties glove gloves wallet wallets gadgets hair",
    "hats": "hat cap beanie beret",
    "scarves": "scarf shawl foulard",
    "sunglasses": "glasses eyewear",
}
_CATEGORY_OF = {
    word: category for category, words in _WORDS.items() for word in (category, *words.split())
} | {"unknown": "unknown"}  # fmt: skip


def category_of(word: str) -> str | None:
    """Find the semantic category that a word for garments means, in singular or plural; ``None`` if it is not known.

    Of several words the last known one counts, since English puts the noun last ("leather jackets", "trench coat").
    """
    plain = word.strip().lower().replace("_", "-")
    if plain in _CATEGORY_OF:
        return _CATEGORY_OF[plain]
    for part in reversed(re.findall(r"[a-z]+(?:-[a-z]+)*", plain)):
        for form in (part, part.removesuffix("s"), part.removesuffix("es")):
            if form in _CATEGORY_OF:
                return _CATEGORY_OF[form]
    return None


def known_category(word: str) -> str:
    """Find the semantic category of a word.

    Raises:
        InputError: There is none; the valid ones are listed.
    """
    category = category_of(word)
    if category is None:
        raise InputError(f"unknown category {word!r}; choose one of {', '.join(CATEGORIES)}")
    return category


@dataclass(frozen=True)
class Item:
    """A garment or accessory."""

    id: str
    """Unique in its catalogue."""
    image: Path | None = None
    """Its picture."""
    category: str = "unknown"
    """One of :data:`CATEGORIES`."""
    fine: str = ""
    """Finer category in the source's own words, such as ``leather jackets``."""
    title: str = ""
    """What the source says about it."""
    colour: str = ""
    """Colour in the source's words; never used in place of what the picture shows."""
    price: float | None = None
    """In the catalogue's currency."""
    url: str = ""
    """Where it can be seen."""


@dataclass(frozen=True)
class Outfit:
    """Garments that somebody put together; their order means nothing."""

    id: str
    """Unique among the outfits of a file."""
    items: tuple[str, ...]
    """Ids of the items."""


@dataclass(frozen=True)
class Catalogue:
    """Items in a fixed order; positions in it are what the networks work with."""

    name: str
    """What it is called in reports."""
    items: tuple[Item, ...] = field(repr=False)
    """All items."""

    def __post_init__(self) -> None:
        if len(self._positions) != len(self.items):
            seen: set[str] = set()
            twice = sorted({item.id for item in self.items if item.id in seen or seen.add(item.id)})  # type: ignore[func-returns-value]
            raise InputError(f"catalogue {self.name}: {len(twice)} ids occur more than once, such as {twice[0]!r}")

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {item.id: position for position, item in enumerate(self.items)}

    def index(self, item_id: str) -> int:
        """Return the position of an item.

        Raises:
            InputError: There is no such item; the message names the nearest ids.
        """
        position = self._positions.get(item_id)
        if position is None:
            near = difflib.get_close_matches(item_id, self._positions, n=3, cutoff=0.5)
            advice = f"; the nearest ids are {', '.join(near)}" if near else ""
            raise InputError(f"catalogue {self.name} has no item {item_id!r}{advice}")
        return position

    def __getitem__(self, item_id: str) -> Item:
        """Return the item of an id; an unknown one raises :class:`hr_common.errors.InputError`."""
        return self.items[self.index(item_id)]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._positions

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def by_category(self) -> dict[str, tuple[int, ...]]:
        """List the positions of the items of each category that occurs."""
        found: dict[str, list[int]] = {}
        for position, item in enumerate(self.items):
            found.setdefault(item.category, []).append(position)
        return {category: tuple(found[category]) for category in CATEGORIES if category in found}
