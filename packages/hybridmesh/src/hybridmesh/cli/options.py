"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hybridmesh.body import BodyModel

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
OUTPUT = click.Path(path_type=Path)

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Settles every random number."
)
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]", help="Where to compute."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
force_option = click.option("--force", is_flag=True, help="Overwrite what is there.")
threads_option = click.option("--threads", type=click.IntRange(1), help="Threads of torch. [default: its own choice]")


def body_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--body`` and ``--gender``."""
    command = click.option(
        "--gender", type=click.Choice(["neutral", "male", "female"]), default="neutral", show_default=True,
        help="Which SMPL file to look for.",
    )(command)  # fmt: skip
    return click.option(
        "--body", default="free", show_default=True, metavar="free|free-lo|smpl|FILE",
        help="Body model: one that ships, SMPL from your own files, or a file.",
    )(command)  # fmt: skip


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--preset``, ``--config`` and ``--set``."""
    for option in (
        click.option(
            "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="One setting, e.g. fit.dense=5. Repeatable."
        ),
        click.option("--config", "config_file", type=FILE, help="TOML file laid over the preset."),
        click.option(
            "--preset", type=click.Choice(["desk", "tiny"]), default="desk", show_default=True, help="Base settings."
        ),
    ):
        command = option(command)
    return command


def open_body(name: str, gender: Any, threads: int | None = None) -> "BodyModel":
    """Load the body that a command works with, and let torch use so many threads."""
    import torch

    from hybridmesh.body import load_body, require_engine

    if threads is not None:
        torch.set_num_threads(threads)
    return require_engine(load_body(name, gender=gender))
