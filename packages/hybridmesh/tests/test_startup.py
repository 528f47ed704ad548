"""What is loaded before a command runs, and where compiled loops are kept."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import hybridmesh
from hr_common.testing import modules_after

HEAVY = ("torch", "numpy", "scipy", "numba", "matplotlib", "PIL", "trimesh")
SOURCE = Path(hybridmesh.__file__).parent


@pytest.mark.parametrize(
    "statements",
    [
        "import hybridmesh",
        "from hybridmesh.cli import main\nfor name in main.commands: main([name, '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded_before_a_command_runs(statements: str) -> None:
    assert modules_after(statements).isdisjoint(HEAVY)


def test_every_module_can_be_imported() -> None:
    names = [each.name for each in pkgutil.walk_packages([str(SOURCE)], "hybridmesh.") if "__main__" not in each.name]
    assert len(names) > 30
    for name in names:
        importlib.import_module(name)


def test_compiled_loops_are_kept_outside_the_source() -> None:
    from hybridmesh.compiled import HAS_NUMBA
    from hybridmesh.rasteriser import _draw

    if HAS_NUMBA:
        assert SOURCE not in Path(_draw.stats.cache_path).parents  # type: ignore[attr-defined]


def test_every_name_of_the_front_page_exists() -> None:
    for name in hybridmesh.__all__:
        assert getattr(hybridmesh, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hybridmesh.nothing
