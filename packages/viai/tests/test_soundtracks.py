"""The sound of sound files and videos on disk."""

import gc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hr_common import audio, video
from hr_common.errors import InputError
from viai.gaps import Gap
from viai.soundtracks import (
    ScratchFolder,
    detect_sound,
    extract_sound,
    is_sound_file,
    output_suffix,
    read_known,
    require_writable,
)


def test_the_suffix_tells_sound_from_video() -> None:
    assert is_sound_file(Path("a.WAV"))
    assert is_sound_file(Path("a.mp3"))
    assert not is_sound_file(Path("a.mp4"))
    assert not is_sound_file(Path("a"))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.wav", ".wav"), ("a.FLAC", ".FLAC"), ("a.mp3", ".wav"), ("a.opus", ".wav"), ("a.wave", ".wav"),
     ("a.mp4", ".mp4"), ("a.webm", ".webm"), ("a.avi", ".mkv"), ("a.mpg", ".mkv"), ("a", ".mkv")],
)  # fmt: skip
def test_a_copy_gets_a_suffix_that_can_be_written_without_loss(name: str, suffix: str) -> None:
    assert output_suffix(Path(name)) == suffix
    require_writable(Path(name), Path("copy" + suffix))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a.wav", "b.mp3", r"\.mp3 is lossy.* write b\.wav instead"),
        ("a.mp4", "b.ogg", r"\.ogg is lossy"),
        ("a.wav", "b.mp4", r"a\.wav has no picture"),
        ("a.wav", "b.txt", r"the suffix '\.txt' is unknown; use \.wav or \.flac$"),
        ("a.mp4", "b.avi", r"the suffix '\.avi' is unknown; use .*\.mkv"),
        ("a.wav", "b", "the suffix '' is unknown"),
    ],
)
def test_names_under_which_nothing_can_be_written_are_refused(source: str, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_writable(Path(source), Path(target))


def test_a_scratch_folder_goes_with_its_object() -> None:
    folder = ScratchFolder()
    path = folder.path
    (path / "file").write_text("content")
    del folder
    gc.collect()
    assert not path.exists()


def test_a_stretch_is_read_without_its_gaps(tmp_path: Path) -> None:
    samples = np.arange(1.0, 13.0)[:, None] * [1.0, -1.0]
    samples[3:5], samples[8] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="DOUBLE")
    stretch = read_known(tmp_path / "a.wav", 1, 10, [Gap(0, 2), Gap(3, 5), Gap(8, 9), Gap(10, 11)])
    # Samples 1 to 9, of which 1, 3, 4 and 8 are missing.
    np.testing.assert_array_equal(stretch[:, 0], [0, 3, 0, 0, 6, 7, 8, 0, 10])
    np.testing.assert_array_equal(stretch[:, 1], -stretch[:, 0])
    with pytest.raises(InputError, match="NaN or infinity at frame 3"):
        read_known(tmp_path / "a.wav", 1, 10, [Gap(8, 9)])


def test_a_stretch_without_gaps_and_one_that_is_all_gap(tmp_path: Path) -> None:
    samples = np.linspace(-1, 1, 20)[:, None]
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="DOUBLE")
    np.testing.assert_array_equal(read_known(tmp_path / "a.wav", 4, 9, []), samples[4:9])
    np.testing.assert_array_equal(read_known(tmp_path / "a.wav", 4, 9, [Gap(0, 20)]), np.zeros((5, 1)))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_track_of_a_video_is_extracted_across_stretches(tmp_path: Path, suffix: str) -> None:
    rate = 8_000
    time = np.arange(65 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * (200 + 10 * time) * time)
    # AAC and FLAC in their containers; 65 s are three stretches.
    film, film_with_sound = tmp_path / "film.mp4", tmp_path / f"film2{suffix}"
    video.write(film, [np.zeros((16, 16, 3), np.uint8)] * 65, 1, sound=tone[:, None], sound_rate=rate)
    video.replace_sound(film, film_with_sound, tone[:, None], rate)
    sound = extract_sound(film_with_sound, tmp_path / "sound.w64")
    samples, read_rate = audio.read(sound)
    whole, _, _ = video.read_sound(film_with_sound)
    assert read_rate == rate
    assert len(samples) == len(whole)
    # In step with the whole track to the end, and nothing missing or twice where stretches meet.
    np.testing.assert_allclose(samples, whole, atol=1e-6 if suffix == ".mkv" else 0.02)


def test_a_video_without_sound_is_refused_with_what_to_type(tmp_path: Path) -> None:
    video.write(tmp_path / "film.mp4", [np.zeros((16, 16, 3), np.uint8)] * 5, 5)
    with pytest.raises(InputError, match=r"has no sound track, only h264 pictures; .*viai inpaint SOUND film\.mp4"):
        extract_sound(tmp_path / "film.mp4", tmp_path / "sound.w64")


def test_damage_is_found_in_sound_files_and_in_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = 16_000
    samples = 0.3 * np.cos(2 * np.pi * 220 * np.arange(2 * rate) / rate)[:, None]
    samples[rate : rate + 800] = 0
    soundfile.write(tmp_path / "a.wav", samples, rate)
    film = tmp_path / "a.mp4"
    video.write(film, [np.zeros((16, 16, 3), np.uint8)] * 10, 5, sound=samples, sound_rate=rate)
    video.replace_sound(film, tmp_path / "a.mkv", samples, rate)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    for name in ("a.wav", "a.mkv"):
        found_rate, found = detect_sound(tmp_path / name)
        assert found_rate == rate
        assert [(item.start, item.stop, item.kind) for item in found] == [(rate, rate + 800, "silence")]
    assert not list(scratch.iterdir())
