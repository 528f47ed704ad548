import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common import video
from hr_common.errors import InputError
from viai.config import TINY
from viai.data.clips import read_clips, read_meta, read_split
from viai.data.videos import Refusal, assign_splits, find_videos, prepare, split_of
from viai.data.windows import WindowDataset

SOUND_RATE = 22_050
CONFIG = replace(TINY, picture=replace(TINY.picture, size=16))


def texture() -> np.ndarray:
    noise = np.random.default_rng(0).random((48, 64), dtype=np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))
    return np.asarray(40 + 160 * (smooth - smooth.min()) / np.ptp(smooth), np.uint8)


def performance(
    seconds: float, rate: float = 12.5, *, events: tuple[float, ...] = (), moves: bool = True
) -> Iterator[np.ndarray]:
    """A camera that swings over a texture; white at the moment of an event."""
    ground = texture()
    for k in range(round(seconds * rate)):
        shift = round(6 * np.sin(k * 0.9)) if moves else 0
        white = any(0 <= k / rate - event < 1 / rate - 1e-6 for event in events)
        picture = np.full((48, 64), 255, np.uint8) if white else np.roll(ground, shift, axis=1)
        yield np.repeat(picture[..., None], 3, axis=2)


def sound(seconds: float, events: tuple[float, ...] = (), level: float = 0.1) -> np.ndarray:
    """Soft noise with a loud knock of 20 ms at every event, in two channels."""
    rng = np.random.default_rng(0)
    samples = level * 0.2 * rng.standard_normal((round(seconds * SOUND_RATE), 2))
    for event in events:
        start = round(event * SOUND_RATE)
        samples[start : start + SOUND_RATE // 50] += 0.8 * rng.choice([-1, 1], (SOUND_RATE // 50, 1))
    return samples.astype(np.float32)


def make_video(
    path: Path,
    seconds: float = 4.5,
    rate: float = 12.5,
    *,
    events: tuple[float, ...] = (),
    moves: bool = True,
    level: float = 0.1,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = performance(seconds, rate, events=events, moves=moves)
    video.write(path, frames, rate, sound=sound(seconds, events, level), sound_rate=SOUND_RATE)


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos that can be used, and one of every kind that cannot."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "bell/a.mp4", events=(1.0,))
    make_video(folder / "bell/b.mkv", 5.0, 25, events=(2.0,))
    make_video(folder / "drum/c.mp4", 4.7, 10, events=(0.5, 3.0))
    (folder / "drum/copy.mp4").write_bytes((folder / "drum/c.mp4").read_bytes())
    make_video(folder / "drum/short.mp4", 2.0)
    make_video(folder / "drum/still.mp4", moves=False)
    make_video(folder / "drum/silent.mp4", level=0.0)
    video.write(folder / "drum/mute.mp4", performance(4.5), 12.5)
    (folder / "drum/cut.mp4").write_bytes((folder / "drum/c.mp4").read_bytes()[:3_000])
    (folder / "drum/notes.txt").write_text("no video, so no refusal either")
    return folder


def test_a_folder_of_videos_becomes_clips_and_the_rest_is_listed_with_its_reason(folder: Path, tmp_path: Path) -> None:
    done = prepare(folder, tmp_path, CONFIG, seed=0)
    reasons = {Path(refusal.file).name: refusal.reason for refusal in done.refused}
    assert reasons.keys() == {"copy.mp4", "short.mp4", "still.mp4", "silent.mp4", "mute.mp4", "cut.mp4"}
    assert reasons["copy.mp4"] == "a copy of drum/c"
    assert "only 1.92 s" in reasons["short.mp4"] or "only 2.00 s" in reasons["short.mp4"]
    assert "hardly moves" in reasons["still.mp4"]
    assert "silent" in reasons["silent.mp4"]
    assert "no sound" in reasons["mute.mp4"]
    assert "cut.mp4" in reasons["cut.mp4"]
    listed = json.loads((tmp_path / "refused.json").read_text())
    assert [Refusal(**entry) for entry in listed] == list(done.refused)
    table = read_split(tmp_path)
    assert {source for sources in table.values() for source in sources} == {"bell/a", "bell/b", "drum/c"}
    assert done.clips == {"train": 1, "val": 1, "test": 1}
    meta = read_meta(tmp_path / "bell/b_000/meta.json")
    assert (meta.source, meta.label, meta.frames, meta.size, meta.flow) == ("bell/b", "bell", 62, 16, "dis")
    # The clips are what the data set reads.
    window = WindowDataset(tmp_path, "train", CONFIG, seed=0, picture=True)[0]
    assert window.frames.shape == (1, 50, 3, 16, 16)


@pytest.mark.parametrize("skipped", [0.0, 0.33])
def test_sound_and_picture_of_an_event_stay_together(folder: Path, tmp_path: Path, skipped: float) -> None:
    prepare(folder, tmp_path, CONFIG, seed=0, skip_seconds=skipped)
    for name, events in (("bell/a", (1.0,)), ("bell/b", (2.0,)), ("drum/c", (0.5, 3.0))):
        clip = tmp_path / f"{name}_000"
        start = read_meta(clip / "meta.json").start
        audio = np.abs(np.load(clip / "audio.npy"))
        brightness = np.load(clip / "frames.npy")[:, 8].mean(axis=(1, 2))
        for event in events:
            place = round((event - start) * 16_000)
            near = audio[max(0, place - 4_000) : place + 4_000]
            onset = int(np.argmax(near > 0.4)) + max(0, place - 4_000)
            # Within 3 ms: the codec smears a knock by some samples.
            assert abs(onset - place) < 48
            wanted = int(np.argmax(brightness * (np.abs(np.arange(len(brightness)) - place / 1_280) < 5)))
            # The picture nearest to a moment of the grid: half a picture of the video and half of the grid.
            assert abs(wanted * 0.08 - (event - start)) <= 0.04 + 0.05


def test_a_second_run_keeps_what_is_there_and_other_settings_make_it_again(folder: Path, tmp_path: Path) -> None:
    prepare(folder, tmp_path, CONFIG, seed=0)
    marks = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    (tmp_path / "bell/a_000/meta.json").unlink()
    prepare(folder, tmp_path, CONFIG, seed=0)
    again = {path for path, mark in marks.items() if path.stat().st_mtime_ns != mark}
    assert {path.parent.name for path in again} == {"a_000"}
    prepare(folder, tmp_path, replace(CONFIG, picture=replace(CONFIG.picture, size=24)), seed=0)
    assert read_meta(tmp_path / "drum/c_000/meta.json").size == 24


def test_the_number_of_processes_changes_nothing(folder: Path, tmp_path: Path) -> None:
    prepare(folder, tmp_path / "one", CONFIG, seed=0)
    prepare(folder, tmp_path / "two", CONFIG, seed=0, jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_long_videos_are_cut_evenly_and_their_beginning_is_left_out_on_demand(tmp_path: Path) -> None:
    make_video(tmp_path / "in/bell/long.mp4", 15.0, 12.5)
    prepare(tmp_path / "in", tmp_path / "out", CONFIG, skip_seconds=1.0, longest_seconds=5.0)
    ((_, names),) = read_split(tmp_path / "out")["train"].items()
    metas = [read_meta(tmp_path / "out" / name / "meta.json") for name in names]
    # 14 s are 175 pictures; 5 s are 62. Two clips of 62 would leave 51 unused, a whole window: so three of 58.
    assert [meta.frames for meta in metas] == [58, 58, 58]
    starts = [meta.start for meta in metas]
    np.testing.assert_allclose(np.diff(starts), 58 * 0.08)
    assert starts[0] == pytest.approx(1.0, abs=0.05)
    assert len(read_clips(tmp_path / "out", "train")) == 3


@pytest.mark.parametrize("place", ["manifest", "beside"])
def test_splits_are_taken_from_the_data_set_where_it_has_them(folder: Path, tmp_path: Path, place: str) -> None:
    videos = [entry for entry in find_videos(folder) if entry.source in ("bell/a", "bell/b")]
    for entry in videos:
        (tmp_path / entry.label).mkdir(exist_ok=True)
        (tmp_path / entry.label / entry.path.name).write_bytes(entry.path.read_bytes())
    if place == "manifest":
        clips = [{"id": entry.id, "class_name": entry.label, "split": "val"} for entry in videos]
        (tmp_path / "manifest.json").write_text(json.dumps({"clips": clips}))
    else:
        for entry in videos:
            notes = {"clip": {"split": "val"}, "notes": []}
            (tmp_path / entry.label / f"{entry.id}.json").write_text(json.dumps(notes))
    done = prepare(tmp_path, tmp_path / "out", CONFIG)
    assert done.clips == {"train": 0, "val": 2, "test": 0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("3", "expected an array of records"),
        ('[{"id": "a"}]', "record 1: expected id and class_name"),
        ('[{"id": "a", "class": "bell", "split": "exam"}]', "split is 'exam'; expected train, val or test"),
        (
            '[{"id": "a", "class": "bell", "split": "val"}, {"id": "a", "class": "bell", "split": "test"}]',
            "'bell/a' is in 'val' and in 'test'",
        ),
    ],
)
def test_a_wrong_manifest_is_named(folder: Path, tmp_path: Path, content: str, message: str) -> None:
    manifest = tmp_path / "splits.json"
    manifest.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        prepare(folder, tmp_path / "out", CONFIG, manifest=manifest)
    assert str(manifest) in str(caught.value)


def test_wrong_input_is_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"holds no videos; expected files <class>/<id>.<ext>"):
        prepare(tmp_path, out, CONFIG)
    with pytest.raises(InputError, match="is no folder"):
        prepare(tmp_path / "nowhere", out, CONFIG)
    with pytest.raises(InputError, match=r"fractions 1 for the test"):
        prepare(folder, out, CONFIG, test_fraction=1.0)
    with pytest.raises(InputError, match=r"at most 3 s are shorter than a window"):
        prepare(folder, out, CONFIG, longest_seconds=3.0)
    with pytest.raises(InputError, match=r"cannot leave out -1 s"):
        prepare(folder, out, CONFIG, skip_seconds=-1.0)
    assert not out.exists()


def test_nothing_usable_is_an_error_that_gives_the_first_reason(tmp_path: Path) -> None:
    make_video(tmp_path / "in/bell/short.mp4", 1.0)
    with pytest.raises(InputError, match=r"none of 1 videos can be used, the first because: only"):
        prepare(tmp_path / "in", tmp_path / "out", CONFIG)
    assert (tmp_path / "out/refused.json").is_file()


def test_one_name_for_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bell").mkdir()
    for suffix in ("mp4", "webm"):
        (tmp_path / f"bell/a.{suffix}").touch()
    with pytest.raises(InputError, match="have one name"):
        find_videos(tmp_path)


def test_splits_have_their_shares() -> None:
    counts = Counter(split_of(f"video {number}", seed=3) for number in range(20_000))
    # Five standard deviations of a binomial count: 10 % of 20,000, and 5 % of the other 90 %.
    assert counts["test"] == pytest.approx(2_000, abs=212)
    assert counts["val"] == pytest.approx(900, abs=147)


@given(st.sets(st.text(min_size=1, max_size=5), min_size=3, max_size=12), st.integers(0, 99))
def test_no_split_is_empty_while_training_can_spare_a_video_in_any_order(names: set[str], seed: int) -> None:
    splits = assign_splits(sorted(names), seed=seed)
    assert splits.keys() == names
    drawn = Counter(split_of(name, seed=seed) for name in names)
    if drawn["train"] >= 3:
        assert set(splits.values()) == {"train", "val", "test"}
    assert ("train" in splits.values()) == (drawn["train"] > 0)
    assert assign_splits(sorted(names, reverse=True), seed=seed) == splits


def test_videos_that_come_later_move_none_of_the_others() -> None:
    many = [f"video {number}" for number in range(200)]
    before, after = assign_splits(many[:150], seed=0), assign_splits(many, seed=0)
    assert all(after[name] == split for name, split in before.items())
