"""Every reader, given files that are damaged in a hundred ways: a value, or one line of what is wrong."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hr_common import audio, config, files, flac, image, runs, video, weights
from hr_common.testing import malformed, reader_faults

SOUND = 0.1 * np.sin(np.arange(2000) / 10)[:, None]
PICTURE = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)


@dataclass(frozen=True)
class Settings:
    layers: int = 3
    rate: float = 1e-3


def read_video(path: Path) -> object:
    about = video.info(path)
    return about, video.read_frames(path, [0.0, 0.1]), video.read_sound(path)


def read_sound(path: Path) -> object:
    return audio.info(path), audio.read(path), sum(len(block) for block in audio.blocks(path, size=500))


def replace_sound(path: Path) -> None:
    audio.replace(path, path.with_name(f"mended{path.suffix}"), [(100, np.zeros((10, 1)))])


def write_video(path: Path) -> None:
    video.write(path, (np.full((32, 32, 3), 40 * n, np.uint8) for n in range(4)), 25, sound=SOUND, sound_rate=16_000)


READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "lines": ("list.txt", lambda path: path.write_text("a.png 1\nb.png 2\n"), files.read_lines),
    "JSON": ("one.json", lambda path: files.write_json(path, {"a": [1, 2.5], "b": {"c": None}}), files.read_json),
    "settings": (
        "settings.toml",
        lambda path: path.write_text("layers = 4\nrate = 1e-2\n"),
        lambda path: config.load(Settings, preset=Settings(), file=path),
    ),
    "weights": ("model.safetensors", lambda path: weights.save(path, {"a": torch.ones(3, 2)}, {"b": 1}), weights.load),
    "state": (
        "last.pt",
        lambda path: runs.save_state(path, program="x", layout=1, config=Settings(), seed=0, a=torch.ones(3)),
        lambda path: runs.load_state(path, program="x", layout=1, config=Settings(), seed=0),
    ),
    "log": (
        "metrics.jsonl",
        lambda path: runs.append_record(path, {"step": 1, "loss": 0.5}),
        lambda path: runs.cut_log(path, lambda record: record["step"] < 9),
    ),
    **{
        f"picture.{suffix}": (f"a.{suffix}", lambda path: image.write(path, PICTURE), image.read)
        for suffix in ("png", "jpg", "webp", "tif", "bmp")
    },
    **{
        f"sound.{suffix}": (f"a.{suffix}", lambda path: audio.write(path, SOUND, 16_000), read_sound)
        for suffix in ("wav", "flac", "ogg", "mp3", "aiff")
    },
    **{
        f"patched.{suffix}": (f"a.{suffix}", lambda path: audio.write(path, SOUND, 16_000), replace_sound)
        for suffix in ("wav", "flac")
    },
    **{f"video.{suffix}": (f"a.{suffix}", write_video, read_video) for suffix in ("mp4", "mkv")},
    "muxed.mp4": (
        "a.mp4",
        write_video,
        lambda path: video.replace_sound(path, path.with_name("dubbed.mp4"), SOUND, 16_000),
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    file, make, read = READERS[name]
    make(tmp_path / file)
    assert reader_faults(read, tmp_path / file) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_tags_of_a_damaged_flac_are_read_or_refused(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", SOUND, 16_000)
    audio.write(tmp_path / "b.flac", SOUND, 16_000)
    assert reader_faults(lambda path: flac.carry_metadata(path, tmp_path / "b.flac"), tmp_path / "a.flac") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(max_size=400), suffix=st.sampled_from(["png", "wav", "flac", "mp4", "json", "safetensors", "toml"])
)
def test_noise_under_any_suffix_is_read_or_refused(raw: bytes, suffix: str, tmp_path: Path) -> None:
    readers = {Path(file).suffix[1:]: read for file, _, read in READERS.values()}
    readers["mp4"], readers["wav"], readers["flac"] = read_video, read_sound, read_sound
    path = tmp_path / f"noise.{suffix}"
    path.write_bytes(raw)
    assert reader_faults(readers[suffix], path, [("noise", raw)]) == []


def test_there_are_about_a_hundred_variants_and_all_differ_from_the_file() -> None:
    raw = json.dumps({"people": [{"x": 1.5, "y": 20, "name": "anna"}] * 5}, indent=1).encode()
    variants = list(malformed(raw))
    assert len(variants) > 100
    assert all(damaged != raw for name, damaged in variants if "zeros" not in name)
    assert variants == list(malformed(raw))


def test_a_reader_that_lets_another_error_through_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    found = reader_faults(lambda path: json.loads(path.read_bytes())["a"], tmp_path / "a.json")
    assert any("KeyError" in each for each in found)
    assert any("JSONDecodeError" in each for each in found)
    assert (tmp_path / "a.json").read_text() == '{"a": 1}'
