"""Print constraints that hold every declared dependency at its lower bound: lowest.py viai > .lowest.txt."""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Read the dependencies and extras of the packages that are named, and of hr-common, which all of them use."""
    ours = {path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")}
    lowest: dict[str, str] = {}
    for name in ["hr-common", *sys.argv[1:]]:
        project = tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {}).values()
        for line in [*project["dependencies"], *(need for extra in extras for need in extra)]:
            need = Requirement(line)
            bounds = [bound.version for bound in need.specifier if bound.operator == ">="]
            if need.name not in ours and bounds:
                # Of two packages installed together, the one that asks for more decides.
                lowest[need.name] = max(
                    lowest.get(need.name, "0"), bounds[0], key=lambda text: [int(n) for n in text.split(".")]
                )
    print("\n".join(f"{name}=={version}" for name, version in sorted(lowest.items())))


if __name__ == "__main__":
    main()
