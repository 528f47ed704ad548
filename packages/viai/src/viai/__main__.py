"""``python -m viai``."""

from viai.cli import main

main(prog_name="viai")
