import re
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from hr_common import audio, video
from viai.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CONSOLE = [
    line
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("viai ")
]
# Hours of work: that they are spelt right is all that can be tried here.
LONG = tuple(f"viai {verb} " for verb in ("synth", "prepare", "train", "evaluate"))
SHORT = [line for line in CONSOLE if not line.startswith(LONG)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the in.wav and the video.mp4 of which the README speaks."""
    folder = tmp_path_factory.mktemp("readme")
    piece = Path(str(files("viai") / "data" / "embedded" / "demo.mp4"))
    shutil.copy(piece, folder / "video.mp4")
    samples, rate, _ = video.read_sound(piece)
    samples[round(1.2 * rate) : round(1.6 * rate)] = 0
    audio.write(folder / "in.wav", samples, rate, subtype="PCM_16")
    return folder


def test_the_readme_shows_every_command() -> None:
    shown = {line.split()[1] for line in CONSOLE}
    assert {"demo", "inpaint", "detect", "synth", "prepare", "train", "evaluate"} <= shown


def test_the_short_commands_of_the_readme_work_in_their_order(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    for line in SHORT:
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"
    for name in ("in.inpainted.wav", "out.wav", "sound-alone.wav", "repaired.mp4", "gaps.txt", "report.json"):
        assert (workplace / name).stat().st_size > 0


@pytest.mark.parametrize("line", [line for line in CONSOLE if line.startswith(LONG)])
def test_the_long_commands_of_the_readme_are_spelt_right(line: str) -> None:
    result = CliRunner().invoke(main, [*shlex.split(line)[1:], "--help"])
    assert result.exit_code == 0, result.output


def test_the_python_of_the_readme_works(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert (workplace / "mended.wav").stat().st_size > 0
