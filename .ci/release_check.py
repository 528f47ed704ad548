"""Refuse a release whose tag, version and changelog disagree: release_check.py viai-v0.1.0."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAG = re.compile(r"(?P<package>[a-z][a-z0-9-]*)-v(?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")


def problems(package: str, version: str) -> list[str]:
    """List everything that has to be mended before this version of this package can be released."""
    folder = ROOT / "packages" / package
    if not folder.is_dir():
        known = ", ".join(sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")))
        return [f"there is no package {package} (there are {known})"]
    found = []
    source = folder / "src" / package.replace("-", "_") / "__init__.py"
    written = re.search(r'^__version__ = "(.+)"$', source.read_text(encoding="utf-8"), re.MULTILINE)
    if written is None or written[1] != version:
        found.append(f"{source.relative_to(ROOT)} says {written[1] if written else 'no version'}, the tag {version}")
    changelog = folder / "CHANGELOG.md"
    section = re.search(
        rf"^## {re.escape(version)}(?: \(.+\))?\n(.*?)(?=^## |\Z)", changelog.read_text(encoding="utf-8"), re.M | re.S
    )
    if section is None or not section[1].strip():
        found.append(f"{changelog.relative_to(ROOT)} has no section '## {version}' with text")
    fragments = sorted(path.name for path in folder.glob("changelog.d/*.md"))
    if fragments:
        found.append(f"fragments are left in changelog.d ({', '.join(fragments)}): run towncrier build")
    return found


def main() -> None:
    """Check the tag that is given, and tell a GitHub workflow which package it names."""
    tag = sys.argv[1] if len(sys.argv) == 2 else ""
    match = TAG.fullmatch(tag)
    if match is None:
        sys.exit(f"'{tag}' is no tag of a release; tags look like viai-v0.1.0")
    found = problems(match["package"], match["version"])
    if found:
        sys.exit(f"{tag} cannot be released:\n" + "\n".join(f"- {problem}" for problem in found))
    print(f"{tag}: tag, version and changelog agree")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"package={match['package']}\nversion={match['version']}\n")


if __name__ == "__main__":
    main()
