"""``python -m hybridmesh``."""

from hybridmesh.cli import main

main(prog_name="hybridmesh")
