"""The table: ours and its ablations, the rivals, and what real pictures and re-synthesis reach.

nox -s bench -- gramtex table --data FOLDER --grams FOLDER --work FOLDER [--count 100] [--seeds 3]

FOLDER of --grams is what `gramtex extract` wrote of --data. Groups are held out: everything is trained on the split
train and measured against pictures of val and test. All rows have as many pictures, of 64 pixels: real ones are cut
from their middle, and Gram sets know no size. For the features all are enlarged to 224 pixels, for which the extractor
was made. Distances depend on N and on the side, so compare within one run only.
"ours" is the mixture at the given temperature; "neighbours" combines training codes and stands for copying. Our
ablations train as many steps as ours; the rivals train --patience times as many seconds of the processor as ours did.

Models, pictures and figures lie in --work; what is there is not made again, so a run that was cut off goes on. Every
row gets its first seed before any gets its second, and --print shows what there is without making anything.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gramtex.baselines.interface import load_baseline, save_baseline
from gramtex.baselines.registry import BASELINES, build_baseline
from gramtex.checkpoints import LoadedModel, load_model
from gramtex.config import SynthesisConfig, load_config
from gramtex.data.exemplars import read_exemplar
from gramtex.data.splits import read_collection
from gramtex.encoders import Encoder, image_bytes, image_tensor, load_encoder
from gramtex.evaluation import PooledFeatures, feature_figures, gram_batches, gram_figures, pooled_features
from gramtex.extraction import GramCache
from gramtex.gram_space import GramSpace
from gramtex.metrics import nearest_distances, own_distances
from gramtex.networks.gram_autoencoder import count_parameters
from gramtex.sampling import Sampler
from gramtex.synthesis import Synthesizer
from gramtex.training.start import train
from hr_common import image, weights
from hr_common.files import read_json, write_json
from hr_common.tables import provenance, write_csv

SIDE = 64
_FEATURES = 224  # pixels
OURS = {  # row: settings of the model that it takes, and the sampler
    "ours": ((), "mixture"),
    "ours, FC": (("model.transform=fc",), "mixture"),
    "ours, MLP": (("model.structure=mlp",), "mixture"),
    "ours, no mixture": ((), "prior"),
    "ours, neighbours": ((), "neighbours"),
}
YARDSTICKS = ("real against real", "exemplar re-synthesis")
ROWS = (*OURS, *BASELINES, *YARDSTICKS)
FIGURES = ("FD-ENLite0 (1280)", "FD-ENLite0 (112)", "KID", "Gram-FD", "diversity of features", "novelty", "parameters")
COSTS = ("training steps", "training CPU-s")
_TIMED = 6  # steps from which the time of a step is taken
Picture = np.ndarray


def middle(picture: Picture) -> Picture:
    top, left = (picture.shape[0] - SIDE) // 2, (picture.shape[1] - SIDE) // 2
    return picture[top : top + SIDE, left : left + SIDE]


def large_features(made: list[Picture]) -> PooledFeatures:
    """At their own 64 pixels, borders make most of the features, and grey noise comes before cloth."""
    side = (_FEATURES, _FEATURES)
    return pooled_features([np.array(Image.fromarray(each).resize(side, Image.Resampling.BICUBIC)) for each in made])


class Bench:
    """Data, and what is made of it once for all rows."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        found = read_collection(options.data, sources=options.source)
        draw = np.random.default_rng(0)
        held = [each for each in found if each.split != "train"]
        held = [held[number] for number in draw.permutation(len(held))]
        known = [each for each in found if each.split == "train"]
        known = [known[number] for number in draw.permutation(len(known))]
        if len(held) < 2 * options.count:
            sys.exit(f"{len(held)} held-out pictures are too few for --count {options.count}; twice as many are needed")
        self.held, self.known = held, known
        self.real = [middle(read_exemplar(each.path)) for each in held[: options.count]]
        self.other = [middle(read_exemplar(each.path)) for each in held[options.count : 2 * options.count]]
        model = load_config(options.preset, overrides=options.set).model
        self.encoder: Encoder = load_encoder(model.encoder, levels=model.levels)
        training = [middle(read_exemplar(each.path)) for each in known[: options.reference]]
        grams = gram_batches(training, self.encoder)
        self.space = GramSpace.fit(grams, min(64, len(training) - 1))
        self.reference = self.space.project(grams)
        self.real_features, self.real_grams = large_features(self.real), gram_batches(self.real, self.encoder)

    def figures(self, made: list[Picture], seed: int) -> dict[str, float]:
        grams = gram_batches(made, self.encoder)
        codes = self.space.project(grams)
        novelty = nearest_distances(codes, self.reference)[0].median() / own_distances(self.reference).median()
        return {
            **feature_figures(self.real_features, large_features(made), seed=seed),
            **gram_figures(self.real_grams, grams),
            "novelty": float(novelty),
        }


def pictures(folder: Path, count: int, make: Callable[[int], Picture]) -> list[Picture]:
    """Pictures of a folder; those that are not there are made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"{number:04}.png"
        if not path.exists():
            image.write(path, make(number))
        made.append(image.read(path))
    return made


@dataclass(frozen=True)
class Made:
    """Pictures of one row and seed, and what their model cost."""

    pictures: list[Picture]
    parameters: int = 0
    steps: int = 0
    seconds: float = 0.0
    """Of training, of the processor."""


def our_model(bench: Bench, overrides: tuple[str, ...], seed: int) -> LoadedModel:
    """Train, or go on, or read what is there."""
    options = bench.options
    run = options.work / f"model-{'-'.join(overrides).replace('model.', '') or 'ours'}-{seed}"
    if not (run / "model.safetensors").exists():
        config = load_config(options.preset, overrides=(*options.set, *overrides))
        cache = GramCache.open(options.grams)
        train(cache, run, config, seed=seed, device="cpu", resume=(run / "last.pt").exists(), force=True)
    return load_model(run / "model.safetensors")


def our_pictures(bench: Bench, row: str, seed: int, folder: Path) -> Made:
    options = bench.options
    overrides, kind = OURS[row]
    model = our_model(bench, overrides, seed)
    synthesizer = Synthesizer(bench.encoder, SynthesisConfig(iterations=options.iterations))
    drawn = Sampler(model).sample(
        options.count, generator=np.random.default_rng(seed), kind=kind, temperature=options.temperature
    )

    def make(number: int) -> Picture:
        return synthesizer.run(drawn[number].gram_set, (SIDE, SIDE), seed=number).image

    training = model.config.training
    stages = training.steps + training.steps_b * (model.config.model.transform == "gram")
    seconds = model.card["figures"]["cpu_seconds"]
    return Made(pictures(folder, options.count, make), count_parameters(model.network), stages, seconds)


def baseline_pictures(bench: Bench, row: str, seed: int, folder: Path) -> Made:
    options = bench.options
    path = options.work / f"{row}-{seed}.safetensors"
    if not path.exists():
        images = torch.stack([image_tensor(read_exemplar(each.path)) for each in bench.known])
        ours = our_model(bench, (), seed).card["figures"]["cpu_seconds"]
        steps = options.steps or steps_in(row, images, options.patience * ours)
        model = build_baseline(row, "desk")
        began = time.process_time()
        for _ in model.fit(images, steps=steps, seed=seed):
            pass
        took = round(time.process_time() - began, 1)
        save_baseline(path, model, card={"steps": steps, "seed": seed, "cpu_seconds": took})
    model, card = load_baseline(path), weights.load(path)[1]
    for part in model.modules.values():
        part.eval()
    # A conditional model begins from pictures that are not those it is measured against.
    given = torch.stack(
        [image_tensor(read_exemplar(each.path)) for each in bench.held[options.count : 2 * options.count]]
    )
    made = [middle(image_bytes(each)) for each in model.generate(options.count, seed=seed, exemplars=given)]
    kept = pictures(folder, options.count, lambda number: made[number])
    return Made(kept, count_parameters(model.modules), card["steps"], card["cpu_seconds"])


def steps_in(row: str, images: torch.Tensor, seconds: float) -> int:
    """Steps that a rival makes in so many seconds: its schedule has to know them beforehand."""
    training = build_baseline(row, "desk").fit(images, steps=_TIMED, seed=0)
    ticks = [time.process_time() for _ in training]
    return max(round(seconds / float(np.median(np.diff(ticks)))), 1)


def yardstick_pictures(bench: Bench, row: str, seed: int, folder: Path) -> Made:
    if row == "real against real":
        return Made(bench.other)
    options = bench.options
    synthesizer = Synthesizer(bench.encoder, SynthesisConfig(iterations=options.iterations))

    def make(number: int) -> Picture:
        source = read_exemplar(bench.held[options.count + number].path)
        return synthesizer.run(synthesizer.measure(source), (SIDE, SIDE), exemplar=source, seed=seed).image

    return Made(pictures(folder, options.count, make))


def result_path(work: Path, row: str, seed: int) -> Path:
    return work / f"{row.replace(', ', '-').replace(' ', '-')}-{seed}.json"


def measure(bench: Bench, row: str, seed: int) -> None:
    done = result_path(bench.options.work, row, seed)
    if done.exists():
        return
    maker = our_pictures if row in OURS else baseline_pictures if row in BASELINES else yardstick_pictures
    made = maker(bench, row, seed, done.with_suffix(""))
    figures = {
        **bench.figures(made.pictures, seed),
        "parameters": made.parameters,
        "training steps": made.steps,
        "training CPU-s": made.seconds,
    }
    write_json(done, {"row": row, "seed": seed, **figures})
    print(f"{row}, seed {seed}: " + ", ".join(f"{name} {figures[name]:.4g}" for name in (*FIGURES, *COSTS)), flush=True)


def lines(options: argparse.Namespace) -> Iterator[list[str]]:
    """Mean and standard deviation over the seeds that are there."""
    for row in options.rows:
        found = [result_path(options.work, row, seed) for seed in range(options.seeds)]
        runs = [dict(read_json(path)) for path in found if path.exists()]
        if not runs:
            continue
        cells = [row, str(len(runs))]
        for name in (*FIGURES, *COSTS):
            values = np.asarray([float(run[name]) for run in runs])
            whole = name == "parameters" or name in COSTS
            spread = f" ± {values.std(ddof=1):.2g}" if len(runs) > 1 and not whole else ""
            cells.append(f"{values.mean():,.0f}" if whole else f"{values.mean():.4g}{spread}")
        yield cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Pictures with a manifest.")
    parser.add_argument("--grams", type=Path, required=True, help="Their Gram sets, by gramtex extract.")
    parser.add_argument("--work", type=Path, required=True, help="Folder for models, pictures and figures.")
    parser.add_argument("--source", nargs="*", default=[], help="Only pictures below these folders of --data.")
    parser.add_argument("--rows", nargs="*", default=ROWS, choices=ROWS, metavar="ROW", help="[default: all]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=100, help="Pictures on each side of a distance.")
    parser.add_argument("--reference", type=int, default=400, help="Training pictures that novelty is measured from.")
    parser.add_argument("--iterations", type=int, default=60, help="Of step two.")
    parser.add_argument("--patience", type=float, default=6.0, help="Time of the rivals, in that of ours.")
    parser.add_argument("--steps", type=int, help="Of the rivals. [default: as many as take that time]")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--print", action="store_true", dest="only_print", help="Print what is there.")
    parser.add_argument("--preset", default="desk", help="Of our models.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="Settings of our models.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    # Rows of other sizes must not stand beside those that are there.
    size = {
        name: str(getattr(options, name))
        for name in ("count", "iterations", "patience", "steps", "temperature", "preset", "set")
    }
    header = options.work / "size.json"
    if header.exists() and read_json(header) != size:
        sys.exit(f"{options.work} holds rows of another size ({json.dumps(read_json(header))}); choose another --work")
    write_json(header, size)
    if not options.only_print:
        bench = Bench(options)
        for seed, row in itertools.product(range(options.seeds), options.rows):
            # Two halves of the same pictures are the same for every seed, and re-synthesis has no model that differs.
            if seed == 0 or row not in YARDSTICKS:
                measure(bench, row, seed)
    columns = ("row", "seeds", *FIGURES, *COSTS)
    rows = [dict(zip(columns, cells, strict=True)) for cells in lines(options)]
    about = provenance("gramtex", "torch", folder=Path(__file__).parent)
    write_csv(options.out, rows, {**about, "settings": json.dumps(size)})
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(row.values())} |")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
