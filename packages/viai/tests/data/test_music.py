import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from viai.config import TINY
from viai.data.music import ListedVideo, find_listed, read_list, read_official
from viai.data.windows import WindowDataset, fixed_gaps

A, B, C = "0QrGBoaPd3k", "-_XnBxjh-Q1", "abcdefghijk"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    path = tmp_path / "MUSIC.json"
    path.write_text(json.dumps({"version": 1.0, "videos": {"violin": [A, B], "cello acoustic_guitar": [C]}}))
    return path


def make_official(root: Path, name: str, frames: int = 52, size: int = 20) -> str:
    """A clip in which picture ``j`` is grey ``2 j``, and its line in the list."""
    folder = root / name
    for part, offset in (("image_crop", 0), ("flow_x_crop", 10), ("flow_y_crop", 20)):
        (folder / part).mkdir(parents=True)
        for number in range(1, frames + 1):
            shape = (size, size, 3) if part == "image_crop" else (size, size)
            cv2.imwrite(str(folder / part / f"{number}.jpg"), np.full(shape, 2 * number + offset, np.uint8))
    rng = np.random.default_rng(0)
    np.save(root / f"{name.replace('/', '_')}.npy", rng.uniform(-0.9, 0.9, frames * 1_280))
    return f"{name}|{name}.mel.npy|{name.replace('/', '_')}.npy|3|{frames}"


def write_lists(root: Path, train: list[str], test: list[str]) -> None:
    (root / "train_new_split.txt").write_text("\n".join(train) + "\n")
    (root / "test_new_split.txt").write_text("\n".join(test) + "\n")


def test_a_list_by_class_gives_solos_and_duets(listing: Path) -> None:
    listed = read_list(listing)
    assert listed == [ListedVideo("violin", A), ListedVideo("violin", B), ListedVideo("cello acoustic_guitar", C)]
    assert [entry.instruments for entry in listed] == [("violin",), ("violin",), ("cello", "acoustic_guitar")]


@pytest.mark.parametrize("keys", [("instrument", "id"), ("class", "video_id"), ("label", "youtube_id")])
def test_a_flat_array_of_records_is_a_list_too(tmp_path: Path, keys: tuple[str, str]) -> None:
    records = [dict(zip(keys, pair, strict=True)) for pair in (("violin", A), ("tuba", B), ("violin", A))]
    (tmp_path / "list.json").write_text(json.dumps(records))
    assert read_list(tmp_path / "list.json") == [ListedVideo("violin", A), ListedVideo("tuba", B)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"clips": []}, "no list of videos"),
        ({"videos": {"violin": "abc"}}, "class 'violin' has to be an array of ids"),
        ({"videos": {"violin": ["short"]}}, "class 'violin': 'short' is no YouTube id"),
        ([{"instrument": "violin"}], "record 1: expected instrument and id, found instrument"),
        ([3], "record 1: expected an object"),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, value: object, message: str) -> None:
    (tmp_path / "list.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=message):
        read_list(tmp_path / "list.json")


def test_missing_videos_are_reported(listing: Path, tmp_path: Path) -> None:
    for name in (f"violin/{B}.webm", f"cello acoustic_guitar/{C}.mp4", "violin/unlisted123.mp4"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).touch()
    matching = find_listed(read_list(listing), tmp_path / "videos")
    assert [video.path.name for video in matching.found] == [f"{B}.webm", f"{C}.mp4"]
    assert matching.missing == [ListedVideo("violin", A)]


def test_clips_of_the_authors_are_read_as_windows(tmp_path: Path) -> None:
    write_lists(tmp_path, [make_official(tmp_path, "violin/one_1")], [make_official(tmp_path, "violin/two_1")])
    config = replace(TINY, picture=replace(TINY.picture, size=16))
    dataset = WindowDataset(tmp_path, "test", config, seed=0, picture=True)
    window = dataset[0]
    grey = window.frames[0, :, 1, 8, 8].int()
    start = int(grey[0]) // 2 - 1
    # JPEG keeps a flat grey to one level.
    np.testing.assert_allclose(grey, 2 * np.arange(start + 1, start + 51), atol=1)
    np.testing.assert_allclose(window.flow[0, :, 0, 8, 8], grey + 10, atol=2)
    np.testing.assert_allclose(window.flow[0, :, 1, 8, 8], grey + 20, atol=2)
    audio = np.load(tmp_path / "violin_two_1.npy")[start * 1_280 : (start + 50) * 1_280]
    ratio = window.samples[0].numpy() / audio
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert dataset.clips[0].label == "3"
    assert len(fixed_gaps(tmp_path, "test", 0, 2)) == 2


def test_pictures_of_the_authors_keep_their_colours(tmp_path: Path) -> None:
    write_lists(tmp_path, [make_official(tmp_path, "one_1", frames=2)], [make_official(tmp_path, "two_1", frames=2)])
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 255
    image.write(tmp_path / "two_1/image_crop/1.jpg", red)
    (clip,) = read_official(tmp_path, "test", size=8)
    assert clip.sight(0, 1)[0][0, 4, 4, 0] > 200 > 60 > clip.sight(0, 1)[0][0, 4, 4, 2]


def test_a_video_in_both_lists_is_refused(tmp_path: Path) -> None:
    write_lists(
        tmp_path,
        [make_official(tmp_path, f"violin/{A}_1", frames=1)],
        [make_official(tmp_path, f"violin/{A}_2", frames=1)],
    )
    with pytest.raises(InputError, match=f"source 'violin/{A}' is in"):
        read_official(tmp_path, "test", size=8)


def test_clips_of_one_video_stay_in_one_split_also_for_validation(tmp_path: Path) -> None:
    train = [make_official(tmp_path, f"v{video}/{clip}", frames=1) for video in range(30) for clip in (1, 2)]
    write_lists(tmp_path, train, [make_official(tmp_path, "t/1", frames=1)])
    held, kept = (read_official(tmp_path, split, size=8) for split in ("val", "train"))
    assert len(held) + len(kept) == 60
    assert held
    assert not {clip.source for clip in held} & {clip.source for clip in kept}


@pytest.mark.parametrize(
    "line", ["folder|mel|audio", "folder|mel|audio|3|many", "folder|mel|audio|3|0", "|mel|audio|3|50", "a|b|c|d|e|50"]
)
def test_a_malformed_line_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    write_lists(tmp_path, [make_official(tmp_path, "one_1", frames=1), line], [])
    with pytest.raises(InputError, match=r"train_new_split.txt, line 2: expected folder\|mel\|audio"):
        read_official(tmp_path, "train", size=8)


def test_missing_pictures_and_sounds_are_named(tmp_path: Path) -> None:
    line = make_official(tmp_path, "one_1", frames=3)
    write_lists(tmp_path, [], [line])
    (tmp_path / "one_1/flow_y_crop/3.jpg").unlink()
    with pytest.raises(InputError, match=r"flow_y_crop/3.jpg is missing; the list gives clip 'one_1' 3 pictures"):
        read_official(tmp_path, "test", size=8)
    (tmp_path / "one_1.npy").unlink()
    with pytest.raises(InputError, match=r"one_1.npy is missing"):
        read_official(tmp_path, "test", size=8)
    with pytest.raises(InputError, match="no clip for split 'train'"):
        read_official(tmp_path, "train", size=8)


def test_sound_of_another_form_is_refused(tmp_path: Path) -> None:
    write_lists(tmp_path, [], [make_official(tmp_path, "one_1", frames=1)])
    np.save(tmp_path / "one_1.npy", np.zeros((2, 1_280), np.int16))
    (clip,) = read_official(tmp_path, "test", size=8)
    with pytest.raises(InputError, match=r"holds int16 of shape \(2, 1280\); expected floats"):
        clip.sound(0, 10)
