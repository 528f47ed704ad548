import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.audio import info, read, replace, write
from hr_common.errors import InputError

RNG = np.random.default_rng(11)
EXACT = {"FLOAT": "float32", "DOUBLE": "float64", "ULAW": "int16", "ALAW": "int16"}
FRAMES = 70_000  # more than a block


def make(path: Path, subtype: str, channels: int = 2, rate: int = 44_100) -> np.ndarray:
    """Write noise that a 12-sample patch would show up in, and give it back as it stands in the file."""
    write(path, RNG.uniform(-1, 1, (FRAMES, channels)) * 0.9, rate, subtype=subtype)
    return soundfile.read(path, dtype=EXACT.get(subtype, "int32"), always_2d=True)[0]


def patches(channels: int) -> list[tuple[int, np.ndarray]]:
    return [
        (0, np.full((5, channels), 0.25, np.float32)),
        (65_530, np.full((12, channels), -0.5)),  # across the border of two blocks
        (FRAMES - 3, np.full((3, channels), 2.0)),
    ]


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        *((".wav", name) for name in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")),
        *((".flac", name) for name in ("PCM_S8", "PCM_16", "PCM_24")),
        *((".aiff", name) for name in ("PCM_S8", "PCM_24", "FLOAT")),
        (".caf", "PCM_32"),
        (".w64", "DOUBLE"),
        (".au", "PCM_16"),
    ],
)
@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (2, 44_100), (6, 96_000)])
def test_only_the_new_frames_differ(tmp_path: Path, suffix: str, subtype: str, channels: int, rate: int) -> None:
    source, destination = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    before = make(source, subtype, channels, rate)
    replace(source, destination, patches(channels))
    assert info(destination) == info(source)
    after = soundfile.read(destination, dtype=before.dtype.name, always_2d=True)[0]
    expected = np.ones(FRAMES, bool)
    values = read(destination)[0]
    step = {"PCM_U8": 2**-8, "PCM_S8": 2**-8, "ALAW": 2**-5, "ULAW": 2**-5}.get(subtype, 2**-16)
    top = 2.0 if subtype in ("FLOAT", "DOUBLE") else 1.0  # integers clip
    for start, patch in patches(channels):
        expected[start : start + len(patch)] = False
        np.testing.assert_allclose(values[start : start + len(patch)], patch.clip(-top, top), atol=2 * step)
    np.testing.assert_array_equal(after[expected], before[expected])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("name", ["WAV", "WAVEX", "RF64"])
def test_every_other_byte_of_a_wav_stays(tmp_path: Path, subtype: str, name: str) -> None:
    source = tmp_path / "a.wav"
    samples = RNG.uniform(-1, 1, (1000, 2))
    soundfile.write(source, samples, 44_100, subtype, format=name)
    # A chunk before the samples and one after; an odd length is padded.
    extra = b"note" + (3).to_bytes(4, "little") + b"abc\0"
    raw = source.read_bytes()
    at = raw.index(b"data")
    # libsndfile does not get past an unknown chunk in RF64.
    source.write_bytes(raw[:at] + (b"" if name == "RF64" else extra) + raw[at:] + extra)
    replace(source, tmp_path / "b.wav", [(100, np.full((10, 2), 0.5))])
    old, new = source.read_bytes(), (tmp_path / "b.wav").read_bytes()
    assert len(old) == len(new)
    different = [at for at, (left, right) in enumerate(zip(old, new, strict=True)) if left != right]
    width = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}[subtype] * 2
    assert 0 < different[-1] - different[0] < 10 * width
    np.testing.assert_array_equal(read(tmp_path / "b.wav")[0][100:110], 0.5)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 10), st.floats(-1, 1)), max_size=4))
def test_patches_are_laid_one_over_another(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, int, float]]
) -> None:
    source = tmp_path_factory.getbasetemp() / "law.wav"
    expected = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
    write(source, expected, 8000)
    for start, length, value in plan:
        expected[start : start + length] = value
    for name in ("law_out.wav", "law_out.w64"):
        destination = source.with_name(name)
        replace(source, destination, [(start, np.full((length, 1), value)) for start, length, value in plan])
        np.testing.assert_array_equal(read(destination)[0], expected)


def test_a_file_can_be_replaced_by_itself(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        before = make(tmp_path / name, "PCM_16")
        replace(tmp_path / name, tmp_path / name, [(10, np.zeros((5, 2)))])
        before[10:15] = 0
        np.testing.assert_array_equal(soundfile.read(tmp_path / name, dtype="int32")[0], before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.flac", "a.wav"]


def test_a_big_endian_wav_keeps_its_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", RNG.uniform(-1, 1, (1000, 2)), 44_100, "PCM_24", "BIG")
    before = read(tmp_path / "a.wav", dtype="int32")[0]
    replace(tmp_path / "a.wav", tmp_path / "b.wav", [(0, np.zeros((5, 2)))])
    before[:5] = 0
    np.testing.assert_array_equal(read(tmp_path / "b.wav", dtype="int32")[0], before)


def test_tags_of_a_flac_stay(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 44_100, 2, "PCM_16") as file:
        file.title = "Fêtes"
        file.write(np.zeros((1000, 2)))
    replace(tmp_path / "a.flac", tmp_path / "b.flac", [(0, np.zeros((5, 2)))])
    with soundfile.SoundFile(tmp_path / "b.flac") as file:
        assert file.title == "Fêtes"


def test_tags_go_along_into_another_format(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 44_100, 1, "PCM_16") as file:
        file.artist = "Nobody"
        file.write(np.zeros(10))
    replace(tmp_path / "a.flac", tmp_path / "b.wav", [])
    with soundfile.SoundFile(tmp_path / "b.wav") as file:
        assert file.artist == "Nobody"


@pytest.mark.parametrize(
    ("source", "subtype", "destination", "expected"),
    [
        ("a.flac", "PCM_S8", "b.wav", "PCM_U8"),
        ("a.flac", "PCM_16", "b.wav", "PCM_16"),
        ("a.flac", "PCM_24", "b.w64", "PCM_24"),
        ("a.wav", "PCM_U8", "b.flac", "PCM_S8"),
        ("a.wav", "PCM_24", "b.flac", "PCM_24"),
        ("a.wav", "ULAW", "b.flac", "PCM_24"),
        ("a.wav", "FLOAT", "b.aiff", "FLOAT"),
        ("a.wav", "PCM_16", "b.rf64", "PCM_16"),
    ],
)
def test_another_lossless_format_holds_the_same_samples(
    tmp_path: Path, source: str, subtype: str, destination: str, expected: str
) -> None:
    make(tmp_path / source, subtype)
    replace(tmp_path / source, tmp_path / destination, [(7, np.zeros((5, 2)))])
    assert info(tmp_path / destination).subtype == expected
    before, after = read(tmp_path / source, dtype="float64")[0], read(tmp_path / destination, dtype="float64")[0]
    before[7:12] = 0
    if subtype == "ULAW":
        before[7:12] = after[7:12]
        assert np.abs(after[7:12]).max() < 1e-3
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("subtype", ["PCM_32", "FLOAT", "DOUBLE"])
def test_a_flac_that_could_not_hold_the_samples_is_refused(tmp_path: Path, subtype: str) -> None:
    make(tmp_path / "a.wav", subtype)
    with pytest.raises(InputError, match=f"FLAC cannot hold {subtype} samples exactly, so .* write b.wav instead"):
        replace(tmp_path / "a.wav", tmp_path / "b.flac", [])


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3"])
def test_lossy_sound_is_decoded_and_kept(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, 0.5 * np.sin(np.arange(44_100) / 20), 44_100)
    before = read(tmp_path / name)[0]
    before[1000:1100] = 0.125
    patch = [(1000, np.full((100, 1), 0.125))]
    replace(tmp_path / name, tmp_path / "b.wav", patch)
    assert info(tmp_path / "b.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(read(tmp_path / "b.wav")[0], before)
    replace(tmp_path / name, tmp_path / "b.flac", patch)
    np.testing.assert_allclose(read(tmp_path / "b.flac")[0], before, atol=2**-24 + 1e-7)
    with pytest.raises(
        InputError, match=r"exactly, so the sound around the new frames would change; write c.wav instead"
    ):
        replace(tmp_path / name, (tmp_path / "c").with_suffix(Path(name).suffix), patch)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM"])
def test_compressed_wav_is_decoded(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(np.arange(8000) / 20), 8000, subtype)
    before = read(tmp_path / "a.wav")[0]
    replace(tmp_path / "a.wav", tmp_path / "b.wav", [(10, np.zeros((1, 1)))])
    before[10] = 0
    assert info(tmp_path / "b.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(read(tmp_path / "b.wav")[0], before)


def test_nan_outside_the_new_frames_stays(tmp_path: Path) -> None:
    samples = np.zeros((100, 1), np.float32)
    samples[50:60] = np.nan
    for name in ("a.wav", "a.aiff"):
        soundfile.write(tmp_path / name, samples, 8000, "FLOAT")
        replace(tmp_path / name, tmp_path / name, [(50, np.full((9, 1), 0.5))])
        after = soundfile.read(tmp_path / name)[0]
        assert np.isnan(after[59])
        assert np.isfinite(np.delete(after, 59)).all()


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ((-1, np.zeros((5, 2))), "frames -1 to 4 lie outside .*, which has 70000"),
        ((FRAMES - 4, np.zeros((5, 2))), "lie outside"),
        ((0, np.zeros((5, 1))), r"shape \(5, 1\) does not fit .* of 2 channels"),
        ((10, np.array([[0.0, 0.0], [0.0, np.nan]])), "the patch holds NaN or infinity at frame 11"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path, patch: tuple[int, np.ndarray], words: str) -> None:
    make(tmp_path / "a.wav", "PCM_16")
    with pytest.raises(InputError, match=words):
        replace(tmp_path / "a.wav", tmp_path / "b.wav", [patch])
    assert not (tmp_path / "b.wav").exists()


def test_a_wav_under_a_wrong_name_becomes_what_the_name_says(tmp_path: Path) -> None:
    make(tmp_path / "a.wav", "PCM_16")
    shutil.copy(tmp_path / "a.wav", tmp_path / "a.flac")
    replace(tmp_path / "a.flac", tmp_path / "b.flac", [])
    assert info(tmp_path / "b.flac").format == "FLAC"
