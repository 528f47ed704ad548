from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hr_common.errors import InputError
from hr_common.options import refuse_existing, setting_options


def test_settings_reach_the_command_under_their_names() -> None:
    seen = []

    @click.command()
    @setting_options("training.steps=5", ("desk", "tiny"))
    def command(preset: str, config_file: Path | None, overrides: tuple[str, ...]) -> None:
        seen.append((preset, config_file, overrides))

    assert CliRunner().invoke(command, ["--set", "a=1", "--set", "b=2"]).exit_code == 0
    assert CliRunner().invoke(command, ["--preset", "tiny"]).exit_code == 0
    assert seen == [("desk", None, ("a=1", "b=2")), ("tiny", None, ())]
    assert "'paper' is not one of 'desk', 'tiny'" in CliRunner().invoke(command, ["--preset", "paper"]).output
    text = CliRunner().invoke(command, ["--help"]).output
    assert "training.steps=5" in text
    assert text.index("--preset") < text.index("--config") < text.index("--set")


def test_what_is_there_is_written_over_only_on_request(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "new", force=False)
    refuse_existing(tmp_path, force=False)
    (tmp_path / "old").touch()
    for path in (tmp_path / "old", tmp_path):
        with pytest.raises(InputError, match="add --force to overwrite it, or choose another name with --report"):
            refuse_existing(path, force=False, option="--report")
        refuse_existing(path, force=True)
