"""Run by isolation.py in a clean environment: import a package, show its help. inside.py viai [not.this.module ...]."""

import importlib
import pkgutil
import sys
from importlib.metadata import entry_points

import click


def import_everything(name: str, left_out: list[str]) -> int:
    """Import a package and every module in it; return how many."""
    package = importlib.import_module(name)
    if "site-packages" not in str(package.__file__):
        sys.exit(f"{name} was found in {package.__file__}, not in the clean environment")
    names = [name, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{name}."))]
    wanted = [module for module in names if module not in left_out and not module.endswith(".__main__")]
    for module in wanted:
        try:
            importlib.import_module(module)
        except ImportError as error:
            sys.exit(f"{module}: {error}. Does pyproject.toml declare it?")
    return len(wanted)


def show_help(top: click.Command, path: list[str], command: click.Command) -> int:
    """Show the help of a command and of all below it; return how many."""
    top.main([*path[1:], "--help"], prog_name=path[0], standalone_mode=False)
    below = command.commands if isinstance(command, click.Group) else {}
    return 1 + sum(show_help(top, [*path, name], child) for name, child in below.items())


def main() -> None:
    """Do both and report the counts."""
    name, *left_out = sys.argv[1:]
    modules, helps = import_everything(name, left_out), 0
    for script in entry_points(group="console_scripts"):
        if script.module.partition(".")[0] == name:
            top = script.load()
            helps += show_help(top, [script.name], top)
    print(f"{name}: {modules} modules imported, {helps} helps shown", file=sys.stderr)


if __name__ == "__main__":
    main()
