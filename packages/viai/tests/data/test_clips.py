import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hr_common.errors import InputError
from viai.config import DESK, ViaiConfig
from viai.data.clips import (
    ClipMeta,
    Split,
    picture_samples,
    read_clips,
    read_meta,
    read_split,
    window_frames,
    write_clip,
    write_split,
)

META = ClipMeta(
    source="bell/a",
    label="bell",
    start=1.5,
    duration=4.8,
    sample_rate=16_000,
    frame_rate=12.5,
    frames=60,
    size=8,
    box=(0.0, 0.25, 1.0, 0.75),
    flow="dis",
    flow_size=128,
    flow_limit=20.0,
    file_hash="0" * 64,
)


def make_clip(root: Path, name: str, meta: ClipMeta = META) -> None:
    rng = np.random.default_rng(0)
    write_clip(
        root / name,
        audio=rng.standard_normal(meta.frames * 1_280).astype(np.float32),
        frames=rng.integers(0, 255, (meta.frames, meta.size, meta.size, 3)).astype(np.uint8),
        flow=rng.integers(0, 255, (meta.frames, 2, meta.size, meta.size)).astype(np.uint8),
        meta=meta,
    )


def test_a_clip_is_read_as_it_was_written(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    (clip,) = read_clips(tmp_path, "train")
    assert (clip.name, clip.source, clip.label, clip.frames) == ("bell/a_000", "bell/a", "bell", 60)
    audio = np.load(tmp_path / "bell/a_000/audio.npy")
    np.testing.assert_array_equal(clip.sound(1_280, 5_000), audio[1_280:5_000])
    frames, flow = clip.sight(3, 7)
    np.testing.assert_array_equal(frames, np.load(tmp_path / "bell/a_000/frames.npy")[3:7])
    np.testing.assert_array_equal(flow, np.load(tmp_path / "bell/a_000/flow.npy")[3:7])
    assert read_meta(tmp_path / "bell/a_000/meta.json") == META


def test_writing_again_replaces_the_clip_and_leaves_nothing_behind(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    make_clip(tmp_path, "bell/a_000", replace(META, frames=55))
    assert read_meta(tmp_path / "bell/a_000/meta.json").frames == 55
    assert [path.name for path in (tmp_path / "bell").iterdir()] == ["a_000"]


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "test"), ("val", "test")])
def test_a_source_in_two_splits_is_refused_in_writing_and_reading(tmp_path: Path, splits: tuple[Split, Split]) -> None:
    table: dict[Split, dict[str, list[str]]] = {
        "train": {},
        "val": {},
        "test": {},
        splits[0]: {"bell/a": ["bell/a_000"]},
        splits[1]: {"bell/a": ["bell/a_001"]},
    }
    message = f"source 'bell/a' is in '{splits[0]}' and in '{splits[1]}'"
    with pytest.raises(InputError, match=message):
        write_split(tmp_path, table)
    assert not (tmp_path / "split.json").exists()
    (tmp_path / "split.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=message):
        read_split(tmp_path)


def test_a_clip_listed_under_two_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clip 'a_000' belongs to 'a' and to 'b'"):
        write_split(tmp_path, {"train": {"a": ["a_000"]}, "test": {"b": ["a_000"]}})


def test_a_clip_that_comes_from_another_source_than_the_list_says_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    write_split(tmp_path, {"test": {"bell/b": ["bell/a_000"]}})
    with pytest.raises(InputError, match=r"comes from 'bell/a', but split.json says 'bell/b'"):
        read_clips(tmp_path, "test")


def test_what_was_never_prepared_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no split.json.*viai prepare VIDEOS --out"):
        read_clips(tmp_path, "train")


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    with pytest.raises(InputError, match=r"no clip in its split 'val'"):
        read_clips(tmp_path, "val")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "no JSON object"),
        ("{}", "source"),
        ("{", "line 1"),
        (None, "meta.json"),
    ],
)
def test_damaged_notes_of_a_clip_name_the_file(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "meta.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_meta(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("box", [0.5, 0.0, 0.4, 1.0]), ("frames", 0), ("frames", "many")])
def test_wrong_values_of_a_clip_are_refused(tmp_path: Path, key: str, value: object) -> None:
    make_clip(tmp_path, "a")
    path = tmp_path / "a/meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match=key.removesuffix("s")):
        read_meta(path)


def test_damaged_arrays_are_named(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    (clip,) = read_clips(tmp_path, "train")
    np.save(tmp_path / "bell/a_000/frames.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"frames.npy holds float64 with 1 axes; expected uint8 with 4"):
        clip.sight(0, 1)
    (tmp_path / "bell/a_000/audio.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"audio.npy cannot be read"):
        clip.sound(0, 1)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a_000")
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    np.save(tmp_path / "bell/a_000/audio.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        read_clips(tmp_path, "train")[0].sound(0, 1)


def test_a_picture_lasts_1280_samples_and_a_window_50_pictures() -> None:
    assert (picture_samples(DESK), window_frames(DESK)) == (1_280, 50)
    odd = ViaiConfig(picture=replace(DESK.picture, frame_rate=15.0))
    with pytest.raises(InputError, match=r"picture.frame_rate=15 gives 1066.67 samples"):
        picture_samples(odd)
