"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from graphfit.cli import main
from graphfit.config import load_config
from graphfit.data.catalogue import read_catalogue, read_outfits
from graphfit.data.checking import check
from graphfit.data.items import Catalogue
from graphfit.data.maryland import read_maryland
from graphfit.data.polyvore import read_polyvore
from graphfit.data.splitting import write_polyvore
from graphfit.data.tables import read_tables
from graphfit.data.tasks import OutfitData
from graphfit.features import Features, embed, read_garment
from graphfit.networks.resnet18 import ResNet18, load_resnet18
from graphfit.networks.towers import Towers
from graphfit.retrieval import Index
from graphfit.scoring import OutfitScorer
from hr_common import image
from hr_common.testing import reader_faults


def refused_or_read(read: Callable[[Path], object], *paths: Path) -> None:
    assert {path.name: reader_faults(read, path) for path in paths} == {path.name: [] for path in paths}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, colour in enumerate([(200, 30, 30), (20, 20, 120)]):
        picture = np.full((20, 16, 3), 255, np.uint8)
        picture[4:16, 4:12] = colour
        image.write(folder / f"{number}.png", picture)
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_catalogues_and_outfits(suffix: str, pictures: Path, tmp_path: Path) -> None:
    items = [
        {
            "id": f"i{number}",
            "image": f"pictures/{number}.png",
            "category": kind,
            "price": number,
            "title": "a, b",
        }
        for number, kind in enumerate(("tops", "bottoms"))
    ]
    looks = [{"id": "o1", "items": ["i0", "i1"]}, {"id": "o2", "items": ["i1", "i0"]}]
    catalogue, outfits = tmp_path / f"items{suffix}", tmp_path / f"outfits{'.csv' if suffix == '.csv' else '.json'}"
    if suffix == ".csv":
        lines = [",".join(items[0]), *(",".join(f'"{value}"' for value in each.values()) for each in items)]
        catalogue.write_text("\n".join(lines) + "\n")
        outfits.write_text("outfit,item\no1,i0\no1,i1\no2,i1\no2,i0\n")
    else:
        rows = [json.dumps(each) for each in items]
        catalogue.write_text("\n".join(rows) if suffix == ".jsonl" else f"[{', '.join(rows)}]")
        outfits.write_text(json.dumps(looks))
    known = read_catalogue(catalogue)
    refused_or_read(read_catalogue, catalogue)
    refused_or_read(lambda path: read_outfits(path, known), outfits)
    refused_or_read(check, catalogue)


def test_pictures(pictures: Path, tmp_path: Path) -> None:
    refused_or_read(lambda _: read_catalogue(pictures), pictures / "0.png")
    refused_or_read(read_garment, pictures / "0.png")


def test_polyvore(data: OutfitData, tmp_path: Path) -> None:
    write_polyvore(tmp_path, data, "nondisjoint")
    files = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".json", ".txt", ".csv")]
    assert len(files) > 5
    for path in files:
        found = reader_faults(lambda _: read_polyvore(tmp_path), path, most=40)
        assert found == [], path.name


def test_maryland(tmp_path: Path) -> None:
    outfits = [
        {"set_id": "1", "items": [{"index": n, "name": "a", "price": 3.0, "categoryid": 11} for n in (1, 2, 4)]},
        {"set_id": "2", "items": [{"index": n, "name": "b", "categoryid": 41} for n in (1, 3)]},
    ]
    question = {"question": ["1_1", "1_4"], "answers": ["1_2", "2_1", "2_3", "2_1"], "blank_position": 3}
    (tmp_path / "test_no_dup.json").write_text(json.dumps(outfits))
    (tmp_path / "fill_in_blank_test.json").write_text(json.dumps([question]))
    (tmp_path / "fashion_compatibility_prediction.txt").write_text("1 1_1 1_2 1_4\n0 2_1 1_2\n")
    (tmp_path / "category_id.txt").write_text("11 Tops\n41 Boots\n")
    refused_or_read(lambda _: read_maryland(tmp_path), *list(tmp_path.iterdir()))


def test_tables(tmp_path: Path) -> None:
    columns = "cod_modelo_color,des_product_category,des_product_family,des_product_type,des_agrup_color_eng,"
    rows = ("41-01,Clothes,Shirt,Blouse,WHITE,BLANCO,a.jpg", "52-99,Clothes,Trousers,Jeans,BLUE,AZUL,b.jpg")
    (tmp_path / "product_data.csv").write_text("\n".join((f"{columns}des_color_specification_esp,des_filename", *rows)))
    (tmp_path / "outfit_data.csv").write_text("cod_outfit,cod_modelo_color\n1,41-01\n1,52-99\n")
    refused_or_read(lambda _: read_tables(tmp_path), *list(tmp_path.iterdir()))


def test_features(features: Features, tmp_path: Path) -> None:
    Features(features.ids[:4], features.values[:4], "lite0", palettes=np.zeros((4, 4, 4), np.float32)).save(
        tmp_path / "items.npz"
    )
    refused_or_read(Features.load, tmp_path / "items.npz")


def test_the_cache_of_features(pictures: Path, tmp_path: Path) -> None:
    catalogue = read_catalogue(pictures)
    embed(catalogue, cache=tmp_path / "cache.sqlite")
    assert reader_faults(lambda path: embed(catalogue, cache=path), tmp_path / "cache.sqlite", most=40) == []


def test_weights_of_a_run(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "model.safetensors", tmp_path)
    assert reader_faults(OutfitScorer.from_pretrained, tmp_path / "model.safetensors", most=120) == []


def test_weights_of_an_encoder(tmp_path: Path) -> None:
    torch.save({name: value.half() for name, value in ResNet18().state_dict().items()}, tmp_path / "resnet18.pth")
    raw = (tmp_path / "resnet18.pth").read_bytes()
    (tmp_path / "small.pth").write_bytes(raw[:5000])
    refused_or_read(load_resnet18, tmp_path / "small.pth")


def test_an_index(wardrobe: Catalogue, tmp_path: Path) -> None:
    index = Index(Towers(8, 4), torch.ones(len(wardrobe), 8), [item.id for item in wardrobe])
    index.save(tmp_path, wardrobe, {"network": "a", "encoder": "lite0"})
    refused_or_read(lambda _: Index.load(tmp_path), tmp_path / "index.safetensors", tmp_path / "items.json")


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[training]\nepochs = 3\nlearning_rate = 0.5\n")
    refused_or_read(lambda path: load_config("tiny", file=path), tmp_path / "settings.toml")


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", bytes(range(256))])
def test_the_command_line_says_it_in_one_line(raw: bytes, pictures: Path, tmp_path: Path) -> None:
    for name in ("bad.npz", "bad.safetensors", "bad.csv", "bad.json", "bad.png", "bad.toml"):
        (tmp_path / name).write_bytes(raw)
    for line in (
        "embed bad.csv --out x.npz",
        "score bad.png pictures/0.png",
        "score --run bad.safetensors pictures/0.png,pictures/1.png",
        "style bad.png",
        "similar -c pictures --features bad.npz 0",
        "split bad.json --catalogue pictures --out out",
        "train --data catalogue:pictures --outfits bad.json --out out",
        "train --data catalogue:pictures --outfits bad.json --config bad.toml --out out",
        "info --model bad.safetensors",
        "data check bad.csv",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            result = CliRunner().invoke(main, line.split())
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1), (line, result.output)
    assert not (tmp_path / "out").exists()
