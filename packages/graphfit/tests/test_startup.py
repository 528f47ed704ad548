"""What is loaded before a command runs: `graphfit --help` answers at once only while the heavy libraries stay out."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "skimage", "matplotlib", "PIL")


def modules_after(statements: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after some statements."""
    report = f"import sys\n{statements}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(run.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param("import graphfit", id="import graphfit"),
        pytest.param("from graphfit.cli import main; main(['--help'], standalone_mode=False)", id="graphfit --help"),
    ],
)
def test_nothing_heavy_is_loaded_before_a_command_runs(statements: str) -> None:
    assert modules_after(statements).isdisjoint(HEAVY)


def test_every_command_answers_help_without_the_heavy_libraries() -> None:
    asked = "\n".join(
        [
            "from graphfit.cli import main",
            "for command in main.commands: main([command, '--help'], standalone_mode=False)",
        ]
    )
    assert modules_after(asked).isdisjoint(HEAVY)


def test_names_of_the_package_are_found_on_first_use() -> None:
    import graphfit

    assert graphfit.OutfitScorer.__name__ == "OutfitScorer"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        graphfit.Nothing  # noqa: B018
