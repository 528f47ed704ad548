"""The commands and the Python of the README, run in their order; on the coarse body and with few steps."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hybridmesh.cli import main
from hybridmesh.config import RECOVERY_PRESETS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CONSOLE = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COARSE = ["--body", "free-lo"]
QUICK = dict.fromkeys(("demo", "render", "predict", "recover", "fit"), COARSE)


def test_the_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in CONSOLE} == set(main.commands)


def test_the_commands_and_the_python_of_the_readme_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = RECOVERY_PRESETS["tiny"]
    monkeypatch.setitem(RECOVERY_PRESETS, "desk", replace(tiny, fit=replace(tiny.fit, flipping_steps=1)))
    for line in CONSOLE:
        words = shlex.split(line)[1:]
        result = CliRunner().invoke(main, [*words, *QUICK.get(words[0], ())])
        assert result.exit_code == 0, f"{line}: {result.output}"
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "from-python" / "overlay.png").stat().st_size > 0
