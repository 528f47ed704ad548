from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from hr_common.errors import InputError
from hr_common.video import info, read_frames, read_sound, replace_sound, write

Pictures = Callable[..., Iterator[np.ndarray]]
Clicks = Callable[..., np.ndarray]


def click_time(path: Path) -> float:
    sound, rate, start = read_sound(path)
    return float(start + np.abs(sound[:, 0]).argmax() / rate)


def packets(path: Path) -> list[tuple[bytes, float]]:
    with av.open(str(path)) as container:
        return [
            (bytes(p), float(p.pts * p.time_base)) for p in container.demux(video=0) if p.size and p.pts is not None
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8000, 1), (48_000, 6), (11_111, 1)])
def test_a_click_comes_back_at_its_time(
    tmp_path: Path, pictures: Pictures, clicks: Clicks, suffix: str, rate: int, channels: int
) -> None:
    path = tmp_path / f"a{suffix}"
    write(path, pictures(), 25, sound=clicks(1.0, rate, channels), sound_rate=rate)
    assert abs(click_time(path) - 1.0) < 1e-3
    header = info(path)
    assert (header.codec, header.frames, header.sound_channels) == ("h264", 50, channels)
    assert (header.start, header.sound_start) == (0.0, 0.0)


@pytest.mark.parametrize("rate", [Fraction(30_000, 1001), 29.97, 12.5, 1])
def test_pictures_are_shown_at_the_rate(tmp_path: Path, pictures: Pictures, rate: Fraction | float) -> None:
    write(tmp_path / "a.mp4", pictures(10), rate)
    assert float(info(tmp_path / "a.mp4").average_rate) == pytest.approx(float(rate), rel=1e-6)
    _, times = read_frames(tmp_path / "a.mp4", np.arange(10) / float(rate))
    np.testing.assert_allclose(times, np.arange(10) / float(rate), atol=1e-4)


def test_equal_pictures_give_equal_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wall = np.repeat(np.repeat(rng.integers(0, 256, (6, 8, 3)), 24, 0), 24, 1)
    frames = []
    for number in range(40):
        frame = wall + rng.integers(-3, 4, wall.shape)
        left, top = int(80 + 50 * np.sin(number / 3)), int(60 + 40 * np.cos(number / 5))
        frame[top : top + 16, left : left + 16] = (250, 200, 20)
        frames.append(frame.clip(0, 255).astype(np.uint8))
    files = set()
    for _ in range(15):
        write(tmp_path / "a.mp4", frames, 25, crf=28)
        files.add((tmp_path / "a.mp4").read_bytes())
    assert len(files) == 1


def test_an_odd_size_is_made_even(tmp_path: Path, pictures: Pictures) -> None:
    write(tmp_path / "a.mp4", pictures(3, 31, 45), 25, crf=5)
    frames, _ = read_frames(tmp_path / "a.mp4", [0.0])
    assert frames.shape == (1, 32, 46, 3)
    assert np.abs(frames[0, 31].astype(int) - frames[0, 30]).max() <= 3


def test_the_index_comes_first_so_that_it_streams(clip: Path) -> None:
    raw = clip.read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("a.avi", {}, "suffix has to be .mp4, .m4v, .mov or .mkv, not '.avi'"),
        ("a.mp4", {"frames": []}, "there are no pictures"),
        ("a.mp4", {"rate": 0}, "0 pictures a second"),
        ("a.mp4", {"frames": [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]}, "picture 1 is uint8"),
        ("a.mp4", {"sound": np.zeros((10, 9)), "sound_rate": 8000}, r"at most 8 channels, not \(10, 9\)"),
        ("a.mp4", {"sound": np.full((10, 1), np.nan), "sound_rate": 8000}, "has to be finite"),
        ("nowhere/a.mp4", {}, "nowhere does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, pictures: Pictures, name: str, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write(tmp_path / name, **{"frames": pictures(3), "rate": 25, **arguments})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_sound_needs_its_rate(tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(ValueError, match="come together"):
        write(tmp_path / "a.mp4", pictures(3), 25, sound=np.zeros((10, 1)))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("start", [None, 0.3217])
def test_pictures_stay_untouched_beside_new_sound(
    tmp_path: Path, clip: Path, clicks: Clicks, suffix: str, start: float | None
) -> None:
    destination = tmp_path / f"b{suffix}"
    replace_sound(clip, destination, clicks(1.25), 44_100, start=start)
    assert abs(click_time(destination) - 1.25 - (start or 0.0)) < 1e-3
    old, new = packets(clip), packets(destination)
    assert [raw for raw, _ in new] == [raw for raw, _ in old]
    np.testing.assert_allclose([time for _, time in new], [time for _, time in old], atol=1e-3)
    assert info(destination).start == pytest.approx(0.0)


def test_sound_comes_back_with_its_length_and_shape(tmp_path: Path, clip: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(88_200) / 44_100)[:, None].astype(np.float32)
    for suffix, tolerance in ((".mp4", 0.01), (".mkv", 2**-23)):
        replace_sound(clip, tmp_path / f"b{suffix}", tone, 44_100)
        sound, rate, start = read_sound(tmp_path / f"b{suffix}")
        assert (rate, sound.shape, start) == (44_100, tone.shape, 0.0)
        assert np.abs(sound - tone)[2000:-2000].max() < tolerance


def test_webm_gets_opus(tmp_path: Path, pictures: Pictures, clicks: Clicks) -> None:
    with av.open(str(tmp_path / "a.webm"), "w") as output:
        stream = output.add_stream("libvpx", rate=25, width=64, height=48, pix_fmt="yuv420p")
        for picture in pictures(50):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    replace_sound(tmp_path / "a.webm", tmp_path / "b.webm", clicks(), 44_100)
    header = info(tmp_path / "b.webm")
    assert (header.codec, header.sound_rate, header.frames) == ("vp8", 48_000, 50)
    assert abs(click_time(tmp_path / "b.webm") - 1.0) < 1e-3


def test_a_late_sound_track_stays_late(tmp_path: Path, clip: Path, clicks: Clicks) -> None:
    replace_sound(clip, tmp_path / "late.mkv", clicks(0.5), 44_100, start=0.4)
    assert info(tmp_path / "late.mkv").sound_start == pytest.approx(0.4, abs=1e-3)
    sound, rate, _ = read_sound(tmp_path / "late.mkv")
    replace_sound(tmp_path / "late.mkv", tmp_path / "again.mp4", sound, rate)
    assert abs(click_time(tmp_path / "again.mp4") - 0.9) < 1e-3


def test_rotation_and_tags_stay(tmp_path: Path, clicks: Clicks) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        output.metadata["title"] = "A dance"
        stream = output.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p")
        stream.set_display_rotation(90)
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    rotation = info(tmp_path / "a.mp4").rotation
    assert rotation == 90
    for suffix in (".mp4", ".mkv"):
        replace_sound(tmp_path / "a.mp4", tmp_path / f"b{suffix}", clicks(), 44_100)
        assert info(tmp_path / f"b{suffix}").rotation == 90
        with av.open(str(tmp_path / f"b{suffix}")) as container:
            assert {key.lower(): value for key, value in container.metadata.items()}["title"] == "A dance"


def test_a_file_can_get_new_sound_in_its_own_place(tmp_path: Path, clip: Path, clicks: Clicks) -> None:
    (tmp_path / "a.mp4").write_bytes(clip.read_bytes())
    replace_sound(tmp_path / "a.mp4", tmp_path / "a.mp4", clicks(0.25), 44_100)
    assert abs(click_time(tmp_path / "a.mp4") - 0.25) < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_container_that_cannot_hold_the_pictures_is_named(tmp_path: Path, clip: Path, clicks: Clicks) -> None:
    with pytest.raises(InputError, match=r".webm cannot hold h264 pictures; use .mkv"):
        replace_sound(clip, tmp_path / "b.webm", clicks(), 44_100)
    with pytest.raises(InputError, match=r"suffix has to be one of .mp4, .* not '.wav'"):
        replace_sound(clip, tmp_path / "b.wav", clicks(), 44_100)
    assert not list(tmp_path.iterdir())
