"""A video on the time line of a sound."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common import video
from hr_common.errors import InputError
from viai.config import TINY
from viai.losses import rises
from viai.picture import PictureUnavailableError
from viai.synchrony import Placement, agreement, code_steps, estimate_lag, place_video, strange_shifts, synchrony

RATE = 16_000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def pictures(seconds: float) -> list[np.ndarray]:
    """Twelve and a half pictures a second whose brightness is their number."""
    return [np.full((32, 32, 3), index, np.uint8) for index in range(round(seconds * 12.5))]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``film.mp4``, four seconds with noise for sound, and ``silent.mp4`` without."""
    folder = tmp_path_factory.mktemp("films")
    video.write(folder / "film.mp4", pictures(4), 12.5, sound=noise(4)[:, None].astype(np.float32), sound_rate=RATE)
    video.write(folder / "silent.mp4", pictures(4), 12.5)
    return folder


@given(st.integers(-9_000, 9_000))
@settings(max_examples=15, deadline=None)
def test_a_shifted_copy_is_found_to_the_sample(shift: int) -> None:
    whole = noise(3)
    sound, track = whole[9_000:30_000], whole[9_000 - shift : 30_000 - shift]
    # Sample n of the sound is sample n + shift of the track.
    lag, certainty = estimate_lag(sound, track, RATE)
    assert lag == shift / RATE
    assert certainty > 0.99


def test_lag_of_a_case_worked_by_hand() -> None:
    # The only event is at sample 2 of the sound and at sample 5 of the track: three samples late at 10 Hz.
    sound, track = np.zeros(8), np.zeros(8)
    sound[2], track[5] = 1.0, 1.0
    assert estimate_lag(sound, track, 10) == (pytest.approx(0.3), pytest.approx(1.0))


def test_opposite_polarity_is_the_same_recording() -> None:
    lag, certainty = estimate_lag(noise(2)[500:], -noise(2), RATE)
    assert lag == 500 / RATE
    assert certainty > 0.95


def test_silence_and_strangers_give_no_certainty() -> None:
    assert estimate_lag(np.zeros(100), noise(1), RATE) == (0.0, 0.0)
    assert estimate_lag(noise(2), noise(2, seed=1), RATE)[1] < 0.1


def test_a_lag_of_more_than_ten_seconds_is_not_looked_for() -> None:
    rng = np.random.default_rng(0)
    track = rng.standard_normal(40_000)
    lag, certainty = estimate_lag(track[25_000:], track, 2_000)
    assert abs(lag) <= 10
    assert certainty < 0.2


@pytest.mark.parametrize("shift", [-0.25, 0.0, 0.3])
def test_a_shifted_sound_moves_the_picture_along(films: Path, shift: float) -> None:
    whole = np.concatenate([noise(1, seed=9), noise(4), noise(1, seed=9)])
    start = round((1 + shift) * RATE)
    placement = place_video(films / "film.mp4", whole[start : start + 4 * RATE], RATE)
    # Sample 0 of the sound is `shift` seconds into the film; AAC may begin a few milliseconds off.
    assert placement.origin_seconds == pytest.approx(shift, abs=0.005)
    assert "comparison" in placement.how
    # And the picture follows: after 1.2 s of the sound it is number 12.5 * (1.2 + shift).
    brightness = placement.picture(1.2, 1, TINY.picture, []).frames.mean()
    assert brightness == pytest.approx(12.5 * (1.2 + shift), abs=2.5)


def test_a_gap_in_the_sound_does_not_disturb_the_comparison(films: Path) -> None:
    sound = noise(4)[4_800:]
    sound[10_000:40_000] = 0
    placement = place_video(films / "film.mp4", sound, RATE)
    assert placement.origin_seconds == pytest.approx(0.3, abs=0.005)


def test_a_foreign_sound_leaves_the_picture_where_it_is_and_warns(
    films: Path, caplog: pytest.LogCaptureFixture
) -> None:
    placement = place_video(films / "film.mp4", noise(4, seed=5), RATE)
    assert placement.origin_seconds == pytest.approx(0.0, abs=0.03)
    assert "differs" in placement.how
    assert "may not belong together" in caplog.text


def test_a_given_offset_settles_it_unheard(films: Path) -> None:
    placement = place_video(films / "film.mp4", noise(4, seed=5), RATE, offset_seconds=0.2)
    header = video.info(films / "film.mp4")
    assert placement.origin_seconds == header.sound_start + 0.2
    assert placement.how == "placed by the given offset of 200 ms"


def test_without_its_own_sound_the_video_begins_with_the_first_picture(films: Path) -> None:
    placement = place_video(films / "silent.mp4", noise(4), RATE)
    assert placement.origin_seconds == video.info(films / "silent.mp4").start
    assert "no sound to compare" in placement.how


def test_the_sound_of_the_video_itself_is_not_compared(films: Path) -> None:
    placement = place_video(films / "film.mp4", None, RATE)
    assert placement.origin_seconds == video.info(films / "film.mp4").sound_start
    assert placement.how == "placed by the video's own sound"


def test_a_video_has_to_show_the_whole_gap(films: Path) -> None:
    placement = place_video(films / "film.mp4", None, RATE)
    assert placement.picture(1.0, 50, TINY.picture, [(3.0, 3.9)]).frames.shape == (50, 32, 32, 3)
    with pytest.raises(PictureUnavailableError, match=r"film\.mp4 does not show all of 3\.50 s to 4\.50 s"):
        placement.picture(1.0, 50, TINY.picture, [(3.5, 4.5)])


def test_an_unusable_video_says_why() -> None:
    placement = Placement(Path("film.mp4"), 0.0, "film.mp4 is empty", is_usable=False)
    with pytest.raises(PictureUnavailableError, match=r"film\.mp4 is empty"):
        placement.picture(0.0, 50, TINY.picture, [])


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(InputError, match="is no video that can be read"):
        place_video(tmp_path / "film.mp4", None, RATE)


def test_the_steps_of_a_gap_are_those_whose_centres_are_near() -> None:
    frames = np.zeros(200, dtype=bool)
    frames[96:120] = True
    # Step k is centred on frame 16 k and reaches 8 frames to either side: 6 (88 to 103), 7 (104 to 119).
    assert np.flatnonzero(code_steps(frames)).tolist() == [6, 7]
    assert len(code_steps(frames)) == 13
    frames[120] = True
    assert np.flatnonzero(code_steps(frames)).tolist() == [6, 7, 8]
    assert np.flatnonzero(code_steps(np.eye(1, 8, 7, dtype=bool)[0])).tolist() == [0]


def test_synchrony_is_the_cosine_over_the_steps_of_the_gap() -> None:
    sight = torch.tensor([[[[1.0, 3.0, 9.0]], [[0.0, 4.0, 9.0]]]])
    sound = torch.tensor([[[[5.0, 0.0, -7.0]], [[0.0, 2.0, 1.0]]]])
    # Steps 0 and 1: (1, 3, 0, 4) with (5, 0, 0, 2) is 13 over sqrt(26 * 29).
    steps = np.array([True, True, False])
    assert synchrony(sight, sound, steps) == pytest.approx(13 / np.sqrt(26 * 29))
    assert synchrony(sight, 3 * sight, steps) == pytest.approx(1)
    assert synchrony(sight, torch.zeros_like(sound), steps) == 0


def test_strangers_are_about_a_second_away_from_where_they_belong() -> None:
    assert strange_shifts(50, 12.5) == [12, 25, 38]
    # In 1.6 s there is no room for that.
    assert strange_shifts(20, 12.5) == []


def test_agreement_is_the_correlation_of_onsets_outside_the_gap() -> None:
    rng = np.random.default_rng(0)
    mel = torch.from_numpy(rng.random((80, 60), dtype=np.float32))
    unknown = torch.zeros(60, dtype=torch.bool)
    unknown[20:30] = True
    told = torch.from_numpy(rng.random((8, 60), dtype=np.float32))
    rise = np.clip(np.diff(mel.numpy().astype(np.float64), axis=1), 0, None).mean(axis=0)  # of frames 1 to 59
    # A rise looks one frame back: neither the first frame nor the one after the gap has one.
    known = np.r_[1:20, 31:60]
    expected = np.corrcoef(told.numpy().mean(axis=0)[known], rise[known - 1])[0, 1]
    assert agreement(told, mel, unknown) == pytest.approx(expected, abs=1e-5)
    assert agreement(rises(mel[None], 8)[0], mel, unknown) == pytest.approx(1.0)


def test_agreement_does_not_look_into_the_gap() -> None:
    told, mel = torch.rand(8, 60), torch.rand(80, 60)
    unknown = torch.zeros(60, dtype=torch.bool)
    unknown[20:30] = True
    before = agreement(told, mel, unknown)
    mel[:, 20:30], told[:, 20:30] = 0.5, 9.0
    assert agreement(told, mel, unknown) == before


@pytest.mark.parametrize("silent", ["told", "mel"])
def test_what_tells_nothing_neither_agrees_nor_disagrees(silent: str) -> None:
    told, mel = torch.rand(8, 60), torch.rand(80, 60)
    if silent == "told":
        told[:] = 0.25
    else:
        mel[:] = 0.5
    assert agreement(told, mel, torch.zeros(60, dtype=torch.bool)) is None
