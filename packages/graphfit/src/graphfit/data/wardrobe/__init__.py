"""A small wardrobe that is always at hand: garments drawn by this package, in many colours. They are no photos.

The drawings are made when they are asked for and are the same each time; nothing is stored in the package.
"""

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from graphfit.data.items import Catalogue, Item
from hr_common import image
from hr_common.files import write_json

NAME = "drawn wardrobe"
"""How the catalogue is called in reports; it says that these are drawings."""

_COLOURS = {
    "black": (34, 33, 36), "charcoal": (74, 76, 80), "grey": (150, 152, 154), "white": (243, 242, 238),
    "cream": (236, 226, 204), "beige": (214, 196, 166), "camel": (192, 146, 92), "brown": (106, 70, 46),
    "navy": (30, 42, 82), "blue": (38, 84, 164), "light blue": (142, 178, 216), "denim": (66, 96, 140),
    "red": (186, 32, 44), "burgundy": (112, 24, 42), "pink": (226, 140, 160), "fuchsia": (198, 44, 118),
    "orange": (226, 112, 42), "rust": (172, 80, 40), "mustard": (208, 158, 38), "yellow": (238, 202, 62),
    "green": (44, 124, 76), "emerald": (14, 104, 84), "olive": (104, 106, 58), "mint": (158, 206, 178),
    "purple": (104, 60, 140), "lilac": (178, 152, 206), "turquoise": (36, 150, 160),
    "gold": (206, 166, 92), "silver": (190, 192, 198),
}  # fmt: skip


@dataclass(frozen=True)
class _Model:
    """A garment that comes in several colours, a print after a colon where there is one."""

    draw: str
    category: str
    fine: str
    weave: str
    price: int
    colours: tuple[str, ...]


_MODELS = (
    _Model("t_shirt", "tops", "T-shirt", "cotton", 19, ("white", "red", "navy:stripes", "yellow", "turquoise")),
    _Model("shirt", "tops", "shirt", "cotton", 39, ("white", "light blue", "pink", "olive", "red:check")),
    _Model("blouse", "tops", "blouse", "satin", 45, ("cream", "emerald", "fuchsia", "blue:dots")),
    _Model("sweater", "tops", "sweater", "knit", 49, ("grey", "mustard", "burgundy", "light blue", "green")),
    _Model("cardigan", "tops", "cardigan", "knit", 55, ("camel", "navy", "lilac")),
    _Model("hoodie", "tops", "hoodie", "cotton", 45, ("charcoal", "purple", "orange")),
    _Model("camisole", "tops", "camisole", "satin", 29, ("black", "mint", "rust")),
    _Model("trousers", "bottoms", "trousers", "wool", 59, ("black", "grey", "beige", "burgundy", "emerald")),
    _Model("jeans", "bottoms", "jeans", "denim", 55, ("denim", "light blue", "black", "white")),
    _Model("shorts", "bottoms", "shorts", "cotton", 35, ("camel", "blue", "pink")),
    _Model("pleated_skirt", "bottoms", "pleated skirt", "satin", 49, ("navy", "mustard", "purple")),
    _Model("pencil_skirt", "bottoms", "pencil skirt", "wool", 45, ("charcoal", "red", "olive")),
    _Model("mini_skirt", "bottoms", "mini skirt", "cotton", 39, ("rust", "light blue", "yellow:check")),
    _Model("dress", "all-body", "dress", "cotton", 69, ("red", "white:dots", "blue", "yellow")),
    _Model("slip_dress", "all-body", "slip dress", "satin", 75, ("black", "emerald", "lilac")),
    _Model("wrap_dress", "all-body", "wrap dress", "cotton", 79, ("navy:dots", "orange", "fuchsia")),
    _Model("blazer", "outerwear", "blazer", "wool", 99, ("black", "cream", "blue", "rust")),
    _Model("coat", "outerwear", "coat", "wool", 149, ("camel", "navy", "burgundy")),
    _Model("trench", "outerwear", "trench coat", "cotton", 129, ("beige", "olive")),
    _Model("jacket", "outerwear", "leather jacket", "leather", 139, ("black", "brown", "green")),
    _Model("sneakers", "shoes", "sneakers", "cotton", 59, ("white", "red", "blue", "mustard")),
    _Model("pumps", "shoes", "pumps", "leather", 69, ("black", "red", "emerald", "purple")),
    _Model("boots", "shoes", "ankle boots", "leather", 99, ("black", "brown", "navy")),
    _Model("loafers", "shoes", "loafers", "leather", 79, ("burgundy", "cream", "olive")),
    _Model("sandals", "shoes", "sandals", "leather", 55, ("camel", "yellow", "turquoise")),
    _Model("handbag", "bags", "handbag", "leather", 89, ("black", "red", "camel", "blue")),
    _Model("tote", "bags", "tote bag", "straw", 65, ("beige", "green", "yellow")),
    _Model("crossbody", "bags", "crossbody bag", "leather", 59, ("brown", "lilac", "orange")),
    _Model("clutch", "bags", "clutch", "satin", 39, ("fuchsia", "emerald", "silver")),
    _Model("felt_hat", "hats", "felt hat", "wool", 45, ("black", "camel", "burgundy")),
    _Model("beanie", "hats", "beanie", "knit", 19, ("mustard", "navy")),
    _Model("cap", "hats", "cap", "cotton", 19, ("white", "green")),
    _Model("scarf", "scarves", "scarf", "wool", 35, ("grey", "red:check", "yellow", "purple", "turquoise")),
    _Model("sunglasses", "sunglasses", "sunglasses", "leather", 29, ("black", "brown", "red", "white")),
    _Model("necklace", "jewellery", "necklace", "metal", 29, ("gold", "silver")),
    _Model("earrings", "jewellery", "hoop earrings", "metal", 19, ("gold", "silver")),
    _Model("watch", "accessories", "watch", "leather", 89, ("black", "brown", "blue", "red")),
    _Model("belt", "accessories", "belt", "leather", 29, ("black", "camel", "green")),
)


def draw_wardrobe(folder: str | Path, kinds: Collection[str] | None = None) -> Catalogue:
    """Draw the wardrobe as JPEG files in a folder, with a ``catalogue.json`` beside them.

    What is there already is kept, so that a second call costs nothing.

    Args:
        folder: Made if needed.
        kinds: Fine categories to draw, such as ``pumps``. [default: all]

    Returns:
        The catalogue, called :data:`NAME`.
    """
    from graphfit.data.wardrobe import extras, garments
    from graphfit.data.wardrobe.canvas import Canvas, Cloth

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    items: list[Item] = []
    wanted = [(model, colour) for model in _MODELS if kinds is None or model.fine in kinds for colour in model.colours]
    for model, worded in tqdm(wanted, desc="drawing", unit="garment", disable=None, leave=False):
        colour, _, pattern = worded.partition(":")
        name = f"{model.draw}-{colour}".replace("_", "-").replace(" ", "-")
        title = " ".join(
            filter(None, (colour, {"stripes": "striped", "dots": "dotted"}.get(pattern, pattern), model.fine))
        )
        file = folder / f"{name}.jpg"
        if not file.exists():
            draw: Callable[[Canvas, Cloth], None] = getattr(garments, model.draw, None) or getattr(extras, model.draw)
            canvas = Canvas(zlib.crc32(name.encode()))
            second = _COLOURS["navy" if pattern == "check" or colour == "white" else "white"]
            draw(canvas, Cloth(colour=_COLOURS[colour], weave=model.weave, print=pattern, second=second))
            image.write(file, canvas.photo())
        items.append(
            Item(name, file, model.category, fine=model.fine, title=title, colour=colour, price=float(model.price))
        )
    rows = [
        {"id": item.id, "image": f"{item.id}.jpg", "category": item.category, "fine": item.fine, "title": item.title,
         "colour": item.colour, "price": item.price}
        for item in items
    ]  # fmt: skip
    write_json(folder / "catalogue.json", rows)
    return Catalogue(NAME, tuple(items))
