import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hr_common import image
from openlt.cli import main
from openlt.data import LongTailData

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CONSOLE = [
    line.partition(" -m ")[2] if line.startswith("torchrun") else line
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
# Minutes of work or data that are not here: that they are spelt right is all that can be tried.
LONG = tuple(f"openlt {verb}" for verb in ("train", "demo", "datasets verify", "import-reference", "make-lt", "cache"))
SHORT = [line for line in CONSOLE if not line.startswith(LONG)]


@pytest.fixture
def workplace(run: Path, digits: LongTailData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run and the pictures of which the README speaks."""
    arrays = digits.splits["test"].arrays
    assert arrays is not None
    shutil.copytree(run, tmp_path / "runs" / "digits")
    (tmp_path / "openlt-demo" / "pictures").mkdir(parents=True)
    image.write(tmp_path / "openlt-demo" / "pictures" / "3.png", arrays[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in CONSOLE} == set(main.commands)


def test_the_short_commands_of_the_readme_work_in_their_order(workplace: Path) -> None:
    for line in SHORT:
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"
    assert (workplace / "runs" / "digits" / "report" / "report.html").stat().st_size > 0


@pytest.mark.parametrize("line", [line for line in CONSOLE if line.startswith(LONG)])
def test_the_long_commands_of_the_readme_are_spelt_right(line: str) -> None:
    result = CliRunner().invoke(main, [*shlex.split(line)[1:], "--help"])
    assert result.exit_code == 0, result.output


def test_the_python_of_the_readme_works(workplace: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})


def test_every_method_stands_in_the_readme() -> None:
    from openlt.config import METHODS

    assert set(METHODS) <= set(re.findall(r"`([\w-]+)`", README))
