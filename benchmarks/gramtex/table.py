"""The table: ours and its ablations, the rivals, and what real pictures and re-synthesis reach.

nox -s bench -- gramtex table --data FOLDER --grams FOLDER --work FOLDER [--count 100] [--seeds 3]

FOLDER of --grams is what `gramtex extract` wrote of --data. Groups are held out: everything is trained on the split
train and measured against pictures of val and test. All rows have as many pictures, of 64 pixels: real ones are cut
from their middle, and Gram sets know no size. Distances depend on N and on the side, so compare within one run only.

Models, pictures and figures lie in --work; what is there is not made again, so a run that was cut off goes on.
"ours" is the mixture at the given temperature; "neighbours" combines training codes and stands for copying.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gramtex import __version__
from gramtex.baselines.interface import load_baseline, save_baseline
from gramtex.baselines.registry import BASELINES, build_baseline
from gramtex.checkpoints import load_model
from gramtex.config import SynthesisConfig, load_config
from gramtex.data.exemplars import read_exemplar
from gramtex.data.splits import read_collection
from gramtex.encoders import Encoder, image_bytes, image_tensor, load_encoder
from gramtex.evaluation import feature_figures, gram_batches, gram_figures, pooled_features
from gramtex.extraction import GramCache
from gramtex.gram_space import GramSpace
from gramtex.metrics import nearest_distances, own_distances
from gramtex.networks.gram_autoencoder import count_parameters
from gramtex.sampling import Sampler
from gramtex.synthesis import Synthesizer
from gramtex.training.start import train
from hr_common import image
from hr_common.files import read_json, write_json

SIDE = 64
OURS = {  # row: settings of the model that it takes, and the sampler
    "ours": ((), "mixture"),
    "ours, FC": (("model.transform=fc",), "mixture"),
    "ours, MLP": (("model.structure=mlp",), "mixture"),
    "ours, no mixture": ((), "prior"),
    "ours, neighbours": ((), "neighbours"),
}
ROWS = (*OURS, *BASELINES, "real against real", "exemplar re-synthesis")
FIGURES = ("FD-ENLite0 (1280)", "KID", "Gram-FD", "diversity of features", "novelty", "parameters", "CPU-s")
Picture = np.ndarray


def middle(picture: Picture) -> Picture:
    top, left = (picture.shape[0] - SIDE) // 2, (picture.shape[1] - SIDE) // 2
    return picture[top : top + SIDE, left : left + SIDE]


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
        self.encoder: Encoder = load_encoder(options.encoder)
        training = [middle(read_exemplar(each.path)) for each in known[: options.reference]]
        grams = gram_batches(training, self.encoder)
        self.space = GramSpace.fit(grams, min(64, len(training) - 1))
        self.reference = self.space.project(grams)
        self.real_features, self.real_grams = pooled_features(self.real), gram_batches(self.real, self.encoder)

    def figures(self, made: list[Picture], seed: int) -> dict[str, float]:
        grams = gram_batches(made, self.encoder)
        codes = self.space.project(grams)
        novelty = nearest_distances(codes, self.reference)[0].median() / own_distances(self.reference).median()
        return {
            **feature_figures(self.real_features, pooled_features(made), seed=seed),
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


def our_pictures(bench: Bench, row: str, seed: int, folder: Path) -> tuple[list[Picture], int]:
    options = bench.options
    overrides, kind = OURS[row]
    run = options.work / f"model-{'-'.join(overrides).replace('model.', '') or 'ours'}-{seed}"
    if not (run / "model.safetensors").exists():
        config = load_config(options.preset, overrides=(*overrides, *options.set))
        cache = GramCache.open(options.grams)
        train(cache, run, config, seed=seed, device="cpu", resume=(run / "last.pt").exists(), force=True)
    model = load_model(run / "model.safetensors")
    encoder = load_encoder(model.config.model.encoder, levels=model.config.model.levels)
    synthesizer = Synthesizer(encoder, SynthesisConfig(iterations=options.iterations))
    drawn = Sampler(model).sample(
        options.count, generator=np.random.default_rng(seed), kind=kind, temperature=options.temperature
    )

    def make(number: int) -> Picture:
        return synthesizer.run(drawn[number].gram_set, (SIDE, SIDE), seed=number).image

    return pictures(folder, options.count, make), count_parameters(model.network)


def baseline_pictures(bench: Bench, row: str, seed: int, folder: Path) -> tuple[list[Picture], int]:
    options = bench.options
    path = options.work / f"{row}-{seed}.safetensors"
    if not path.exists():
        model = build_baseline(row, "desk")
        images = torch.stack([image_tensor(read_exemplar(each.path)) for each in bench.known])
        for _ in model.fit(images, steps=options.steps, seed=seed):
            pass
        save_baseline(path, model, card={"steps": options.steps, "seed": seed})
    model = load_baseline(path)
    for part in model.modules.values():
        part.eval()
    # A conditional model begins from pictures that are not those it is measured against.
    given = torch.stack(
        [image_tensor(read_exemplar(each.path)) for each in bench.held[options.count : 2 * options.count]]
    )
    made = [middle(image_bytes(each)) for each in model.generate(options.count, seed=seed, exemplars=given)]
    return pictures(folder, options.count, lambda number: made[number]), count_parameters(model.modules)


def yardstick_pictures(bench: Bench, row: str, seed: int, folder: Path) -> tuple[list[Picture], int]:
    if row == "real against real":
        return bench.other, 0
    options = bench.options
    synthesizer = Synthesizer(bench.encoder, SynthesisConfig(iterations=options.iterations))

    def make(number: int) -> Picture:
        source = read_exemplar(bench.held[options.count + number].path)
        return synthesizer.run(synthesizer.measure(source), (SIDE, SIDE), exemplar=source, seed=seed).image

    return pictures(folder, options.count, make), 0


def measure(bench: Bench, row: str, seed: int) -> dict[str, Any]:
    name = f"{row.replace(', ', '-').replace(' ', '-')}-{seed}"
    done = bench.options.work / f"{name}.json"
    if done.exists():
        return dict(read_json(done))
    began = time.process_time()
    maker = our_pictures if row in OURS else baseline_pictures if row in BASELINES else yardstick_pictures
    made, parameters = maker(bench, row, seed, bench.options.work / name)
    figures = {**bench.figures(made, seed), "parameters": parameters, "CPU-s": round(time.process_time() - began)}
    write_json(done, {"row": row, "seed": seed, **figures})
    return figures


def lines(bench: Bench) -> Iterator[list[str]]:
    for row in bench.options.rows:
        # Two halves of the same pictures are the same for every seed.
        seeds = 1 if row == "real against real" else bench.options.seeds
        runs = [measure(bench, row, seed) for seed in range(seeds)]
        cells = [row]
        for name in FIGURES:
            values = np.asarray([float(run[name]) for run in runs])
            spread = f" ± {values.std(ddof=1):.2g}" if seeds > 1 and name not in ("parameters", "CPU-s") else ""
            cells.append(
                f"{values.mean():.4g}{spread}" if name not in ("parameters", "CPU-s") else f"{values.mean():.0f}"
            )
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
    parser.add_argument("--steps", type=int, default=5000, help="Of the baselines.")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--encoder", default="vgg16-hed", help="Of Gram-FD and re-synthesis.")
    parser.add_argument("--preset", default="desk", help="Of our models.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="Settings of our models.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    # Rows of other sizes must not stand beside those that are there.
    size = {
        name: str(getattr(options, name)) for name in ("count", "iterations", "steps", "temperature", "preset", "set")
    }
    header = options.work / "size.json"
    if header.exists() and read_json(header) != size:
        sys.exit(f"{options.work} holds rows of another size ({json.dumps(read_json(header))}); choose another --work")
    write_json(header, size)
    bench = Bench(options)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", *FIGURES, f"gramtex {__version__}, {options.seeds} seeds, {json.dumps(size)}"])
        print(f"{'row':24}" + "".join(f" {name:>22}" for name in FIGURES))
        for cells in lines(bench):
            writer.writerow(cells)
            file.flush()
            print(f"{cells[0]:24}" + "".join(f" {cell:>22}" for cell in cells[1:]))
            sys.stdout.flush()
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
