"""Commands of step one: extract, train, fit-gmm, sample, evaluate, baseline."""

import json
import logging
from pathlib import Path
from typing import Any

import click

from gramtex.cli.options import encoder_option, parse_size, size_option, weights_option, work_options
from hr_common.commands import CommandGroup
from hr_common.errors import InputError
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

logger = logging.getLogger(__name__)


@click.command()
@click.argument("data", type=FOLDER)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the Gram sets.")
@encoder_option
@weights_option
@click.option("--levels", help="Layers, fine to coarse, separated by commas; `pixels` may come first.")
@click.option(
    "--augment", type=click.IntRange(1), default=1, show_default=True,
    help="Rows for each training picture: itself, then turned, mirrored and scaled ones.",
)  # fmt: skip
@click.option("--hue", is_flag=True, help="Turn the hue of the added rows too.")
@click.option("--source", "sources", multiple=True, metavar="FOLDER", help="Only pictures below this. Repeatable.")
@work_options
def extract(
    data: Path,
    out: Path,
    encoder: str,
    encoder_weights: Path | None,
    levels: str | None,
    augment: int,
    hue: bool,
    sources: tuple[str, ...],
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Measure the Gram sets of all pictures in DATA, for `train`.

    Splits and groups are those of DATA/manifest.csv; without one, groups are held out by their names.

    \b
    gramtex extract photos -o grams --augment 4
    """  # noqa: D301 - click reads the backspace itself
    from gramtex.data.splits import read_collection
    from gramtex.encoders import load_encoder
    from gramtex.extraction import extract as extract_grams
    from hr_common.device import resolve

    use_threads(threads)
    names = None if levels is None else tuple(name.strip() for name in levels.split(","))
    chosen = load_encoder(encoder, device=resolve(device), levels=names, weights=encoder_weights)
    found = read_collection(data, sources=sources)
    cache = extract_grams(found, out, chosen, augment=augment, hue=hue, seed=seed, force=force)
    counts = {split: len(cache.select(split)) for split in ("train", "val", "test")}
    if as_json:
        click.echo(json.dumps({"folder": str(out), "encoder": cache.encoder, "rows": counts}, indent=2))
        return
    click.echo(f"wrote {out}: " + ", ".join(f"{count} {split}" for split, count in counts.items()) + " rows")


@click.command()
@click.argument("grams", type=FOLDER)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder of the run.")
@setting_options("training.steps=500")
@click.option("--transform", type=click.Choice(["gram", "fc"]), help="Short for --set model.transform=…")
@click.option("--structure", type=click.Choice(["recursive", "mlp"]), help="Short for --set model.structure=…")
@click.option("--match", type=click.Choice(["gan", "mmd"]), help="Short for --set training.match=…")
@resume_option
@work_options
def train(
    grams: Path,
    out: Path,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    transform: str | None,
    structure: str | None,
    match: str | None,
    resume: bool,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Train the Gram-WAE on the Gram sets in GRAMS, and fit the mixture.

    \b
    gramtex train grams -o runs/cloth
    gramtex train grams -o runs/mlp --structure mlp --set training.steps=1000
    torchrun --nproc-per-node 2 -m gramtex train grams -o runs/cloth
    """  # noqa: D301 - click reads the backspace itself
    from gramtex.config import load_config

    short = {"model.transform": transform, "model.structure": structure, "training.match": match}
    flags = tuple(f"{name}={value}" for name, value in short.items() if value is not None)
    config = load_config(preset, file=config_file, overrides=(*overrides, *flags))

    from gramtex.extraction import GramCache
    from gramtex.plots import training_curves
    from gramtex.training.start import train as train_model

    use_threads(threads)
    trained = train_model(GramCache.open(grams), out, config, seed=seed, device=device, resume=resume, force=force)
    if not trained.is_main:
        return
    training_curves(out / "metrics.jsonl", out / "curves.png")
    if as_json:
        click.echo(json.dumps({"model": str(trained.model), "figures": trained.figures}, indent=2))
        return
    figures = trained.figures
    click.echo(f"held-out reconstruction {figures['val_rec']:.4f}, code std {figures['val_std']:.2f}")
    click.echo(f"MMD to the prior {figures['first_mmd']:.3f} at the start, {figures['val_mmd']:.3f} now")
    click.echo(f"wrote {trained.model}")


@click.command("fit-gmm")
@click.argument("model", type=FILE)
@click.argument("grams", type=FOLDER)
@click.option("--components", default="auto", show_default=True, help="Number, or auto: chosen on held-out codes.")
@click.option(
    "--covariance", type=click.Choice(["auto", "full", "diag"]), default="auto", show_default=True, help="Kind."
)
@click.option("--out", "-o", type=OUTPUT, help="File to write. [default: MODEL itself, with --force]")
@seed_option
@device_option
@json_option
@force_option
def fit_gmm(
    model: Path,
    grams: Path,
    components: str,
    covariance: Any,
    out: Path | None,
    seed: int,
    device: str,
    as_json: bool,
    force: bool,
) -> None:
    """Fit the mixture of MODEL anew to its codes of the training rows in GRAMS.

    \b
    gramtex fit-gmm model.safetensors grams --components 5 --covariance full -o five.safetensors
    """  # noqa: D301 - click reads the backspace itself
    from dataclasses import replace

    from gramtex.checkpoints import load_model, save_model
    from gramtex.config import MixtureConfig
    from gramtex.extraction import GramCache
    from gramtex.training.start import fit_codes
    from hr_common.device import resolve

    if components != "auto" and not (components.isascii() and components.isdigit() and int(components) > 0):
        raise InputError(f"--components {components} is neither auto nor a number above 0")
    target = out or model
    refuse_existing(target, force=force)
    loaded, cache = load_model(model, device=resolve(device)), GramCache.open(grams)
    cache.refuse_other(loaded.config.model.encoder, loaded.config.model.levels, loaded.weights_hash)
    numbers = MixtureConfig().components if components == "auto" else (int(components),)
    config = replace(loaded.config, mixture=replace(loaded.config.mixture, components=numbers, covariance=covariance))
    mixture, codes = fit_codes(loaded.network, cache, config, seed=seed)
    kept = {name: loaded.card[name] for name in ("data", "rows", "seed", "figures") if name in loaded.card}
    save_model(
        target,
        loaded.network,
        config=config,
        weights_hash=loaded.weights_hash,
        mixture=mixture,
        training=codes,
        card=kept,
    )
    if as_json:
        click.echo(json.dumps({"model": str(target), "components": len(mixture), "scores": mixture.scores}, indent=2))
        return
    for name, score in mixture.scores.items():
        click.echo(f"{name:10} held-out log-likelihood {score:9.3f}")
    click.echo(f"wrote {target}: {len(mixture)} {mixture.kind} components")


@click.command()
@click.argument("model", type=FILE, required=False)
@click.option("-n", "count", type=click.IntRange(1), default=16, show_default=True, help="Samples.")
@click.option("--out", "-o", type=OUTPUT, default=Path("samples"), show_default=True, help="Folder to make.")
@size_option
@click.option("--tile", is_flag=True, help="Make every picture seamless.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True), help="0.7 for clean cloth, 1 for faithful.")
@click.option("--component", type=click.IntRange(0), help="Draw from this component of the mixture.")
@click.option("--near", type=FILE, help="Draw from the component that this picture belongs to.")
@click.option("--keep-coarse", type=FILE, help="Keep the coarse levels of this picture, and draw the finer ones.")
@click.option("--coarse-levels", type=click.IntRange(1), default=1, show_default=True, help="How many are kept.")
@click.option(
    "--sampler", type=click.Choice(["mixture", "prior", "neighbours"]),
    help="What codes are drawn from; neighbours stays nearest to the training set. [default: the model's own]",
)  # fmt: skip
@click.option("--prior", is_flag=True, help="Short for --sampler prior.")
@click.option("--iterations", type=click.IntRange(1), default=60, show_default=True, help="Of step two, for each.")
@click.option("--grid", is_flag=False, flag_value="grid.png", metavar="[FILE]", help="Also write a sheet of all.")
@click.option("--grams-only", is_flag=True, help="Write the Gram sets (.npz) and make no pictures.")
@work_options
def sample(
    model: Path | None,
    count: int,
    out: Path,
    size: str | None,
    tile: bool,
    temperature: float | None,
    component: int | None,
    near: Path | None,
    keep_coarse: Path | None,
    coarse_levels: int,
    sampler: Any,
    prior: bool,
    iterations: int,
    grid: str | None,
    grams_only: bool,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Make cloth that never existed: draw Gram sets from MODEL (by default the one that ships) and synthesise them.

    \b
    gramtex sample -n 16 -o cloth --grid
    gramtex sample -n 4 -o tiles --tile --size 256 --temperature 1
    gramtex sample -n 4 -o like --near shirt.png
    """  # noqa: D301 - click reads the backspace itself
    import numpy as np

    from gramtex.config import SynthesisConfig
    from gramtex.encoders import load_encoder
    from gramtex.sampling import Sampler
    from gramtex.synthesis import Synthesizer, write_result
    from hr_common import image as pictures
    from hr_common.device import resolve
    from hr_common.files import write_json

    use_threads(threads)
    height, width = parse_size(size, (256, 256))
    refuse_existing(out, force=force)
    where = resolve(device)
    drawer = Sampler.from_pretrained(model, device=where)
    config = drawer.model.config.model
    if temperature is not None and "neighbours" in (
        sampler,
        None if sampler or prior or near or component is not None else drawer.config.sampler,
    ):
        raise InputError(
            "neighbours are drawn without a temperature; add --sampler mixture, or leave --temperature out"
        )
    encoder = load_encoder(config.encoder, device=where, levels=config.levels)
    synthesizer = Synthesizer(encoder, SynthesisConfig(iterations=iterations))
    given = {
        name: None if path is None else synthesizer.measure(pictures.read(path))
        for name, path in (("near", near), ("keep_coarse", keep_coarse))
    }
    samples = drawer.sample(
        count,
        generator=np.random.default_rng(seed),
        kind="prior" if prior else sampler,
        temperature=temperature,
        component=component,
        coarse_levels=coarse_levels,
        **given,
    )
    out.mkdir(parents=True, exist_ok=True)
    limits = {name: getattr(drawer.config, name) for name in ("max_nu", "min_novelty", "redraws")}
    records, images = list[dict[str, Any]](), []
    summary = {"seed": seed, "model": drawer.model.digest, "limits": limits, "samples": records}
    from tqdm import tqdm

    interrupted = False
    for number, drawn in enumerate(tqdm(samples, desc="sample", disable=None)):
        name = f"{number:03d}"
        record: dict[str, Any] = {
            "nu": drawn.nu, "component": drawn.component, "redraws": drawn.redraws, "novelty": drawn.novelty
        }  # fmt: skip
        if grams_only:
            drawn.gram_set.save(out / f"{name}.npz")
        else:
            result = synthesizer.run(drawn.gram_set, (height, width), tile=tile, seed=seed + number)
            notes = {"gramtex:nu": f"{drawn.nu:.4f}", "gramtex:novelty": f"{drawn.novelty:.3f}"}
            write_result(
                out / f"{name}.png", result, command="gramtex sample", model_hash=drawer.model.digest, notes=notes
            )
            images.append(result.image)
            record |= {"file": f"{name}.png", "relative_error": result.relative_error, "seconds": result.seconds}
            interrupted = result.interrupted
        records.append(record)
        write_json(out / "samples.json", summary)
        if interrupted:
            break
    wrote = f"{out} ({len(records)} {'Gram sets' if grams_only else 'pictures'})"
    if grid is not None and images:
        sheet = out / grid if Path(grid).parent == Path() else Path(grid)
        pictures.write(sheet, pictures.contact_sheet(images, columns=max(1, round(len(images) ** 0.5))))
        wrote += f" and {sheet}"
    if as_json:
        click.echo(json.dumps({"out": str(out), "samples": records}, indent=2))
    else:
        for number, record in enumerate(records):
            error = f", relative Gram error {record['relative_error']:.2e}" if "relative_error" in record else ""
            click.echo(
                f"{number:03d}  ν {record['nu']:.3f}, novelty {record['novelty']:.2f}, "
                f"{record['redraws']} redraws{error}"
            )
        click.echo(f"wrote {wrote}")
    if interrupted:
        raise KeyboardInterrupt


@click.command()
@click.argument("real", type=FOLDER)
@click.argument("fake", type=FOLDER, required=False)
@click.option("--model", type=FILE, help="Compare Gram sets drawn from this model instead of pictures.")
@click.option("--shipped", is_flag=True, help="The same with the model that ships.")
@click.option("-n", "count", type=click.IntRange(2), default=200, show_default=True, help="Gram sets to draw.")
@click.option("--metrics", default="fd,kid,gram,seam,diversity", show_default=True, help="Separated by commas.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--out", "-o", type=OUTPUT, help="JSON file to write.")
@click.option("--html", "html_file", type=OUTPUT, help="Self-contained page to write.")
@encoder_option
@weights_option
@work_options
def evaluate(
    real: Path,
    fake: Path | None,
    model: Path | None,
    shipped: bool,
    count: int,
    metrics: str,
    temperature: float,
    out: Path | None,
    html_file: Path | None,
    encoder: str,
    encoder_weights: Path | None,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Measure the pictures in FAKE, or the Gram sets of a model, against the pictures in REAL.

    \b
    gramtex evaluate photos samples --metrics fd,kid,seam
    gramtex evaluate photos --shipped -n 500 -o report.json --html report.html
    """  # noqa: D301 - click reads the backspace itself
    from gramtex.encoders import load_encoder
    from gramtex.evaluation import Evaluation, compare_pictures, evaluate_model, html_report
    from hr_common import image as pictures
    from hr_common.device import resolve
    from hr_common.files import atomic_path, write_json

    use_threads(threads)
    with_model = model is not None or shipped
    if with_model == (fake is not None):
        raise InputError("give either FAKE, a folder of pictures, or --model FILE (or --shipped)")
    for path in (out, html_file):
        if path is not None:
            refuse_existing(path, force=force)
    where = resolve(device)
    originals = [pictures.read(path) for path in pictures.find([real])]
    sheets = {}
    result: Evaluation
    if with_model:
        result = evaluate_model(originals, model, count=count, temperature=temperature, seed=seed, device=where)
    else:
        assert fake is not None  # said above
        # The sheet that `sample --grid` leaves beside its pictures is none of them.
        made = [pictures.read(path) for path in pictures.find([fake]) if path.name != "grid.png"]
        names = tuple(name.strip() for name in metrics.split(",") if name.strip())
        chosen = load_encoder(encoder, device=where, weights=encoder_weights) if "gram" in names else None
        result = compare_pictures(originals, made, encoder=chosen, metrics=names, seed=seed, device=where)
        sheets = {
            name: pictures.contact_sheet(each[:32], columns=8) for name, each in (("real", originals), ("made", made))
        }
    if out is not None:
        write_json(out, result.as_dict())
    if html_file is not None:
        with atomic_path(html_file) as temporary:
            temporary.write_text(html_report(result, sheets), encoding="utf-8")
    click.echo(json.dumps(result.as_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(result.lines()))
    if not as_json and (written := [str(path) for path in (out, html_file) if path is not None]):
        click.echo(f"wrote {' and '.join(written)}")


@click.group(cls=CommandGroup)
def baseline() -> None:
    """Train and sample what the model is compared with."""


_NAME = click.argument("name", type=click.Choice(["psgan", "distgan", "texturegan"]))


@baseline.command("train")
@_NAME
@click.argument("data", type=FOLDER)
@click.option("--out", "-o", type=OUTPUT, required=True, help="File of weights, ending in .safetensors.")
@click.option("--preset", type=click.Choice(["paper", "desk"]), default="desk", show_default=True, help="Sizes.")
@click.option("--steps", type=click.IntRange(1), default=5000, show_default=True, help="Iterations.")
@seed_option
@threads_option
@json_option
@force_option
def train_baseline(
    name: str,
    data: Path,
    out: Path,
    preset: str,
    steps: int,
    seed: int,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Train baseline NAME on the training pictures in DATA.

    \b
    gramtex baseline train psgan photos -o psgan.safetensors --steps 2000
    """  # noqa: D301 - click reads the backspace itself
    import time

    import torch
    from tqdm import tqdm

    from gramtex.baselines.interface import save_baseline
    from gramtex.baselines.registry import build_baseline
    from gramtex.data.splits import read_collection
    from gramtex.encoders.encoder import image_tensor
    from hr_common import image as pictures

    use_threads(threads)
    refuse_existing(out, force=force)
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: weights are written as .safetensors")
    chosen = build_baseline(name, preset)
    paths = [each.path for each in read_collection(data) if each.split == "train"]
    if not paths:
        raise InputError(f"{data} has no pictures for training")
    read = [image_tensor(pictures.read(path)) for path in paths]
    sizes = {tuple(each.shape) for each in read}
    if len(sizes) > 1:
        raise InputError(f"{data} has pictures of {len(sizes)} sizes; cut them to one with gramtex prepare")
    began, losses = time.process_time(), dict[str, float]()
    for figures in tqdm(chosen.fit(torch.stack(read), steps=steps, seed=seed), total=steps, disable=None):
        losses = figures
    seconds = round(time.process_time() - began, 1)
    save_baseline(out, chosen, card={"steps": steps, "seed": seed, "losses": losses, "cpu_seconds": seconds})
    if as_json:
        click.echo(json.dumps({"file": str(out), "losses": losses, "cpu_seconds": seconds}, indent=2))
    else:
        click.echo(f"wrote {out} after {steps} steps in {seconds} s of processor time")


@baseline.command("sample")
@click.argument("file", type=FILE)
@click.option("-n", "count", type=click.IntRange(1), default=16, show_default=True, help="Pictures.")
@click.option("--exemplars", type=FOLDER, help="Pictures to begin from; texturegan needs them.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder to make.")
@seed_option
@json_option
@force_option
def sample_baseline(
    file: Path, count: int, exemplars: Path | None, out: Path, seed: int, as_json: bool, force: bool
) -> None:
    """Draw pictures from the baseline in FILE.

    \b
    gramtex baseline sample psgan.safetensors -n 16 -o psgan
    """  # noqa: D301 - click reads the backspace itself
    import torch

    from gramtex.baselines.interface import load_baseline
    from gramtex.encoders.encoder import image_bytes, image_tensor
    from hr_common import image as pictures

    refuse_existing(out, force=force)
    chosen = load_baseline(file)
    if chosen.name == "texturegan" and exemplars is None:
        raise InputError("texturegan extends patches of real textures; give their folder with --exemplars")
    given = None
    if exemplars is not None:
        given = torch.stack([image_tensor(pictures.read(path)) for path in pictures.find([exemplars])])
    images = [image_bytes(each) for each in chosen.generate(count, seed=seed, exemplars=given)]
    out.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(images):
        pictures.write(out / f"{number:03d}.png", each)
    pictures.write(out / "grid.png", pictures.contact_sheet(images, columns=max(1, round(len(images) ** 0.5))))
    click.echo(
        json.dumps({"out": str(out), "pictures": count}) if as_json else f"wrote {out} ({count} pictures, grid.png)"
    )


COMMANDS: list[click.Command] = [extract, train, fit_gmm, sample, evaluate, baseline]
