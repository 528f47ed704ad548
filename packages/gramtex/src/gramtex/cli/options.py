"""Options that several commands share. Nothing here loads torch."""

from collections.abc import Callable
from typing import Any

import click

from hr_common.errors import InputError
from hr_common.options import FILE, device_option, force_option, json_option, seed_option, threads_option

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
