"""The commands that make pictures from pictures."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gramtex.cli.options import encoder_option, parse_size, size_option, weights_option, work_options
from hr_common.errors import InputError
from hr_common.options import FILE, OUTPUT, force_option, json_option, refuse_existing, seed_option, use_threads

if TYPE_CHECKING:
    from gramtex.synthesis import Callback, Synthesizer

logger = logging.getLogger(__name__)


@contextmanager
def _progress(label: str) -> Iterator["Callback"]:
    """A bar on standard error, silent where that is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=label, unit="it", leave=False, disable=None) as bar:

        def tell(iteration: int, total: int, energy: float) -> None:
            bar.total = total
            bar.set_postfix_str(f"{energy:.1e}", refresh=False)
            bar.update(iteration - bar.n)

        yield tell


def _synthesizer(
    encoder: str, encoder_weights: Path | None, device: str, threads: int | None, **settings: Any
) -> "Synthesizer":
    use_threads(threads)
    from gramtex.config import SynthesisConfig
    from gramtex.encoders import load_encoder
    from gramtex.synthesis import Synthesizer
    from hr_common.device import resolve

    config = SynthesisConfig(**{name: value for name, value in settings.items() if value is not None})
    return Synthesizer(load_encoder(encoder, device=resolve(device), weights=encoder_weights), config)


def _numbered(out: Path, count: int) -> list[Path]:
    """The file itself, or as many with numbers before the suffix."""
    if count == 1:
        return [out]
    return [out.with_stem(f"{out.stem}-{number}") for number in range(1, count + 1)]


@click.command()
@click.argument("like", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Picture to write; PNG also keeps how it was made.")
@size_option
@click.option("--tile", is_flag=True, help="Make it repeat without a seam, in both directions.")
@click.option(
    "--variations", type=click.IntRange(1), default=1, show_default=True, help="Pictures, with seeds in a row."
)
@click.option("--iterations", type=click.IntRange(1), default=120, show_default=True, help="Of the optimiser.")
@click.option(
    "--acf", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="Keep the order of regular patterns by their autocorrelation.",
)  # fmt: skip
@click.option("--palette", metavar="COLOURS", help="Other colours, e.g. #aabbcc,#ddeeff.")
@click.option("--colour-from", type=FILE, help="Picture whose colours to take.")
@click.option("--tv", type=click.FloatRange(0), help="Weight of the total variation, e.g. 0.001 for smoother results.")
@encoder_option
@weights_option
@work_options
def synthesize(
    like: Path,
    out: Path,
    size: str | None,
    tile: bool,
    variations: int,
    iterations: int,
    acf: str,
    palette: str | None,
    colour_from: Path | None,
    tv: float | None,
    encoder: str,
    encoder_weights: Path | None,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Make more of the texture LIKE, at any size.

    \b
    gramtex synthesize like.png -o out.png --size 512x384
    gramtex synthesize like.png -o tile.png --tile --variations 4
    """  # noqa: D301 - click reads the backspace itself
    if palette is not None and colour_from is not None:
        raise InputError("--palette and --colour-from both say which colours to use; give one of them")
    paths = _numbered(out, variations)
    for path in paths:
        refuse_existing(path, force=force)
        refuse_unwritable(path)
    wanted = parse_size(size, (256, 256))

    from dataclasses import replace

    from gramtex.data.exemplars import read_exemplar
    from gramtex.encoders import image_tensor
    from gramtex.palette import parse_palette, recolour
    from gramtex.seam import seam_score
    from gramtex.spectrum import Colours
    from gramtex.synthesis import write_result

    colours = None if palette is None else parse_palette(palette)
    if colour_from is not None:
        colours = Colours.of(image_tensor(read_exemplar(colour_from)))
    source = read_exemplar(like)
    if colours is not None:
        source = recolour(source, colours)
    synthesizer = _synthesizer(encoder, encoder_weights, device, threads, iterations=iterations, acf=acf, tv_weight=tv)
    fitting = synthesizer.fitting_size(wanted, tile=tile)
    if fitting != wanted:
        stride = synthesizer.encoder.stride
        click.echo(f"a tile's sides have to be multiples of {stride}: {fitting[1]} x {fitting[0]} pixels", err=True)
    target = synthesizer.measure(source)
    report = []
    for number, path in enumerate(paths):
        with _progress(path.name) as callback:
            result = synthesizer.run(
                target, fitting, tile=tile, exemplar=source, seed=(seed + number) % 2**32, callback=callback
            )
        if colours is not None:
            recoloured = recolour(result.image, colours)
            error = synthesizer.measure(recoloured, tile=tile).relative_error(target)
            result = replace(result, image=recoloured, relative_error=error)
        command = f"gramtex synthesize {like.name} --encoder {encoder} --iterations {iterations} --acf {acf}"
        write_result(path, result, command=command + " --tile" * tile, model_hash=target.weights_hash)
        score = seam_score(result.image)
        report.append(
            {
                "file": str(path), "seed": result.seed, "width": fitting[1], "height": fitting[0],
                "relative_error": result.relative_error, "seam": [score.horizontal, score.vertical],
                "cpu_seconds": result.seconds, "autocorrelation": result.uses_acf,
            }
        )  # fmt: skip
        if result.interrupted:
            click.echo(f"wrote {path}, the best until the interruption", err=True)
            raise KeyboardInterrupt
        if not as_json:
            seam = f", seam {score.horizontal:.1f} and {score.vertical:.1f}" if tile else ""
            click.echo(
                f"wrote {path}: relative Gram error {result.relative_error:.2e}{seam}, {result.seconds:.0f} CPU-s"
            )
    if as_json:
        click.echo(json.dumps(report, indent=2))


def refuse_unwritable(path: Path) -> None:
    """Check before the work that a picture can be written there.

    Raises:
        InputError: The folder does not exist, or the suffix is none of a picture.
    """
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"):
        raise InputError(f"cannot write {path}: the suffix {path.suffix!r} is no picture format; use .png or .jpg")


@click.command()
@click.argument("first", type=FILE)
@click.argument("last", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for the pictures.")
@click.option(
    "--steps", type=click.IntRange(2, 1000), default=9, show_default=True, help="Pictures, both ends included."
)
@click.option(
    "--space", type=click.Choice(["latent", "gram", "bures"]), default="bures", show_default=True,
    help="Where to go: through the model's codes, mixing Gram matrices, or along their geodesic.",
)  # fmt: skip
@click.option("--grid", is_flag=True, help="Also write all of them as sheet.png.")
@click.option("--model", "model_file", type=FILE, help="Model for --space latent. [default: the one that ships]")
@click.option("--tile", is_flag=True, help="Make them repeat without a seam.")
@click.option("--iterations", type=click.IntRange(1), default=80, show_default=True, help="Of the optimiser, for each.")
@size_option
@encoder_option
@weights_option
@work_options
def interpolate(
    first: Path,
    last: Path,
    out: Path,
    steps: int,
    space: Any,
    grid: bool,
    model_file: Path | None,
    tile: bool,
    iterations: int,
    size: str | None,
    encoder: str,
    encoder_weights: Path | None,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Go from the texture FIRST to the texture LAST in steps; all begin with the same noise.

    \b
    gramtex interpolate a.png b.png -o film/ --steps 9 --grid
    """  # noqa: D301 - click reads the backspace itself
    refuse_existing(out, force=force)
    wanted = parse_size(size, (128, 128))

    from gramtex.data.exemplars import read_exemplar
    from gramtex.interpolation import between
    from gramtex.plots import texture_sheet
    from gramtex.synthesis import write_result
    from hr_common import image

    pictures = (read_exemplar(first), read_exemplar(last))
    synthesizer = _synthesizer(encoder, encoder_weights, device, threads, iterations=iterations)
    targets = between(synthesizer, *pictures, steps=steps, space=space, model=model_file)
    out.mkdir(parents=True, exist_ok=True)
    fitting, results, report = synthesizer.fitting_size(wanted, tile=tile), [], []
    for number, target in enumerate(targets):
        path = out / f"{number:03}.png"
        with _progress(path.name) as callback:
            result = synthesizer.run(target, fitting, tile=tile, seed=seed, callback=callback)
        command = f"gramtex interpolate {first.name} {last.name} --steps {steps} --space {space}, step {number}"
        write_result(path, result, command=command, model_hash=target.weights_hash)
        if result.interrupted:
            click.echo(f"wrote {path}, the best until the interruption", err=True)
            raise KeyboardInterrupt
        results.append(result)
        report.append({"file": str(path), "t": number / (steps - 1), "relative_error": result.relative_error})
    if grid:
        labels = [f"{number / (steps - 1):.2f}" for number in range(steps)]
        image.write(out / "sheet.png", texture_sheet([each.image for each in results], columns=steps, labels=labels))
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    worst = max(each.relative_error for each in results)
    click.echo(f"wrote {steps} pictures to {out}; largest relative Gram error {worst:.2e}")


@click.command()
@click.argument("picture", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Picture to write.")
@click.option("--iterations", type=click.IntRange(1), default=60, show_default=True, help="Of the optimiser.")
@encoder_option
@weights_option
@work_options
def tile(
    picture: Path,
    out: Path,
    iterations: int,
    encoder: str,
    encoder_weights: Path | None,
    seed: int,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Make an existing PICTURE seamless: new borders, the middle untouched.

    \b
    gramtex tile photo.png -o tile.png
    """  # noqa: D301 - click reads the backspace itself
    refuse_existing(out, force=force)
    refuse_unwritable(out)

    from gramtex.data.exemplars import read_exemplar
    from gramtex.tiling import make_tileable
    from hr_common import image

    source = read_exemplar(picture)
    synthesizer = _synthesizer(encoder, encoder_weights, device, threads)
    with _progress(out.name) as callback:
        made = make_tileable(synthesizer, source, seed=seed, iterations=iterations, callback=callback)
    image.write(out, made.image)
    if made.interrupted:
        click.echo(f"wrote {out}, the best until the interruption", err=True)
        raise KeyboardInterrupt
    if as_json:
        report = {
            "file": str(out), "width": made.image.shape[1], "height": made.image.shape[0], "kept": made.kept,
            "seam_before": [made.before.horizontal, made.before.vertical],
            "seam": [made.after.horizontal, made.after.vertical], "relative_error": made.relative_error,
        }  # fmt: skip
        click.echo(json.dumps(report, indent=2))
        return
    height, width = made.image.shape[:2]
    click.echo(
        f"wrote {out}: {width} x {height} pixels, {100 * made.kept:.0f} % of them untouched; "
        f"seam {made.before.worst:.1f} before, {made.after.worst:.1f} now"
    )


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for the crops and their manifest.")
@click.option("--size", type=click.IntRange(64, 4096), default=128, show_default=True, help="Side of a crop in pixels.")
@click.option(
    "--per-image", type=click.IntRange(1), default=3, show_default=True, help="Crops of a photograph, at most."
)
@json_option
@force_option
def prepare(photos: tuple[str, ...], out: Path, size: int, per_image: int, as_json: bool, force: bool) -> None:
    """Cut crops that look the same all over out of PHOTOS, files or folders.

    \b
    gramtex prepare photos/ -o data/ --size 128
    """  # noqa: D301 - click reads the backspace itself
    refuse_existing(out, force=force)

    from gramtex.data.stationarity import prepare as cut
    from hr_common import image

    paths = image.find(photos)
    from tqdm import tqdm

    with tqdm(total=len(paths), unit="photo", leave=False, disable=None) as bar:

        def tell(done: int) -> None:
            bar.update(done - bar.n)

        count, refused = cut(paths, out, size=size, per_image=per_image, callback=tell)
    if as_json:
        listed = {str(path): reason for path, reason in refused.items()}
        click.echo(json.dumps({"crops": count, "folder": str(out), "refused": listed}, indent=2))
    else:
        click.echo(f"wrote {count} crops of {len(paths) - len(refused)} photographs to {out}")
    if refused:
        for path, reason in refused.items():
            click.echo(f"{path}: {reason}", err=True)
        raise SystemExit(1)


@click.command()
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for the pictures.")
@seed_option
@force_option
def demo(out: Path, seed: int, force: bool) -> None:
    """Make tiles from cloth that the program draws itself, and a sheet of them. Takes under a minute.

    \b
    gramtex demo --out gramtex-demo
    """  # noqa: D301 - click reads the backspace itself
    refuse_existing(out, force=force)

    from gramtex.demo import run_demo

    for line in run_demo(out, seed=seed):
        click.echo(line)


@click.command()
@click.argument("model", type=FILE, required=False)
@click.option("--preset", type=click.Choice(["paper", "desk", "tiny"]), help="Settings whose parameters to count.")
@click.option("--transform", type=click.Choice(["gram", "fc"]), help="Count with this Gram transformation.")
@click.option("--structure", type=click.Choice(["recursive", "mlp"]), help="Count with this structure.")
@json_option
def info(model: Path | None, preset: str | None, transform: str | None, structure: str | None, as_json: bool) -> None:
    """Show version and encoders, what a MODEL holds, or the parameters of a preset.

    \b
    gramtex info
    gramtex info --preset paper --transform fc
    gramtex info model.safetensors
    """  # noqa: D301 - click reads the backspace itself
    if model is not None:
        from hr_common import weights

        _, card = weights.load(model)
        click.echo(json.dumps(card, indent=2, ensure_ascii=False))
        return
    if preset is not None or transform is not None or structure is not None:
        _print_parameters(preset or "paper", transform, structure, as_json=as_json)
        return
    from gramtex import __version__
    from gramtex.encoders import ENCODERS

    if as_json:
        listed = {name: {"about": each.about, "levels": each.levels} for name, each in ENCODERS.items()}
        click.echo(json.dumps({"version": __version__, "encoders": listed}, indent=2, ensure_ascii=False))
        return
    click.echo(f"gramtex {__version__}\n\nencoders:")
    for name, each in ENCODERS.items():
        click.echo(f"  {name:12} {each.about}\n{'':14} levels {', '.join(each.levels)}")


def _print_parameters(preset: str, transform: str | None, structure: str | None, *, as_json: bool) -> None:
    from gramtex.config import load_config
    from gramtex.networks.gram_autoencoder import parameter_table

    given = {"model.transform": transform, "model.structure": structure}
    config = load_config(preset, overrides=[f"{name}={value}" for name, value in given.items() if value is not None])
    table = parameter_table(config.model)
    click.echo(json.dumps(table.as_dict(), indent=2) if as_json else "\n".join(table.lines()))


COMMANDS = (synthesize, interpolate, tile, prepare, demo, info)
