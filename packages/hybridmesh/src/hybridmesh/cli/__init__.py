"""The commands: parse, call the library, print. Nothing here loads torch before a command runs."""

import click

from hr_common.commands import CommandGroup
from hybridmesh import __version__
from hybridmesh.cli import assets, data, learning, recovering


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hybridmesh")
def main() -> None:
    """Recover posed 3D bodies from photos and their keypoints, masks or dense correspondences."""


for command in (*recovering.COMMANDS, *data.COMMANDS, *learning.COMMANDS, assets.assets):
    main.add_command(command)
