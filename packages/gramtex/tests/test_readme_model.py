"""The README's commands around the model, in their order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gramtex.cli import main, model
from gramtex.data.procedural import draw
from hr_common import image

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
VERBS = {str(command.name) for command in model.COMMANDS}
MINE = [line for line in LINES if line.split()[1] in VERBS]
# What is tried is the command, not the beauty: small pictures, few of them, and a model that trains in a second.
QUICKER = {
    "--size 128": "--size 32 --iterations 1 --threads 1",
    "-n 16": "-n 3",
    "-n 4": "-n 1",
    "--encoder vgg16-hed": "--encoder random-wide --levels wide3,wide5 --threads 1",
    "--augment 4": "--augment 2",
    "--preset desk": "--preset tiny --threads 1",
}


def test_the_readme_shows_every_command() -> None:
    shown = {line.split()[1] for line in LINES} | set(re.findall(r"`gramtex (\w+)", README))
    assert shown >= VERBS


def test_the_commands_of_the_readme_work_one_after_the_other(
    cloth_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cloth_folder, tmp_path / "photos")
    image.write(tmp_path / "like.png", draw("floral", (48, 48)))
    monkeypatch.chdir(tmp_path)
    for line in MINE:
        quick = line
        for slow, fast in QUICKER.items():
            quick = quick.replace(slow, fast)
        result = CliRunner().invoke(main, shlex.split(quick)[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"
        if line.split()[1] != "evaluate":
            assert "wrote" in result.output, line
    assert (tmp_path / "cloth" / "grid.png").exists()
    assert (tmp_path / "runs" / "cloth" / "refit.safetensors").exists()
