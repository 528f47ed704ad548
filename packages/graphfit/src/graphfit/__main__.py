"""``python -m graphfit``."""

from graphfit.cli import main

main(prog_name="graphfit")
