"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hr_common import audio, video
from hr_common.testing import reader_faults
from viai.checkpoints import load_network, read_cards
from viai.cli import main
from viai.config import PAPER, TINY, load_config
from viai.data import gap_lists
from viai.data.clips import read_clips
from viai.data.music import read_list, read_official
from viai.data.synthetic.dataset import ClipRecord, Manifest, SyntheticConfig
from viai.data.synthetic.tunes import load_tunes
from viai.gaps.files import read_gaps
from viai.networks.video_encoder import VideoEncoder
from viai.picture import read_picture
from viai.plots import plot_training
from viai.soundtracks import detect_sound
from viai.training.image_weights import start_pictures

ABC = (
    "X:1\nT:A tune\nM:4/4\nL:1/8\nK:G\n"
    + "GABc dedB|" * 3
    + "\n\nX:2\nK:D\nM:3/4\nL:1/4\n"
    + "A2 F2 D2 (3ABc|" * 4
    + "\n"
)


def refused_or_read(read: Callable[[Path], object], *paths: Path, most: int = 1000) -> None:
    found = {path.name: reader_faults(read, path, most=most) for path in paths}
    assert found == {path.name: [] for path in paths}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gaps.csv", "start,end\n0.5,0.75\n1:02.5,1:03\n"),
        ("gaps.json", '{"gaps": [[0.5, 0.75], {"start": "1:02", "duration": 2}]}'),
        ("labels.txt", "0.500000\t0.750000\tgap\n\\\t100\t200\n1.0\t1.5\tgap\n"),
    ],
)
def test_gaps(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    refused_or_read(read_gaps, tmp_path / name)


def test_gaps_of_an_evaluation(tmp_path: Path) -> None:
    item = {"clip": "bell/six_000", "window_start_samples": 0, "gap_start": 16_000, "gap_stop": 24_000}
    (tmp_path / "gaps.json").write_text(json.dumps({"format": 1, "gaps": [item, item]}))
    refused_or_read(gap_lists.read_gaps, tmp_path / "gaps.json")


def test_prepared_clips(clips_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clips_folder, tmp_path / "clips")

    def read(_: Path) -> None:
        for clip in read_clips(tmp_path / "clips", "test"):
            clip.sound(0, 1_280)
            clip.sight(0, 2)

    folder = tmp_path / "clips" / "bell" / "six_000"
    split = [path for path in (tmp_path / "clips").iterdir() if path.is_file()]
    assert split
    refused_or_read(read, *split, folder / "meta.json")
    refused_or_read(read, *(folder / f"{part}.npy" for part in ("audio", "frames", "flow")), most=60)


def test_clips_in_the_layout_of_the_authors(tmp_path: Path) -> None:
    for part, shape in (("image_crop", (8, 8, 3)), ("flow_x_crop", (8, 8)), ("flow_y_crop", (8, 8))):
        (tmp_path / "a" / part).mkdir(parents=True)
        for number in (1, 2):
            cv2.imwrite(str(tmp_path / "a" / part / f"{number}.jpg"), np.full(shape, 128, np.uint8))
    np.save(tmp_path / "a.npy", np.zeros(2 * 1_280))
    for split in ("train", "test"):
        (tmp_path / f"{split}_new_split.txt").write_text("a|a.mel.npy|a.npy|3|2\n")

    def read(_: Path) -> None:
        for clip in read_official(tmp_path, "test", size=8):
            clip.sound(0, 1_280)
            clip.sight(0, 2)

    refused_or_read(read, tmp_path / "test_new_split.txt", tmp_path / "a.npy", tmp_path / "a" / "image_crop" / "1.jpg")


def test_lists_of_videos(tmp_path: Path) -> None:
    (tmp_path / "MUSIC.json").write_text(json.dumps({"version": 1, "videos": {"violin": ["0QrGBoaPd3k"] * 2}}))
    (tmp_path / "flat.json").write_text(json.dumps([{"instrument": "violin", "id": "0QrGBoaPd3k"}] * 2))
    refused_or_read(read_list, tmp_path / "MUSIC.json", tmp_path / "flat.json")


def test_tunes_and_their_cache(tmp_path: Path) -> None:
    (tmp_path / "tunes").mkdir()
    (tmp_path / "tunes" / "a.abc").write_text(ABC)
    refused_or_read(lambda _: load_tunes(tmp_path / "tunes"), tmp_path / "tunes" / "a.abc")
    assert load_tunes(tmp_path / "tunes", cache=tmp_path / "tunes.json")
    refused_or_read(lambda path: load_tunes(cache=path), tmp_path / "tunes.json")


def test_the_manifest_of_a_data_set(tmp_path: Path) -> None:
    clip = ClipRecord(
        id="a",
        class_name="cello",
        split="train",
        tune="t",
        melody="m",
        family=1,
        sound="s",
        rate="25",
        seconds=4.0,
        notes=9,
    )
    Manifest(config=SyntheticConfig(), clips=(clip,)).write(tmp_path / "manifest.json")
    refused_or_read(Manifest.read, tmp_path / "manifest.json")


def test_weights(tiny_weights: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_weights, tmp_path / "weights")
    for stage in ("viai-a", "wavenet"):
        path = tmp_path / "weights" / f"{stage}.safetensors"
        refused_or_read(functools.partial(load_network, stage=stage), path, most=80)
    refused_or_read(lambda _: read_cards(tmp_path / "weights"), tmp_path / "weights" / "viai-a.safetensors", most=40)


def test_weights_to_begin_with(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.ones(64)}, tmp_path / "resnet18.pth")
    encoder = VideoEncoder(PAPER.network)
    refused_or_read(lambda path: start_pictures(encoder, path, PAPER.network), tmp_path / "resnet18.pth")


def test_a_training_log(tmp_path: Path) -> None:
    log = tmp_path / "viai-a.log.jsonl"
    log.write_text("".join(json.dumps({"step": step, "loss": 1 / step}) + "\n" for step in (1, 2)))
    refused_or_read(lambda path: plot_training(path, tmp_path / "log.png"), log, most=30)


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[training]\nsteps = 64\n[picture]\nflow = 'dis'\n")
    refused_or_read(lambda path: load_config("tiny", file=path), tmp_path / "settings.toml")


def test_sound_and_video(tmp_path: Path) -> None:
    tone = (0.1 * np.sin(np.arange(8_000) / 10)).astype(np.float32)[:, None]
    audio.write(tmp_path / "a.wav", tone, 16_000)
    video.write(tmp_path / "a.mp4", (np.full((32, 32, 3), 20 * n, np.uint8) for n in range(6)), 12.5)
    refused_or_read(detect_sound, tmp_path / "a.wav", most=60)
    refused_or_read(
        lambda path: read_picture(path, start=0.0, frames=3, config=TINY.picture), tmp_path / "a.mp4", most=40
    )


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", bytes(range(256))])
def test_the_command_line_says_it_in_one_line(raw: bytes, tmp_path: Path) -> None:
    audio.write(tmp_path / "good.wav", np.full((16_000, 1), 0.1, np.float32), 16_000)
    (tmp_path / "weights").mkdir()
    (tmp_path / "clips").mkdir()
    names = ("bad.wav", "bad.json", "bad.csv", "bad.toml", "weights/viai-a.safetensors", "clips/split.json")
    for name in names:
        (tmp_path / name).write_bytes(raw)
    for line in (
        "detect bad.wav",
        "inpaint bad.wav --gap 0.1:0.2 --out out.wav",
        "inpaint good.wav --gaps bad.csv --out out.wav",
        "inpaint good.wav --gaps bad.json --out out.wav",
        "inpaint good.wav --gap 0.1:0.2 --reference bad.wav --out out.wav",
        "inpaint good.wav --gap 0.1:0.2 --method viai-a --weights weights --out out.wav",
        "vocode bad.wav --out out.wav",
        "train viai-a --data clips --out out",
        "train viai-a --data clips --config bad.toml --out out",
        "evaluate --data clips",
        "info --weights weights",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            result = CliRunner().invoke(main, line.split())
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1), (line, result.output)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {"good.wav", *(name.split("/")[0] for name in names)}
    )
