"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hr_common.commands import CommandGroup
from hr_common.options import (
    FILE,
    FOLDER,
    OUTPUT,
    device_option,
    force_option,
    json_option,
    refuse_existing,
    resume_option,
    seed_option,
    setting_options,
    threads_option,
    use_threads,
)
from openlt import __version__

if TYPE_CHECKING:
    from openlt.data.splits import LongTailData

run_option = click.option("--run", type=FOLDER, required=True, help="Folder of a training.")


def method_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--preset``, ``--method``, ``--config`` and ``--set``."""
    command = click.option(
        "--method", default="oltr", show_default=True, help="What to train; `openlt info` lists them."
    )(command)
    return setting_options("stage2.epochs=10", about="Base settings; paper is the published recipe of the data set.")(
        command
    )


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--data-root``, ``--lists`` and ``--verify``."""
    for option in (
        click.option(
            "--verify", type=click.Choice(["sample", "full", "off"]), default="sample", show_default=True,
            help="Pictures to check before the work: 200 a split, all, or none.",
        ),
        click.option("--lists", type=FOLDER, help="Folder of the list files. [default: in the data folder]"),
        click.option(
            "--data-root", type=OUTPUT, envvar="OPENLT_DATA_ROOT", show_envvar=True,
            help="Folder of the pictures, or one that holds several data sets.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="openlt")
def main() -> None:
    """Recognise images of many classes when most have few examples and some images belong to none."""


@main.command()
@click.option("--dataset", required=True, help="places-lt, imagenet-lt, …, digits-lt, lists or folder.")
@data_options
@method_options
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the run.")
@click.option("--stage", type=click.Choice(["all", "1", "2"]), default="all", show_default=True, help="What to train.")
@click.option("--backbone", help="Short for --set network.backbone=…")
@click.option("--pretrained", metavar="FILE|package|none", default="none", show_default=True, help="Backbone weights.")
@click.option("--amp", type=click.Choice(["off", "bf16", "fp16"]), help="Short for --set training.amp=…")
@threads_option
@resume_option
@click.option("--force", is_flag=True, help="Overwrite the run in --out; with --resume, go on with other settings.")
@click.option("--dry-run", is_flag=True, help="Check data and settings, say what would be done, and end.")
@seed_option
@device_option
@json_option
def train(
    dataset: str,
    data_root: Path | None,
    lists: Path | None,
    verify: str,
    preset: str,
    method: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    out: Path,
    stage: str,
    backbone: str | None,
    pretrained: str,
    amp: str | None,
    threads: int | None,
    resume: bool,
    force: bool,
    dry_run: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Train a method on a data set, in one stage or two.

    \b
    openlt train --dataset digits-lt --out runs/digits
    openlt train --dataset places-lt --data-root /data/places --preset paper --pretrained r152.pth --out runs/places
    torchrun --nproc-per-node 4 -m openlt train …
    """  # noqa: D301 - click reads the backspace itself
    from openlt.config import load_config

    short = {"network.backbone": backbone, "training.amp": amp}
    flags = tuple(f"{name}={value}" for name, value in short.items() if value is not None)
    config = load_config(preset, dataset, method, file=config_file, overrides=(*overrides, *flags))
    data = _load(dataset, data_root, lists, verify)

    from openlt.training.plan import plan
    from openlt.training.start import train as train_run

    use_threads(threads)
    wanted = None if stage == "all" else (int(stage),)
    source = None if pretrained == "none" else pretrained
    if dry_run:
        planned = plan(data, config)
        click.echo(json.dumps(planned.as_dict(), indent=2) if as_json else "\n".join(planned.lines()))
        return
    trained = train_run(
        data, out, config, seed=seed, device=device, stages=wanted, pretrained=source, resume=resume, force=force
    )
    if not trained.is_main:
        return
    if as_json:
        model = None if trained.model is None else str(trained.model)
        click.echo(json.dumps({"run": str(out), "model": model, "val_overall": trained.best}, indent=2))
        return
    best = "" if trained.best is None else f"; best overall accuracy on val {100 * trained.best:.1f} %"
    click.echo(f"wrote {trained.model or trained.folder}{best}")


def _load(
    dataset: str, root: Path | None, lists: Path | None, verify: Any, *, need_open: bool = False
) -> "LongTailData":
    from openlt.data import load_data

    return load_data(dataset, root=root, lists=lists, verify=verify, need_open=need_open)


@main.command()
@run_option
@click.option("--dataset", help="Data set. [default: that of the run]")
@data_options
@click.option("--split", type=click.Choice(["val", "test"]), default="test", show_default=True, help="Known pictures.")
@click.option(
    "--open/--closed", "with_open", default=None, help="Add the unknown pictures. [default: if there are any]"
)
@click.option("--threshold", type=float, help="Score below which a picture is unknown. [default: that of the run]")
@click.option("--detector", "detectors", help="Scores of openness, separated by commas. [default: that of the run]")
@click.option(
    "--calibrate", "calibration", type=click.Choice(["fixed", "tpr", "open-val"]),
    help="How thresholds are settled: at the run's, to accept 95 % of val, or for the best F on open_val.",
)  # fmt: skip
@click.option(
    "--shot-rule", type=click.Choice(["paper", "reference"]), default="paper", show_default=True, help="Bands."
)
@click.option(
    "--f-variant", type=click.Choice(["oltr2020", "legacy"]), default="oltr2020", show_default=True, help="F."
)
@click.option("--save-logits", is_flag=True, help="Also keep all logits, as eval/SPLIT/logits.npy.")
@device_option
@json_option
def evaluate(
    run: Path,
    dataset: str | None,
    data_root: Path | None,
    lists: Path | None,
    verify: str,
    split: str,
    with_open: bool | None,
    threshold: float | None,
    detectors: str | None,
    calibration: Any,
    shot_rule: Any,
    f_variant: Any,
    save_logits: bool,
    device: str,
    as_json: bool,
) -> None:
    """Measure a run, closed and open, and write figures and scores to RUN/eval/SPLIT.

    \b
    openlt evaluate --run runs/digits
    openlt evaluate --run runs/places --data-root /data/places --detector msp,energy,reachability
    """  # noqa: D301 - click reads the backspace itself
    from openlt.evaluation import evaluate_run
    from openlt.recognition import load

    recogniser = load(run, device=device)
    data = _load(dataset or recogniser.model.origin.dataset, data_root, lists, verify, need_open=bool(with_open))
    names = tuple(name.strip() for name in detectors.split(",")) if detectors else None
    evaluation = evaluate_run(
        run,
        recogniser,
        data,
        split=split,
        with_open=with_open,
        detectors=names,
        threshold=threshold,
        calibration=calibration,
        shot_rule=shot_rule,
        f_variant=f_variant,
        save_logits=save_logits,
    )
    click.echo(json.dumps(evaluation.as_dict(), indent=2) if as_json else "\n".join(evaluation.lines()))


@main.command()
@run_option
@click.argument("pictures", nargs=-1, required=True)
@click.option("--out", "-o", type=OUTPUT, help="File to write instead of standard output.")
@click.option("--topk", type=click.IntRange(1), default=5, show_default=True, help="Classes to name.")
@click.option("--detector", help="Score that decides what is unknown. [default: that of the run]")
@click.option("--threshold", type=float, help="Score below which a picture is unknown. [default: that of the run]")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="Output."
)
@device_option
@force_option
def predict(
    run: Path,
    pictures: tuple[str, ...],
    out: Path | None,
    topk: int,
    detector: str | None,
    threshold: float | None,
    form: str,
    device: str,
    force: bool,
) -> None:
    """Say what is on PICTURES: files, folders, or - for a list of paths on standard input.

    \b
    openlt predict --run runs/digits three.png folder/
    find . -name '*.jpg' | openlt predict --run runs/digits - --format csv --out result.csv
    """  # noqa: D301 - click reads the backspace itself
    from hr_common import image
    from openlt.recognition import format_predictions, load

    if out is not None:
        refuse_existing(out, force=force)
    lines = sys.stdin.read().splitlines() if "-" in pictures else []
    paths = image.find([*(each for each in pictures if each != "-"), *filter(None, lines)])
    predictions = load(run, device=device).predict(paths, topk=topk, detector=detector, threshold=threshold)
    text = format_predictions(predictions, form)
    if out is None:
        click.echo(text)
    else:
        from hr_common.files import atomic_path

        with atomic_path(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        click.echo(f"wrote {len(predictions)} predictions to {out}")
    if unreadable := [each for each in predictions if each.error is not None]:
        for each in unreadable:
            click.echo(f"{each.path}: {each.error}", err=True)
        raise SystemExit(1)


@main.command("import-reference")
@click.argument("checkpoint", type=FILE)
@click.option(
    "--dataset", type=click.Choice(["places-lt", "imagenet-lt"]), required=True, help="What it was trained on."
)
@data_options
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the run to make.")
@force_option
def import_reference(
    checkpoint: Path,
    dataset: str,
    data_root: Path | None,
    lists: Path | None,
    verify: str,
    out: Path,
    force: bool,
) -> None:
    """Turn CHECKPOINT, a second-stage .pth of the authors, into a run to evaluate and predict with.

    \b
    openlt import-reference model.pth --dataset places-lt --data-root /data/places --verify off --out runs/authors
    """  # noqa: D301 - click reads the backspace itself
    from openlt.reference import import_reference as convert

    click.echo(f"wrote {convert(checkpoint, out, _load(dataset, data_root, lists, verify), force=force)}")


@main.command()
@method_options
@click.option("--dataset", default="digits-lt", show_default=True, help="Data set that the preset is for.")
@json_option
def info(
    preset: str, method: str, config_file: Path | None, overrides: tuple[str, ...], dataset: str, as_json: bool
) -> None:
    """Show the version, the methods, and the resolved settings as TOML."""
    from hr_common import config as settings
    from openlt.config import METHODS, load_config

    config = load_config(preset, dataset, method, file=config_file, overrides=overrides)
    if as_json:
        methods = {name: each.about for name, each in METHODS.items()}
        whole = {"version": __version__, "methods": methods, "config": settings.to_dict(config)}
        click.echo(json.dumps(whole, indent=2))
        return
    click.echo(f"openlt {__version__}\n\nmethods:")
    for name, each in METHODS.items():
        click.echo(f"  {name:22} {each.about}")
    click.echo(f"\n# {preset} settings of {method} on {dataset}\n{settings.to_toml(config)}", nl=False)


@main.group()
def datasets() -> None:
    """Which data sets there are, where to get them, and whether yours is whole."""


@datasets.command("list")
@json_option
def list_datasets(as_json: bool) -> None:
    """List the data sets by name."""
    from openlt.data import DATASETS

    if as_json:
        click.echo(json.dumps({name: each.summary for name, each in DATASETS.items()}, indent=2, ensure_ascii=False))
        return
    for name, each in DATASETS.items():
        click.echo(f"{name:12}  {each.summary}")


@datasets.command("info")
@click.argument("name")
@json_option
def dataset_details(name: str, as_json: bool) -> None:
    """Say what belongs to data set NAME, where to get it, and under which licence."""
    from dataclasses import asdict

    from openlt.data import dataset_info

    found = dataset_info(name)
    click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False) if as_json else "\n".join(found.lines()))


@datasets.command("verify")
@click.argument("name")
@click.option(
    "--data-root", type=OUTPUT, envvar="OPENLT_DATA_ROOT", show_envvar=True,
    help="Folder of the pictures, or one that holds several data sets.",
)  # fmt: skip
@click.option("--lists", type=OUTPUT, help="Folder of the list files. [default: in the data folder]")
@click.option("--full", is_flag=True, help="Open every picture instead of 200 a split.")
@click.option("--open", "need_open", is_flag=True, help="Count a missing open set as an error.")
def verify_dataset(name: str, data_root: Path | None, lists: Path | None, full: bool, need_open: bool) -> None:
    """Check lists, counts, labels, layout and pictures of data set NAME.

    \b
    openlt datasets verify places-lt --data-root /data/places
    """  # noqa: D301 - click reads the backspace itself
    from openlt.data.verification import verify_data

    level: Any = "full" if full else "sample"
    result = verify_data(name, root=data_root, lists=lists, level=level, need_open=need_open)
    for line in result.passed:
        click.echo(f"ok       {line}")
    for line in result.warnings:
        click.echo(f"note     {line}")
    click.echo(f"{result.info.title} is ready")


@main.command("make-lt")
@click.option("--source", type=click.Path(exists=True, path_type=Path), required=True,
              help="Folder with one folder for each class, or a list file.")  # fmt: skip
@click.option("--test-source", type=FOLDER, help="Folder of the same form for the test pictures.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder to make.")
@click.option("--profile", type=click.Choice(["pareto", "exp", "step", "natural"]), default="pareto",
              show_default=True, help="Law of the training counts.")  # fmt: skip
@click.option("--alpha", type=float, default=6.0, show_default=True, help="Exponent of pareto.")
@click.option("--imbalance", type=float, default=100.0, show_default=True, help="Largest over smallest, exp and step.")
@click.option("--max", "largest", type=click.IntRange(1), help="Pictures of the first class. [default: all]")
@click.option("--min", "least", type=click.IntRange(1), default=5, show_default=True, help="Fewest of a class.")
@click.option("--val-per-class", type=click.IntRange(1), default=20, show_default=True, help="Validation pictures.")
@click.option("--test-per-class", type=click.IntRange(1), default=50, show_default=True, help="Test pictures.")
@click.option("--open-fraction", type=float, default=0.1, show_default=True, help="Share of classes to hold open.")
@click.option("--open-class", "open_classes", multiple=True, help="Class to hold open, instead. Repeatable.")
@click.option("--order", type=click.Choice(["random", "label"]), default="random", show_default=True,
              help="Who is how frequent: drawn, or by the order of the names.")  # fmt: skip
@click.option("--small", type=click.Choice(["open", "exclude"]), default="open", show_default=True,
              help="What becomes of classes that are too small.")  # fmt: skip
@click.option("--dedupe", type=click.Choice(["drop", "report", "off"]), default="drop", show_default=True,
              help="What to do with pictures that occur twice.")  # fmt: skip
@click.option("--mode", type=click.Choice(["list", "copy", "symlink"]), default="list", show_default=True,
              help="Refer to the pictures, copy them, or link to them.")  # fmt: skip
@seed_option
@force_option
def make_lt_command(
    source: Path, test_source: Path | None, out: Path, mode: Any, dedupe: Any, force: bool, **settings: Any
) -> None:
    """Cut a long-tailed, open set from any folder of pictures.

    \b
    openlt make-lt --source photos --out photos-lt
    openlt train --dataset lists --data-root photos --lists photos-lt --out runs/photos
    """  # noqa: D301 - click reads the backspace itself
    from openlt.data.cutting import CutConfig
    from openlt.data.make_lt import make_lt

    made = make_lt(source, out, CutConfig(**settings), test_source=test_source, mode=mode, dedupe=dedupe, force=force)
    for line in made.lines():
        click.echo(line)
    click.echo(f"train with: openlt train --dataset lists --data-root {made.root} --lists {out} --out RUN")


@main.command()
@click.option("--dataset", required=True, help="Data set to copy.")
@data_options
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder to make.")
@click.option("--size", type=click.IntRange(1), default=256, show_default=True, help="Shorter side in pixels.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Threads that decode.")
def cache(
    dataset: str, data_root: Path | None, lists: Path | None, verify: str, out: Path, size: int, workers: int
) -> None:
    """Copy a data set at a smaller size, so that large pictures are decoded once.

    \b
    openlt cache --dataset imagenet-lt --data-root /data/imagenet --out /data/imagenet-256
    openlt train --dataset imagenet-lt --data-root /data/imagenet-256 --out runs/imagenet
    """  # noqa: D301 - click reads the backspace itself
    from openlt.data.caching import cache_data

    name = cache_data(_load(dataset, data_root, lists, verify), out, size, workers=workers)
    click.echo(f"wrote {out}; use it with --dataset {name} --data-root {out}")


@main.command()
@click.option("--run", "runs", type=FOLDER, required=True, multiple=True, help="Evaluated run; repeat to compare.")
@click.option("--split", type=click.Choice(["val", "test"]), default="test", show_default=True, help="Evaluation.")
@click.option("--out", "-o", type=OUTPUT, help="Folder to write to. [default: RUN/report]")
def report(runs: tuple[Path, ...], split: str, out: Path | None) -> None:
    """Put the figures and plots of evaluated runs on one HTML page."""
    from openlt.report import write_report

    click.echo(f"wrote {write_report(runs, out or runs[0] / 'report', split)}")


@main.command()
@click.option("--out", "-o", type=OUTPUT, default=Path("openlt-demo"), show_default=True, help="Folder to make.")
@click.option(
    "--preset", type=click.Choice(["desk", "tiny"]), default="desk", show_default=True,
    help="desk learns well in under a minute; tiny shows the way only.",
)  # fmt: skip
@seed_option
@force_option
def demo(out: Path, preset: str, seed: int, force: bool) -> None:
    """Train both stages on the embedded digits, where two digits are strangers, and measure: under a minute."""
    from openlt.demo import run_demo

    for line in run_demo(out, preset=preset, seed=seed, force=force):
        click.echo(line)
