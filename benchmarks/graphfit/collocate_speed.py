"""Time and soundness of composing outfits in a large catalogue, after its index is loaded.

nox -s bench -- graphfit collocate_speed --catalogue shop.csv --features shop.npz

Outfits in all six styles, 3 to 6 garments, three of each, around random garments of a catalogue of 10,000: seconds
for all six styles together, by the clock and of the processor; the share of outfits whose style by the rule is the one
asked for; outfits that occur twice; outfits with two garments of an exclusive category. Then the size of the index of
100,000 garments with features drawn at random, and the time of one completion in it.

A smaller catalogue is filled up with copies whose features and colours are disturbed a little. Without one, features,
colours and categories of everything are drawn at random. Writes collocate_speed.csv beside this script.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from graphfit import Collocator, OutfitScorer, read_catalogue
from graphfit.colour.schemes import STYLES
from graphfit.data.items import CATEGORIES, Catalogue, Item
from graphfit.features import Features
from graphfit.plans import is_wearable
from hr_common.tables import provenance, write_csv

SHARES = (0.22, 0.14, 0.12, 0.12, 0.13, 0.1, 0.08, 0.04, 0.02, 0.02, 0.01)  # of the categories but `unknown`


@contextmanager
def timed(into: dict[str, list[float]], name: str) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    into.setdefault(f"{name}, clock", []).append(time.perf_counter() - wall)
    into.setdefault(f"{name}, processor", []).append(time.process_time() - processor)


def drawn(count: int, size: int, encoder: str, generator: np.random.Generator) -> tuple[Catalogue, Features]:
    """A catalogue of random garments."""
    names = generator.choice(CATEGORIES[:-1], count, p=np.array(SHARES) / sum(SHARES))
    items = tuple(Item(f"item-{number}", category=str(name)) for number, name in enumerate(names))
    values = np.abs(generator.normal(0.3, 0.4, (count, size))).astype(np.float32)
    palettes = np.zeros((count, 4, 4), np.float32)
    palettes[:, 0] = np.stack(
        [generator.uniform(15, 90, count), *generator.normal(0, 25, (2, count)), np.ones(count)], 1
    )
    return Catalogue("drawn at random", items), Features(
        tuple(item.id for item in items), values, encoder, palettes=palettes
    )


def filled_up(
    catalogue: Catalogue, features: Features, count: int, generator: np.random.Generator
) -> tuple[Catalogue, Features]:
    """The catalogue itself, and disturbed copies until there are enough."""
    features = features.of(catalogue)
    rows = np.concatenate([np.arange(len(catalogue)), generator.integers(0, len(catalogue), count)])[:count]
    items = tuple(
        item if place < len(catalogue) else replace(item, id=f"{item.id}-{place}")
        for place, item in enumerate(catalogue.items[row] for row in rows)
    )
    taken = features.take(rows)
    copied = np.arange(count) >= len(catalogue)
    values, palettes = taken.values.copy(), taken.palettes.copy()
    values[copied] *= 1 + 0.1 * generator.normal(size=values[copied].shape).astype(np.float32)
    palettes[copied, :, :3] += generator.normal(0, 3, palettes[copied, :, :3].shape).astype(np.float32)
    found = replace(taken, ids=tuple(item.id for item in items), values=values, palettes=palettes)
    return Catalogue(f"{catalogue.name}, filled up to {count}", items), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000, help="0 leaves the large catalogue out")
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = np.random.default_rng(options.seed)
    scorer = OutfitScorer.from_pretrained()
    size = int(scorer.loaded.card["feature_size"])
    if options.catalogue is None:
        catalogue, features = drawn(options.items, size, scorer.encoder, generator)
    else:
        given = Features.load(options.features, encoder=scorer.encoder)
        catalogue = read_catalogue(options.catalogue, check_pictures=False)
        catalogue, features = filled_up(catalogue, given, options.items, generator)
    times: dict[str, list[float]] = {}
    rows: list[dict[str, object]] = []

    def record(what: str, value: object, unit: str = "") -> None:
        rows.append(
            {
                "what": what, "value": value, "unit": unit, "catalogue": catalogue.name, "queries": options.queries,
                "seed": options.seed, "threads": options.threads,
            }
        )  # fmt: skip
        print(f"{what:52} {value} {unit}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        with timed(times, f"making the index of {len(catalogue)}"):
            Collocator(catalogue, scorer, features=features).make_index(folder, seed=options.seed)
        with timed(times, f"loading the index of {len(catalogue)}"):
            collocator = Collocator.from_index(folder, scorer)
    collocator.compose(catalogue.items[0].id)  # what is done once a process, such as building tables
    outfits, right, twice, unwearable, missing = 0, 0, 0, 0, Counter[str]()
    for place in generator.choice(len(catalogue), options.queries, replace=False):
        query = catalogue.items[place].id
        with timed(times, "six styles"):
            answers = [collocator.compose(query, style=style, length=(3, 6), k=3) for style in STYLES]
        for answer in answers:
            sets = [frozenset(look.ids) for look in answer.looks]
            outfits += len(sets)
            twice += len(sets) - len(set(sets))
            right += sum(look.scheme.style == answer.style for look in answer.looks)
            unwearable += sum(not is_wearable([item.category for item in look.items]) for look in answer.looks)
            unwearable += sum(len(set(look.ids)) < len(look.ids) or query not in look.ids for look in answer.looks)
            missing[answer.style] += not answer.looks
    for name, taken in times.items():
        record(f"{name}, median", round(statistics.median(taken), 2), "s")
        if len(taken) > 1:
            record(f"{name}, largest", round(max(taken), 2), "s")
    record("outfits", outfits)
    record("style accuracy", right / max(outfits, 1))
    record("duplicates", twice)
    record("outfits that cannot be worn", unwearable)
    record("queries without an outfit", ", ".join(f"{style} {missing[style]}" for style in STYLES))
    if options.large:
        times.clear()
        catalogue, features = drawn(options.large, size, scorer.encoder, generator)
        with tempfile.TemporaryDirectory() as folder:
            Collocator(catalogue, scorer, features=features).make_index(folder, contexts=50, steps=10)
            del features
            bytes_written = sum(file.stat().st_size for file in Path(folder).iterdir())
            collocator = Collocator.from_index(folder, scorer)
        record(f"index of {options.large} on disk", round(bytes_written / 2**20), "MiB")
        index = collocator.index
        assert index is not None
        arrays = (index.vectors, index.nodes.numpy(), index.palettes, collocator.garments.lab, collocator.garments.hues)
        record(f"index of {options.large} in memory", round(sum(array.nbytes for array in arrays) / 2**20), "MiB")
        tops = [item.id for item in catalogue.items if item.category == "tops"]
        for top in tops[: options.queries]:
            with timed(times, f"one completion in {options.large}"):
                collocator.complete([top], category="shoes")
            with timed(times, f"one outfit in {options.large}"):
                collocator.compose(top, k=1)
        for name, taken in times.items():
            record(f"{name}, median", round(statistics.median(taken), 3), "s")
            record(f"{name}, largest", round(max(taken), 3), "s")
    write_csv(options.out, rows, provenance("graphfit", "torch", folder=Path(__file__).parent))


if __name__ == "__main__":
    main()
