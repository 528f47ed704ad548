import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from graphfit.cli import main
from graphfit.data.items import Catalogue
from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from graphfit.features import Features

TINY = "--preset tiny --set training.epochs=1 --device cpu --threads 1"


def graphfit(line: str, *more: str | Path) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line), *map(str, more)])


def said(result: Result, code: int) -> str:
    """What the command wrote, once it ended with the code that was expected."""
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, data: OutfitData, features: Features) -> Path:
    """A data set in the layout of Polyvore Outfits with its features."""
    folder = tmp_path_factory.mktemp("data")
    write_polyvore(folder / "outfits", data, "nondisjoint")
    features.save(folder / "items.npz")
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, wardrobe: Catalogue) -> Path:
    """A catalogue of eight small pictures in a CSV file, with outfits."""
    folder = tmp_path_factory.mktemp("shop")
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "image", "category"])
        for number, item in enumerate(wardrobe.items[::15]):
            canvas = np.full((40, 30, 3), 240, dtype=np.uint8)
            canvas[8:32, 6:24] = (25 * number, 90, 255 - 25 * number)
            Image.fromarray(canvas).save(folder / f"{number}.png")
            rows.writerow([item.id, f"{number}.png", item.category])
    return folder


def test_pictures_are_embedded_once_and_kept(shop: Path, tmp_path: Path) -> None:
    line = (
        f"embed {shop / 'catalogue.csv'} --device cpu --cache {tmp_path / 'cache.sqlite'} -o {tmp_path / 'items.npz'}"
    )
    assert f"wrote {tmp_path / 'items.npz'}: 8 items by lite0" in said(graphfit(line), 0)
    assert "exists; add --force" in said(graphfit(line), 2)
    facts = json.loads(said(graphfit(f"{line} --force --json"), 0))
    assert (facts["items"], facts["size"]) == (8, 1280)
    assert Features.load(tmp_path / "items.npz").palettes is not None


def test_an_unknown_encoder_is_refused_and_nothing_is_written(shop: Path, tmp_path: Path) -> None:
    result = graphfit(f"embed {shop / 'catalogue.csv'} --encoder vgg -o {tmp_path / 'items.npz'}")
    assert "unknown encoder 'vgg'" in said(result, 2)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in said(graphfit(f"embed {tmp_path / 'empty'} -o {tmp_path / 'items.npz'}"), 2)


def test_training_and_evaluating_work_in_a_row(places: Path, tmp_path: Path) -> None:
    source = f"--data polyvore:{places / 'outfits'} --features {places / 'items.npz'}"
    out = tmp_path / "run"
    assert f"wrote {out / 'model.safetensors'}: epoch 1" in said(graphfit(f"train {source} {TINY} -o {out}"), 0)
    assert "holds a run already; add --resume" in said(graphfit(f"train {source} {TINY} -o {out}"), 2)
    resumed = json.loads(said(graphfit(f"train {source} {TINY} --resume --json -o {out}"), 0))
    assert resumed["epoch"] == 1
    report = tmp_path / "report.html"
    evaluated = said(graphfit(f"evaluate {out} {source} --task compat --baselines size --device cpu -o {report}"), 0)
    assert "| set size | 1 | 0.500 |" in evaluated.replace("**", "")
    assert report.stat().st_size > 0
    figures = json.loads(said(graphfit(f"evaluate {out} {source} --task fitb --baselines none --device cpu --json"), 0))
    assert list(figures["rows"]) == ["run (graphfit)"]
    assert "dataset: outfits/nondisjoint" in said(graphfit(f"info --model {out}"), 0)


def test_outfits_composed_around_items_of_the_split_are_measured(run: Path, places: Path) -> None:
    source = f"--data polyvore:{places / 'outfits'} --features {places / 'items.npz'}"
    result = graphfit(f"evaluate {run} {source} --task collocation --queries 2 --device cpu --json")
    figures = json.loads(said(result, 0))["collocation"]
    assert figures["queries"] == 2
    assert figures["duplicates"] == 0
    assert figures["style_accuracy"] in (1.0, None)


def test_a_report_of_another_kind_is_refused_before_anything_is_computed(
    run: Path, places: Path, tmp_path: Path
) -> None:
    result = graphfit(f"evaluate {run} --data polyvore:{places / 'outfits'} -o {tmp_path / 'report.pdf'}")
    assert "expected a name that ends in .json or .html" in said(result, 2)


def test_outfits_are_split_and_checked(shop: Path, places: Path, tmp_path: Path, wardrobe: Catalogue) -> None:
    ids = [item.id for item in wardrobe.items[::15]]
    outfits = [{"id": str(n), "items": [ids[n % 8], ids[(n + 1 + n // 8) % 8]]} for n in range(24)]
    (tmp_path / "outfits.json").write_text(json.dumps(outfits), encoding="utf-8")
    line = f"split {tmp_path / 'outfits.json'} --catalogue {shop / 'catalogue.csv'} -o {tmp_path / 'splits'}"
    assert f"wrote {tmp_path / 'splits' / 'nondisjoint'}: train " in said(graphfit(line), 0)
    assert "exists; add --force" in said(graphfit(line), 2)
    checked = said(graphfit(f"data check {places / 'outfits'}"), 0)
    assert "polyvore nondisjoint: " in checked
    assert json.loads(said(graphfit(f"data check {places / 'outfits'} --json"), 0))[0]["mistakes"] == []


def test_leaks_end_the_check_with_a_code(data: OutfitData, tmp_path: Path) -> None:
    write_polyvore(tmp_path, data, "nondisjoint")
    folder = tmp_path / "nondisjoint"
    (folder / "valid.json").write_bytes((folder / "train.json").read_bytes())
    for name in ("compatibility_valid.txt", "fill_in_blank_valid.json"):
        (folder / name).unlink()
    assert "mistake: " in said(graphfit(f"data check {tmp_path}"), 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("polyvore", "expected LAYOUT:PATH with one of polyvore, maryland, tables, catalogue"),
        ("amazon:here", "expected LAYOUT:PATH"),
        ("catalogue:shop.csv", "needs --outfits FILE"),
        ("polyvore:nowhere", "has no folder nondisjoint"),
    ],
)
def test_data_that_are_not_there_are_refused(source: str, words: str, tmp_path: Path) -> None:
    result = graphfit(f"train --data {source} -o {tmp_path / 'run'}")
    assert words in said(result, 2)
    assert not (tmp_path / "run").exists()
    assert "Traceback" not in result.output


def test_unknown_settings_are_refused(places: Path, tmp_path: Path) -> None:
    line = f"train --data polyvore:{places / 'outfits'} --set network.depth=3 -o {tmp_path / 'run'}"
    assert "network.depth" in said(graphfit(line), 2)


def test_features_of_other_items_are_refused(places: Path, features: Features, tmp_path: Path) -> None:
    features.take(np.arange(10)).save(tmp_path / "few.npz")
    line = f"train --data polyvore:{places / 'outfits'} --features {tmp_path / 'few.npz'} {TINY} -o {tmp_path / 'run'}"
    assert "have no features" in said(graphfit(line), 2)


def test_a_model_of_another_feature_size_is_refused(
    run: Path, places: Path, features: Features, tmp_path: Path
) -> None:
    from dataclasses import replace

    replace(features, values=features.values[:, :5].copy()).save(tmp_path / "short.npz")
    line = f"evaluate {run} --data polyvore:{places / 'outfits'} --features {tmp_path / 'short.npz'} --task compat"
    assert "trained on features of 24 numbers, but these have 5" in said(graphfit(line), 2)


def test_info_shows_the_shipped_card_the_methods_and_the_presets() -> None:
    shown = said(graphfit("info"), 0)
    assert "licence: research use" in shown
    assert "type-aware" in shown
    assert json.loads(said(graphfit("info --json"), 0))["card"]["feature_size"] == 1280
    assert "dim = 256" in said(graphfit("info --preset paper"), 0)
