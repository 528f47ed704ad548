"""The check that stands before every release, tried with tags that are right and wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).resolve().parents[3] / ".ci/release_check.py"
pytestmark = pytest.mark.skipif(not CHECK.exists(), reason="the workspace is not there")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A package that can be released as 1.2.0."""
    folder = tmp_path / "packages/knit-wear"
    (folder / "src/knit_wear").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "src/knit_wear/__init__.py").write_text('__version__ = "1.2.0"\n')
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0 (2026-11-29)\n\n- Sleeves.\n\n## 1.1.0\n\n- Collars.\n")
    (folder / "changelog.d").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(CHECK, tmp_path / ".ci")
    return tmp_path


def check(workspace: Path, *tags: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, workspace / ".ci/release_check.py", *tags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GITHUB_OUTPUT": str(workspace / "output")},
    )
    return run.returncode, run.stdout + run.stderr


def test_a_right_tag_passes_and_tells_the_workflow_what_it_names(workspace: Path) -> None:
    assert check(workspace, "knit-wear-v1.2.0") == (0, "knit-wear-v1.2.0: tag, version and changelog agree\n")
    assert (workspace / "output").read_text() == "package=knit-wear\nversion=1.2.0\n"


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("knit-wear-v1.3.0", "says 1.2.0, the tag 1.3.0"),
        ("knit-wear-v1.3.0", "CHANGELOG.md has no section '## 1.3.0' with text"),
        ("shoes-v1.2.0", "there is no package shoes (there are knit-wear)"),
        ("knit-wear-1.2.0", "is no tag of a release"),
        ("v1.2.0", "is no tag of a release"),
        ("", "is no tag of a release"),
    ],
)
def test_a_false_tag_is_refused(workspace: Path, tag: str, words: str) -> None:
    code, said = check(workspace, tag)
    assert code == 1
    assert words in said
    assert not (workspace / "output").exists()


def test_an_empty_section_and_fragments_that_are_left_are_refused(workspace: Path) -> None:
    folder = workspace / "packages/knit-wear"
    (folder / "changelog.d/+hat.added.md").touch()
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0\n\n## 1.1.0\n\n- Collars.\n")
    code, said = check(workspace, "knit-wear-v1.2.0")
    assert code == 1
    assert "has no section '## 1.2.0' with text" in said
    assert "fragments are left in changelog.d (+hat.added.md)" in said
