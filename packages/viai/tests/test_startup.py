"""What is loaded before a command runs: `viai --help` answers at once only while the heavy libraries stay out."""

import pytest

from hr_common.testing import modules_after

HEAVY = (
    "torch",
    "torchaudio",
    "cv2",
    "numba",
    "av",
    "librosa",
    "scipy",
    "matplotlib",
    "skimage",
    "music21",
    "soundfile",
)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param("import viai", id="import viai"),
        pytest.param("import viai.cli", id="import viai.cli"),
        pytest.param("from viai.cli import main; main(['--help'], standalone_mode=False)", id="viai --help"),
    ],
)
def test_nothing_heavy_is_loaded_before_a_command_runs(statements: str) -> None:
    assert modules_after(statements).isdisjoint(HEAVY)


def test_every_command_answers_help_without_the_heavy_libraries() -> None:
    asked = "\n".join(
        [
            "from viai.cli import main",
            "for command in main.commands: main([command, '--help'], standalone_mode=False)",
        ]
    )
    assert modules_after(asked).isdisjoint(HEAVY)


def test_a_heavy_library_would_be_seen() -> None:
    assert "scipy" in modules_after("import scipy")
