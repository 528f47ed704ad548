"""Commands of who learns: train, predict, ablate, info."""

import json
from pathlib import Path
from typing import Any

import click

from hr_common.errors import InputError
from hr_common.options import (
    OUTPUT,
    device_option,
    force_option,
    json_option,
    resume_option,
    seed_option,
    setting_options,
    threads_option,
)
from hybridmesh.cli.options import body_options, open_body
from hybridmesh.cli.recovering import photo_options, run_recovery

# Those of hybridmesh.config, which is too heavy to be loaded for a help text.
INPUTS = ("iuv", "segment", "image", "image+iuv", "image+segment")
SUPERVISIONS = ("full", "part3d", "3d_sparse", "dense_sparse", "sparse")
SET = click.Path(exists=True, path_type=Path)


learning_options = setting_options("training.epochs=5")


def _names(text: str, known: tuple[str, ...], option: str) -> tuple[Any, ...]:
    chosen = known if text == "all" else tuple(each.strip() for each in text.split(","))
    if wrong := [each for each in chosen if each not in known]:
        raise InputError(f"{option} {', '.join(wrong)}: unknown; choose from {', '.join(known)}, or all")
    return chosen


@click.command()
@click.argument("sets", nargs=-1, required=True, type=SET)
@click.option("--input", "kind", type=click.Choice(INPUTS), help="What the network looks at. [default: the preset's]")
@click.option("--supervision", type=click.Choice(SUPERVISIONS), help="Annotations that count. [default: the preset's]")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the run.")
@resume_option
@learning_options
@body_options
@threads_option
@force_option
@seed_option
@device_option
@json_option
def train(
    sets: tuple[Path, ...],
    kind: str | None,
    supervision: str | None,
    out: Path,
    resume: bool,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    body: str,
    gender: str,
    threads: int | None,
    force: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Train a regressor on SETS of people; those whose source is `studio` keep their 3D in every setting.

    \b
    hybridmesh train people/studio people/wild --input iuv --supervision dense_sparse --out runs/dense
    torchrun --nproc-per-node 2 -m hybridmesh train …
    """  # noqa: D301 - click reads the backspace itself
    from hybridmesh.config import load_learning

    chosen = [f"network.input={kind}"] if kind else []
    chosen += [f"training.supervision={supervision}"] if supervision else []
    config = load_learning(preset, file=config_file, overrides=(*chosen, *overrides))
    model = open_body(body, gender, threads)
    from hybridmesh.data.people import PeopleSet
    from hybridmesh.training.start import train as train_run

    trained = train_run(
        [PeopleSet.load(each) for each in sets],
        model,
        out,
        config,
        seed=seed,
        device=device,
        resume=resume,
        force=force,
    )
    if not trained.is_main:
        return
    if as_json:
        click.echo(json.dumps({"model": str(trained.model), "losses": trained.losses}, indent=2))
        return
    losses = ", ".join(f"{name} {value:.3g}" for name, value in trained.losses.items())
    click.echo(f"wrote {trained.model}; losses of the last epoch: {losses}")


@click.command()
@photo_options
@click.option("--weights", type=SET, help="Run folder or weights file. [default: the weights that ship]")
@click.option("--refine", is_flag=True, help="Fit too, starting from what is predicted.")
def predict(weights: Path | None, refine: bool, **given: Any) -> None:
    """Predict the bodies of all people on PHOTOS with a trained regressor.

    The weights that ship look at IUV maps, and have seen rendered people only.

    \b
    hybridmesh predict photo.png --iuv photo_iuv.png --out result --refine
    hybridmesh predict photo.jpg --box 10,20,200,400 --weights runs/image --out result
    """  # noqa: D301 - click reads the backspace itself
    run_recovery(**given, weights=weights, asks="given", fit_too=refine)


@click.command()
@click.argument("sets", nargs=-1, required=True, type=SET)
@click.option("--test", type=SET, required=True, help="People to measure on.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Table to write and to go on with, CSV.")
@click.option("--inputs", default="all", show_default=True, metavar="NAME,…", help=f"Rows: {', '.join(INPUTS)}.")
@click.option("--supervisions", default="all", show_default=True, metavar="NAME,…",
              help=f"Columns: {', '.join(SUPERVISIONS)}.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings of each cell.")
@click.option("--figure", type=OUTPUT, help="Picture of the grid to write, PNG.")
@learning_options
@body_options
@threads_option
@json_option
def ablate(
    sets: tuple[Path, ...],
    test: Path,
    out: Path,
    inputs: str,
    supervisions: str,
    seeds: int,
    figure: Path | None,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    body: str,
    gender: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Run the paper's study on SETS: every input with every choice of annotations; a table that can be resumed.

    \b
    hybridmesh ablate people/studio people/wild --test people/test --out grid.csv --seeds 3
    """  # noqa: D301 - click reads the backspace itself
    from dataclasses import asdict

    kinds, columns = _names(inputs, INPUTS, "--inputs"), _names(supervisions, SUPERVISIONS, "--supervisions")
    from hybridmesh.config import load_learning

    config = load_learning(preset, file=config_file, overrides=overrides)
    model = open_body(body, gender, threads)
    from hybridmesh.ablation import Study, markdown, paired_markdown
    from hybridmesh.data.people import PeopleSet

    people = PeopleSet.concatenate([PeopleSet.load(each) for each in sets])
    study = Study(people, PeopleSet.load(test), model, config)
    rows = study.run(out, inputs=kinds, supervisions=columns, seeds=range(seeds))
    if figure is not None:
        from hybridmesh.plots import plot_grid

        plot_grid(rows, figure)
    click.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else markdown(rows))
    if not as_json:
        if seeds > 1:
            click.echo(f"\nSteps along the paper's order, per cent of PVE / mm of PVE-T:\n\n{paired_markdown(rows)}\n")
        click.echo(f"wrote {out}: {len(rows)} rows")


@click.command()
@click.option("--weights", type=SET, help="Run folder or weights file. [default: the weights that ship]")
@click.option(
    "--preset", type=click.Choice(["paper", "desk", "tiny"]), help="Print the settings of a preset as TOML instead."
)
@json_option
def info(weights: Path | None, preset: str | None, as_json: bool) -> None:
    """Say what weights were trained on, with what, and what they cannot do; or what a preset sets."""
    if preset is not None:
        from hr_common import config as settings
        from hybridmesh.config import load_learning

        chosen = load_learning(preset)
        click.echo(json.dumps(settings.to_dict(chosen), indent=2) if as_json else settings.to_toml(chosen).rstrip())
        return
    from hybridmesh.regressor import SHIPPED, Regressor

    files = [weights] if weights is not None else list(SHIPPED.values())
    cards = {str(file if weights else file.name): dict(Regressor.load(file).card) for file in files}
    if as_json:
        click.echo(json.dumps(cards, indent=2))
        return
    for file, card in cards.items():
        click.echo(file)
        for name, value in card.items():
            click.echo(f"  {name}: {json.dumps(value) if isinstance(value, dict | list) else value}")


COMMANDS: tuple[click.Command, ...] = (train, predict, ablate, info)
