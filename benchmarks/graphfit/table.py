"""The desk table: every row of the paper's table that can be had, on a retailer's real outfits, both kinds of split.

nox -s bench -- graphfit table --data FOLDER

FOLDER is a data set in the layout of Polyvore Outfits with nondisjoint/, disjoint/, images/ and, if the pictures shall
not be encoded again, features_efficientnet_lite0.npz (ids, x). All learnt rows read the same inputs, see the same
corruptions, are trained for the same number of epochs, and take the epoch that is best on the validation tasks. The
test tasks are only read in the end; beside their fixed questions, every garment of every test outfit is asked for in
turn. Each training is kept in the work folder as soon as it is done, so that the command can be stopped and called
again. Writes table.csv (figures with intervals) beside this script and prints Markdown.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from graphfit.baselines.registry import METHODS
from graphfit.calibration import Calibration
from graphfit.config import load_config
from graphfit.data.items import Catalogue
from graphfit.data.polyvore import read_polyvore
from graphfit.data.splitting import every_blank
from graphfit.evaluation import Outcome, Row, evaluate, markdown, summarise
from graphfit.features import Features, background_colour, embed, palette_rows, read_garment
from graphfit.negatives import background_groups
from graphfit.training.problem import Problem
from hr_common.files import write_json
from hr_common.tables import provenance, write_csv

KINDS = ("nondisjoint", "disjoint")


def features_of(root: Path, work: Path) -> Features:
    """Features of all items of both splits: the encoder's as they came or computed, colours from the photos."""
    path = work / "features.npz"
    if path.is_file():
        return Features.load(path)
    items = {item.id: item for kind in KINDS for item in read_polyvore(root, kind).catalogue}
    catalogue, given = Catalogue(root.name, tuple(items.values())), root / "features_efficientnet_lite0.npz"
    if not given.is_file():
        features = embed(catalogue, cache=work / "features.sqlite")
    else:
        with np.load(given, allow_pickle=False) as file:
            known = Features(tuple(file["ids"].tolist()), file["x"].astype(np.float32), "lite0").of(catalogue)
        palettes, backgrounds = [], []
        for item in tqdm(catalogue.items, desc="colours", disable=None):
            picture, full = read_garment(item.image)
            palettes.append(palette_rows(full))
            backgrounds.append(background_colour(picture))
        features = replace(known, palettes=np.stack(palettes), backgrounds=np.stack(backgrounds))
    features.save(path)
    return features


def save(path: Path, outcome: Outcome, seconds: float, epoch: int) -> None:
    names = ("labels", "scores", "credits", "styles", "rule", "more_credits")
    arrays = {name: getattr(outcome, name) for name in names}
    write_json(path, {**arrays, "calibration": outcome.calibration.as_dict(), "seconds": seconds, "epoch": epoch})


def load(path: Path) -> tuple[Outcome, float]:
    kept = json.loads(path.read_text(encoding="utf-8"))
    arrays = {name: np.array(kept[name]) for name in ("labels", "scores", "credits", "rule")}
    optional = {n: None if kept.get(n) is None else np.array(kept[n]) for n in ("styles", "more_credits")}
    return Outcome(**arrays, **optional, calibration=Calibration.from_dict(kept["calibration"])), kept["seconds"]


def asked(rows: dict[str, Row]) -> int:
    return max(row.more_questions for row in rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("graphfit-table"), help="where finished trainings are kept")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--set", dest="overrides", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--show", action="store_true", help="print what the work folder has, and train nothing")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    config = load_config("desk", overrides=options.overrides)
    features = features_of(options.data, options.work)
    problems = {kind: Problem.build(read_polyvore(options.data, kind), features, config) for kind in KINDS}
    blanks = {
        kind: every_blank(
            problem.data.catalogue,
            problem.data.outfits["test"],
            backgrounds=background_groups(problem.features.backgrounds, len(problem.features.ids)),
            seed=0,
        )
        for kind, problem in problems.items()
    }
    # Seed by seed, so that a table that was stopped has all rows.
    runs = [(s, k, m) for s in range(options.seeds) for k in KINDS for m in options.methods]
    for seed, kind, name in tqdm([] if options.show else runs, desc="rows", disable=None):
        method = METHODS[name]
        path = options.work / f"{kind}-{name}-{seed}.json"
        if path.is_file() or (method.is_floor and name != "random" and seed > 0):
            continue
        began = time.process_time()
        fitted = method.fit(problems[kind], config, seed)
        seconds = time.process_time() - began
        save(path, evaluate(problems[kind], fitted, more=blanks[kind]), seconds, getattr(fitted, "epoch", 0))
    if not any(options.work.glob("*.json")):
        print(f"{options.work} has the features, and no row yet", file=sys.stderr)
        return
    tables: dict[str, dict[str, Row]] = {}
    records = []
    for kind in KINDS:
        tables[kind] = {}
        for name in options.methods:
            paths = [options.work / f"{kind}-{name}-{seed}.json" for seed in range(options.seeds)]
            kept = [load(path) for path in paths if path.is_file()]
            if not kept:
                continue
            row = summarise([outcome for outcome, _ in kept])
            tables[kind][METHODS[name].title] = row
            record = {
                "split": kind,
                "method": METHODS[name].title,
                **{key: value for key, value in asdict(row).items() if key != "style_counts"},
                **{f"style_{style}": count for style, count in row.style_counts.items()},
                "seconds_a_training": round(float(np.mean([seconds for _, seconds in kept])), 1),
                "settings": " ".join(options.overrides) or "desk",
                "threads": options.threads,
            }
            record = {key: round(v, 4) if isinstance(v, float) else v for key, v in record.items()}
            records.append(record)
    write_csv(options.out, records, provenance("graphfit", "torch", folder=Path(__file__).parent))
    for kind, rows in tables.items():
        first = next(iter(rows.values()))
        print(f"\n{kind}: {first.sets} sets, {first.questions} questions; {asked(rows)} for every blank in turn\n")
        print("\n".join(markdown(rows)))
        print("\nreal test outfits by style: " + ", ".join(f"{k} {v}" for k, v in first.style_counts.items()))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
