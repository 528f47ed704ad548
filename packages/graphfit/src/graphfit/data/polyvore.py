"""The layout of Polyvore Outfits (Vasileva et al., "Learning Type-Aware Embeddings …", ECCV 2018).

``read_polyvore(folder, "nondisjoint")`` reads ``polyvore_item_metadata.json``, ``categories.csv`` and the outfits and
questions in ``nondisjoint/``. Ids in the questions are ``<set_id>_<index>``. ``typespaces.p`` is a pickle and is not
read: pairs of types follow from the categories.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphfit.data.items import CATEGORIES, Catalogue, Item, Outfit, category_of
from graphfit.data.tasks import SPLITS, CompatibilityTask, FillTask, OutfitData, Split
from hr_common.errors import InputError, refusing
from hr_common.files import read_json, read_lines

KINDS = ("nondisjoint", "disjoint")
_SOURCE = (
    "Polyvore Outfits is available from its authors (github.com/mvasil/fashion-compatibility); expected are "
    "polyvore_item_metadata.json, categories.csv, images/ and {kind}/{{train,valid,test}}.json; "
    "check with `graphfit data check {root}`"
)


def read_polyvore(root: str | Path, kind: str = "nondisjoint") -> OutfitData:
    """Read a data set in the layout of Polyvore Outfits.

    Items without metadata are kept, as ``unknown``. Splits and question files that are not there are left out, as long
    as one split is.

    Args:
        root: The data set's folder.
        kind: ``nondisjoint`` or ``disjoint``.

    Raises:
        InputError: Files are missing or damaged, or questions point at items that no outfit has.
    """
    root = Path(root)
    folder = root / kind
    if kind not in KINDS or not folder.is_dir():
        raise InputError(f"{root} has no folder {kind}. {_SOURCE.format(kind=kind, root=root)}")
    raw = {split: read_json(folder / f"{split}.json") for split in SPLITS if (folder / f"{split}.json").is_file()}
    if not raw:
        raise InputError(f"{folder} has no outfits. {_SOURCE.format(kind=kind, root=root)}")
    outfits: dict[Split, tuple[Outfit, ...]] = {}
    handles: dict[Split, dict[str, str]] = {}
    for split, sets in raw.items():
        outfits[split], handles[split] = _outfits(sets, folder / f"{split}.json")
    used = dict.fromkeys(item_id for sets in outfits.values() for outfit in sets for item_id in outfit.items)
    catalogue = Catalogue(f"{root.name}/{kind}", tuple(_items(root, used)))
    compatibility, fill = {}, {}
    for split, names in handles.items():
        known = {handle: catalogue.index(item_id) for handle, item_id in names.items()}
        if (path := folder / f"compatibility_{split}.txt").is_file():
            compatibility[split] = read_compatibility(path, known)
        if (path := folder / f"fill_in_blank_{split}.json").is_file():
            fill[split] = read_fill(path, known)
    return OutfitData(catalogue.name, catalogue, outfits, compatibility, fill)


def _outfits(sets: Any, path: Path) -> tuple[tuple[Outfit, ...], dict[str, str]]:
    outfits, handles = [], {}
    try:
        for each in sets:
            set_id = str(each["set_id"])
            members = []
            for item in each["items"]:
                item_id = str(item["item_id"])
                handles[f"{set_id}_{item['index']}"] = item_id
                members.append(item_id)
            outfits.append(Outfit(set_id, tuple(dict.fromkeys(members))))
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: outfit {len(outfits) + 1} is not of the form "
            f'{{"set_id": …, "items": [{{"item_id": …, "index": …}}]}} (missing: {error})'
        ) from None
    return tuple(outfits), handles


def read_categories(path: Path) -> dict[str, tuple[str, str]]:
    """Read ``categories.csv``: fine and semantic category by id. Trailing blanks and repeated rows occur."""
    found: dict[str, tuple[str, str]] = {}
    with refusing(str(path)):
        for row in csv.reader(read_lines(path)):
            cells = [cell.strip() for cell in row]
            if len(cells) >= 3 and cells[0]:
                found.setdefault(cells[0], (cells[1], cells[2]))
    return found


def _items(root: Path, used: Iterable[str]) -> Iterable[Item]:
    path = root / "polyvore_item_metadata.json"
    metadata: Mapping[str, Mapping[str, Any]] = read_json(path) if path.is_file() else {}
    fine_of = read_categories(root / "categories.csv") if (root / "categories.csv").is_file() else {}
    images = root / "images"
    for item_id in used:
        with refusing(str(path)):
            row = metadata.get(item_id, {})
            category_id = str(row.get("category_id", ""))
        fine, semantic = fine_of.get(category_id, ("", ""))
        semantic = str(row.get("semantic_category", "") or semantic)
        category = semantic if semantic in CATEGORIES else category_of(semantic) or "unknown"
        words = dict.fromkeys(str(row.get(name, "")).strip() for name in ("title", "product_type"))
        title = " ".join(word for word in words if word) or str(row.get("url_name", "")).strip()
        yield Item(
            id=item_id,
            image=images / f"{item_id}.jpg",
            category=category,
            fine=fine,
            title=title,
            colour=" ".join(str(row[name]).lower() for name in ("colour_group", "colour_es") if row.get(name)),
        )


def read_compatibility(path: Path, known: Mapping[str, int]) -> CompatibilityTask:
    """Read lines of a label and item ids.

    Args:
        path: Of the text file.
        known: Position of each item by the id that the file uses.
    """
    sets, labels = [], []
    for number, line in enumerate(read_lines(path), start=1):
        if not (cells := line.split()):
            continue
        if cells[0] not in ("0", "1") or len(cells) < 2:
            raise InputError(f"{path}, line {number}: expected 0 or 1 and item ids, found {line[:60]!r}")
        sets.append(tuple(_known(handle, known, f"{path}, line {number}") for handle in cells[1:]))
        labels.append(int(cells[0]))
    return CompatibilityTask(tuple(sets), np.array(labels, dtype=np.int64))


def read_fill(path: Path, known: Mapping[str, int]) -> FillTask:
    """Read questions; the right answer is the one with the set id of the question.

    Args:
        path: Of the JSON file.
        known: Position of each item by the id that the file uses.
    """
    questions, answers, truths, blanks = [], [], [], []
    with refusing(str(path)):
        for number, entry in enumerate(read_json(path), start=1):
            where = f"{path}, question {number}"
            try:
                rest, candidates, blank = entry["question"], entry["answers"], int(entry["blank_position"])
            except (TypeError, KeyError, ValueError) as error:
                raise InputError(f"{where}: expected question, answers and blank_position (missing: {error})") from None
            own = {handle.rpartition("_")[0] for handle in rest}
            right = [index for index, handle in enumerate(candidates) if handle.rpartition("_")[0] in own]
            if len(own) != 1 or len(right) != 1:
                raise InputError(f"{where}: {len(right)} answers belong to the outfit of the question; expected one")
            questions.append(tuple(_known(handle, known, where) for handle in rest))
            answers.append(tuple(_known(handle, known, where) for handle in candidates))
            truths.append(right[0])
            # Some files count items that were left out of the outfit.
            blanks.append(min(max(blank - 1, 0), len(rest)))
    return FillTask(
        tuple(questions), tuple(answers), np.array(truths, dtype=np.int64), np.array(blanks, dtype=np.int64)
    )


def _known(handle: str, known: Mapping[str, int], where: str) -> int:
    if handle not in known:
        raise InputError(f"{where}: {handle} is no item of this split's outfits (expected <set_id>_<index>)")
    return known[handle]
