"""Which annotations buy how much accuracy: the paper's grid on rendered people, input by supervision by seed.

    hybridmesh synth people --mocap MOCAP --body free-lo --set size=48 --set studio_yaw=180 --set studio_variance=0.1
    nox -s bench -- hybridmesh ablation people

Each cell trains a small network on people/studio and people/wild and is measured on people/test: in the wild, of clips
that nobody was trained on. The table is written after each cell, and a second call goes on with it.
"""

import argparse
from pathlib import Path

import torch
from records import provenance

from hybridmesh.ablation import Row, Study, markdown, paper_markdown, verdicts, write_rows
from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import INPUTS, SUPERVISIONS, load_learning
from hybridmesh.data.people import PeopleSet
from hybridmesh.plots import plot_grid

# The least that settles which column is better than which on one thread, in a minute or two a cell.
RECIPE = (
    "network.size=32", "network.cells=2", "training.batch=32", "training.studio_epochs=20", "training.epochs=6",
    "training.dense_weight=6", "training.shape_weight=8",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, help="what `hybridmesh synth` wrote")
    parser.add_argument("--body", default="free-lo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--inputs", nargs="+", choices=INPUTS, default=list(INPUTS))
    parser.add_argument("--supervisions", nargs="+", choices=SUPERVISIONS, default=list(SUPERVISIONS))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of training")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("ablation.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body(arguments.body)
    assert isinstance(body, BodyModel)
    people = PeopleSet.concatenate([PeopleSet.load(arguments.people / name) for name in ("studio", "wild")])
    config = load_learning("desk", overrides=(*RECIPE, *arguments.set))
    study = Study(people, PeopleSet.load(arguments.people / "test"), body, config)

    def report(row: Row) -> None:
        print(row.input, row.supervision, row.seed, row.pve, row.mpjpe, row.pve_t, f"{row.seconds} s", flush=True)

    rows = study.run(
        arguments.csv, inputs=arguments.inputs, supervisions=arguments.supervisions, seeds=range(arguments.seeds),
        report=report,
    )  # fmt: skip
    write_rows(arguments.csv, rows, provenance())
    plot_grid(rows, arguments.csv.with_suffix(".png"))
    print(markdown(rows))
    print(f"\nThe paper's own, on UP-3D, with SMPL and ResNets:\n\n{paper_markdown()}\n")
    for name, holds in verdicts(rows).items():
        print(f"{'yes' if holds else 'no ':3} {name}")
    print(f"wrote {arguments.csv}")


if __name__ == "__main__":
    main()
