from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from hr_common.errors import InputError
from hr_common.video import info, read_frames, read_sound, write

Pictures = Callable[..., Iterator[np.ndarray]]


def number(picture: np.ndarray) -> int:
    """The number that the colour of the lower right corner tells."""
    return round(float(picture[-8:, -8:, 0].mean()) / 5)


def encode(
    path: Path,
    stamps: list[Fraction],
    pictures: Pictures,
    codec: str = "libx264",
    rotation: int = 0,
    sound: list[tuple[Fraction, np.ndarray]] | None = None,
    sound_codec: str = "pcm_s16le",
) -> None:
    """Write a file straight with PyAV: pictures at given times, blocks of int16 sound at given times."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, width=64, height=48, pix_fmt="yuv420p", options={"g": "10"})
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        track = output.add_stream(sound_codec, rate=8000, layout="mono") if sound else None
        for stamp, picture in zip(stamps, pictures(len(stamps)), strict=True):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(stamp * 1000), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for stamp, block in sound or []:
            block_frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
            block_frame.sample_rate, block_frame.time_base = 8000, Fraction(1, 8000)
            block_frame.pts = int(stamp * 8000)
            output.mux(track.encode(block_frame))
        if track:
            output.mux(track.encode(None))


def test_the_header_tells_what_the_file_is(clip: Path) -> None:
    header = info(clip)
    assert (header.width, header.height, header.rotation, header.codec) == (64, 48, 0, "h264")
    assert (header.average_rate, header.frames, header.start, header.duration) == (25, 50, 0.0, 2.0)
    assert (header.has_sound, header.sound_rate, header.sound_channels, header.sound_start) == (True, 44_100, 1, 0.0)


def test_a_container_without_a_frame_count_is_counted(tmp_path: Path, pictures: Pictures) -> None:
    write(tmp_path / "a.mkv", pictures(30), 25)
    header = info(tmp_path / "a.mkv")
    assert (header.frames, header.has_sound, header.sound_rate) == (30, False, 0)
    assert header.duration == pytest.approx(1.2, abs=0.002)


def test_the_nearest_picture_is_given_with_its_true_time(clip: Path) -> None:
    wanted = [1.0, 0.05, 1.019, 1.021, -3.0, 99.0, 1.0]
    frames, times = read_frames(clip, wanted)
    np.testing.assert_allclose(times, [1.0, 0.04, 1.0, 1.04, 0.0, 1.96, 1.0], atol=1e-9)
    assert [number(frame) for frame in frames] == [25, 1, 25, 26, 0, 49, 25]


def test_every_picture_is_found_by_its_own_time(clip: Path) -> None:
    for index in range(0, 50, 7):
        frames, times = read_frames(clip, [index / 25])
        assert (number(frames[0]), times[0]) == (index, pytest.approx(index / 25))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_pictures_are_right_after_seeking_in_every_container(
    tmp_path: Path, pictures: Pictures, name: str, codec: str
) -> None:
    encode(tmp_path / name, [Fraction(index, 25) for index in range(50)], pictures, codec)
    every, times = read_frames(tmp_path / name, [index / 25 for index in range(50)])
    for index in (0, 9, 10, 11, 29, 30, 49):
        alone, time = read_frames(tmp_path / name, [times[index]])
        assert time[0] == times[index]
        np.testing.assert_array_equal(alone[0], every[index])


def test_far_apart_pictures_are_sought(tmp_path: Path, pictures: Pictures) -> None:
    encode(tmp_path / "a.mkv", [Fraction(index) for index in range(50)], pictures)
    frames, times = read_frames(tmp_path / "a.mkv", [41.2, 2.9, 20.0])
    assert ([number(frame) for frame in frames], times.tolist()) == ([41, 3, 20], [41.0, 3.0, 20.0])


def test_a_variable_rate_follows_the_time_stamps(tmp_path: Path, pictures: Pictures) -> None:
    stamps = [Fraction(stamp, 1000) for stamp in (0, 10, 500, 520, 1500)]
    encode(tmp_path / "a.mkv", stamps, pictures)
    frames, times = read_frames(tmp_path / "a.mkv", [0.2, 0.3, 0.511, 0.9, 1.1])
    np.testing.assert_allclose(times, [0.01, 0.5, 0.52, 0.52, 1.5], atol=1e-9)
    assert [number(frame) for frame in frames] == [1, 2, 3, 3, 4]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_rotation_is_applied(tmp_path: Path, pictures: Pictures, rotation: int) -> None:
    encode(tmp_path / "a.mp4", [Fraction(0), Fraction(1)], pictures, rotation=rotation)
    frames, _ = read_frames(tmp_path / "a.mp4", [1.0])
    expected = np.rot90(list(pictures(2))[1], rotation // 90)
    assert frames[0].shape == expected.shape
    assert np.abs(frames[0].astype(int) - expected).mean() < 5
    header = info(tmp_path / "a.mp4")
    assert (header.rotation, header.height, header.width) == (rotation, *expected.shape[:2])
    small, _ = read_frames(tmp_path / "a.mp4", [1.0], size=(24, 16))
    assert small.shape == (1, 24, 16, 3)


def test_shrinking_averages_areas(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    write(tmp_path / "a.mp4", [stripes] * 2, 25, crf=1)
    frames, _ = read_frames(tmp_path / "a.mp4", [0.0], size=(8, 8))
    assert np.abs(frames[0].astype(int) - 127).max() < 8
    assert read_frames(tmp_path / "a.mp4", [0.0], size=(100, 200))[0].shape == (1, 100, 200, 3)


def test_colours_come_back(clip: Path, pictures: Pictures) -> None:
    frames, _ = read_frames(clip, [1.0])
    original = list(pictures(26))[25]
    for row, column in ((5, 5), (5, 58), (42, 5), (42, 58)):
        assert np.abs(frames[0, row, column].astype(int) - original[row, column]).max() <= 4


def test_no_times_give_no_pictures(clip: Path) -> None:
    frames, times = read_frames(clip, [])
    assert (frames.shape, times.shape) == ((0, 48, 64, 3), (0,))


def test_senseless_requests_are_refused(clip: Path) -> None:
    with pytest.raises(InputError, match="have to be finite"):
        read_frames(clip, [0.0, float("nan")])
    with pytest.raises(InputError, match="cannot be 0 x 5 pixels"):
        read_frames(clip, [0.0], size=(0, 5))
    with pytest.raises(InputError, match="ends before it begins"):
        read_sound(clip, start=1.0, stop=0.5)


def test_sound_is_where_it_was_put(clip: Path) -> None:
    sound, rate, start = read_sound(clip)
    assert (rate, sound.shape, sound.dtype) == (44_100, (88_200, 1), np.float32)
    assert abs(start + np.abs(sound[:, 0]).argmax() / rate - 1.0) < 1e-3


def test_a_part_of_the_sound_is_that_part_of_the_whole(clip: Path) -> None:
    sound, rate, _ = read_sound(clip)
    for begin, end in ((0.9, 1.1), (1.5, None), (None, 0.3), (0.0, 9.0), (1.97, 2.0)):
        part, _, start = read_sound(clip, start=begin, stop=end)
        first = round(start * rate)
        assert start == pytest.approx(begin or 0.0, abs=1 / rate)
        assert len(part) == min(round((end or 2.0) * rate), len(sound)) - first
        np.testing.assert_allclose(part, sound[first : first + len(part)], atol=1e-4)
    assert read_sound(clip, start=5.0)[0].shape == (0, 1)
    assert read_sound(clip, stop=-1.0)[0].shape == (0, 1)


def test_integer_sound_becomes_float(tmp_path: Path, pictures: Pictures) -> None:
    block = np.array([-32768, -1, 0, 1, 32767] * 200, np.int16)
    encode(tmp_path / "a.mkv", [Fraction(0)], pictures, sound=[(Fraction(0), block)])
    sound, rate, start = read_sound(tmp_path / "a.mkv")
    assert (rate, start) == (8000, 0.0)
    np.testing.assert_array_equal(sound[:, 0], block / 32768)


@pytest.mark.parametrize(("codec", "scale"), [("pcm_u8", 2**-7), ("pcm_s32le", 2**-15), ("pcm_f32le", 2**-15)])
def test_every_sample_format_has_the_same_scale(tmp_path: Path, pictures: Pictures, codec: str, scale: float) -> None:
    block = np.linspace(-32768, 32512, 1000).astype(np.int16)
    encode(tmp_path / "a.mkv", [Fraction(0)], pictures, sound=[(Fraction(0), block)], sound_codec=codec)
    np.testing.assert_allclose(read_sound(tmp_path / "a.mkv")[0][:, 0], block / 32768, atol=scale)


def test_holes_in_the_sound_are_filled_with_silence(tmp_path: Path, pictures: Pictures) -> None:
    block = np.full(800, 16_384, np.int16)
    late = [(Fraction(1, 10), block), (Fraction(5, 10), block)]
    encode(tmp_path / "a.mkv", [Fraction(0), Fraction(1)], pictures, sound=late)
    sound, _, start = read_sound(tmp_path / "a.mkv")
    assert (start, len(sound)) == (pytest.approx(0.1), 800 + 2400 + 800)
    np.testing.assert_array_equal(sound[:, 0] > 0.4, np.repeat([True, False, True], [800, 2400, 800]))
    part, _, start = read_sound(tmp_path / "a.mkv", start=0.15, stop=0.55)
    assert (start, len(part)) == (pytest.approx(0.15), 3200)
    np.testing.assert_array_equal(part[:, 0] > 0.4, np.repeat([True, False, True], [400, 2400, 400]))


def test_unreadable_files_say_why(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    for name, words in (
        ("empty.mp4", "empty.mp4 is empty"),
        ("text.mp4", "text.mp4 is no video that can be read"),
        ("missing.mp4", "missing.mp4: No such file"),
        (".", "Is a directory"),
    ):
        for read in (info, read_sound, lambda path: read_frames(path, [0.0])):
            with pytest.raises(InputError, match=words):
                read(tmp_path / name)


def test_a_missing_stream_is_named_with_those_there_are(tmp_path: Path, pictures: Pictures) -> None:
    write(tmp_path / "silent.mp4", pictures(5), 25)
    with pytest.raises(InputError, match=r"silent.mp4 has no sound track \(streams: video h264\)"):
        read_sound(tmp_path / "silent.mp4")
    with av.open(str(tmp_path / "dark.mka"), "w") as output:
        track = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    for read in (info, lambda path: read_frames(path, [0.0])):
        with pytest.raises(InputError, match=r"dark.mka has no pictures \(streams: audio pcm_s16le\)"):
            read(tmp_path / "dark.mka")
    assert read_sound(tmp_path / "dark.mka")[0].shape == (800, 1)


def test_of_a_cut_file_what_is_there_is_read(tmp_path: Path, clip: Path) -> None:
    # faststart puts the index first, so that the rest can be missing
    whole = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    frames, times = read_frames(tmp_path / "cut.mp4", [0.2, 99.0])
    assert number(frames[0]) == 5
    assert 0.2 < times[1] < 1.9
    assert 0.2 < len(read_sound(tmp_path / "cut.mp4")[0]) / 44_100 < 1.9


def test_damage_in_the_middle_is_passed_over(tmp_path: Path, clip: Path) -> None:
    raw = bytearray(clip.read_bytes())
    begin = len(raw) * 2 // 3
    raw[begin : begin + 400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(raw)
    frames, _ = read_frames(tmp_path / "damaged.mp4", [0.0, 1.96])
    assert number(frames[0]) == 0
    assert len(read_sound(tmp_path / "damaged.mp4")[0]) > 44_100


def test_a_file_without_an_index_is_refused(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "stump.mp4").write_bytes(clip.read_bytes()[:600])
    with pytest.raises(InputError, match=r"stump.mp4 is (no video that can be read|damaged)"):
        read_frames(tmp_path / "stump.mp4", [0.0])


def test_a_colon_in_the_name_means_nothing(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take 12:30%d.mp4").write_bytes(clip.read_bytes())
    assert info("take 12:30%d.mp4").frames == 50
