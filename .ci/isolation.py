"""Install each wheel of .dist where only what it declares exists, and try it there: isolation.py viai [--tests].

Torch and what it needs are five gigabytes. They are hard links to the files of the environment that runs this script,
put in place before pip installs the rest; where links are not possible, pip installs torch too.
"""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / ".dist"

# Modules that only work with an extra; every other module has to import with the bare package.
NEEDS_EXTRA = {
    "hr_common.audio": "audio",
    "hr_common.video": "video",
    "hr_common.image": "image",
    "hr_common.weights": "torch",
    "hr_common.runs": "torch",
    "hr_common.device": "torch",
    "graphfit.networks.edge_conv": "pyg",
}


def closure(name: str) -> Iterator[importlib.metadata.Distribution]:
    """Yield an installed distribution and all that it requires, each once."""
    seen: set[tuple[str, str]] = set()
    todo = [(name, "")]
    while todo:
        entry = todo.pop()
        if entry in seen:
            continue
        distribution = importlib.metadata.distribution(entry[0])
        if entry[0] not in {known for known, _ in seen}:
            yield distribution
        seen.add(entry)
        for line in distribution.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": entry[1]}):
                todo += [(canonicalize_name(need.name), extra) for extra in ("", *need.extras)]


def link_torch(site: Path) -> None:
    """Put torch and what it needs into an environment as hard links, unless the file system has none."""
    ours = Path(sysconfig.get_path("purelib"))
    files = 0
    for distribution in closure("torch"):
        for file in distribution.files or []:
            # Scripts lie outside and name the interpreter of this environment.
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(ours / file, target)
            except OSError as error:
                if files:
                    raise
                print(f"no hard links ({error.strerror}): torch is installed again")
                return
            files += 1


def pip(environment: Path, *arguments: str) -> None:
    """Run pip of this environment on another."""
    subprocess.run([sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), *arguments], check=True)


def wheel_of(module: str) -> Path:
    """Find the wheel that was built."""
    (wheel,) = DIST.glob(f"{module}-*.whl")
    return wheel


def check_contents(module: str, source: Path) -> None:
    """See that the wheel holds the whole source, its licence and its marker for types, and nothing else."""
    wheel = wheel_of(module)
    names = set(zipfile.ZipFile(wheel).namelist())
    held = {name for name in names if ".dist-info/" not in name}
    wanted = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{module}/py.typed" in held, f"{wheel.name} has no py.typed"
    assert any(PurePosixPath(name).match("*.dist-info/licenses/LICENSE") for name in names), (
        f"{wheel.name} has no LICENSE"
    )
    assert held == wanted, f"{wheel.name} and {source} differ in {sorted(held ^ wanted)}"
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e6:.2f} MB")


def try_wheel(package: str, extras: list[str], *, with_tests: bool) -> None:
    """Install a wheel with some of its extras into a clean environment, then import, ask for help and check there."""
    module = package.replace("-", "_")
    wanted = f"{package}[{','.join(extras)}]" if extras else package
    needs = declared(package, extras)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=".isolation-", dir=DIST) as folder:
        environment = Path(folder)
        venv.create(environment, with_pip=False)
        python = str(environment / "bin/python")
        if "torch" in needs:
            (site,) = environment.glob("lib/python*/site-packages")
            link_torch(site)
        # The wheel itself, lest an index has another hr-common; only if it is declared, or nothing would be proved.
        wheels = [f"{wheel_of(module)}{wanted.removeprefix(package)}"]
        wheels += [str(wheel) for wheel in DIST.glob("*.whl") if wheel.name.split("-")[0].replace("_", "-") in needs]
        pip(environment, "install", "--quiet", *wheels)
        pip(environment, "check")
        left_out = [name for name, extra in NEEDS_EXTRA.items() if extra not in extras]
        inside = [python, "-P", str(ROOT / ".ci/inside.py"), module, *left_out]
        subprocess.run(inside, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        if (environment / "bin" / package).exists():
            for command in ([python, "-m", module], [str(environment / "bin" / package)]):
                subprocess.run([*command, "--help"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
                begin = time.perf_counter()
                subprocess.run([*command, "--help"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
                print(f"{Path(command[0]).name} {' '.join(command[1:])} --help: {time.perf_counter() - begin:.2f} s")
        if with_tests:
            run_tests(environment, package)
    print(f"{wanted} works in isolation ({time.perf_counter() - start:.0f} s)", flush=True)


def declared(package: str, extras: list[str]) -> set[str]:
    """Name the distributions that a package asks for itself."""
    project = tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [need for extra in extras for need in project["optional-dependencies"][extra]]
    return {Requirement(line).name for line in [*project["dependencies"], *optional]}


def run_tests(environment: Path, package: str) -> None:
    """Run the tests of a package against its installed wheel."""
    settings = [tomllib.loads((ROOT / path / "pyproject.toml").read_text()) for path in ("", f"packages/{package}")]
    pip(
        environment,
        "install",
        "--quiet",
        *(need for one in settings for need in one["dependency-groups"].get("test", [])),
    )
    checked = f"--jaxtyping-packages={package.replace('-', '_')},beartype.beartype"
    command = [str(environment / "bin/python"), "-m", "pytest", f"packages/{package}/tests", checked]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    """Try the packages that are named."""
    packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    with_tests = "--tests" in sys.argv
    for package in packages:
        module = package.replace("-", "_")
        check_contents(module, ROOT / "packages" / package / "src" / module)
        extras = sorted({extra for name, extra in NEEDS_EXTRA.items() if name.startswith(f"{module}.")})
        # Each extra has to bring everything that its modules import, without the help of the others.
        variants = [[], *([extra] for extra in extras), *([extras] if with_tests and extras else [])]
        for variant in variants:
            try_wheel(package, variant, with_tests=with_tests and variant == variants[-1])


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, subprocess.CalledProcessError) as error:
        sys.exit(f"isolation failed: {error}")
