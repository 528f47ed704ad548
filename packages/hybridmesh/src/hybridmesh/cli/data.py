"""Commands for data: render people, and evaluate a regressor on a set."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hr_common.errors import InputError
from hr_common.options import (
    FILE,
    FOLDER,
    OUTPUT,
    device_option,
    force_option,
    json_option,
    seed_option,
    setting_options,
    threads_option,
)
from hybridmesh.cli.options import body_options, open_body

if TYPE_CHECKING:
    from hybridmesh.body import BodyModel
    from hybridmesh.motion import Motion

PEOPLE = click.Path(exists=True, path_type=Path)
_MOTIONS = (".bvh", ".amc")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@click.command()
@click.argument("out", type=OUTPUT)
@click.option("--mocap", type=FOLDER, help="Folder with .bvh, .amc and .asf files. [default: random angles]")
@click.option("--backgrounds", type=FOLDER, help="Folder with photos to place people before. [default: noise]")
@click.option(
    "--count", metavar="STUDIO,WILD,TEST", help="How many people of each kind.  [default: what the preset says]"
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Threads that render.")
@body_options
@setting_options("size=96", ("desk", "tiny"))
@seed_option
@json_option
@force_option
def synth(
    out: Path,
    mocap: Path | None,
    backgrounds: Path | None,
    count: str | None,
    jobs: int,
    body: str,
    gender: str,
    preset: str,
    config_file: Path | None,
    overrides: tuple[str, ...],
    seed: int,
    as_json: bool,
    force: bool,
) -> None:
    """Render people with every label into the folders studio, wild and test of OUT, and a sheet of 24 of them.

    \b
    hybridmesh synth people --preset tiny
    hybridmesh synth people --mocap cmu --count 600,2600,300 --set size=96 --jobs 2
    """  # noqa: D301 - click reads the backspace itself
    import torch
    from tqdm import tqdm

    from hr_common import image
    from hybridmesh.config import load_synth
    from hybridmesh.data.people import MANIFEST
    from hybridmesh.data.synthetic import contact_sheet, split_motions, synthesize

    given = [] if count is None else [f"{name}={each}" for name, each in _counts(count).items()]
    config = load_synth(preset, file=config_file, overrides=(*given, *overrides))
    kinds = {"studio": config.studio, "wild": config.wild, "test": config.test}
    if not force and any((out / kind / MANIFEST).exists() for kind in kinds):
        raise InputError(f"{out} holds people already; add --force to overwrite them, or choose another folder")
    # The threads are those that render; each of them computes alone, and so always the same.
    torch.set_num_threads(1)
    model = open_body(body, gender)
    motions, test_motions = split_motions(_read_motions(mocap, model), config.test_clips)
    if mocap is not None and not (motions and test_motions):
        raise InputError(
            f"{mocap} has {len(motions)} motions to train with and {len(test_motions)} to test with; both are needed. "
            f"Those to test with are named by test_clips = {list(config.test_clips)}"
        )
    photos = sorted(each for each in backgrounds.iterdir() if each.suffix.lower() in _PICTURES) if backgrounds else []
    if backgrounds is not None and not photos:
        raise InputError(f"{backgrounds} holds no photos ({', '.join(_PICTURES)})")
    made = {}
    with tqdm(total=sum(kinds.values()), unit="person", desc="render", disable=None) as bar:
        for kind, number in kinds.items():
            if not number:
                continue
            test = kind == "test"
            people = synthesize(
                model, test_motions if test else motions, config, count=number,
                domain="studio" if kind == "studio" else "wild", seed=seed, test=test, backgrounds=photos, jobs=jobs,
                progress=bar.update,
            )  # fmt: skip
            people.save(out / kind)
            made[kind] = people
    if not made:
        raise InputError("all counts are 0; there is nobody to render")
    image.write(out / "sheet.png", contact_sheet(list(made.values()), 24))
    if as_json:
        click.echo(json.dumps({kind: each.summary() for kind, each in made.items()}, indent=2))
    else:
        for kind, each in made.items():
            numbers = each.summary()
            click.echo(
                f"{kind}: {len(each)} people of {config.size}×{config.size} pixels, {numbers['with_dense']} with dense "
                f"points, poses from {len(test_motions if kind == 'test' else motions) or 'no'} motions"
            )
        click.echo(f"wrote {out}; look at {out / 'sheet.png'}")


def _counts(text: str) -> dict[str, int]:
    try:
        studio, wild, test = (int(each) for each in text.split(","))
    except ValueError:
        studio = wild = test = -1
    if min(studio, wild, test) < 0:
        raise InputError(f"--count {text!r} is not of the form STUDIO,WILD,TEST, e.g. 600,2600,300")
    return {"studio": studio, "wild": wild, "test": test}


def _read_motions(folder: Path | None, body: "BodyModel") -> "list[Motion]":
    from hybridmesh.motion import read_motion

    if folder is None:
        return []
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in _MOTIONS)
    if not files:
        raise InputError(f"{folder} holds no motions ({', '.join(_MOTIONS)})")
    return [read_motion(each, body) for each in files]


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("data", type=PEOPLE)
@click.option("--out", "-o", type=OUTPUT, default=Path("evaluation"), show_default=True, help="Folder for the report.")
@click.option(
    "--protocol",
    type=click.Choice(["dct", "spin", "smpl24"]),
    default="dct",
    show_default=True,
    help="dct: root zero, nothing aligned (the paper's code). spin: pelvis subtracted, 14 joints. smpl24: with 24.",
)
@click.option("--h36m-regressor", type=FILE, help="Your J_regressor_h36m.npy, 17 × vertices, for spin.")
@click.option("--gendered", is_flag=True, help="Pose the truth with the SMPL of each person's gender (3DPW).")
@click.option("--geodesic", is_flag=True, help="GPS of the dense points too; takes half a second a person.")
@click.option("--batch", type=click.IntRange(1), default=64, show_default=True, help="People at once.")
@body_options
@device_option
@threads_option
@json_option
@force_option
def evaluate(
    weights: Path,
    data: Path,
    out: Path,
    protocol: str,
    h36m_regressor: Path | None,
    gendered: bool,
    geodesic: bool,
    batch: int,
    body: str,
    gender: str,
    device: str,
    threads: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Compare what WEIGHTS predict for the people of DATA with their true bodies.

    WEIGHTS is a run's folder or a .safetensors file, or the word "mean" for the untrained mean body alone. DATA is a
    folder from synth or convert, or a file as SPIN has them.

    \b
    hybridmesh evaluate run people/test --out report
    hybridmesh evaluate mean people/test --protocol smpl24 --out baseline
    """  # noqa: D301 - click reads the backspace itself
    from tqdm import tqdm

    from hr_common.device import resolve
    from hr_common.files import file_digest
    from hybridmesh.body import load_body, require_engine
    from hybridmesh.data.people import ARCHIVE, PeopleSet
    from hybridmesh.evaluation import evaluate as run
    from hybridmesh.regressor import Regressor

    if out.exists() and any(out.iterdir()) and not force:
        raise InputError(f"{out} is not empty; add --force to write into it, or choose another --out")
    where = resolve(device)
    model = open_body(body, gender, threads).to(where)
    people = PeopleSet.load(data)
    regressor = None
    if str(weights) != "mean":
        regressor = Regressor.load(weights, device=where)
        regressor.require_body(model)
    genders = {}
    if gendered:
        if body != "smpl":
            raise InputError("--gendered needs your SMPL files: add --body smpl")
        genders = {each: require_engine(load_body("smpl", gender=each)).to(where) for each in ("male", "female")}
    with tqdm(total=int(people.has_smpl.sum()), unit="person", desc="evaluate", disable=None) as bar:
        result = run(
            people, model, regressor, protocol=protocol, batch=batch, genders=genders, geodesic=geodesic,
            h36m=None if h36m_regressor is None else _read_h36m(h36m_regressor, model.num_vertices),
            progress=bar.update,
        )  # fmt: skip
    result.facts.update(path=str(data), data_sha256=file_digest(data / ARCHIVE if data.is_dir() else data))
    if regressor is not None:
        file = weights / "model.safetensors" if weights.is_dir() else weights
        result.facts["weights"] = {"path": str(weights), "sha256": file_digest(file), "inputs": regressor.inputs}
    result.write(out, people)
    click.echo(json.dumps(result.report(), indent=2, default=str) if as_json else result.table())
    if not as_json:
        click.echo(f"wrote {out}: report.json, people.csv, table.md")


def _read_h36m(path: Path, vertices: int) -> Any:
    import torch

    from hr_common.files import read_array

    matrix = read_array(path)
    if matrix.shape != (17, vertices) or matrix.dtype.kind != "f":
        raise InputError(f"{path} holds {matrix.dtype} of the shape {matrix.shape}, not floats of (17, {vertices})")
    return torch.from_numpy(matrix)


COMMANDS = (synth, evaluate)
