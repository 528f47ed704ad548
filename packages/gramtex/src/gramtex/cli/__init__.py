"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import logging
import signal
import sys
import threading

import click

from gramtex import __version__
from gramtex.cli.model import COMMANDS as MODEL_COMMANDS
from gramtex.cli.pixels import COMMANDS as PIXEL_COMMANDS
from hr_common.errors import CommandGroup


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gramtex")
@click.option("-v", "--verbose", count=True, help="Say more about the work.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def main(verbose: int, quiet: bool) -> None:
    """Make cloth: more of a given fabric at any size, or fabric that never existed."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose > 1 else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
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


for command in (*PIXEL_COMMANDS, *MODEL_COMMANDS):
    main.add_command(command)
