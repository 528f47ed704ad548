"""The paper's method, its competitors and the simple methods since, from scratch on real long-tailed photographs.

    nox -s bench -- openlt table --data tinyimagenet_lt --work runs --seeds 0,1,2

Every method has the same budget of epochs: those of one stage have all of them, those of two share a first stage of
plain cross-entropy where they begin with one, and methods without gradients of their own are laid over the plain model.
A row that is in --work already is not trained again, and a training that was cut off goes on. Epochs are chosen on the
validation pictures; the figures are of the test and open sets.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from records import markdown, with_spread, write_csv

from openlt.config import METHODS, OpenltConfig, load_config
from openlt.data import load_data
from openlt.data.splits import LongTailData
from openlt.evaluation import evaluate_run
from openlt.recognition import load
from openlt.training.start import train

SETTINGS = ("data.size=48", "data.jitter=0.0", "data.workers=1", "network.stem=photo", "network.width=32")
"""What differs from the preset ``desk``: half a ResNet-10 with its usual stem, which is fast at 48 pixels."""

DETECTORS = ("msp", "energy", "max-logit")
COLUMNS = ("many", "medium", "few", "overall", "f_measure", "auroc msp", "auroc energy", "auroc max-logit", "oscr")


@dataclass(frozen=True)
class Way:
    """How a row comes about."""

    share: str | None = None
    """Row whose first stage it begins with."""
    over: str | None = None
    """Row whose finished network it changes without training."""
    detector: str = "msp"
    """Whose F is printed."""


PLAIN_START = "plain stage 1"
WAYS: dict[str, Way] = {
    "plain": Way(),
    "lifted": Way(share=PLAIN_START),
    "focal": Way(share=PLAIN_START),
    "range": Way(share=PLAIN_START),
    "range-openmax": Way(over="range", detector="openmax"),
    "fslwf": Way(),
    "oltr": Way(share=PLAIN_START),
    "ncm": Way(over="plain"),
    "tau-norm": Way(over="plain"),
    "crt": Way(share=PLAIN_START),
    "lws": Way(share=PLAIN_START),
    "logit-adjust-post-hoc": Way(over="plain"),
    "balanced-softmax": Way(),
    "ldam-drw": Way(),
    "class-balanced": Way(),
    "whitened-memory": Way(over="plain"),
    "oltr-balanced": Way(),
}


@dataclass(frozen=True)
class Bench:
    """Data and budget of all rows."""

    data: LongTailData
    work: Path
    first: int
    second: int

    def config(self, method: str) -> OpenltConfig:
        """Settings of a method with this budget."""
        stages = METHODS[method].stages
        epochs = [f"stage1.epochs={self.first if stages == 2 else self.first + self.second}"]
        if stages == 2:
            epochs.append(f"stage2.epochs={self.second}")
        return load_config("desk", "lists", method, overrides=(*SETTINGS, *epochs))

    def folder(self, name: str, seed: int) -> Path:
        return self.work / f"{name.replace(' ', '-')}-{seed}"

    def learn(self, folder: Path, config: OpenltConfig, seed: int, stages: tuple[int, ...] | None = None) -> None:
        """Train to the end, going on where an earlier attempt was cut off."""
        resume = (folder / "checkpoints/last.pt").exists()
        train(self.data, folder, config, seed=seed, device="cpu", stages=stages, resume=resume)

    def first_stage(self, seed: int) -> Path:
        """Train the stage that methods of two stages begin with, once."""
        folder = self.folder(PLAIN_START, seed)
        done = folder / "checkpoints/done"
        if not done.exists():
            self.learn(folder, self.config("oltr"), seed, stages=(1,))
            done.touch()
        return folder / "checkpoints/stage1.best.safetensors"

    def network(self, method: str, seed: int) -> Path:
        """Return the folder of a trained method."""
        folder, way, config = self.folder(method, seed), WAYS[method], self.config(method)
        if (folder / "model.safetensors").exists():
            return folder
        if way.over is not None:
            # The end of that training, finished once more with what this method does to the classifier.
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.network(way.over, seed) / "checkpoints", folder / "checkpoints")
            train(self.data, folder, config, seed=seed, device="cpu", resume=True, force=True)
        elif way.share is not None:
            start = folder / "checkpoints/stage1.best.safetensors"
            if not start.exists():
                source = self.first_stage(seed)
                start.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, start)
            self.learn(folder, config, seed, stages=(2,))
        else:
            self.learn(folder, config, seed)
        return folder

    def row(self, method: str, seed: int) -> dict[str, Any]:
        """Train and measure, or read what was measured before."""
        kept = self.work / f"row-{method}-{seed}.json"
        if kept.exists():
            row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            return row
        began = time.process_time()
        folder = self.network(method, seed)
        trained = time.process_time() - began
        way = WAYS[method]
        names = tuple(dict.fromkeys((way.detector, *DETECTORS)))
        evaluation = evaluate_run(folder, load(folder, device="cpu"), self.data, detectors=names)
        by_name = {each.detector: each for each in evaluation.figures}
        decided = by_name[way.detector]
        row = {
            "method": method,
            "seed": seed,
            **{name: getattr(decided, name) for name in ("many", "medium", "few", "overall", "f_measure", "oscr")},
            **{f"auroc {name}": each.auroc for name, each in by_name.items()},
            "auroc_few": decided.auroc_few,
            "fpr95": decided.fpr95,
            "detector": way.detector,
            "f_variant": decided.f_variant,
            "threshold": decided.threshold,
            "n_closed": decided.n_closed,
            "n_open": decided.n_open,
            "cpu_seconds": round(trained, 1),
            "epochs": f"{self.first}+{self.second}",
        }
        kept.write_text(json.dumps(row, indent=2), encoding="utf-8")
        return row


def table(rows: list[dict[str, Any]]) -> str:
    """All methods, the best of each column of those that every picture was ranked by in bold."""
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        cells = [with_spread([row[name] for row in own], percent=name in COLUMNS[:4]) for name in COLUMNS]
        lines.append([method, str(len(own)), *cells])
    header = ["method", "seeds", "many %", "medium %", "few %", "overall %", "F", "AUROC msp", "AUROC energy"]
    return markdown([*header, "AUROC max-logit", "OSCR"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of TinyImageNet_LT_train.txt and its pictures")
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--methods", default=",".join(WAYS))
    parser.add_argument("--epochs", default="5+4", help="of the first and the second stage")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("table.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    first, second = map(int, arguments.epochs.split("+"))
    data = load_data("lists", root=arguments.data, verify="off")
    bench = Bench(data, arguments.work, first, second)
    rows = []
    for seed in map(int, arguments.seeds.split(",")):
        for method in arguments.methods.split(","):
            rows.append(bench.row(method, seed))
            told = rows[-1]
            print(
                f"{method} {seed}: few {100 * told['few']:.1f} overall {100 * told['overall']:.1f} "
                f"F {told['f_measure']:.3f} AUROC {told['auroc energy']:.3f}",
                file=sys.stderr,
                flush=True,
            )
    write_csv(arguments.csv, rows)
    print(f"{table(rows)}\n\nwrote {arguments.csv}")


if __name__ == "__main__":
    main()
