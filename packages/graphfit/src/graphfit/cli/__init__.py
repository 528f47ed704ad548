"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import logging
import signal
import sys
import threading
from typing import Any

import click

from graphfit import __version__
from graphfit.cli import learning, wearing
from hr_common.errors import CommandGroup, InputError


class _Group(CommandGroup):
    """Shows a message of several lines, such as that of missing data, as it was written."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong ends as in any :class:`CommandGroup`."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if isinstance(error.__cause__, InputError):
                raise click.UsageError(str(error.__cause__)) from error
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="graphfit")
@click.option("-v", "--verbose", count=True, help="Say more about the work.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def main(verbose: int, quiet: bool) -> None:
    """Score outfits, complete them, and compose new ones in a wanted colour style."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose > 1 else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    # A group that was called before in this process has set the handler up already.
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)
    # Of other people's libraries only warnings are of interest, whatever our own level.
    for name in ("matplotlib", "PIL"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _end_on_termination()


def _end_on_termination() -> None:
    """Let SIGTERM end a command as Ctrl-C does, so that it leaves nothing behind."""
    if threading.current_thread() is not threading.main_thread():
        return
    # The shell's code for a process that was ended by a signal.
    previous = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    click.get_current_context().call_on_close(lambda: signal.signal(signal.SIGTERM, previous))


for _command in (*wearing.COMMANDS, *learning.COMMANDS):
    main.add_command(_command)
