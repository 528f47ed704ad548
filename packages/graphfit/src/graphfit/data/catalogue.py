"""Catalogues of one's own: a folder of pictures, or a table (CSV, JSON, JSON lines); and outfits beside them.

A table has the columns ``id`` and ``image`` (a path relative to the file), and may have ``category``, ``fine``,
``title``, ``colour``, ``price`` and ``url``. Outfits are ``[{"id": …, "items": [ids]}]`` in JSON, or CSV rows
``outfit,item``. All mistakes of a file are reported together, each with its line.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from graphfit.data.items import CATEGORIES, Catalogue, Item, Outfit, category_of
from hr_common.errors import InputError, refusing
from hr_common.files import read_json, read_lines

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "item", "sku", "product_id", "article_id"),
    "image": ("image", "image_path", "img", "file", "filename", "picture", "path", "photo"),
    "category": ("category", "semantic_category", "type", "product_category", "department"),
    "fine": ("fine", "fine_category", "subcategory", "sub_category", "product_type"),
    "title": ("title", "name", "description", "product_name"),
    "colour": ("colour", "color", "base_colour", "colour_name"),
    "price": ("price", "amount"),
    "url": ("url", "link", "href"),
}
"""Names under which a column is found, in the order they are tried; upper and lower case are the same."""
_SHOWN = 20  # mistakes in one message


def read_catalogue(
    path: str | Path, *, aliases: Mapping[str, str] | None = None, check_pictures: bool = True
) -> Catalogue:
    """Read a catalogue.

    Args:
        path: A folder (every picture is an item, its sub-folder the category), or a ``.csv``, ``.json`` or ``.jsonl``.
        aliases: Own names of columns, such as ``{"image": "photo_file"}``.
        check_pictures: Look into each picture's header. Reading the pixels is left to who needs them.

    Raises:
        InputError: The catalogue is empty, or has mistakes: all of them in one message, with line numbers.
    """
    path = Path(path)
    mistakes: list[str] = []
    if not path.exists():
        raise InputError(f"there is no catalogue {path}; give a folder of pictures, or a .csv, .json or .jsonl file")
    if path.is_dir():
        items = _read_folder(path, mistakes)
    elif path.suffix.lower() in (".csv", ".json", ".jsonl"):
        items = _read_table(path, aliases or {}, mistakes)
    else:
        raise InputError(f"{path} is no catalogue; give a folder of pictures, or a .csv, .json or .jsonl file")
    if check_pictures:
        mistakes += [f"{where}{problem}" for where, item in items if (problem := _picture_problem(item.image))]
    _raise(mistakes, str(path))
    if not items:
        raise InputError(f"catalogue {path} is empty: it lists no items")
    return Catalogue(path.stem if path.is_file() else path.name, tuple(item for _, item in items))


def read_outfits(path: str | Path, catalogue: Catalogue | None = None) -> tuple[Outfit, ...]:
    """Read outfits from ``.json`` (``[{"id": …, "items": [ids]}]``) or ``.csv`` (rows ``outfit,item``).

    Args:
        path: The file.
        catalogue: If given, its items are the only ones that may occur.

    Raises:
        InputError: The file has mistakes, such as items that the catalogue lacks: all in one message, with lines.
    """
    path = Path(path)
    mistakes: list[str] = []
    if path.suffix.lower() == ".csv":
        found = _outfits_from_rows(path, mistakes)
    else:
        found = _outfits_from_json(path, mistakes)
    for outfit, places in found:
        for item, where in zip(outfit.items, places, strict=True):
            if catalogue is not None and item not in catalogue:
                try:
                    catalogue.index(item)
                except InputError as error:
                    mistakes.append(f"{where}: outfit {outfit.id}: {error}")
    _raise(mistakes, str(path))
    if not found:
        raise InputError(f"{path} lists no outfits")
    return tuple(outfit for outfit, _ in found)


def _read_folder(folder: Path, mistakes: list[str]) -> list[tuple[str, Item]]:
    items: list[tuple[str, Item]] = []
    seen: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder)
        if file.suffix.lower() not in PICTURES or any(part.startswith(".") for part in inner.parts):
            continue
        word = inner.parts[0] if len(inner.parts) > 1 else ""
        if file.stem in seen:
            mistakes.append(f"{file}: the id {file.stem!r} is also that of {seen[file.stem]}; rename one of them")
            continue
        seen[file.stem] = file
        # A folder such as "summer" is no mistake: it says nothing about the garment.
        items.append(("", Item(file.stem, file, category_of(word) or "unknown" if word else "unknown", fine=word)))
    return items


def _read_table(path: Path, aliases: Mapping[str, str], mistakes: list[str]) -> list[tuple[str, Item]]:
    if wrong := sorted(set(aliases) - set(ALIASES)):
        raise InputError(f"no column {wrong[0]!r} can have another name; known: {', '.join(ALIASES)}")
    rows = list(_rows(path, mistakes))
    names = {str(name).strip().lower(): name for _, row in rows for name in row}
    columns: dict[str, str] = {}
    for column, known in ALIASES.items():
        options = (aliases[column].lower(),) if column in aliases else known
        if (found := next((names[name] for name in options if name in names), None)) is not None:
            columns[column] = found
        elif column in aliases:
            raise InputError(f"{path} has no column {aliases[column]!r}; it has {', '.join(map(str, names.values()))}")
    if rows and (missing := [column for column in ("id", "image") if column not in columns]):
        raise InputError(
            f"{path} has no column {' and no column '.join(missing)}; it has {', '.join(map(str, names.values()))}. "
            "Name yours with --column, such as --column image=photo"
        )
    items: list[tuple[str, Item]] = []
    seen: dict[str, str] = {}
    for where, row in rows:
        text = {column: _text(row.get(name)) for column, name in columns.items()}
        if not text["id"]:
            mistakes.append(f"{where}: there is no id")
            continue
        if text["id"] in seen:
            mistakes.append(f"{where}: the id {text['id']!r} was given before, at {seen[text['id']]}")
            continue
        seen[text["id"]] = where
        items.append((f"{where}: ", _item(text, path.parent, where, mistakes)))
    return items


def _item(text: Mapping[str, str], folder: Path, where: str, mistakes: list[str]) -> Item:
    category = category_of(text.get("category", "")) if text.get("category") else None
    if category is None:
        category = category_of(text.get("fine", "")) if text.get("fine") else None
    if category is None and text.get("category"):
        mistakes.append(f"{where}: unknown category {text['category']!r}; choose one of {', '.join(CATEGORIES)}")
    price = None
    if text.get("price"):
        try:
            number = text["price"].strip("$€£ ")
            price = float(number.replace(",", "" if "." in number else "."))
        except ValueError:
            mistakes.append(f"{where}: the price {text['price']!r} is no number")
    fine = text.get("fine") or text.get("category", "")
    others = {name: text.get(name, "") for name in ("title", "colour", "url")}
    image = folder / text["image"] if text["image"] else None
    return Item(text["id"], image, category or "unknown", fine=fine, price=price, **others)


def _rows(path: Path, mistakes: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each row with the place it stands at."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        listed = read_json(path)
        if isinstance(listed, dict):  # {"id": {…}} as well as [{"id": …}]
            listed = [{"id": key, **value} if isinstance(value, dict) else value for key, value in listed.items()]
        if not isinstance(listed, list):
            raise InputError(f"{path} holds a {type(listed).__name__}; expected a list of items")
        for number, row in enumerate(listed, start=1):
            if isinstance(row, dict):
                yield f"{path}, item {number}", row
            else:
                mistakes.append(f"{path}, item {number}: expected an object, not {json.dumps(row)[:40]}")
        return
    lines = read_lines(path)
    if suffix == ".jsonl":
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                mistakes.append(f"{path}, line {number}: no valid JSON: {error}")
                continue
            if isinstance(row, dict):
                yield f"{path}, line {number}", row
            else:
                mistakes.append(f"{path}, line {number}: expected an object")
        return
    with refusing(str(path)):
        reader = csv.DictReader(lines, delimiter=_delimiter(lines))
        for row in reader:
            if None in row:
                mistakes.append(f"{path}, line {reader.line_num}: more fields than the header has")
                continue
            yield f"{path}, line {reader.line_num}", row


def _delimiter(lines: Sequence[str]) -> str:
    header = lines[0] if lines else ""
    return max(",;\t", key=header.count)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _picture_problem(path: Path | None) -> str:
    if path is None:
        return "no image is given"
    try:
        with Image.open(path) as picture:
            picture.verify()
    except FileNotFoundError:
        return f"there is no picture {path}"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        kind = "is no picture that can be read" if isinstance(error, UnidentifiedImageError) else f"is damaged: {error}"
        return f"{path} {kind}"
    return ""


def _outfits_from_rows(path: Path, mistakes: list[str]) -> list[tuple[Outfit, list[str]]]:
    members: dict[str, list[tuple[str, str]]] = {}
    for where, row in _rows(path, mistakes):
        named = {str(key).strip().lower(): _text(value) for key, value in row.items()}
        outfit, item = (next((named[name] for name in names if name in named), None) for names in _OUTFIT_COLUMNS)
        if outfit is None or item is None:
            raise InputError(f"{path} has columns {', '.join(named)}; expected outfit and item")
        if not outfit or not item:
            mistakes.append(f"{where}: the outfit or the item is missing")
            continue
        members.setdefault(outfit, []).append((item, where))
    return [_outfit(name, pairs) for name, pairs in members.items()]


def _outfits_from_json(path: Path, mistakes: list[str]) -> list[tuple[Outfit, list[str]]]:
    listed = read_json(path)
    if not isinstance(listed, list):
        raise InputError(f'{path} holds a {type(listed).__name__}; expected [{{"id": …, "items": [ids]}}, …]')
    found: list[tuple[Outfit, list[str]]] = []
    seen: set[str] = set()
    for number, row in enumerate(listed, start=1):
        where = f"{path}, outfit {number}"
        if not isinstance(row, dict) or not isinstance(row.get("items"), list) or not row["items"]:
            mistakes.append(f'{where}: expected {{"id": …, "items": [ids]}}')
            continue
        name = _text(row.get("id")) or str(number)
        if name in seen:
            mistakes.append(f"{where}: the id {name!r} was given before")
            continue
        seen.add(name)
        found.append(_outfit(name, [(_text(item), where) for item in row["items"]]))
    return found


def _outfit(name: str, pairs: Sequence[tuple[str, str]]) -> tuple[Outfit, list[str]]:
    """Make an outfit of items with their places; an item that is listed twice is in it once."""
    places: dict[str, str] = {}
    for item, where in pairs:
        places.setdefault(item, where)
    return Outfit(name, tuple(places)), list(places.values())


def _raise(mistakes: Sequence[str], where: str) -> None:
    if mistakes:
        more = f"; and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
        count = f"{len(mistakes)} mistakes in {where}" if len(mistakes) > 1 else f"a mistake in {where}"
        raise InputError(f"{count}: {'; '.join(mistakes[:_SHOWN])}{more}")


_OUTFIT_COLUMNS = (("outfit", "outfit_id", "set_id", "cod_outfit"), ("item", "item_id", "id", "cod_modelo_color"))
