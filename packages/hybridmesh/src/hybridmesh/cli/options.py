"""Options that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from hr_common.options import use_threads

if TYPE_CHECKING:
    from hybridmesh.body import BodyModel


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


def open_body(name: str, gender: Any, threads: int | None = None) -> "BodyModel":
    """Load the body that a command works with, and let torch use so many threads."""
    from hybridmesh.body import load_body, require_engine

    use_threads(threads)
    return require_engine(load_body(name, gender=gender))
