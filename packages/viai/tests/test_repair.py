"""A repaired file on disk."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from hr_common import audio, video
from hr_common.errors import InputError
from hr_common.files import read_json
from viai.gaps import Gap
from viai.repair import FileRepair
from viai.report import GapReport, RepairReport
from viai.soundtracks import ScratchFolder, extract_sound

RATE = 16_000
GAP = Gap(16_000, 20_000)


def tone(seconds: float = 3.0) -> np.ndarray:
    return 0.3 * np.cos(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)[:, None]


def report(source: str, *, refused: tuple[str, ...] = ()) -> RepairReport:
    gap = GapReport(
        start=1.0,
        stop=1.25,
        method="viai-a",
        vocoder="phase",
        note="",
        click_start=1.0,
        click_stop=1.0,
        level_difference_db=0.0,
        treble_gap_db=None,
        treble_context_db=None,
        seconds=0.1,
    )
    return RepairReport(
        source=source,
        video=None,
        placement=None,
        sample_rate=RATE,
        channels=1,
        frames=3 * RATE,
        seed=0,
        weights={},
        gaps=(gap,),
        refused=refused,
    )


def repair_of(path: Path) -> FileRepair:
    """The repair of a sound file whose gap is filled with 0.25."""
    patch = (GAP.start, np.full((GAP.length, 1), 0.25))
    return FileRepair(path, path, (GAP,), (patch,), report(str(path)))


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(packet.pts, packet.dts, bytes(packet)) for packet in container.demux(stream) if packet.size]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    pictures = [np.full((32, 32, 3), 5 * index, np.uint8) for index in range(30)]
    video.write(path, pictures, 10, sound=tone(), sound_rate=RATE)
    return path


def repair_of_film(film: Path) -> FileRepair:
    scratch = ScratchFolder()
    sound = extract_sound(film, scratch.path / "sound.w64")
    silence = (GAP.start, np.zeros((GAP.length, 1)))
    return FileRepair(film, sound, (GAP,), (silence,), report(str(film)), scratch=scratch)


def test_only_the_patch_is_new(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE, subtype="PCM_16")
    target = repair_of(source).save(tmp_path / "out.wav")
    before, after = (soundfile.read(path, dtype="int16")[0] for path in (source, target))
    assert (after[GAP.start : GAP.stop] == 8_192).all()  # 0.25 of 32,768
    after[GAP.start : GAP.stop] = before[GAP.start : GAP.stop]
    np.testing.assert_array_equal(after, before)


def test_a_file_may_be_repaired_in_place(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE, subtype="PCM_16")
    repair_of(source).save(source)
    assert (soundfile.read(source, dtype="int16")[0][GAP.start : GAP.stop] == 8_192).all()
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_packets_of_the_picture_come_through_and_the_sound_stays_in_step(film: Path, suffix: str) -> None:
    target = repair_of_film(film).save(film.with_name(f"out{suffix}"))
    assert [data for *_, data in packets(target)] == [data for *_, data in packets(film)]
    if suffix == ".mp4":
        assert packets(target) == packets(film)
    before, after = video.info(film), video.info(target)
    assert (after.frames, after.codec) == (before.frames, before.codec)
    sound, rate, start = video.read_sound(target)
    original, _, original_start = video.read_sound(film)
    assert rate == RATE
    # Where in the film a sample is heard has not changed, up to the codec's error.
    shift = round((start - original_start) * rate)
    assert abs(shift) <= 1
    assert np.abs(sound[GAP.start + 200 : GAP.stop - 200]).max() < 0.01
    for place in (slice(2_000, GAP.start - 1_500), slice(GAP.stop + 1_500, 40_000)):
        assert np.abs(sound[place] - original[place]).max() < 0.05


def test_the_sound_alone_of_a_video_is_an_ordinary_wav(film: Path) -> None:
    repair = repair_of_film(film)
    target = repair.save(film.with_name("out.wav"))
    assert audio.info(target).format in ("WAV", "WAVEX")
    before, after = audio.read(repair.sound)[0], audio.read(target)[0]
    assert not after[GAP.start : GAP.stop].any()
    np.testing.assert_array_equal(after[GAP.stop :], before[GAP.stop :])


def test_the_extracted_sound_goes_with_the_repair(film: Path) -> None:
    repair = repair_of_film(film)
    folder = repair.sound.parent
    repair.save(film.with_name("out.mp4"))
    assert folder.is_dir()
    del repair
    assert not folder.exists()


def test_a_lossy_target_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE)
    with pytest.raises(InputError, match="lossy"):
        repair_of(source).save(tmp_path / "out.mp3")
    with pytest.raises(InputError, match=r"the folder .* does not exist"):
        repair_of(source).save(tmp_path / "missing" / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_the_report_is_json(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE)
    repair = repair_of(source)
    repair.save_report(tmp_path / "report.json")
    assert read_json(tmp_path / "report.json") == repair.as_dict() | {
        "gaps": [vars(repair.report.gaps[0]) | {"candidates": []}],
        "refused": [],
    }


def test_the_picture_is_drawn_whatever_the_gaps_hold(tmp_path: Path) -> None:
    samples = 0.1 * np.random.default_rng(0).standard_normal((3 * RATE, 1))
    patch = (GAP.start, samples[GAP.start : GAP.stop].copy())
    other = Gap(24_000, 28_000)
    for gap in (GAP, other):
        samples[gap.start : gap.stop] = np.nan
    source = tmp_path / "in.wav"
    soundfile.write(source, samples, RATE, subtype="FLOAT")
    repair = FileRepair(source, source, (GAP, other), (patch,), report(str(source)))
    repair.save_picture(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        pixels = np.asarray(picture.convert("L"), dtype=float)
    assert pixels.shape[0] > 300
    # The upper half shows the hole, the lower half what fills it.
    half = len(pixels) // 2
    assert (pixels[:half] < 5).mean() > (pixels[half:] < 5).mean() + 0.03


def test_without_a_filled_gap_there_is_no_picture(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE)
    repair = FileRepair(source, source, (GAP,), (), report(str(source), refused=("too long",)))
    assert repair.refused == ("too long",)
    with pytest.raises(InputError, match="nothing was filled"):
        repair.save_picture(tmp_path / "picture.png")


def test_the_report_is_a_page_where_the_name_says_so(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE)
    repair_of(source).save_report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<audio") == 2
    with pytest.raises(InputError, match=r"a report ends in \.json .* or \.html"):
        repair_of(source).save_report(tmp_path / "report.txt")
    with pytest.raises(InputError, match=r"the folder .* does not exist"):
        repair_of(source).save_report(tmp_path / "missing" / "report.html")
    assert {path.name for path in tmp_path.iterdir()} == {"in.wav", "report.html"}


def test_the_page_has_the_original_and_bears_what_is_no_number_far_from_the_gap(tmp_path: Path) -> None:
    samples = tone(5.0)
    original = tmp_path / "original.wav"
    soundfile.write(original, samples, RATE, subtype="FLOAT")
    samples[45_000] = np.nan
    source = tmp_path / "in.wav"
    soundfile.write(source, samples, RATE, subtype="FLOAT")
    patch = (GAP.start, np.full((GAP.length, 1), 0.25))
    repair = FileRepair(source, source, (GAP,), (patch,), report(str(source)), reference=original)
    repair.save_report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 3
    assert ">original<" in page


def test_every_candidate_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, tone(), RATE, subtype="PCM_16")
    other = Gap(30_000, 30_100)
    first = [np.full((GAP.length, 1), value) for value in (0.25, 0.5)]
    only = np.full((other.length, 1), -0.25)
    repair = FileRepair(
        source,
        source,
        (GAP, other),
        ((GAP.start, first[1]), (other.start, only)),
        report(str(source)),
        candidates=((first[0], first[1]), (only,)),
    )
    written = repair.save_candidates(tmp_path / "out.wav")
    assert [path.name for path in written] == ["out.candidate0.wav", "out.candidate1.wav"]
    before = soundfile.read(source, dtype="int16")[0]
    for path, level in zip(written, (8_192, 16_384), strict=True):
        after = soundfile.read(path, dtype="int16")[0]
        assert (after[GAP.start : GAP.stop] == level).all()
        # A gap without a choice has its one filling in all of them.
        assert (after[other.start : other.stop] == -8_192).all()
        for gap in (GAP, other):
            after[gap.start : gap.stop] = before[gap.start : gap.stop]
        np.testing.assert_array_equal(after, before)
    assert repair_of(source).save_candidates(tmp_path / "out.wav") == []
