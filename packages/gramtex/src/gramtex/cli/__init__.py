"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import click

from gramtex import __version__
from gramtex.cli.model import COMMANDS as MODEL_COMMANDS
from gramtex.cli.pixels import COMMANDS as PIXEL_COMMANDS
from hr_common.commands import CommandGroup


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gramtex")
def main() -> None:
    """Make cloth: more of a given fabric at any size, or fabric that never existed."""


for command in (*PIXEL_COMMANDS, *MODEL_COMMANDS):
    main.add_command(command)
