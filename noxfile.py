"""The tasks of the workspace: `nox -l` lists them, `nox -s tests -- viai -k gap` passes arguments on.

Everything runs in one environment, `.venv`, which `dev` sets up; packages are found by their pyproject.toml. Names of
packages among the arguments select them; without any, all take part.
"""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "typecheck", "tests"]

ROOT = Path(__file__).resolve().parent
PYTHON = str(ROOT / ".venv/bin/python")
PROJECTS: dict[str, dict[str, Any]] = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
MODULES = {name: name.replace("-", "_") for name in PROJECTS}
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "2")


def chosen(session: nox.Session) -> tuple[list[str], list[str]]:
    """Split the arguments into the packages they name (all, if none) and the rest."""
    packages = [argument for argument in session.posargs if argument in PROJECTS]
    return packages or list(PROJECTS), [argument for argument in session.posargs if argument not in PROJECTS]


@nox.session
def dev(session: nox.Session) -> None:
    """Set up .venv: every package editable, and what their tests need. A second run costs nothing."""
    projects = [ROOT / "pyproject.toml", *ROOT.glob("packages/*/pyproject.toml")]
    state = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for path in sorted(projects):
        state.update(path.read_bytes())
    stamp = ROOT / ".venv/.installed"
    if stamp.is_file() and stamp.read_text() == state.hexdigest():
        session.log(".venv is up to date")
        return
    if not Path(PYTHON).exists():
        session.run(sys.executable, "-m", "venv", str(ROOT / ".venv"), external=True)
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "dev")
    session.run(PYTHON, "-m", "pip", "install", *groups)
    tests = [need for project in PROJECTS.values() for need in project.get("dependency-groups", {}).get("test", [])]
    editable = [argument for name in PROJECTS for argument in ("-e", f"packages/{name}")]
    session.run(PYTHON, "-m", "pip", "install", "--no-build-isolation", *editable, *tests)
    if bare := [need for one in PROJECTS.values() for need in one.get("dependency-groups", {}).get("test-no-deps", [])]:
        session.run(PYTHON, "-m", "pip", "install", "--no-deps", *bare)
    stamp.write_text(state.hexdigest())


@nox.session(requires=["dev"])
def demo(session: nox.Session) -> None:
    """Show what the packages do: each leaves its demo in .demo/<package>, and one page holds them all."""
    packages, rest = chosen(session)
    shown = []
    for name in packages:
        module = MODULES[name]
        # A library has no commands, and not every tool has a demo.
        if not (ROOT / f"packages/{name}/src/{module}/__main__.py").is_file():
            continue
        asked = subprocess.run([PYTHON, "-m", module, "demo", "--help"], capture_output=True, check=False)
        if asked.returncode == 0:
            shutil.rmtree(ROOT / ".demo" / name, ignore_errors=True)
            session.run(PYTHON, "-m", module, "demo", "--out", f".demo/{name}", *rest)
            shown.append(name)
    session.run(PYTHON, ".ci/demo_page.py", *shown)


@nox.session(requires=["dev"])
def tests(session: nox.Session) -> None:
    """Run the tests, one pytest for each package, shapes in signatures checked (-- viai -k gap --cov=viai).

    Examples are drawn with one seed, so that the same tree passes or fails twice; `-- --hypothesis-seed=random` draws
    others, as a weekly workflow does.
    """
    packages, rest = chosen(session)
    # A process for each core; tests of one file stay together and share their fixtures.
    options = [
        f"--jaxtyping-packages={','.join(MODULES.values())},beartype.beartype",
        "-n",
        "auto",
        "--dist",
        "loadfile",
        "--hypothesis-seed=0",
    ]
    for name in packages:
        # 5: nothing was selected, which is no mistake where another package has what -k asks for.
        codes = [0, 5] if "-k" in rest or "-m" in rest else [0]
        session.run(PYTHON, "-m", "pytest", f"packages/{name}/tests", *options, *rest, env=THREADS, success_codes=codes)


@nox.session(requires=["dev"])
def lint(session: nox.Session) -> None:
    """Check style, format, who imports whom, and that the READMEs have the figures that the benchmarks wrote."""
    known = nox.project.load_toml("pyproject.toml")["tool"]["importlinter"]["root_packages"]
    if forgotten := set(MODULES.values()) - set(known):
        session.error(f"add {', '.join(sorted(forgotten))} to [tool.importlinter] in pyproject.toml")
    session.run(PYTHON, "-m", "ruff", "check", ".")
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")
    session.run(str(Path(PYTHON).with_name("lint-imports")), "--no-logo")
    session.run(PYTHON, "benchmarks/figures.py", "--check")


@nox.session(requires=["dev"])
def typecheck(session: nox.Session) -> None:
    """Run mypy --strict over every package."""
    session.run(PYTHON, "-m", "mypy", *(f"packages/{name}/src" for name in chosen(session)[0]))


def build_packages(session: nox.Session, packages: Iterable[str]) -> None:
    """Build a wheel and a source distribution of each package, in place of older ones."""
    for name in packages:
        for old in ROOT.glob(f".dist/{MODULES[name]}-*"):
            old.unlink()
        session.run(PYTHON, "-m", "build", "--no-isolation", "--outdir", ".dist", f"packages/{name}", silent=True)


@nox.session(requires=["dev"])
def build(session: nox.Session) -> None:
    """Build wheels and source distributions into .dist/."""
    build_packages(session, chosen(session)[0])
    for path in sorted(ROOT.glob(".dist/*.*")):
        session.log(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.2f} MB")


@nox.session(requires=["dev"])
def isolation(session: nox.Session) -> None:
    """Install each wheel where only what it declares exists; import everything, show every --help (-- viai --tests)."""
    packages, rest = chosen(session)
    build_packages(session, PROJECTS)  # a package is tried with the hr-common of this tree, not with a published one
    session.run(PYTHON, ".ci/isolation.py", *packages, *rest, env=THREADS)


@nox.session(requires=["dev"])
def bench(session: nox.Session) -> None:
    """Run all benchmarks and show their figures on one page (-- --data DIR), or one (-- viai wavenet_speed)."""
    package, *rest = [*session.posargs, ""]
    if package in PROJECTS:
        benchmark, *arguments = rest[:-1] or session.error(
            f"name one of {', '.join(path.stem for path in sorted(ROOT.glob(f'benchmarks/{package}/*.py')))}"
        )
        session.run(PYTHON, f"benchmarks/{package}/{benchmark}.py", *arguments)
    else:
        session.run(PYTHON, "benchmarks/every.py", *session.posargs)


@nox.session(requires=["dev"])
def figures(session: nox.Session) -> None:
    """Put the tables that the benchmarks wrote into the READMEs (-- --check compares only)."""
    session.run(PYTHON, "benchmarks/figures.py", *session.posargs)


@nox.session(requires=["dev"])
def docs(session: nox.Session) -> None:
    """Make the reference from the docstrings, into .docs/."""
    needs = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs")
    session.run(PYTHON, "-m", "pip", "install", "--quiet", *needs)
    session.run(PYTHON, ".ci/docs.py", ".docs", *(MODULES[name] for name in chosen(session)[0]))


@nox.session
def release_check(session: nox.Session) -> None:
    """Refuse a release whose tag, version and changelog disagree (-- viai-v0.1.0)."""
    session.run(sys.executable, ".ci/release_check.py", *session.posargs)
