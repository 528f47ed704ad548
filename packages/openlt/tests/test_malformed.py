"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hr_common import image
from hr_common.files import write_json
from hr_common.testing import malformed, reader_faults
from openlt.cli import main
from openlt.config import OpenltConfig, load_config
from openlt.data import LongTailData, load_data
from openlt.data.lists import read_list
from openlt.networks.open_network import build_network
from openlt.networks.pretrained import read_tensors
from openlt.recognition import Recogniser
from openlt.reference import import_reference
from openlt.report import read_evaluation


def refused_or_read(read: Callable[[Path], object], *paths: Path) -> None:
    assert {path.name: reader_faults(read, path) for path in paths} == {path.name: [] for path in paths}


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.write(path, np.full((6, 5, 3), 128, np.uint8))


def test_lists_and_their_pictures(tmp_path: Path) -> None:
    for split, lines in {"train": "a/1.png 0\na/2.png 0\nb/1.png 1\n", "test": "a/1.png 0\nb/1.png 1\n"}.items():
        (tmp_path / f"Mine_{split}.txt").write_text(lines)
    for name in ("a/1", "a/2", "b/1"):
        picture(tmp_path / f"{name}.png")
    write_json(tmp_path / "classes.json", [{"label": 0, "name": "a"}, {"label": 1, "name": "b"}])
    refused_or_read(
        lambda _: load_data("lists", root=tmp_path, verify="full"),
        tmp_path / "Mine_train.txt", tmp_path / "Mine_test.txt", tmp_path / "classes.json", tmp_path / "a" / "1.png",
    )  # fmt: skip
    refused_or_read(lambda path: read_list(path, is_open=True), tmp_path / "Mine_test.txt")


def test_folders_of_pictures(tmp_path: Path) -> None:
    for name in ("train/a/1", "train/a/2", "train/b/1", "test/a/1", "test/b/1"):
        picture(tmp_path / f"{name}.png")
    refused_or_read(lambda _: load_data("folder", root=tmp_path, verify="full"), tmp_path / "train" / "a" / "1.png")


def test_cifar(tmp_path: Path) -> None:
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        labels = np.repeat(np.arange(10, dtype=np.uint8), 6)
        (tmp_path / f"{name}.bin").write_bytes(np.c_[labels, np.zeros((60, 3072), np.uint8)].tobytes())
    (tmp_path / "batches.meta.txt").write_text("".join(f"class {number}\n" for number in range(10)) + "\n")
    refused_or_read(
        lambda _: load_data("cifar10-lt", root=tmp_path, imbalance=2.0),
        tmp_path / "data_batch_1.bin", tmp_path / "test_batch.bin", tmp_path / "batches.meta.txt",
    )  # fmt: skip


def test_inaturalist(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 1)):
        images = [{"id": 10 * kind + row, "file_name": f"{kind}{row}.png"} for kind in (1, 2) for row in range(count)]
        annotations = [{"image_id": each["id"], "category_id": int(each["id"]) // 10} for each in images]
        categories = [{"id": kind, "name": f"Species {kind}"} for kind in (1, 2)]
        whole = {"images": images, "annotations": annotations, "categories": categories}
        (tmp_path / f"{split}2018.json").write_text(json.dumps(whole))
        for each in images:
            picture(tmp_path / str(each["file_name"]))
    refused_or_read(
        lambda _: load_data("inaturalist2018", root=tmp_path), tmp_path / "train2018.json", tmp_path / "val2018.json"
    )


def test_weights_of_a_run(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    assert reader_faults(lambda _: Recogniser.from_pretrained(tmp_path / "run", device="cpu"), path, most=150) == []
    refused_or_read(read_tensors, path)


def test_the_authors_checkpoint(tiny: OpenltConfig, digits: LongTailData, tmp_path: Path) -> None:
    network = build_network(tiny, 2, 8)
    best = {"feat_model": network.features.state_dict(), "classifier": network.classifier.state_dict()}
    torch.save({"state_dict_best": best, "centroids": torch.randn(8, 16)}, tmp_path / "model.pth")
    refused_or_read(
        lambda path: import_reference(path, tmp_path / "run", digits, config=tiny, force=True), tmp_path / "model.pth"
    )
    refused_or_read(read_tensors, tmp_path / "model.pth")


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[training]\nbatch = 64\nclip = 0.5\n[stage1]\nepochs = 3\n")
    refused_or_read(lambda path: load_config("tiny", file=path), tmp_path / "settings.toml")


def test_an_evaluation(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "eval" / "test"
    folder.mkdir(parents=True)
    shutil.copy(run / "model.safetensors", tmp_path / "run")
    write_json(folder / "metrics.json", {"overall": 0.5, "detectors": {"energy": {"auroc": 0.5}}})
    whole = dict.fromkeys(("labels", "predictions", "counts"), np.arange(8))
    scores = dict.fromkeys(("probabilities", "norms", "score_energy"), np.linspace(0, 1, 8))
    np.savez_compressed(folder / "scores.npz", **whole, **scores)
    with (folder / "per_class.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["label", "class"], *([label, f"class {label}"] for label in range(8))])
    refused_or_read(lambda _: read_evaluation(tmp_path / "run"), *folder.iterdir())


@pytest.mark.parametrize("variant", ["cut off", "noise", "foreign"])
def test_the_command_line_says_it_in_one_line(variant: str, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    raw = path.read_bytes()
    path.write_bytes({"cut off": raw[: len(raw) // 2], "noise": raw[::-1], "foreign": b"GIF89a"}[variant])
    (tmp_path / "lists.txt").write_bytes(dict(malformed(raw))["1000 bytes of noise"])
    picture(tmp_path / "one.png")
    for line in (
        ["predict", "--run", tmp_path / "run", tmp_path / "one.png"],
        ["evaluate", "--run", tmp_path / "run"],
        ["report", "--run", tmp_path / "run"],
        ["train", "--dataset", "digits-lt", "--config", path, "--out", tmp_path / "out"],
    ):
        result = CliRunner().invoke(main, [str(each) for each in line])
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1), result.output
    assert not (tmp_path / "out").exists()
