"""What is loaded before a command runs: `graphfit --help` answers at once only while the heavy libraries stay out."""

import pytest

from hr_common.testing import modules_after

HEAVY = ("torch", "numpy", "scipy", "sklearn", "skimage", "matplotlib", "PIL")


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
