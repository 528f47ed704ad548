"""``python -m gramtex``."""

from gramtex.cli import main

main(prog_name="gramtex")
