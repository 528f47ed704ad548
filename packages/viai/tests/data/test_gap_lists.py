from pathlib import Path

import numpy as np
import pytest

from hr_common.errors import InputError
from viai.config import TINY
from viai.data.gap_lists import fixed_gaps, kept_gaps, level_db, parse_lengths, read_gaps


def test_every_clip_gives_gaps_of_every_length(clips_folder: Path) -> None:
    items = fixed_gaps(clips_folder, "test", 0, 2, config=TINY, lengths_seconds=[0.05, 0.4, 1.5])
    found = [(item.clip, (item.gap_stop - item.gap_start) / 16_000) for item in items]
    wanted = [
        (clip, seconds) for clip in ("bell/six_000", "drum/seven_000") for seconds in (0.05, 0.05, 0.4, 0.4, 1.5, 1.5)
    ]
    assert found == wanted
    for item in items:
        # Together with a picture, within the window of four seconds.
        assert item.gap_start % 1_280 == 0
        assert 0 <= item.gap_start < item.gap_stop <= 64_000


def test_a_list_is_drawn_once_and_then_read(clips_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "gaps.json"
    first = kept_gaps(path, clips_folder, "test", 1, config=TINY, lengths_seconds=[0.1, 0.8])
    assert first == read_gaps(path)
    assert kept_gaps(path, clips_folder, "test", 3, config=TINY, lengths_seconds=[0.1, 0.8, 1.0]) == first
    with pytest.raises(InputError, match=r"it has a gap of 0\.1 s\); keep gaps of these lengths in another file"):
        kept_gaps(path, clips_folder, "test", 1, config=TINY, lengths_seconds=[0.8])


@pytest.mark.parametrize("seconds", [0.00001, 4.0])
def test_a_gap_has_to_fit_its_window(clips_folder: Path, seconds: float) -> None:
    with pytest.raises(InputError, match="does not fit a window of 4 s"):
        fixed_gaps(clips_folder, "test", 0, 1, config=TINY, lengths_seconds=[seconds])


def test_lengths_are_read_with_commas_between() -> None:
    assert parse_lengths("0.05, 0.1,1.5") == [0.05, 0.1, 1.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [("0.1,x", "'x' is no length in seconds"), ("", "'' is no length"), ("0", "a gap of 0 s is none"),
     ("-1", "a gap of -1 s"), ("nan", "a gap of nan s"), ("inf", "a gap of inf s")],
)  # fmt: skip
def test_what_is_no_length_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_lengths(text)


def test_levels_by_hand() -> None:
    assert level_db(np.full(100, 0.1, dtype=np.float32)) == pytest.approx(-20, abs=1e-4)
    assert level_db(np.zeros(100, dtype=np.float32)) == pytest.approx(-200)
