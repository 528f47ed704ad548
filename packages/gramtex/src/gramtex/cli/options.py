"""Options that several commands share. Nothing here loads torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hr_common.errors import InputError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
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
size_option = click.option("--size", metavar="WIDTHxHEIGHT", help="Pixels, e.g. 512x384, or one number for both.")
encoder_option = click.option("--encoder", default="vgg16-hed", show_default=True, help="`gramtex info` lists them.")
weights_option = click.option("--encoder-weights", type=FILE, help="File of weights, for encoders that do not ship.")


def work_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--seed``, ``--device``, ``--threads``, ``--json`` and ``--force``."""
    for option in (force_option, json_option, threads_option, device_option, seed_option):
        command = option(command)
    return command


def parse_size(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    """Turn ``WIDTHxHEIGHT`` into height and width.

    Raises:
        InputError: It is something else.
    """
    if text is None:
        return default
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(f"--size {text} is no size; write WIDTHxHEIGHT, e.g. 512x384")
    width, height = int(parts[0]), int(parts[-1])
    if not 32 <= min(width, height) <= max(width, height) <= 16_384:
        raise InputError(f"--size {text}: each side has to be 32 to 16384 pixels")
    return height, width


def refuse_existing(path: Path, *, force: bool) -> None:
    """Check that a file, or a folder with something in it, is not written over by mistake.

    Raises:
        InputError: It is there and ``--force`` is not.
    """
    is_taken = any(path.iterdir()) if path.is_dir() else path.exists()
    if is_taken and not force:
        raise InputError(f"{path} exists; add --force to overwrite it, or choose another name with --out")


def use_threads(count: int | None) -> None:
    """Settle how many threads torch uses."""
    if count is not None:
        import torch

        torch.set_num_threads(count)
