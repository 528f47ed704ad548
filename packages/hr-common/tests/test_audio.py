import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.audio import AudioInfo, blocks, info, read, resample, write
from hr_common.errors import InputError

RNG = np.random.default_rng(7)


def test_the_header_tells_what_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((480, 2)), 48_000, "PCM_24")
    assert info(path) == AudioInfo(48_000, 2, 480, "FLAC", "PCM_24")
    assert info(path).seconds == 0.01


def test_samples_are_read_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    values = np.array([[-32768, 0], [1, 16384], [32767, -1]], np.int16)
    soundfile.write(path, values, 8000)
    samples, rate = read(path)
    assert (rate, samples.dtype) == (8000, np.float32)
    np.testing.assert_array_equal(samples, values / 32768)
    np.testing.assert_array_equal(read(path, start=1, stop=2)[0], values[1:2] / 32768)
    np.testing.assert_array_equal(read(path, start=2, stop=99, dtype="int16")[0], values[2:])
    assert read(path, start=3)[0].shape == (0, 2)


def test_floats_above_one_survive(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.array([1.5, -3.0], np.float32), 8000)
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], [[1.5], [-3.0]])


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (4, None), (2, 1)])
def test_a_part_outside_the_file_is_refused(tmp_path: Path, start: int, stop: int | None) -> None:
    write(tmp_path / "a.wav", np.zeros(3), 8000)
    with pytest.raises(InputError, match=r"lie outside .*a.wav, which has 3"):
        read(tmp_path / "a.wav", start=start, stop=stop)


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound at all, but long enough to look at")
    (tmp_path / "samples.raw").write_bytes(bytes(100))
    soundfile.write(tmp_path / "zero.wav", np.zeros((0, 1)), 8000)
    for name, words in (
        ("empty.wav", "empty.wav is empty"),
        ("text.wav", "text.wav is no sound file that can be read"),
        ("samples.raw", "raw samples without a header"),
        ("zero.wav", "zero.wav holds no sound"),
        ("missing.wav", "missing.wav: No such file"),
        (".", "Is a directory"),
    ):
        with pytest.raises(InputError, match=words):
            read(tmp_path / name)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_with_its_place(tmp_path: Path, bad: float) -> None:
    samples = np.zeros((8000, 2), np.float32)
    samples[4000, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, 8000, "FLOAT")
    words = r"a\.wav holds NaN or infinity at frame 4000 \(0.500 s\)"
    with pytest.raises(InputError, match=words):
        read(tmp_path / "a.wav", start=1000)
    with pytest.raises(InputError, match=words):
        list(blocks(tmp_path / "a.wav", size=1000, overlap=300))
    back, _ = read(tmp_path / "a.wav", start=3999, stop=4002, check_finite=False)
    np.testing.assert_array_equal(back, samples[3999:4002])
    with pytest.raises(InputError, match=r"b\.wav holds NaN or infinity at frame 4000"):
        write(tmp_path / "b.wav", samples, 8000)


def test_damaged_files_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, RNG.uniform(-1, 1, (50_000, 1)), 8000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.flac is damaged"):
        read(path)


def test_blocks_cover_the_file(tmp_path: Path) -> None:
    samples = RNG.uniform(-1, 1, (1050, 2)).astype(np.float32)
    write(tmp_path / "a.wav", samples, 8000)
    np.testing.assert_array_equal(np.concatenate(list(blocks(tmp_path / "a.wav", size=100))), samples)
    overlapping = list(blocks(tmp_path / "a.wav", size=100, overlap=20))
    np.testing.assert_array_equal(overlapping[3], samples[240:340])
    with pytest.raises(ValueError, match="cannot overlap by 100"):
        next(blocks(tmp_path / "a.wav", size=100, overlap=100))


@pytest.mark.parametrize(
    ("name", "subtype", "bits"),
    [
        ("a.wav", "PCM_U8", 8),
        ("a.wav", "PCM_16", 16),
        ("a.wav", "PCM_24", 24),
        ("a.flac", None, 24),
        ("a.aiff", "PCM_16", 16),
        ("a.wav", None, None),
        ("a.caf", None, None),
        ("a.w64", "DOUBLE", None),
    ],
)
@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (2, 44_100), (6, 96_000)])
def test_what_is_written_is_within_half_a_step(
    tmp_path: Path, name: str, subtype: str | None, bits: int | None, channels: int, rate: int
) -> None:
    samples = RNG.uniform(-0.99, 0.99, (70_000, channels)).astype(np.float32)
    write(tmp_path / name, samples, rate, subtype=subtype)
    back, back_rate = read(tmp_path / name)
    assert back_rate == rate
    step = 0.0 if bits is None else 2.0 ** (1 - bits)
    # float32 itself rounds 24-bit steps near one.
    assert np.abs(back.astype(np.float64) - samples).max() <= step / 2 + 2**-25


@pytest.mark.parametrize(("dtype", "subtype"), [("int16", "PCM_16"), ("int32", "PCM_32"), ("int16", "FLOAT")])
def test_integers_come_back_to_the_bit(tmp_path: Path, dtype: str, subtype: str) -> None:
    limits = np.iinfo(dtype)
    samples = RNG.integers(limits.min, limits.max, (1000, 2), dtype, endpoint=True)
    write(tmp_path / "a.wav", samples, 8000, subtype=subtype)
    assert info(tmp_path / "a.wav").subtype == subtype
    back = read(tmp_path / "a.wav", dtype="float64")[0]
    np.testing.assert_array_equal(np.rint(back * -float(limits.min)), samples)


def test_integer_formats_clip_and_round_to_nearest(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.array([2.0, -2.0, 1.4 / 32768, 1.6 / 32768]), 8000, subtype="PCM_16")
    assert read(tmp_path / "a.wav", dtype="int16")[0].ravel().tolist() == [32767, -32768, 1, 2]


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3", "a.opus"])
def test_lossy_formats_are_written_too(tmp_path: Path, name: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    write(tmp_path / name, tone, 48_000, subtype="OPUS" if name == "a.opus" else None)
    back = read(tmp_path / name)[0]
    assert np.abs(np.abs(np.fft.rfft(back[:48_000, 0])).argmax() - 440) <= 1


@pytest.mark.parametrize(
    ("name", "samples", "rate", "subtype", "words"),
    [
        ("a.xyz", np.zeros(3), 8000, None, "the suffix '.xyz' is no sound format"),
        ("a.wav", np.zeros((0, 2)), 8000, None, r"not empty, not float64 \(0, 2\)"),
        ("a.wav", np.zeros((2, 2, 2)), 8000, None, r"\(frame, channel\)"),
        ("a.wav", np.zeros(3, np.uint8), 8000, None, "float, int16 or int32 .*, not uint8"),
        ("a.flac", np.zeros((9, 2)), 8000, "FLOAT", "cannot write .*a.flac as FLAC with FLOAT samples"),
        ("a.flac", np.zeros((9, 9)), 8000, None, "FLAC does not take 9 channels of PCM_24 at 8000 Hz"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, name: str, samples: np.ndarray, rate: int, subtype: str | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write(tmp_path / name, samples, rate, subtype=subtype)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    code = (
        "import resource, sys, numpy, hr_common.audio as audio\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: audio.write(sys.argv[1], numpy.random.default_rng(0).uniform(-1, 1, 1_000_000), 8000)\n"
        "except OSError as error: print(error)"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)], check=True, capture_output=True, text=True
    )
    assert f"cannot write {tmp_path / name}" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_same_rate_gives_the_same_array() -> None:
    samples = RNG.uniform(size=(10, 2))
    assert resample(samples, 44_100, 44_100.0) is samples


@pytest.mark.parametrize(("source", "target"), [(44_100, 16_000), (16_000, 44_100), (8000, 48_000), (96_000, 44_100)])
def test_a_resampled_tone_is_the_tone(source: int, target: int) -> None:
    def tone(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)

    result = resample(tone(source), source, target)
    middle = slice(
        target // 10, -target // 10
    )  # the filter rings at the ends, where the sound begins and stops at once
    np.testing.assert_allclose(result[middle], tone(target)[middle], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 300),
    st.sampled_from([(), (1,), (2,), (3, 2), (0,)]),
    st.sampled_from([8000, 22_050, 44_100]),
    st.sampled_from(["float32", "float64"]),
)
def test_every_trailing_shape_is_resampled_column_by_column(
    length: int, trailing: tuple[int, ...], target: int, dtype: str
) -> None:
    samples = np.random.default_rng(length).normal(size=(length, *trailing)).astype(dtype)
    result = resample(samples, 16_000, target)
    assert result.dtype == dtype
    assert result.shape[1:] == trailing
    assert abs(len(result) - length * target / 16_000) <= 1
    if trailing == (3, 2):
        np.testing.assert_array_equal(result[:, 2, 1], resample(samples[:, 2, 1], 16_000, target))


def test_rates_have_to_be_positive() -> None:
    with pytest.raises(InputError, match="have to be positive, not 0 and 8000 Hz"):
        resample(np.zeros(3), 0, 8000)
