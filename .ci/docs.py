"""Write the reference of packages from their docstrings: docs.py FOLDER MODULE [MODULE …], with all modules inside."""

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pdoc


def modules(name: str) -> Iterator[str]:
    """Import a package, and name it and every module in it but those that begin with an underscore."""
    package = importlib.import_module(name)
    # Names that are looked up on first use are no members before; pdoc sees members only.
    for each in getattr(package, "__all__", ()):
        setattr(package, each, getattr(package, each))
    yield name
    for found in pkgutil.iter_modules(package.__path__, f"{name}."):
        if found.ispkg:
            yield from modules(found.name)
        elif not found.name.rpartition(".")[2].startswith("_"):
            yield found.name


def main() -> None:
    """Write the pages."""
    folder, *packages = sys.argv[1:]
    # Each by name, since pdoc leaves out what the __all__ of its package does not offer; the others are named twice.
    warnings.filterwarnings("ignore", message="The module specification")
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(*(each for name in packages for each in modules(name)), output_directory=Path(folder))


if __name__ == "__main__":
    main()
