import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hr_common import video
from viai.config import TINY
from viai.data.clips import read_meta
from viai.data.shots import IdlePart, Look, Part, find_cuts, find_idle, look_at, performances
from viai.data.videos import prepare

RATE = 12.5


def scene(seed: int, frames: int, *, swing: float = 4.0) -> np.ndarray:
    """A coloured texture under a camera that swings over it."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.random((36, 64, 3)).astype(np.float32), (0, 0), 3, borderType=cv2.BORDER_REPLICATE)
    ground = (ground - ground.min()) / np.ptp(ground)
    tint = rng.uniform(40, 200, 3)
    picture = np.clip(tint + 90 * (ground - 0.5), 0, 255).astype(np.uint8)
    shifts = np.round(swing * np.sin(0.9 * np.arange(frames))).astype(int)
    return np.stack([np.roll(picture, shift, axis=1) for shift in shifts])


def look(thumbnails: np.ndarray, level_db: np.ndarray | None = None) -> Look:
    return Look(0.0, RATE, thumbnails, np.full(len(thumbnails), -20.0) if level_db is None else level_db)


@pytest.mark.parametrize("cut", [1, 4, 20, 37, 39])
def test_the_first_picture_of_a_new_shot_is_found(cut: int) -> None:
    assert find_cuts(np.concatenate([scene(0, cut), scene(1, 40 - cut)]), RATE) == [cut]


def test_two_cuts_near_each_other_are_two() -> None:
    assert find_cuts(np.concatenate([scene(0, 20), scene(1, 6), scene(2, 20)]), RATE) == [20, 26]


def test_one_shot_has_no_cut() -> None:
    assert find_cuts(scene(0, 100), RATE) == []
    assert find_cuts(scene(0, 1), RATE) == []
    assert find_cuts(scene(0, 1)[:0], RATE) == []


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_flash_is_no_cut(pictures: int) -> None:
    thumbnails = scene(0, 60)
    thumbnails[30 : 30 + pictures] = 255
    assert find_cuts(thumbnails, RATE) == []


def test_wild_movement_is_no_cut() -> None:
    # The whole picture is somewhere else each time: far more than at most cuts, but always.
    rng = np.random.default_rng(0)
    assert find_cuts(np.stack([scene(int(seed), 1)[0] for seed in rng.integers(0, 99, 60)]), RATE) == []


def test_light_that_changes_slowly_is_no_cut() -> None:
    fade = np.linspace(1.0, 0.3, 60)[:, None, None, None]
    assert find_cuts((scene(0, 60) * fade).astype(np.uint8), RATE) == []


def test_black_silent_and_still_parts_are_idle_and_short_ones_are_not() -> None:
    thumbnails, level_db = scene(0, 300), np.full(300, -20.0)
    thumbnails[10:20] = 5
    thumbnails[40:42] = 5  # 0.16 s
    thumbnails[60:120] = thumbnails[60]
    thumbnails[130:170] = thumbnails[130]  # 3.2 s
    level_db[200:245] = -65
    level_db[260:280] = -65  # 1.6 s
    found = find_idle(look(thumbnails, level_db))
    assert found == [IdlePart(10, 20, "black"), IdlePart(60, 120, "still"), IdlePart(200, 245, "silent")]


def test_applause_between_pieces_is_not_measured_but_a_pause_is() -> None:
    level_db = np.full(200, -12.0)
    level_db[80:130] = -55  # the noise of the room, 43 dB below the playing
    assert find_idle(look(scene(0, 200), level_db)) == [IdlePart(80, 130, "silent")]
    level_db[80:130] = -45
    assert find_idle(look(scene(0, 200), level_db)) == []


def test_parts_lie_between_cuts_and_idle_stretches() -> None:
    thumbnails = np.concatenate([scene(0, 50), np.zeros((10, 36, 64, 3), np.uint8), scene(1, 60), scene(2, 30)])
    parts, idle = performances(look(thumbnails))
    assert parts == [Part(0, 50), Part(60, 120), Part(120, 150)]
    assert idle == [IdlePart(50, 60, "black")]


def test_clips_never_cross_a_cut(tmp_path: Path) -> None:
    # 25 pictures a second; the cut is at 5.2 s, between two pictures of the grid of 12.5.
    frames = np.concatenate([scene(0, 130), scene(1, 115)])
    sound = 0.1 * np.random.default_rng(0).standard_normal((round(9.8 * 16_000), 1)).astype(np.float32)
    folder = tmp_path / "videos/bell"
    folder.mkdir(parents=True)
    video.write(folder / "a.mp4", list(frames), 25, sound=sound, sound_rate=16_000)
    seen = look_at(folder / "a.mp4", start=0.0, frames=120, rate=RATE)
    assert find_cuts(seen.thumbnails, RATE) == [65]
    np.testing.assert_allclose(seen.level_db[5:115], -20, atol=2)

    config = replace(TINY, picture=replace(TINY.picture, size=16))
    done = prepare(tmp_path / "videos", tmp_path / "clips", config)
    assert sum(done.clips.values()) == 2
    first, second = (read_meta(tmp_path / f"clips/bell/a_{number:03d}/meta.json") for number in range(2))
    assert first.start + first.frames / RATE <= 5.2 + 1e-6
    assert abs(second.start - 5.2) <= 1 / RATE
    pictures = np.load(tmp_path / "clips/bell/a_001/frames.npy")
    assert find_cuts(np.stack([cv2.resize(picture, (64, 36)) for picture in pictures]), RATE) == []

    whole = prepare(tmp_path / "videos", tmp_path / "whole", config, clean=False)
    assert sum(whole.clips.values()) == 1
    assert json.loads((tmp_path / "whole/refused.json").read_text()) == []
