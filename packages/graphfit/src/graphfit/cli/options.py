"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
ANY = click.Path(exists=True, path_type=Path)
OUTPUT = click.Path(path_type=Path)

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Settles every random number."
)
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]", help="Where to compute."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
force_option = click.option("--force", is_flag=True, help="Overwrite what is there.")


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--preset``, ``--config`` and ``--set``."""
    for option in (
        click.option(
            "--set", "overrides", multiple=True, metavar="NAME=VALUE",
            help="One setting, e.g. network.layers=3. Repeatable.",
        ),
        click.option("--config", "config_file", type=FILE, help="TOML file laid over the preset."),
        click.option(
            "--preset", type=click.Choice(["paper", "desk", "tiny"]), default="desk", show_default=True,
            help="Base settings.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command
