"""What is loaded before a command runs: `gramtex --help` answers at once only while the heavy libraries stay out."""

import pytest

from hr_common.testing import modules_after

HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "PIL")


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param("import gramtex", id="import gramtex"),
        pytest.param("import gramtex.cli", id="import gramtex.cli"),
        pytest.param("from gramtex.cli import main; main(['--help'], standalone_mode=False)", id="gramtex --help"),
    ],
)
def test_nothing_heavy_is_loaded_before_a_command_runs(statements: str) -> None:
    assert modules_after(statements).isdisjoint(HEAVY)


def test_every_command_answers_help_without_the_heavy_libraries() -> None:
    asked = "\n".join(
        [
            "from gramtex.cli import main",
            "for command in main.commands: main([command, '--help'], standalone_mode=False)",
        ]
    )
    assert modules_after(asked).isdisjoint(HEAVY)


def test_a_heavy_library_would_be_seen() -> None:
    assert "scipy" in modules_after("import scipy")
