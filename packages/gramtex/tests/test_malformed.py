"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gramtex.baselines.interface import load_baseline, save_baseline
from gramtex.baselines.registry import BASELINES
from gramtex.checkpoints import load_model
from gramtex.cli import main
from gramtex.config import load_config
from gramtex.data.exemplars import read_exemplar
from gramtex.data.splits import read_collection
from gramtex.descriptors import GramSet
from gramtex.encoders import Encoder, load_encoder
from gramtex.extraction import GramCache
from hr_common import image
from hr_common.testing import reader_faults


def refused_or_read(read: Callable[[Path], object], *paths: Path, most: int = 1000) -> None:
    found = {path.name: reader_faults(read, path, most=most) for path in paths}
    assert found == {path.name: [] for path in paths}


@pytest.fixture
def cloth(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    image.write(tmp_path / "cloth.png", pixels)
    return tmp_path / "cloth.png"


def test_pictures_and_their_manifest(cloth: Path) -> None:
    (cloth.parent / "manifest.csv").write_text("file,group,split\ncloth.png,a,train\ncloth.png,b,val\n")
    refused_or_read(lambda _: read_collection(cloth.parent), cloth.parent / "manifest.csv")
    refused_or_read(read_exemplar, cloth)


def test_a_gram_set(cloth: Path, quick_encoder: Encoder, tmp_path: Path) -> None:
    quick_encoder.gram_set(image.read(cloth)).save(tmp_path / "cloth.npz")
    refused_or_read(GramSet.load, tmp_path / "cloth.npz", most=150)


def test_a_folder_of_gram_sets(grams: GramCache, tmp_path: Path) -> None:
    shutil.copytree(grams.folder, tmp_path / "grams")
    parts = sorted((tmp_path / "grams").iterdir())
    assert {path.suffix for path in parts} == {".json", ".npy"}

    def read(_: Path) -> None:
        cache = GramCache.open(tmp_path / "grams")
        cache.coordinates(cache.select("val")[:2], cache.levels[0])

    refused_or_read(read, *(path for path in parts if path.suffix == ".json"))
    refused_or_read(read, next(path for path in parts if path.suffix == ".npy"), most=60)


def test_a_model(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "model.safetensors", tmp_path)
    refused_or_read(load_model, tmp_path / "model.safetensors", most=120)


def test_a_baseline(trained_baseline: Path) -> None:
    refused_or_read(load_baseline, trained_baseline, most=120)


@pytest.fixture
def trained_baseline(tmp_path: Path) -> Path:
    entry = BASELINES["texturegan"]
    save_baseline(tmp_path / "baseline.safetensors", entry.build(entry.presets["desk"]), card={"seed": 0})
    return tmp_path / "baseline.safetensors"


def test_weights_of_an_encoder(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}, tmp_path / "v.pth")
    refused_or_read(lambda path: load_encoder("vgg19", levels=("relu1_1",), weights=path), tmp_path / "v.pth")


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[training]\nsteps = 64\nmatch = 'mmd'\n")
    refused_or_read(lambda path: load_config("tiny", file=path), tmp_path / "settings.toml")


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", bytes(range(256))])
def test_the_command_line_says_it_in_one_line(raw: bytes, cloth: Path, tmp_path: Path) -> None:
    (tmp_path / "grams").mkdir()
    names = ("bad.png", "bad.npz", "bad.safetensors", "bad.toml", "grams/grams.json")
    for name in names:
        (tmp_path / name).write_bytes(raw)
    for line in (
        "synthesize bad.png --out out.png",
        "synthesize cloth.png --colour-from bad.png --out out.png",
        "synthesize cloth.png --encoder vgg19 --encoder-weights bad.safetensors --out out.png",
        "tile bad.png --out out.png",
        "interpolate bad.png cloth.png --out out",
        "sample bad.safetensors --out out",
        "info bad.safetensors",
        "train grams --out out",
        "train grams --config bad.toml --out out",
        "baseline sample bad.safetensors --out out",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            result = CliRunner().invoke(main, line.split())
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1), (line, result.output)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"cloth.png", "grams", *names[:-1]}
