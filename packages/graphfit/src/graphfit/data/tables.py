"""A retailer's export of two tables: products with ``des_filename``, and outfits as rows of outfit and product.

The columns are those of MANGO's challenge of 2023: ``cod_modelo_color``, ``des_product_family``, ``des_product_type``,
``des_agrup_color_eng``, ``des_color_specification_esp`` and ``des_filename`` in ``product_data.csv``; ``cod_outfit``
and ``cod_modelo_color`` in ``outfit_data.csv``. Home textiles, perfume and products for children are left out.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphfit.data.items import Catalogue, Item, Outfit, category_of
from hr_common.errors import InputError, refusing
from hr_common.files import read_lines

_PRODUCT_COLUMNS = ("cod_modelo_color", "des_filename")
_OUTFIT_COLUMNS = ("cod_outfit", "cod_modelo_color")
_NO_GARMENTS = ("home", "beauty", "fragrance", "perfume", "kids", "textile")
_FINE = {
    # Families of which one semantic category is no use.
    "glasses": {"sunglasses": "sunglasses"},
    "hats, scarves and gloves": {"hat": "hats", "cap": "hats", "beret": "hats", "scarf": "scarves", "shawl": "scarves"},
    "hats scarves and gloves": {"hat": "hats", "cap": "hats", "beret": "hats", "scarf": "scarves", "shawl": "scarves"},
}


def read_tables(root: str | Path) -> tuple[Catalogue, tuple[Outfit, ...]]:
    """Read products and outfits.

    Args:
        root: Folder of ``product_data.csv`` and ``outfit_data.csv``, itself or in a sub-folder ``tables``.

    Returns:
        The catalogue of all garments, and the outfits of at least two of them.

    Raises:
        InputError: Files or columns are missing, or outfits name products that do not exist; with line numbers.
    """
    root = Path(root)
    folder = root if (root / "product_data.csv").is_file() else root / "tables"
    base = folder if folder == root else root
    items: dict[str, Item] = {}
    refused: set[str] = set()
    for _, row in _rows(folder / "product_data.csv", _PRODUCT_COLUMNS):
        item_id = row["cod_modelo_color"]
        kind = " ".join(row.get(name, "") for name in ("des_product_category", "des_product_family", "des_age")).lower()
        if any(word in kind for word in _NO_GARMENTS):
            refused.add(item_id)
        else:
            items.setdefault(item_id, _item(item_id, row, base))
    members: dict[str, dict[str, None]] = {}
    unknown: list[str] = []
    for line, row in _rows(folder / "outfit_data.csv", _OUTFIT_COLUMNS):
        item_id = row["cod_modelo_color"]
        if item_id in items:
            members.setdefault(row["cod_outfit"], {})[item_id] = None
        elif item_id not in refused:
            unknown.append(f"line {line}: {item_id}")
    if unknown:
        raise InputError(
            f"{folder / 'outfit_data.csv'} names {len(unknown)} products that product_data.csv does not have "
            f"({'; '.join(unknown[:5])})"
        )
    outfits = tuple(Outfit(name, tuple(chosen)) for name, chosen in members.items() if len(chosen) > 1)
    return Catalogue(root.name, tuple(items.values())), outfits


def _item(item_id: str, row: Mapping[str, str], base: Path) -> Item:
    family, kind = row.get("des_product_family", ""), row.get("des_product_type", "")
    special = _FINE.get(family.lower(), {})
    category = next((found for word, found in special.items() if word in kind.lower()), None)
    words = (row.get("des_agrup_color_eng", ""), row.get("des_color_specification_esp", ""))
    return Item(
        id=item_id,
        image=base / row["des_filename"],
        category=category or category_of(family) or category_of(kind) or "unknown",
        fine=family.lower(),
        title=kind,
        colour=" ".join(word.lower() for word in words if word),
    )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and rows of a CSV file that has some columns."""
    with refusing(str(path)):
        reader = csv.DictReader(read_lines(path))
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise InputError(f"{path} has no column {', '.join(missing)} (found: {', '.join(reader.fieldnames or ())})")
        for row in reader:
            yield reader.line_num, {name: (value or "").strip() for name, value in row.items() if name is not None}
