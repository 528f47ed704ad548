"""Options that commands of all packages share, under one name and with one meaning. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hr_common.errors import InputError

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
threads_option = click.option("--threads", type=click.IntRange(1), help="Threads of torch. [default: its own choice]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
force_option = click.option("--force", is_flag=True, help="Overwrite what is there.")
resume_option = click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")


def setting_options(
    example: str, presets: Sequence[str] = ("paper", "desk", "tiny"), *, about: str = "Base settings."
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--preset``, ``--config`` (as ``config_file``) and ``--set`` (as ``overrides``) to a command.

    Args:
        example: A setting for the help text, e.g. ``training.steps=500``.
        presets: Names to choose from; ``desk`` is the default.
        about: Help text of ``--preset``.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--set",
                "overrides",
                multiple=True,
                metavar="NAME=VALUE",
                help=f"One setting, e.g. {example}. Repeatable.",
            ),
            click.option("--config", "config_file", type=FILE, help="TOML file laid over the preset."),
            click.option("--preset", type=click.Choice(presets), default="desk", show_default=True, help=about),
        ):
            command = option(command)
        return command

    return add


def refuse_existing(path: Path, *, force: bool, option: str = "--out") -> None:
    """Check that a file, or a folder with something in it, is not written over by mistake, and that it can be written.

    Raises:
        InputError: It is there and ``--force`` is not, or a file is in the place of a folder above it.
        PermissionError: The folder that it belongs into is not writable.
    """
    from hr_common.files import refuse_unwritable

    is_taken = any(path.iterdir()) if path.is_dir() else path.exists()
    if is_taken and not force:
        raise InputError(f"{path} exists; add --force to overwrite it, or choose another name with {option}")
    refuse_unwritable(path.parent)


def use_threads(count: int | None) -> None:
    """Settle how many threads torch uses, if that was said."""
    if count is not None:
        import torch

        torch.set_num_threads(count)
