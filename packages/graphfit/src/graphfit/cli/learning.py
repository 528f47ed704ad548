"""Commands of who learns: embed, split, check, train, evaluate, info."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hr_common.errors import InputError
from hr_common.options import (
    ANY,
    FILE,
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

if TYPE_CHECKING:
    from graphfit.data.items import Catalogue, Outfit
    from graphfit.data.tasks import OutfitData
    from graphfit.features import Features

data_option = click.option(
    "--data", required=True, metavar="LAYOUT:PATH",
    help="polyvore:DIR, maryland:DIR, tables:DIR or catalogue:FILE.",
)  # fmt: skip
kind_option = click.option(
    "--kind", type=click.Choice(["nondisjoint", "disjoint"]), default="nondisjoint", show_default=True,
    help="May splits share items?",
)  # fmt: skip
outfits_option = click.option("--outfits", type=FILE, help="Outfits of catalogue:FILE, JSON or CSV.")
features_option = click.option("--features", type=FILE, help="What `graphfit embed` wrote. [default: embed now]")
cache_option = click.option(
    "--cache",
    type=OUTPUT,
    help="SQLite file that keeps features by the pictures' contents. [default: in the user's cache]",
)


def _cache(path: Path | None) -> Path:
    from hr_common.files import data_root

    return path or data_root("graphfit", "features.sqlite")


def _parts(data: str) -> tuple[str, Path]:
    from graphfit.data.checking import LAYOUTS

    layout, colon, path = data.partition(":")
    if not colon or layout not in LAYOUTS:
        raise InputError(f"--data {data}: expected LAYOUT:PATH with one of {', '.join(LAYOUTS)}, e.g. polyvore:DIR")
    return layout, Path(path)


def _raw(layout: str, path: Path, outfits: Path | None) -> "tuple[Catalogue, tuple[Outfit, ...]]":
    """Read a catalogue and outfits that are not split."""
    if layout == "tables":
        from graphfit.data.tables import read_tables

        return read_tables(path)
    from graphfit.data.catalogue import read_catalogue, read_outfits

    if outfits is None:
        raise InputError(f"--data catalogue:{path} needs --outfits FILE (JSON or CSV)")
    catalogue = read_catalogue(path)
    return catalogue, read_outfits(outfits, catalogue)


def _load(
    data: str, outfits: Path | None, kind: Any, features: Path | None, cache: Path | None, device: str, seed: int
) -> "tuple[OutfitData, Features]":
    """Read outfits in splits, splitting them if the layout has none, and the features of their items."""
    from graphfit.features import Features, embed
    from graphfit.negatives import background_groups
    from hr_common import device as devices

    layout, path = _parts(data)

    def features_of(catalogue: "Catalogue") -> Features:
        if features is not None:
            return Features.load(features).of(catalogue)
        return embed(catalogue, cache=_cache(cache), device=devices.resolve(device))

    if layout == "polyvore":
        from graphfit.data.polyvore import read_polyvore

        split_data = read_polyvore(path, kind)
        return split_data, features_of(split_data.catalogue)
    if layout == "maryland":
        from graphfit.data.maryland import read_maryland

        split_data = read_maryland(path)
        return split_data, features_of(split_data.catalogue)
    from graphfit.data.splitting import split

    catalogue, chosen = _raw(layout, path, outfits)
    found = features_of(catalogue)
    groups = background_groups(found.backgrounds, len(found.ids))
    return split(catalogue, chosen, kind, backgrounds=groups, seed=seed).data, found


@click.command()
@click.argument("catalogue", type=ANY)
@click.option("--out", "-o", type=OUTPUT, required=True, help="File to write, e.g. items.npz.")
@click.option(
    "--encoder",
    default="lite0",
    show_default=True,
    metavar="lite0|FILE",
    help="Picture encoder; FILE holds the weights of a ResNet-18 with torchvision's names.",
)
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Pictures at a time.")
@cache_option
@device_option
@force_option
@json_option
def embed(
    catalogue: Path, out: Path, encoder: str, batch: int, cache: Path | None, device: str, force: bool, as_json: bool
) -> None:
    """Compute features, palettes and backgrounds of the pictures of CATALOGUE (a folder, CSV, JSON or JSON lines).

    \b
    graphfit embed shop/catalogue.csv -o items.npz
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.data.catalogue import read_catalogue
    from graphfit.features import embed as embed_catalogue
    from hr_common import device as devices

    refuse_existing(out, force=force)
    features = embed_catalogue(
        read_catalogue(catalogue), encoder=encoder, cache=_cache(cache), batch=batch, device=devices.resolve(device)
    )
    features.save(out)
    facts = {"out": str(out), "items": len(features.ids), "size": features.values.shape[1], "encoder": features.encoder}
    click.echo(json.dumps(facts, indent=2) if as_json else f"wrote {out}: {facts['items']} items by {features.encoder}")


@click.command()
@click.argument("outfits", type=FILE)
@click.option("--catalogue", type=ANY, required=True, help="Folder, CSV, JSON or JSON lines of the items.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder to make, in the layout of Polyvore Outfits.")
@kind_option
@features_option
@seed_option
@force_option
@json_option
def split(
    outfits: Path, catalogue: Path, out: Path, kind: Any, features: Path | None, seed: int, force: bool, as_json: bool
) -> None:
    """Split OUTFITS so that no near-twin leaks, and fix the tasks on disk.

    With --features, corruptions and wrong answers are matched in photo background too.

    \b
    graphfit split outfits.json --catalogue catalogue.csv --features items.npz -o splits
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.data.catalogue import read_catalogue, read_outfits
    from graphfit.data.splitting import split as split_data
    from graphfit.data.splitting import write_polyvore
    from graphfit.features import Features
    from graphfit.negatives import background_groups

    refuse_existing(out / kind, force=force)
    items = read_catalogue(catalogue)
    groups = None
    if features is not None:
        groups = background_groups(Features.load(features).of(items).backgrounds, len(items))
    report = split_data(items, read_outfits(outfits, items), kind, backgrounds=groups, seed=seed)
    write_polyvore(out, report.data, kind)
    sizes = {name: len(chosen) for name, chosen in report.data.outfits.items()}
    if as_json:
        facts = {"out": str(out / kind), "outfits": sizes, "repeated": report.repeated, "clusters": report.clusters,
                 "largest_cluster": report.largest, "lost": report.lost, "unasked": dict(report.unasked)}  # fmt: skip
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(
        f"{report.repeated} repetitions dropped, {report.clusters} clusters of near-twins (largest {report.largest}), "
        f"{report.lost} outfits lost by trimming"
    )
    click.echo(f"wrote {out / kind}: " + ", ".join(f"{name} {count}" for name, count in sizes.items()))


@click.group()
def data() -> None:
    """Look at data sets on disk."""


@data.command()
@click.argument("path", type=ANY)
@json_option
def check(path: Path, as_json: bool) -> None:
    """Tell the layout of PATH, count what is there, and name what is wrong; exit code 1 if something is."""
    from graphfit.data.checking import check as check_path

    found = check_path(path)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo("\n".join(each.lines()))
    if any(each.mistakes for each in found):
        raise click.exceptions.Exit(1)


@click.command()
@data_option
@outfits_option
@kind_option
@features_option
@cache_option
@setting_options("network.layers=3")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the run.")
@resume_option
@threads_option
@click.option("--licence", default="", metavar="TEXT", help="What the card of the weights says on the use of the data.")
@force_option
@seed_option
@device_option
@json_option
def train(
    data: str,
    outfits: Path | None,
    kind: Any,
    features: Path | None,
    cache: Path | None,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    out: Path,
    resume: bool,
    threads: int | None,
    licence: str,
    force: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Train the graph network on outfits.

    \b
    graphfit train --data polyvore:polyvore_outfits --kind disjoint -o runs/disjoint
    graphfit train --data catalogue:shop.csv --outfits outfits.json -o runs/shop
    torchrun --nproc-per-node 2 -m graphfit train …
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.config import load_config

    config = load_config(preset, file=config_file, overrides=overrides)

    from graphfit.training.start import train as train_run

    use_threads(threads)
    outfit_data, found = _load(data, outfits, kind, features, cache, device, seed)
    trained = train_run(
        outfit_data, found, out, config, seed=seed, device=device, resume=resume, force=force, licence=licence
    )
    if not trained.is_main:
        return
    if as_json:
        click.echo(json.dumps({"model": str(trained.model), "epoch": trained.epoch, **trained.figures}, indent=2))
        return
    figures = ", ".join(f"{name} {value:.3f}" for name, value in trained.figures.items())
    click.echo(f"wrote {trained.model}: epoch {trained.epoch}, on the validation tasks {figures or 'not measured'}")


@click.command()
@click.argument("run", type=ANY)
@data_option
@outfits_option
@kind_option
@features_option
@cache_option
@click.option("--task", type=click.Choice(["compat", "fitb", "collocation", "all"]), default="all", show_default=True)
@click.option("--split", "split_name", type=click.Choice(["valid", "test"]), default="test", show_default=True)
@click.option("--baselines", default="floors", show_default=True, metavar="none|floors|all|NAME,…",
              help="Rows beside the run; `graphfit info` lists them. Learnt ones are trained first.")  # fmt: skip
@click.option("--queries", type=click.IntRange(1), default=20, show_default=True, help="For the collocation task.")
@click.option("--out", "-o", type=OUTPUT, help="Report to write: .json or .html.")
@seed_option
@device_option
@json_option
def evaluate(
    run: Path,
    data: str,
    outfits: Path | None,
    kind: Any,
    features: Path | None,
    cache: Path | None,
    task: str,
    split_name: Any,
    baselines: str,
    queries: int,
    out: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Measure the network of RUN on fixed tasks: compatibility, fill-in-the-blank, collocation.

    \b
    graphfit evaluate runs/disjoint --data polyvore:polyvore_outfits --kind disjoint -o report.html
    """  # noqa: D301 - click reads the backspace itself
    from graphfit.evaluation_report import evaluate_run, write_report

    if out is not None and out.suffix not in (".json", ".html"):
        raise InputError(f"--out {out}: expected a name that ends in .json or .html")
    outfit_data, found = _load(data, outfits, kind, features, cache, device, seed)
    report = evaluate_run(
        run, outfit_data, found, task=task, split=split_name, baselines=baselines, queries=queries, seed=seed,
        device=device,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        click.echo("\n".join(report.lines()))
    if out is not None:
        write_report(out, report)
        if not as_json:
            click.echo(f"wrote {out}")


@click.command()
@click.option("--model", type=ANY, help="Run folder or weights file. [default: the weights that ship]")
@click.option("--preset", type=click.Choice(["paper", "desk", "tiny"]), help="Print the settings of a preset as TOML.")
@json_option
def info(model: Path | None, preset: str | None, as_json: bool) -> None:
    """Say what weights were trained on and measured, which baselines there are, or what a preset sets."""
    if preset is not None:
        from graphfit.config import load_config
        from hr_common import config as settings

        chosen = load_config(preset)
        click.echo(json.dumps(settings.to_dict(chosen), indent=2) if as_json else settings.to_toml(chosen).rstrip())
        return
    from graphfit.baselines.registry import METHODS
    from graphfit.checkpoints import load_model

    card = {
        name: value for name, value in load_model(model).card.items() if name not in ("config", "calibration", "format")
    }
    rows = {name: method.about for name, method in METHODS.items()}
    if as_json:
        click.echo(json.dumps({"card": card, "methods": rows}, indent=2))
        return
    for name, value in card.items():
        click.echo(f"{name}: {json.dumps(value) if isinstance(value, dict) else value}")
    click.echo("\nmethods of `graphfit evaluate --baselines`:")
    for name, about in rows.items():
        click.echo(f"  {name:<15}{about}")


COMMANDS: tuple[click.Command, ...] = (embed, split, data, train, evaluate, info)
