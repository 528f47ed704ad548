"""Which annotations buy how much accuracy: the paper's grid on rendered people, input by supervision by seed.

    nox -s bench -- hybridmesh ablation PEOPLE

renders people into the folder PEOPLE, unless they are there: a studio, the wild, a test, and as many for validation.
Each cell then trains a small network on the studio and the wild, and is measured on the test. The table is written
after each cell, and a second call goes on with it; for a table of your own name another --csv. With --validation cells
are measured on the people on whom the recipe was chosen.
"""

import argparse
from pathlib import Path

import torch
from records import behind

from hybridmesh.ablation import Row, Study, markdown, paired_markdown, paper_markdown, verdicts, write_rows
from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import INPUTS, SUPERVISIONS, load_learning, load_synth
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize
from hybridmesh.plots import plot_grid

# A studio as the paper's is to photographs: people seen from the front who move little, so that it says little about
# depth in the wild. Before clutter in full contrast a network of this size does not find them by the picture alone.
PEOPLE = ("size=48", "studio_variance=0.15", "contrast=0.3")
# The least that settles which column is better than which on one thread, in about a minute a cell.
RECIPE = ("training.common_epochs=4", "training.epochs=12")
TEST_SEED, VALIDATION_SEED = 4129, 777


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, help="folder of the people, rendered if it is not there")
    parser.add_argument("--body", default="free-lo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--inputs", nargs="+", choices=INPUTS, default=list(INPUTS))
    parser.add_argument("--supervisions", nargs="+", choices=SUPERVISIONS, default=list(SUPERVISIONS))
    parser.add_argument("--validation", action="store_true", help="measure on people/validation and not on people/test")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of training")
    parser.add_argument("--set-people", nargs="*", default=[], metavar="NAME=VALUE", help="settings of rendering")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("ablation.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body(arguments.body)
    assert isinstance(body, BodyModel)
    render(arguments.people, body, [*PEOPLE, *arguments.set_people])
    people = PeopleSet.concatenate([PeopleSet.load(arguments.people / name) for name in ("studio", "wild")])
    measured = PeopleSet.load(arguments.people / ("validation" if arguments.validation else "test"))
    config = load_learning("desk", overrides=(*RECIPE, *arguments.set))
    study = Study(people, measured, body, config)

    def report(row: Row) -> None:
        print(row.input, row.supervision, row.seed, row.pve, row.mpjpe, row.pve_t, f"{row.seconds} s", flush=True)

    rows = study.run(
        arguments.csv, inputs=arguments.inputs, supervisions=arguments.supervisions, seeds=range(arguments.seeds),
        report=report,
    )  # fmt: skip
    write_rows(arguments.csv, rows, behind())
    plot_grid(rows, arguments.csv.with_suffix(".png"))
    print(markdown(rows))
    print(f"\nSteps along the paper's order, per cent of PVE / mm of PVE-T:\n\n{paired_markdown(rows)}")
    print(f"\nThe paper's own, on UP-3D, with SMPL and ResNets:\n\n{paper_markdown()}\n")
    for name, holds in verdicts(rows).items():
        print(f"{'yes' if holds else 'no ':3} {name}")
    print(f"wrote {arguments.csv}")


def render(folder: Path, body: BodyModel, overrides: list[str]) -> None:
    """Render the sets that are missing, in random poses; all but the studio are in the wild."""
    config = load_synth("desk", overrides=overrides)
    for name, count, seed, test in (
        ("studio", config.studio, 0, False), ("wild", config.wild, 0, False), ("test", config.test, TEST_SEED, True),
        ("validation", config.test, VALIDATION_SEED, True),
    ):  # fmt: skip
        if not (folder / name).exists():
            domain = "studio" if name == "studio" else "wild"
            synthesize(body, [], config, count=count, domain=domain, seed=seed, test=test).save(folder / name)
            print(f"rendered {folder / name}: {count} people", flush=True)


if __name__ == "__main__":
    main()
