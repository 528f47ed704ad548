"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import click

from graphfit import __version__
from graphfit.cli import learning, wearing
from hr_common.commands import CommandGroup


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="graphfit")
def main() -> None:
    """Score outfits, complete them, and compose new ones in a wanted colour style."""


for _command in (*wearing.COMMANDS, *learning.COMMANDS):
    main.add_command(_command)
