"""``python -m openlt``."""

from openlt.cli import main

main(prog_name="openlt")
