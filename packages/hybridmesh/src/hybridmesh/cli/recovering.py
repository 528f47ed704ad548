"""Commands for photos: recover and fit, render, clean dense maps, convert, and the demo."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hr_common.errors import InputError
from hr_common.options import (
    FILE,
    OUTPUT,
    force_option,
    json_option,
    refuse_existing,
    seed_option,
    setting_options,
    threads_option,
)
from hybridmesh.cli.options import body_options, open_body

if TYPE_CHECKING:
    from hybridmesh.body import BodyModel
    from hybridmesh.landmarks import SeenPerson
    from hybridmesh.recovery import Predictor

Asks = Literal["none", "shipped", "given"]
"""Which regressor is asked: none; the one that ships, where it can say something; the one that was given."""
IUV_ORDER = click.option(
    "--channel-order", type=click.Choice(["auto", "iuv", "vui"]), default="auto", show_default=True,
    help="Order of an IUV picture's channels; vui is what OpenCV writes.",
)  # fmt: skip


def photo_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add everything that says what is seen on the photos and what to write."""
    options: list[Callable[..., Any]] = [
        click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path)),
        click.option(
            "--out", "-o", type=OUTPUT, default=Path("recovered"), show_default=True,
            help="Folder; each photo gets one of its own inside.",
        ),
        click.option(
            "--keypoints", type=click.Path(exists=True, path_type=Path),
            help="Landmarks: JSON of this program, OpenPose or COCO, or .npz; a folder with one file a photo.",
        ),
        click.option("--iuv", "iuv_files", type=FILE, multiple=True, help="IUV map of a person. Repeatable, in order."),
        click.option("--mask", "mask_files", type=FILE, multiple=True, help="Mask of a person. Repeatable, in order."),
        click.option("--box", "boxes", multiple=True, metavar="X,Y,W,H", help="Box of a person. Repeatable, in order."),
        click.option(
            "--detector", type=click.Path(path_type=Path), envvar="HYBRIDMESH_DETECTOR", show_envvar=True,
            help="Python that has mediapipe 0.10.14. [default: this one]",
        ),
        click.option("--most", type=click.IntRange(1), default=8, show_default=True, help="Most people in a photo."),
        IUV_ORDER,
        click.option("--refine-iuv/--no-refine-iuv", default=True, help="Clean maps by the keypoints.  [default: on]"),
        click.option(
            "--format", "formats", type=click.Choice(["obj", "ply", "glb"]), multiple=True, default=["obj"],
            show_default=True, help="Of the meshes. Repeatable.",
        ),
        click.option("--rigged", is_flag=True, help="Write a GLB with skeleton, skin and pose too."),
        click.option("--turntable", is_flag=True, help="Write an animation of each body."),
        body_options, setting_options("fit.dense=5", ("desk", "tiny")),
        threads_option, seed_option, json_option, force_option,
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@photo_options
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="Regressor to ask first.")
@click.option("--refine/--no-refine", default=True, help="Fit from where the regressor ends.  [default: on]")
def recover(weights: Path | None, refine: bool, **given: Any) -> None:
    """Recover the bodies of all people on PHOTOS (files or folders).

    With --weights, or where there is an IUV map of somebody, a trained regressor is asked first, and the body is fitted
    from there, or with --no-refine left there. Everybody else is fitted from scratch.

    \b
    hybridmesh recover photo.jpg --out result --detector detector/bin/python
    hybridmesh recover photo.jpg --out result --keypoints photo_keypoints.json --turntable
    hybridmesh recover photo.png --out result --keypoints points.npz --iuv photo_iuv.png
    """  # noqa: D301 - click reads the backspace itself
    asks: Asks = "given" if weights else "shipped" if given["iuv_files"] else "none"
    run_recovery(**given, weights=weights, asks=asks, fit_too=refine)


@click.command()
@photo_options
def fit(**given: Any) -> None:
    """Fit the body to what is seen on PHOTOS by optimisation, without any trained network.

    \b
    hybridmesh fit photo.jpg --out result --keypoints photo_keypoints.json --mask person.png
    """  # noqa: D301 - click reads the backspace itself
    run_recovery(**given)


def run_recovery(
    *,
    photos: tuple[Path, ...],
    out: Path,
    keypoints: Path | None,
    iuv_files: tuple[Path, ...],
    mask_files: tuple[Path, ...],
    boxes: tuple[str, ...],
    detector: Path | None,
    most: int,
    channel_order: Any,
    refine_iuv: bool,
    formats: tuple[str, ...],
    rigged: bool,
    turntable: bool,
    body: str,
    gender: str,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    threads: int | None,
    seed: int,
    as_json: bool,
    force: bool,
    weights: Path | None = None,
    asks: Asks = "none",
    fit_too: bool = True,
) -> None:
    """Recover, write and report; what ``recover``, ``fit`` and ``predict`` have in common."""
    from hr_common import image
    from hr_common.files import refuse_unwritable
    from hybridmesh import iuv
    from hybridmesh.config import load_recovery
    from hybridmesh.recovery import NobodyError, Recoverer, find_photos, save, save_nobody

    config = load_recovery(preset, file=config_file, overrides=overrides)
    paths = find_photos(photos)
    if len({path.stem for path in paths}) < len(paths):
        raise InputError("two photos have the same name without its ending; they would share a folder in --out")
    if len(paths) > 1 and (iuv_files or mask_files or boxes):
        raise InputError("--iuv, --mask and --box are for one photo; give several photos a folder with --keypoints")
    for path in paths:
        if (out / path.stem).exists() and not force:
            raise InputError(f"{out / path.stem} exists; add --force to overwrite it, or choose another --out")
    refuse_unwritable(out)
    model = open_body(body, gender, threads)
    found = _find_people(paths, keypoints, detector, most, needed=not (iuv_files or mask_files or boxes))
    predictor = None if asks == "none" else _open_regressor(weights, model, needed=asks == "given")
    recoverer = Recoverer(model, config, predictor)
    family = None if model.charts is None else model.charts.family
    reports, failures, nobody = [], {}, []
    for path in paths:
        try:
            photo = image.read(path)
            people = _people(path, photo.shape[:2], found, mask_files, boxes, len(iuv_files))
            # A picture does not say whose charts it shows; it is taken for those of the chosen body.
            maps = [iuv.read(each, order=channel_order, family=family) for each in iuv_files]
            recovery = recoverer.recover(photo, people, maps=maps, refine_maps=refine_iuv, fit=fit_too, seed=seed)
        except InputError as error:
            failures[str(path)] = str(error)
            if isinstance(error, NobodyError):
                nobody.append(path)
            continue
        with _whole_folder(out / path.stem) as folder:
            save(recovery, folder, formats=formats, rigged=rigged, with_turntable=turntable)
        reports.append({"photo": str(path), "folder": str(out / path.stem), "people": [
            {"mask_iou": each.mask_iou, "keypoint_error_px_of_224": each.fit and each.fit.keypoint_error,
             "dense_error_px_of_224": each.fit and each.fit.dense_error, "seconds": each.fit and each.fit.seconds}
            for each in recovery.people
        ]})  # fmt: skip
        if not as_json:
            click.echo(_line(reports[-1]))
    if failures and not reports:
        raise InputError("; ".join(f"{path}: {message}" for path, message in failures.items()))
    for path in nobody:
        with _whole_folder(out / path.stem) as folder:
            save_nobody(folder, failures[str(path)])
    if as_json:
        click.echo(json.dumps({"photos": reports, "failed": failures}, indent=2))
    else:
        click.echo(f"wrote {len(reports)} of {len(paths)} photos to {out}")
    if failures:
        for name, message in failures.items():
            click.echo(f"{name}: {message}", err=True)
        raise SystemExit(1)


def _open_regressor(weights: Path | None, body: "BodyModel", *, needed: bool) -> "Predictor | None":
    """Load a regressor; one that is not needed is not asked where it cannot say anything."""
    from hybridmesh.regressor import SHIPPED, Regressor, where_possible

    regressor = Regressor.load(SHIPPED["iuv"] if weights is None else weights)
    if needed:
        regressor.require_body(body)
        return regressor
    return where_possible(regressor) if regressor.fits_body(body) else None


def _find_people(
    paths: Sequence[Path], keypoints: Path | None, detector: Path | None, most: int, *, needed: bool
) -> dict[Path, Path]:
    """Say for each photo which file describes its people; run the detector where none was given."""
    import tempfile

    from hybridmesh.detection import detect_people

    if keypoints is None:
        if not needed and detector is None:
            return {}
        folder = Path(tempfile.mkdtemp())
        click.get_current_context().call_on_close(lambda: _remove(folder))
        detect_people(paths, folder / "landmarks.json", python=detector, most=most)
        return dict.fromkeys(paths, folder / "landmarks.json")
    if keypoints.is_file():
        return dict.fromkeys(paths, keypoints)
    files = {}
    for path in paths:
        names = [f"{path.stem}{end}" for end in (".json", "_keypoints.json", ".npz", "_keypoints.npz")]
        found = next((keypoints / name for name in names if (keypoints / name).is_file()), None)
        if found is not None:
            files[path] = found
    if not files:
        raise InputError(f"{keypoints} holds no landmarks of these photos; expected STEM.json or STEM_keypoints.json")
    return files


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder that takes the place of ``folder`` if all goes well, and else is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    hidden = folder.with_name(f".{folder.name}.part")
    _remove(hidden)
    try:
        yield hidden
        if folder.is_dir():
            _remove(folder)
        hidden.rename(folder)
    finally:
        _remove(hidden)


def _people(
    path: Path,
    size: tuple[int, int],
    found: dict[Path, Path],
    mask_files: Sequence[Path],
    boxes: Sequence[str],
    maps: int,
) -> "list[SeenPerson]":
    from dataclasses import replace

    from hybridmesh.landmarks import SeenPerson, read_landmarks, read_mask
    from hybridmesh.recovery import NobodyError

    people = read_landmarks(found[path], path.name, size) if path in found else []
    if path in found and not people:
        raise NobodyError
    count = max(len(people), len(mask_files), len(boxes), maps)
    if people and count > len(people):
        raise InputError(f"there are {count} masks, maps or boxes for {len(people)} people with landmarks")
    people = people or [SeenPerson() for _ in range(count)]
    if not people:
        raise InputError("there are no landmarks of this photo")
    for number, each in enumerate(mask_files):
        people[number] = replace(people[number], mask=read_mask(each, size))
    for number, text in enumerate(boxes):
        try:
            left, top, width, height = (float(part) for part in text.split(","))
        except ValueError:
            raise InputError(f"--box {text!r} is not of the form X,Y,W,H in pixels") from None
        people[number] = replace(people[number], box=(left, top, width, height))
    return people


def _line(report: dict[str, Any]) -> str:
    parts = []
    for number, each in enumerate(report["people"]):
        figures = [
            f"{name} {each[key]:.2f}{unit}"
            for name, key, unit in (
                ("mask IoU", "mask_iou", ""), ("keypoints", "keypoint_error_px_of_224", " px of 224"),
                ("dense", "dense_error_px_of_224", " px of 224"), ("", "seconds", " s"),
            )
            if each[key] is not None
        ]  # fmt: skip
        parts.append(f"person {number}: {', '.join(figures)}")
    return f"{report['photo']}: " + "; ".join(parts)


@click.command()
@click.argument("params", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="File: .png, .gif, .npz (IUV), .obj, .ply or .glb.")
@click.option(
    "--kind", type=click.Choice(["shaded", "overlay", "iuv", "segment", "mask", "depth", "normal", "turntable"]),
    default="shaded", show_default=True, help="What to draw.",
)  # fmt: skip
@click.option("--photo", type=FILE, help="Photo to lay the body over, for overlay.")
@click.option("--frame", type=click.IntRange(0), help="Frame of a motion. [default: all, as an animation]")
@click.option("--step", type=click.IntRange(1), default=4, show_default=True, help="Of a motion, every so many frames.")
@click.option("--size", type=click.IntRange(16, 4096), default=400, show_default=True, help="Pixels, for motions.")
@click.option("--skeleton", type=FILE, help="ASF file of an AMC motion. [default: found beside it]")
@body_options
@threads_option
@force_option
def render(
    params: Path,
    out: Path,
    kind: str,
    photo: Path | None,
    frame: int | None,
    step: int,
    size: int,
    skeleton: Path | None,
    body: str,
    gender: str,
    threads: int | None,
    force: bool,
) -> None:
    """Draw PARAMS: a personK.npz of this program, or a motion (.bvh, .amc, or .npz from convert).

    \b
    hybridmesh render result/photo/person0.npz --kind overlay --photo photo.jpg --out over.png
    hybridmesh render walk.bvh --out walk.gif
    hybridmesh render walk.bvh --out walk.glb
    """  # noqa: D301 - click reads the backspace itself
    from hybridmesh.drawing import draw_motion, draw_person

    refuse_existing(out, force=force)
    model = open_body(body, gender, threads)
    if _is_motion(params):
        from hybridmesh.motion import read_motion

        draw_motion(read_motion(params, model, skeleton=skeleton), model, out, frame=frame, step=step, size=size)
    else:
        draw_person(params, model, out, kind, photo)
    click.echo(f"wrote {out}")


def _is_motion(path: Path) -> bool:
    from hybridmesh.body.arrays import read_archive

    return path.suffix.lower() in (".bvh", ".amc") or (path.suffix == ".npz" and "poses" in read_archive(path))


@click.command("refine-iuv")
@click.argument("iuv_file", metavar="IUV", type=FILE)
@click.argument("keypoints", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Cleaned map: .png or .npz.")
@click.option("--person", type=click.IntRange(0), default=0, show_default=True, help="Whose keypoints in the file.")
@click.option("--photo", help="Name of the photo, where the file describes several. [default: like the map]")
@IUV_ORDER
@json_option
@force_option
def refine_iuv(
    iuv_file: Path,
    keypoints: Path,
    out: Path,
    person: int,
    photo: str | None,
    channel_order: Any,
    as_json: bool,
    force: bool,
) -> None:
    """Delete from a dense map what contradicts accurate KEYPOINTS: limbs on the wrong side, parts of others.

    \b
    hybridmesh refine-iuv photo_iuv.png photo_keypoints.json --out clean.png
    """  # noqa: D301 - click reads the backspace itself
    from dataclasses import asdict

    from hybridmesh import iuv
    from hybridmesh.landmarks import read_landmarks
    from hybridmesh.recovery import person_box
    from hybridmesh.refinement import refine

    refuse_existing(out, force=force)
    dense = iuv.read(iuv_file, order=channel_order)
    people = read_landmarks(keypoints, photo or iuv_file.name, dense.index.shape)
    if person >= len(people):
        raise InputError(f"--person {person}: {keypoints} describes {len(people)} people, counted from 0")
    seen = people[person]
    if seen.keypoints is None:
        raise InputError(f"{keypoints} has no keypoints of person {person}")
    box = person_box(seen, seen.keypoints, dense, margin=1.2)
    result = refine(dense, seen.keypoints, box_side=box.side)
    iuv.write(out, result.map)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in result.log], indent=2))
        return
    for each in result.log:
        click.echo(f"removed {each.pixels} pixels of {each.part}: {each.reason}")
    click.echo(f"wrote {out}; {int(result.map.mask.sum())} of {int(dense.mask.sum())} pixels stay")


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--out", "-o", type=OUTPUT, required=True, help="File to write; for people, a folder.")
@click.option(
    "--from",
    "data_set",
    type=click.Choice(["coco", "densepose", "up3d", "3dpw", "lsp", "mpii", "reference", "spin"]),
    help="SOURCE is a data set of people: its file, or its folder.",
)
@click.option("--split", default="", metavar="NAME", help="Which part of a data set, e.g. train.")
@click.option("--studio", is_flag=True, help="Mark people as taken in a laboratory, whose 3D every training uses.")
@click.option("--skeleton", type=FILE, help="ASF file of an AMC motion. [default: found beside it]")
@click.option("--channel-order", type=click.Choice(["auto", "iuv", "vui"]), default="auto", help="Of an IUV picture.")
@body_options
@force_option
def convert(
    source: Path,
    out: Path,
    data_set: str | None,
    split: str,
    studio: bool,
    skeleton: Path | None,
    channel_order: Any,
    body: str,
    gender: str,
    force: bool,
) -> None:
    """Turn SOURCE into a plain form: motions (.bvh, .amc) into .npz or a rigged .glb, IUV pictures into .npz or back.

    With --from it is a data set of people in its own layout, and becomes a folder that train and evaluate read.
    Pictures stay where they are.

    \b
    hybridmesh convert walk.bvh --out walk.npz
    hybridmesh convert opencv_iuv.png --out iuv.npz
    hybridmesh convert up-3d --from up3d --split test --out up3d-test
    """  # noqa: D301 - click reads the backspace itself
    refuse_existing(out, force=force)
    if data_set is not None:
        from hybridmesh.data.formats import read_people

        people = read_people(data_set, source, split, studio=studio)
        people.save(out)
        counts = people.summary()
        click.echo(
            f"wrote {out}: {len(people)} people, {counts['with_smpl']} with pose and shape, {counts['with_dense']} "
            f"with {counts['dense_points']} dense points"
        )
        return
    if source.is_dir():
        raise InputError(f"{source} is a folder; if it is a data set of people, say which with --from NAME")
    if source.suffix.lower() in (".bvh", ".amc"):
        from hybridmesh.drawing import draw_motion
        from hybridmesh.motion import read_motion, write_motion

        model = open_body(body, gender)
        motion = read_motion(source, model, skeleton=skeleton)
        if out.suffix.lower() == ".glb":
            draw_motion(motion, model, out, frame=None, step=1, size=0)
        elif out.suffix.lower() == ".npz":
            write_motion(out, motion)
        else:
            raise InputError(f"motions are converted to .npz or .glb, not {out.suffix or 'a file without ending'}")
        click.echo(f"wrote {out}: {len(motion.poses)} frames at {motion.fps:.4g} Hz")
        return
    from hybridmesh import iuv

    dense = iuv.read(source, order=channel_order)
    iuv.write(out, dense)
    click.echo(f"wrote {out}: {int(dense.mask.sum())} pixels of a person")


@click.command()
@click.option("--out", "-o", type=OUTPUT, default=Path("hybridmesh-demo"), show_default=True, help="Folder to make.")
@body_options
@threads_option
@seed_option
@force_option
def demo(out: Path, body: str, gender: str, threads: int | None, seed: int, force: bool) -> None:
    """Render a person, recover it from its keypoints and IUV map, and write everything: offline, in half a minute."""
    from hybridmesh.demo import run_demo

    if out.exists() and any(out.iterdir()) and not force:
        raise InputError(f"{out} is not empty; add --force to write into it, or choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    for line in run_demo(out, open_body(body, gender, threads), seed=seed):
        click.echo(line)


COMMANDS = (recover, fit, render, refine_iuv, convert, demo)
