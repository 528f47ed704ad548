import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from graphfit.baselines.registry import METHODS
from graphfit.cli import main
from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from graphfit.data.wardrobe import draw_wardrobe

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CONSOLE = [
    line.partition(" -m ")[2] if line.startswith("torchrun") else line
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
# Minutes of work: that they are spelt right is all that is tried here.
LONG = tuple(f"graphfit {verb}" for verb in ("demo", "train", "evaluate"))
SHORT = [line for line in CONSOLE if not line.startswith(LONG)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, data: OutfitData) -> Path:
    """A folder with what the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    write_polyvore(folder / "polyvore_outfits", data, "nondisjoint")
    kinds = ("blazer", "jeans", "pumps", "handbag", "tote bag", "T-shirt")
    draw_wardrobe(folder / "graphfit-demo" / "wardrobe", kinds=kinds)
    shop = folder / "shop"
    shop.mkdir()
    with (shop / "catalogue.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "image", "category"])
        for number in range(12):
            Image.fromarray(np.full((40, 30, 3), 20 * number, dtype=np.uint8)).save(shop / f"{number}.png")
            rows.writerow([f"item{number}", f"{number}.png", ("tops", "bottoms", "shoes")[number % 3]])
    outfits = [{"id": str(n), "items": [f"item{n % 12}", f"item{(n + 1 + n // 12) % 12}"]} for n in range(36)]
    (shop / "outfits.json").write_text(json.dumps(outfits), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("XDG_CACHE_HOME", str(workplace / "cache"))


def test_the_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in CONSOLE} == set(main.commands)


@pytest.mark.parametrize("line", SHORT)
def test_the_short_commands_of_the_readme_work_in_their_order(line: str) -> None:
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("line", [line for line in CONSOLE if line.startswith(LONG)])
def test_the_long_commands_of_the_readme_are_spelt_right(line: str) -> None:
    result = CliRunner().invoke(main, [*shlex.split(line)[1:], "--help"])
    assert result.exit_code == 0, result.output


def test_the_python_of_the_readme_works(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert 0 < float(capsys.readouterr().out.split()[0]) < 1


def test_every_row_of_a_table_stands_in_the_readme() -> None:
    rows = [line.split("|")[1].strip() for line in README.splitlines() if line.startswith("| ")]
    assert {method.title for method in METHODS.values()} <= set(rows)
