"""Check a data set on disk: which layout it is in, what it holds, and what is wrong with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graphfit.data.catalogue import read_catalogue, read_outfits
from graphfit.data.items import Catalogue, Outfit
from graphfit.data.maryland import read_maryland
from graphfit.data.polyvore import KINDS, read_polyvore
from graphfit.data.splitting import check_splits, distinct_outfits
from graphfit.data.tables import read_tables
from graphfit.data.tasks import OutfitData, Split
from hr_common.errors import InputError

LAYOUTS = ("polyvore", "maryland", "tables", "catalogue")


@dataclass(frozen=True)
class Check:
    """What was found in a folder or file."""

    layout: str
    """One of :data:`LAYOUTS`, with the kind of split."""
    items: int
    """In the catalogue."""
    outfits: Mapping[str, int]
    """By split, or under ``all``."""
    sizes: Mapping[int, int]
    """How many outfits have how many items."""
    categories: Mapping[str, int]
    """Items by semantic category."""
    missing_images: int
    """Items whose picture is not there."""
    questions: Mapping[str, int]
    """Fill-in-the-blank questions by split."""
    mistakes: tuple[str, ...] = field(default_factory=tuple)
    """What should be mended before training or evaluation."""

    def lines(self) -> Iterator[str]:
        """Yield lines to print."""
        yield f"{self.layout}: {self.items} items, {self.missing_images} without picture"
        yield "outfits: " + (", ".join(f"{name} {count}" for name, count in self.outfits.items()) or "none")
        if self.sizes:
            yield "sizes: " + ", ".join(f"{size}: {count}" for size, count in sorted(self.sizes.items()))
        yield "categories: " + ", ".join(f"{name} {count}" for name, count in self.categories.items())
        if self.questions:
            yield "questions: " + ", ".join(f"{name} {count}" for name, count in self.questions.items())
        yield from (f"mistake: {mistake}" for mistake in self.mistakes)


def layout_of(path: Path) -> str:
    """Tell the layout of a data set by its files.

    Raises:
        InputError: There is nothing.
    """
    if not path.exists():
        raise InputError(f"there is no {path}")
    if path.is_dir():
        if any((path / kind).is_dir() for kind in KINDS):
            return "polyvore"
        if any(path.glob("*_no_dup*.json")):
            return "maryland"
        if any((folder / "product_data.csv").is_file() for folder in (path, path / "tables")):
            return "tables"
    return "catalogue"


def check(path: Path) -> list[Check]:
    """Read whatever is there; one result for each kind of split.

    Raises:
        InputError: It cannot be read at all.
    """
    layout = layout_of(path)
    if layout == "polyvore":
        kinds = [kind for kind in KINDS if (path / kind).is_dir()]
        return [_check_data(f"polyvore {kind}", read_polyvore(path, kind), kind) for kind in kinds]
    if layout == "maryland":
        return [_check_data("maryland", read_maryland(path), "nondisjoint")]
    if layout == "tables":
        catalogue, outfits = read_tables(path)
    else:
        catalogue, outfits = read_catalogue(path), _outfits_beside(path)
    repeated = len(outfits) - len(distinct_outfits(outfits))
    mistakes = [f"{repeated} outfits are exact repetitions; `graphfit split` drops them"] if repeated else []
    return [_summary(layout, catalogue, {"all": outfits} if outfits else {}, {}, mistakes)]


def _outfits_beside(path: Path) -> tuple[Outfit, ...]:
    folder = path if path.is_dir() else path.parent
    found = [folder / name for name in ("outfits.json", "outfits.csv") if (folder / name).is_file()]
    return read_outfits(found[0]) if found else ()


def _check_data(layout: str, data: OutfitData, kind: str) -> Check:
    mistakes = check_splits(data.outfits, kind)  # type: ignore[arg-type]
    for split, task in data.compatibility.items():
        sizes = [
            Counter(len(one) for one, label in zip(task.sets, task.labels.tolist(), strict=True) if label == wanted)
            for wanted in (0, 1)
        ]
        if sizes[0] != sizes[1]:
            mistakes.append(f"compatibility_{split}: real and corrupted outfits differ in size, which gives them away")
    questions = {split: len(task.questions) for split, task in data.fill.items()}
    return _summary(layout, data.catalogue, data.outfits, questions, mistakes)


def _summary(
    layout: str,
    catalogue: Catalogue,
    outfits: Mapping[Split, tuple[Outfit, ...]] | Mapping[str, tuple[Outfit, ...]],
    questions: Mapping[Split, int] | Mapping[str, int],
    mistakes: list[str],
) -> Check:
    missing = sum(item.image is None or not item.image.is_file() for item in catalogue)
    return Check(
        layout=layout,
        items=len(catalogue),
        outfits={name: len(chosen) for name, chosen in outfits.items()},
        sizes=dict(Counter(len(outfit.items) for chosen in outfits.values() for outfit in chosen)),
        categories={name: len(positions) for name, positions in catalogue.by_category().items()},
        missing_images=missing,
        questions=dict(questions.items()),
        mistakes=tuple(mistakes),
    )
