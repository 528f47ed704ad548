"""The layout of Maryland Polyvore (Han et al., "Learning Fashion Compatibility with Bidirectional LSTMs", 2017).

``{train,valid,test}_no_dup.json``, ``fill_in_blank_test.json`` (whose first answer is the right one; it is told here by
its set id, as everywhere), ``fashion_compatibility_prediction.txt``, ``category_id.txt`` and
``images/<set_id>/<index>.jpg``. An item belongs to one outfit: its id is ``<set_id>_<index>``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphfit.data.items import Catalogue, Item, Outfit, category_of
from graphfit.data.polyvore import read_compatibility, read_fill
from graphfit.data.tasks import SPLITS, OutfitData, Split
from hr_common.errors import InputError
from hr_common.files import read_json, read_lines

_SOURCE = (
    "Maryland Polyvore is available from its authors (github.com/xthan/polyvore-dataset); expected are "
    "{train,valid,test}_no_dup.json, fill_in_blank_test.json and fashion_compatibility_prediction.txt"
)


def read_maryland(root: str | Path) -> OutfitData:
    """Read a data set in the layout of Maryland Polyvore; splits and questions that are not there are left out.

    Args:
        root: The data set's folder.

    Raises:
        InputError: There are no outfits, or files are damaged.
    """
    root = Path(root)
    names = _category_names(root / "category_id.txt")
    items: dict[str, Item] = {}
    outfits: dict[Split, tuple[Outfit, ...]] = {}
    for split in SPLITS:
        # The graph networks that came later use `test_no_dup_new_100.json`, which has categories only.
        for path in sorted(root.glob(f"{split}_no_dup*.json"))[:1]:
            outfits[split] = tuple(_outfits(path, root / "images", names, items))
    if not outfits:
        raise InputError(f"{root} has no outfits of Maryland Polyvore. {_SOURCE}")
    catalogue = Catalogue(f"{root.name}/maryland", tuple(items.values()))
    known = {item.id: position for position, item in enumerate(catalogue)}
    compatibility, fill = {}, {}
    if (path := root / "fashion_compatibility_prediction.txt").is_file():
        compatibility["test"] = read_compatibility(path, known)
    if (path := root / "fill_in_blank_test.json").is_file():
        fill["test"] = read_fill(path, known)
    return OutfitData(catalogue.name, catalogue, outfits, compatibility, fill)  # type: ignore[arg-type]


def _category_names(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (line.strip().split(maxsplit=1) for line in read_lines(path) if line.strip())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _outfits(path: Path, images: Path, names: Mapping[str, str], items: dict[str, Item]) -> Sequence[Outfit]:
    found = []
    raw: Any = read_json(path)
    try:
        for each in raw:
            members = []
            for entry in each["items"] if "items" in each else _pairs(each):
                item_id = f"{each['set_id']}_{entry['index']}"
                fine = names.get(str(entry.get("categoryid", "")), "")
                items[item_id] = Item(
                    id=item_id,
                    image=images / str(each["set_id"]) / f"{entry['index']}.jpg",
                    category=category_of(fine) or "unknown",
                    fine=fine.lower(),
                    title=str(entry.get("name", "")),
                    price=_price(entry.get("price")),
                )
                members.append(item_id)
            found.append(Outfit(str(each["set_id"]), tuple(members)))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: outfit {len(found) + 1} lacks set_id, items or an item's index ({error})") from None
    return found


def _pairs(each: Mapping[str, Any]) -> list[dict[str, Any]]:
    pairs = zip(each["items_index"], each["items_category"], strict=True)
    return [{"index": index, "categoryid": category} for index, category in pairs]


def _price(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
