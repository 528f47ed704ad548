"""What no source of the workspace may do: unpickle, open a shell, or go to the network unasked."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[2]
SOURCES = sorted(PACKAGES.glob("*/src/**/*.py"))

# Modules that only these files may import, and those that none may.
RESTRICTED = {
    "pickle": {"hybridmesh/body/unpickling.py"},  # the restricted unpickler
    "urllib.request": {"hr_common/files.py"},  # downloads that a command asks for
    "subprocess": {
        "hybridmesh/detection.py",  # the detector lives in a process of its own
        "hr_common/tables.py",  # asks git for the commit behind a figure
        "hr_common/testing/processes.py",  # only tests import it
    },
}
FORBIDDEN = (
    *("cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"),
    *("http.client", "ftplib", "socket", "requests", "httpx", "aiohttp", "huggingface_hub"),
)
# An error class may be named where it is caught.
HARMLESS = {"pickle.UnpicklingError"}


def findings(tree: ast.AST, place: str) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{each.name}" for each in node.names]
        for name in names:
            for module in (*RESTRICTED, *FORBIDDEN):
                inside = name == module or name.startswith(f"{module}.")
                if inside and place not in RESTRICTED.get(module, ()) and name not in HARMLESS:
                    yield f"imports {name}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            settings = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if called == "torch.load" and settings.get("weights_only") != "True":
                yield "torch.load without weights_only=True"
            if called in ("np.load", "numpy.load") and settings.get("allow_pickle") != "False":
                yield f"{called} without allow_pickle=False"
            if settings.get("shell") == "True" or called in ("os.system", "os.popen", "eval", "exec"):
                yield f"{called} runs what it is given"
            if called.startswith("torch.hub."):
                yield f"{called} downloads"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGES).as_posix())
def test_no_source_unpickles_opens_a_shell_or_goes_to_the_network(path: Path) -> None:
    place = path.relative_to(PACKAGES).as_posix().partition("/src/")[2]
    assert list(findings(ast.parse(path.read_text(encoding="utf-8")), place)) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "from joblib import load", "import urllib.request",
        "from urllib.request import urlopen", "from urllib import request", "import subprocess",
        "torch.load(path)", "torch.load(path, weights_only=False)",
        "np.load(path)", "np.load(path, allow_pickle=True)", "os.system('ls')", "run('ls', shell=True)",
        "torch.hub.load('a', 'b')", "eval(text)",
    ],
)  # fmt: skip
def test_each_of_them_would_be_found(line: str) -> None:
    assert len(list(findings(ast.parse(line), "viai/new.py"))) == 1


def test_what_is_harmless_is_not_found() -> None:
    lines = "from pickle import UnpicklingError\nnp.load(path, allow_pickle=False)\nmodel.eval()"
    assert list(findings(ast.parse(lines), "viai/new.py")) == []
