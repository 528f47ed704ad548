"""The README's commands that make pictures from pictures; those of the model are tried in ``test_readme_model``."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gramtex.cli import main, pixels
from gramtex.data.procedural import draw
from hr_common import image

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
VERBS = {command.name for command in pixels.COMMANDS}
MINE = [line for line in LINES if line.split()[1] in VERBS]
# The demo has a test of its own.
SHORT = [line for line in MINE if line.split()[1] not in ("demo",)]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pictures of which the README speaks."""
    (tmp_path / "photos").mkdir()
    image.write(tmp_path / "like.png", draw("floral", (48, 48)))
    image.write(tmp_path / "other.png", draw("knit", (48, 48)))
    image.write(tmp_path / "photos" / "shirt.png", draw("plaid", (140, 140)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in LINES} >= VERBS - {"info"}


@pytest.mark.parametrize("line", SHORT)
def test_the_commands_of_the_readme_work(workplace: Path, line: str) -> None:
    words = shlex.split(line)[1:]
    # Few iterations and small pictures: what is tried is the command, not the beauty.
    if words[0] in ("synthesize", "interpolate") and "--size" not in words:
        words += ["--size", "32"]
    if words[0] in ("synthesize", "interpolate", "tile"):
        words += ["--iterations", "1", "--encoder", "enlite0", "--threads", "1"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, f"{line}: {result.output}"
    # `info` only tells, here the parameters of the paper's size.
    assert ("10,676,728" if words[0] == "info" else "wrote") in result.output


def test_the_python_of_the_readme_works(workplace: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code.replace("(128, 128)", "(32, 32)"), "README.md", "exec"), {})
    assert image.read(workplace / "more.png").shape == (32, 32, 3)
