"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hr_common.commands import CommandGroup
from hr_common.errors import InputError
from hr_common.options import (
    FILE,
    FOLDER,
    OUTPUT,
    device_option,
    force_option,
    json_option,
    resume_option,
    seed_option,
    setting_options,
    threads_option,
    use_threads,
)
from viai import __version__

if TYPE_CHECKING:
    from viai.config import ViaiConfig
    from viai.detection import Kind
    from viai.repair import FileRepair


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--preset``, ``--config`` and ``--set``, resolved to one ``config`` argument."""

    @setting_options("training.steps=500")
    @functools.wraps(command)
    def wrapped(preset: str, config_file: Path | None, overrides: tuple[str, ...], **rest: Any) -> Any:
        from viai.config import load_config

        return command(config=load_config(preset, config_file, overrides), **rest)

    return wrapped


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="viai")
def main() -> None:
    """Fill lost stretches of a recording, guided by the video of the same scene."""


def _require_new(path: Path, force: bool, option: str = "--out") -> None:
    """Find out before the work, not after it, that its result cannot be written."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give a file with {option}")
    if path.exists() and not force:
        raise InputError(f"{path} exists; add --force to overwrite it, or choose another name with {option}")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")


def _require_different(paths: Sequence[Path]) -> None:
    for index, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:index]]:
            raise InputError(f"{path} is to be written twice; give --out, --report and --picture different names")


@main.command()
@click.argument("sound", type=FILE)
@click.argument("video", type=FILE, required=False)
@click.option("--out", "-o", type=OUTPUT, help="File to write. [default: SOUND.inpainted.EXT beside SOUND]")
@click.option(
    "--gap", "gap_texts", multiple=True, metavar="START:END",
    help="A gap in seconds, or as 1.2+0.4, or 0:01:02.5-0:01:03. Repeatable. [default: detect]",
)  # fmt: skip
@click.option("--gaps", "gap_file", type=FILE, help="Gaps from a CSV, JSON or Audacity label file.")
@click.option("--detect", is_flag=True, help="Find the gaps; also in addition to those given.")
@click.option(
    "--method", type=click.Choice(["auto", "ar", "viai-a", "viai-av"]), default="auto", show_default=True,
    help="auto: ar (autoregressive) under 100 ms, networks above 200 ms, blended between; viai-av if the video fits.",
)  # fmt: skip
@click.option(
    "--vocoder", type=click.Choice(["auto", "wavenet", "phase"]), default="auto", show_default=True,
    help="How the painted spectrogram becomes sound; auto is phase.",
)  # fmt: skip
@click.option(
    "--offset", type=float, metavar="MS",
    help="Milliseconds by which the picture is late. [default: estimated from the video's own sound, else 0]",
)  # fmt: skip
@click.option("--weights", type=FOLDER, help="Folder with viai-a, viai-av and wavenet .safetensors. [default: shipped]")
@click.option(
    "--candidates", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Fillings to make of each gap. Those with a click at a join (score above 3) come last; of the others the best "
    "is the one in step with the picture, or without a picture the one with the lowest click score.",
)  # fmt: skip
@click.option(
    "--keep-candidates", is_flag=True, help="Also write each candidate, as OUT.candidate0.EXT, OUT.candidate1.EXT, …"
)
@click.option(
    "--reference", type=FILE,
    help="The intact sound: the report tells how near the fillings come to it. It has no part in them.",
)  # fmt: skip
@click.option("--report", type=OUTPUT, help="Also write a report: .json, or .html to look at and to listen to.")
@click.option("--picture", type=OUTPUT, help="Also draw spectrograms before and after, as PNG.")
@seed_option
@device_option
@json_option
@force_option
def inpaint(
    sound: Path,
    video: Path | None,
    out: Path | None,
    gap_texts: tuple[str, ...],
    gap_file: Path | None,
    detect: bool,
    method: str,
    vocoder: str,
    offset: float | None,
    weights: Path | None,
    candidates: int,
    keep_candidates: bool,
    reference: Path | None,
    report: Path | None,
    picture: Path | None,
    seed: int,
    device: str,
    as_json: bool,
    force: bool,
) -> None:
    """Fill the gaps of SOUND, guided by VIDEO.

    SOUND is a sound file, or a video whose sound is to be mended. Without --gap and --gaps the gaps are looked
    for. Everything outside the gaps stays the same to the bit.

    \b
    viai inpaint in.wav video.mp4
    viai inpaint in.wav video.mp4 --gap 1.2:1.6 -o out.wav
    viai inpaint video.mp4 --gap 1.2+0.4 -o out.mp4
    viai inpaint in.wav video.mp4 --candidates 4 --report report.html
    """  # noqa: D301 - click reads the backspace itself
    from viai.gaps import parse_gap, read_gaps
    from viai.soundtracks import candidate_path, output_suffix, require_report, require_writable

    target = out or sound.with_name(f"{sound.stem}.inpainted{output_suffix(sound)}")
    require_writable(sound, target)
    if picture is not None and picture.suffix.lower() != ".png":
        raise InputError(f"cannot draw {picture}: the picture is a PNG; let its name end in .png")
    if report is not None:
        require_report(report)
    outputs = [("--out", target), ("--report", report), ("--picture", picture)]
    if keep_candidates:
        if candidates == 1:
            raise InputError("--keep-candidates needs candidates to keep: add --candidates 4")
        outputs += [("--out", candidate_path(target, number)) for number in range(candidates)]
    for option, path in outputs:
        if path is not None:
            _require_new(path, force, option)
    _require_different([path for _, path in outputs if path is not None])
    spans = [parse_gap(text) for text in gap_texts]
    if gap_file is not None:
        spans += read_gaps(gap_file)

    from viai.inpainting import Inpainter

    inpainter = Inpainter.from_pretrained(weights, device=device)
    repair = inpainter.inpaint_file(
        sound,
        spans,
        detect=detect or not spans,
        video=video,
        method=method,
        vocoder=vocoder,
        offset_seconds=None if offset is None else offset / 1000,
        seed=seed,
        candidates=candidates,
        reference=reference,
    )
    repair.save(target)
    if keep_candidates:
        repair.save_candidates(target)
    if report is not None:
        repair.save_report(report)
    if picture is not None:
        repair.save_picture(picture)
    _print_repair(repair, target, as_json)
    if repair.refused:
        raise SystemExit(1)


def _print_repair(repair: "FileRepair", target: Path, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(repair.as_dict() | {"out": str(target)}, indent=2))
        return
    for line in repair.lines():
        click.echo(line)
    click.echo(f"wrote {target}")


@main.command()
@click.argument("sound", type=FILE)
@click.option(
    "--kind", "kinds", multiple=True,
    type=click.Choice(["silence", "hold", "repeat", "dropout", "clipping", "click"]),
    help="What to look for. Repeatable. [default: silence, hold, repeat, dropout]",
)  # fmt: skip
@click.option("--labels", type=OUTPUT, help="Write an Audacity label file.")
@json_option
@force_option
def detect(sound: Path, kinds: tuple["Kind", ...], labels: Path | None, as_json: bool, force: bool) -> None:
    """Find the gaps of SOUND and print them; SOUND is not changed.

    \b
    viai detect in.wav --labels gaps.txt
    viai inpaint in.wav video.mp4 --gaps gaps.txt
    """  # noqa: D301 - click reads the backspace itself
    from viai.detection import RELIABLE
    from viai.gaps import Gap, write_labels
    from viai.soundtracks import detect_sound

    if labels is not None:
        _require_new(labels, force, "--labels")
    rate, found = detect_sound(sound, kinds or RELIABLE)
    if labels is not None:
        write_labels(labels, [Gap(item.start, item.stop) for item in found], rate, [item.kind for item in found])
    if as_json:
        rows = [
            {"start": item.start / rate, "end": item.stop / rate, "kind": item.kind, "confidence": item.confidence}
            for item in found
        ]
        click.echo(json.dumps({"sample_rate": rate, "gaps": rows}, indent=2))
        return
    for item in found:
        length_ms = (item.stop - item.start) / rate * 1000
        click.echo(f"{item.start / rate:.6f} {item.stop / rate:.6f} {item.kind} ({length_ms:.1f} ms)")
    click.echo(f"{len(found)} found" + (f"; wrote {labels}" if labels is not None else ""))


@main.command()
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for the clips.")
@click.option("--clips", type=click.IntRange(1), default=1100, show_default=True, help="Clips, shared by the classes.")
@click.option("--seconds", type=click.FloatRange(2, 60), default=9.0, show_default=True, help="Length of a clip.")
@click.option("--class", "classes", multiple=True, help="Instrument class. Repeatable. [default: all]")
@click.option("--soundfont", type=FILE, help="General MIDI sound font. [default: look in the usual folders]")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@seed_option
def synth(
    out: Path, clips: int, seconds: float, classes: tuple[str, ...], soundfont: Path | None, jobs: int, seed: int
) -> None:
    """Make a data set of drawn players whose movements belong to the notes that are heard.

    Needs the extra viai[synth] and a sound font. Clips that are there already are kept.
    """
    from viai.data.synthetic import CLASSES, SyntheticConfig, make_dataset

    config = SyntheticConfig(
        clips=clips,
        seconds=seconds,
        classes=classes or tuple(CLASSES),
        seed=seed,
        soundfont=None if soundfont is None else str(soundfont),
    )
    manifest = make_dataset(out, config, jobs=jobs)
    click.echo(f"wrote {len(manifest.clips)} clips to {out}")


@main.command()
@click.argument("videos", type=FOLDER)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for the prepared clips.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--skip",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds left out at the start; 6 for videos from the web, which begin with titles.",
)
@click.option(
    "--clean/--no-clean",
    default=True,
    show_default=True,
    help="Leave out what is black, silent or still, and let no clip cross a cut.",
)
@seed_option
@config_options
def prepare(videos: Path, out: Path, jobs: int, skip: float, clean: bool, seed: int, config: "ViaiConfig") -> None:
    """Turn VIDEOS (a folder of <class>/<id>.<ext>) into clips to train on: sound, frames and optical flow."""
    from viai.data.videos import prepare as prepare_videos

    done = prepare_videos(videos, out, config, jobs=jobs, seed=seed, skip_seconds=skip, clean=clean)
    counts = ", ".join(f"{number} {split}" for split, number in done.clips.items())
    click.echo(f"wrote {counts} clips to {out}; {len(done.refused)} videos or parts refused")
    if done.refused:
        click.echo(f"reasons: {out / 'refused.json'}")


@main.command()
@click.argument(
    "network",
    type=click.Choice(
        ["viai-a", "viai-av", "wavenet", "samplernn", "samplernn-reversed", "visual2sound", "visual2sound-reversed"]
    ),
)
@click.option("--data", type=FOLDER, required=True, help="Prepared clips.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Folder for checkpoint, weights and log.")
@click.option("--start-from", type=FILE, help="Weights to begin with; viai-av needs those of a viai-a.")
@click.option("--image-weights", type=FILE, help="ResNet-18 of torchvision that viai-av begins with.")
@resume_option
@force_option
@threads_option
@seed_option
@device_option
@config_options
def train(
    network: str,
    data: Path,
    out: Path,
    start_from: Path | None,
    image_weights: Path | None,
    resume: bool,
    force: bool,
    threads: int | None,
    seed: int,
    device: str,
    config: "ViaiConfig",
) -> None:
    """Train a network on prepared clips: viai-a, then viai-av from it; the wavenet by itself.

    SampleRNN and Visual2Sound are what viai is compared with.

    \b
    viai train viai-a --data clips --out runs/a
    viai train viai-av --data clips --out runs/av --start-from runs/a/viai-a.safetensors
    viai train wavenet --data clips --out runs/w
    viai train samplernn --data clips --out runs/s
    torchrun --nproc-per-node 4 -m viai train viai-av …
    """  # noqa: D301 - click reads the backspace itself
    from viai.training.start import train_stage

    use_threads(threads)
    progress = train_stage(
        network,
        data,
        out,
        config=config,
        seed=seed,
        device=device,
        start_from=start_from,
        image_weights=image_weights,
        resume=resume,
        force=force,
    )
    click.echo(f"wrote {progress.weights} at step {progress.step}")


@main.command()
@click.option("--data", type=FOLDER, required=True, help="Prepared clips.")
@click.option("--split", type=click.Choice(["val", "test"]), default="test", show_default=True)
@click.option(
    "--gaps", "gap_list", type=OUTPUT, help="List of gaps, made if missing. [default: gaps-SPLIT.json in --data]"
)
@click.option(
    "--per-clip", type=click.IntRange(1), help="Gaps a clip in a new list. [default: 4; with --lengths one of each]"
)
@click.option(
    "--lengths", metavar="S,S,…",
    help="Gaps of these lengths in seconds in a new list, e.g. 0.05,0.1,0.2,0.4,0.8,1.5. [default: as in training]",
)  # fmt: skip
@click.option("--weights", type=FOLDER, help="Folder with viai-a and viai-av .safetensors. [default: shipped]")
@click.option("--baselines", type=FOLDER, help="Folder with weights of samplernn, visual2sound and their bi- forms.")
@click.option("--methods", metavar="NAME,NAME,…", help="Rows of the table. [default: all that there are weights for]")
@click.option("--no-sound", is_flag=True, help="Do not turn paintings into sound: faster, spectrogram figures only.")
@click.option("--csv", "table", type=OUTPUT, help="Also write the figures of every gap as CSV.")
@click.option("--html", "page", type=OUTPUT, help="Also write the tables as a page, with a chart over the lengths.")
@click.option("--listening-test", "listening", type=OUTPUT, help="Also write a blind listening test: a new folder.")
@seed_option
@device_option
@json_option
@force_option
def evaluate(
    data: Path,
    split: str,
    gap_list: Path | None,
    per_clip: int | None,
    lengths: str | None,
    weights: Path | None,
    baselines: Path | None,
    methods: str | None,
    no_sound: bool,
    table: Path | None,
    page: Path | None,
    listening: Path | None,
    seed: int,
    device: str,
    as_json: bool,
    force: bool,
) -> None:
    """Measure every method inside the same gaps of held-out clips.

    The oracle is no method: it sees the answer, through the bottleneck of the network.

    \b
    viai evaluate --data clips
    viai evaluate --data clips --baselines runs --csv gaps.csv --html gaps.html
    viai evaluate --data clips --lengths 0.05,0.1,0.2,0.4,0.8,1.5
    """  # noqa: D301 - click reads the backspace itself
    from viai.data.gap_lists import parse_lengths
    from viai.evaluation import evaluate as measure
    from viai.evaluation import write_page

    for option, path in (("--csv", table), ("--html", page)):
        if path is not None:
            _require_new(path, force, option)
    _require_different([path for path in (table, page) if path is not None])
    seconds = None if lengths is None else parse_lengths(lengths)
    kind = "" if lengths is None else "-lengths"
    result = measure(
        data,
        split,
        gap_list or data / f"gaps-{split}{kind}.json",
        per_clip=per_clip or (4 if seconds is None else 1),
        lengths_seconds=seconds,
        weights=weights,
        baselines=baselines,
        methods=None if methods is None else [name.strip() for name in methods.split(",")],
        sounds=not no_sound,
        listening_test=listening,
        seed=seed,
        device=device,
    )
    if table is not None:
        result.write_csv(table)
    if page is not None:
        write_page(page, result)
    click.echo(json.dumps(result.as_dict(), indent=2) if as_json else result.markdown())


@main.command()
@click.argument("sound", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Sound file to write: 16 kHz, mono.")
@click.option("--weights", type=FOLDER, help="Folder with wavenet.safetensors. [default: shipped]")
@seed_option
@device_option
@force_option
def vocode(sound: Path, out: Path, weights: Path | None, seed: int, device: str, force: bool) -> None:
    """Send SOUND through the mel spectrogram and back by the WaveNet, to hear what the vocoder costs."""
    from viai.vocoding import vocode_file

    _require_new(out, force)
    seconds = vocode_file(sound, out, weights=weights, device=device, seed=seed)
    click.echo(f"wrote {out} ({seconds:.2f} s)")


@main.command()
@click.option("--weights", type=FOLDER, help="Folder with weights. [default: shipped]")
@json_option
@config_options
def info(weights: Path | None, as_json: bool, config: "ViaiConfig") -> None:
    """Show versions, the resolved settings as TOML, and the cards of the weights."""
    from hr_common import config as settings
    from viai.checkpoints import read_cards

    cards = read_cards(weights)
    if as_json:
        click.echo(json.dumps({"version": __version__, "config": settings.to_dict(config), "weights": cards}, indent=2))
        return
    click.echo(f"viai {__version__}\n")
    click.echo(settings.to_toml(config))
    for name, card in cards.items():
        click.echo(f"{name}: step {card['step']}, data {card['data']}, metrics {card['metrics']}")


@main.command()
@click.option("--out", "-o", type=OUTPUT, default=Path("viai-demo"), show_default=True, help="Folder for the results.")
@seed_option
@device_option
@json_option
def demo(out: Path, seed: int, device: str, as_json: bool) -> None:
    """Cut a second out of a short piece that comes with viai, fill it, and leave sound and picture."""
    from viai.demo import run_demo

    result = run_demo(out, seed=seed, device=device)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
        return
    for line in result.lines():
        click.echo(line)
