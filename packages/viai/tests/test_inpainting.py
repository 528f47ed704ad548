"""The main job, with untrained networks: what must hold whatever they have learnt."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import torch
from jaxtyping import TypeCheckError
from threadpoolctl import threadpool_limits

from hr_common import audio, video
from hr_common.errors import InputError
from viai.inpainting import Inpainter

Spans = Sequence[tuple[float, float]]


def sound(rate: int, seconds: float, channels: int) -> np.ndarray:
    """A chord with a beat over some noise, different in every channel; the same at every call."""
    rng = np.random.default_rng(1)
    time = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110.0, 330.0, 1_250.0)) / 6
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * time)
    gains = np.linspace(1.0, 0.4, channels)
    return chord[:, None] * beat[:, None] * gains + 0.01 * rng.standard_normal((len(time), channels))


def with_content(samples: np.ndarray, rate: int, gaps: Spans, content: str) -> np.ndarray:
    """The sound with something else inside its gaps."""
    result = samples.copy()
    for start, stop in gaps:
        part = result[round(start * rate) : round(stop * rate)]
        signs = np.resize([1.0, -1.0], part.shape[1])
        part[:] = {
            "silence": np.zeros_like(part),
            "opposite": np.sign(np.sin(np.arange(len(part)) / 7 + 0.1))[:, None] * signs,
            "huge": np.full_like(part, 1e30),
            "nan": np.full_like(part, np.nan),
        }[content]
    return result


@pytest.fixture(scope="module")
def inpainter(tiny_weights: Path) -> Inpainter:
    return Inpainter.from_pretrained(tiny_weights, device="cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of moving stripes, 25 a second, with the sound of 44.1 kHz stereo."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    stripes = np.tile((np.arange(64) // 8 % 2 * 200).astype(np.uint8)[None, :, None], (48, 1, 3))
    pictures = [np.roll(stripes, 3 * index, axis=1) for index in range(75)]
    video.write(path, pictures, 25, sound=sound(44_100, 3.0, 2).astype(np.float32), sound_rate=44_100)
    return path


BLIND = [
    pytest.param(8_000, 1, "PCM_16", "viai-a", "wavenet", [(0.0, 0.5)], id="at the start, 8 kHz"),
    pytest.param(16_000, 2, "PCM_24", "auto", "phase", [(1.0, 1.12), (1.5, 1.8)], id="two in a window, blended"),
    pytest.param(44_100, 2, "FLOAT", "viai-av", "wavenet", [(1.2, 1.7)], id="with picture"),
    pytest.param(48_000, 2, "FLOAT", "auto", "wavenet", [(0.5, 0.53), (2.6, 3.0)], id="short, and at the end"),
    pytest.param(96_000, 6, "FLOAT", "viai-a", "phase", [(1.4, 1.52)], id="six channels, 96 kHz"),
    pytest.param(44_100, 2, "PCM_16", "ar", "auto", [(0.0, 0.12), (2.0, 2.03)], id="autoregressive"),
    pytest.param(22_050, 1, "FLOAT", "auto", "wavenet", [(0.3, 2.8)], id="two and a half seconds"),
]


@pytest.mark.parametrize(("rate", "channels", "subtype", "method", "vocoder", "gaps"), BLIND)
def test_what_a_gap_holds_changes_nothing_and_only_the_gap_is_new(
    inpainter: Inpainter,
    film: Path,
    tmp_path: Path,
    rate: int,
    channels: int,
    subtype: str,
    method: str,
    vocoder: str,
    gaps: Spans,
) -> None:
    intact = sound(rate, 3.0, channels)
    contents = ["silence", "opposite", *(["huge", "nan"] if subtype == "FLOAT" else [])]
    results = []
    for content in contents:
        source, target = tmp_path / f"{content}.wav", tmp_path / f"{content}.out.wav"
        soundfile.write(source, with_content(intact, rate, gaps, content), rate, subtype=subtype)
        picture = film if method == "viai-av" else None
        repair = inpainter.inpaint_file(source, gaps, video=picture, method=method, vocoder=vocoder)
        repair.save(target)
        assert audio.info(target) == audio.info(source)
        results.append(soundfile.read(target, dtype="int32" if subtype != "FLOAT" else "float32", always_2d=True)[0])
    for content, result in zip(contents[1:], results[1:], strict=True):
        np.testing.assert_array_equal(result, results[0], err_msg=content)

    source = tmp_path / "intact.wav"
    soundfile.write(source, intact, rate, subtype=subtype)
    original = soundfile.read(source, dtype=results[0].dtype.name, always_2d=True)[0]
    known = np.ones(len(original), dtype=bool)
    for start, stop in gaps:
        known[round(start * rate) : round(stop * rate)] = False
    np.testing.assert_array_equal(results[0][known], original[known])
    # Something was put into the gaps, in every channel.
    assert results[0][~known].any(axis=0).all()
    assert np.isfinite(results[0]).all()


@pytest.mark.parametrize(
    ("suffix", "rate", "channels", "subtype"),
    [
        (".wav", 8_000, 1, "PCM_U8"),
        (".wav", 44_100, 6, "PCM_24"),
        (".wav", 22_050, 1, "PCM_32"),
        (".wav", 48_000, 2, "DOUBLE"),
        (".flac", 96_000, 2, "PCM_24"),
        (".flac", 44_100, 1, "PCM_16"),
        (".aiff", 16_000, 2, "PCM_16"),
    ],
)
def test_the_written_file_keeps_its_format_and_all_other_samples(
    inpainter: Inpainter, tmp_path: Path, suffix: str, rate: int, channels: int, subtype: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(source, sound(rate, 1.0, channels), rate, subtype=subtype)
    inpainter.inpaint_file(source, [(0.4, 0.43)]).save(target)
    assert audio.info(target) == audio.info(source)
    dtype = "float64" if subtype == "DOUBLE" else "int32"
    before, after = (soundfile.read(path, dtype=dtype, always_2d=True)[0] for path in (source, target))
    first, last = round(0.4 * rate), round(0.43 * rate)
    np.testing.assert_array_equal(after[:first], before[:first])
    np.testing.assert_array_equal(after[last:], before[last:])
    assert not np.array_equal(after[first:last], before[first:last])


def test_a_float_file_louder_than_full_scale_is_neither_clipped_nor_scaled(
    inpainter: Inpainter, tmp_path: Path
) -> None:
    loud = (4 * sound(16_000, 2.0, 1)).astype(np.float32)
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, loud, 16_000, subtype="FLOAT")
    inpainter.inpaint_file(source, [(1.0, 1.05)]).save(target)
    filled = soundfile.read(target, dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(filled[:16_000], loud[:16_000])
    np.testing.assert_array_equal(filled[16_800:], loud[16_800:])
    assert np.abs(filled[16_000:16_800]).max() > 1.2


@pytest.mark.parametrize(
    ("method", "vocoder", "gap"),
    [("ar", "auto", (1.0, 1.09)), ("auto", "wavenet", (1.0, 1.15)), ("viai-a", "phase", (1.0, 1.3))],
)
def test_the_same_seed_gives_the_same_samples_whatever_the_number_of_threads(
    inpainter: Inpainter, method: str, vocoder: str, gap: tuple[float, float]
) -> None:
    samples = sound(96_000, 2.0, 1)
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            with threadpool_limits(threads):
                results.append(
                    inpainter.inpaint(samples, 96_000, [gap], method=method, vocoder=vocoder, seed=5).samples
                )
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("vocoder", ["wavenet", "phase"])
def test_another_seed_gives_another_filling(inpainter: Inpainter, vocoder: str) -> None:
    samples = sound(16_000, 2.0, 1)
    first, second = (
        inpainter.inpaint(samples, 16_000, [(1.0, 1.3)], vocoder=vocoder, seed=seed).samples for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_arrays_and_files_are_filled_alike(inpainter: Inpainter, tmp_path: Path) -> None:
    samples = sound(16_000, 2.0, 2).astype(np.float32)
    source = tmp_path / "in.wav"
    soundfile.write(source, samples, 16_000, subtype="FLOAT")
    repair = inpainter.inpaint_file(source, [(1.0, 1.3)], seed=3)
    result = inpainter.inpaint(samples, 16_000, [(1.0, 1.3)], seed=3)
    np.testing.assert_array_equal(result.samples[16_000:20_800], repair.patches[0][1].astype(np.float32))
    np.testing.assert_array_equal(result.samples[:16_000], samples[:16_000])
    assert result.samples.dtype == np.float32
    assert result.report.gaps[0].method == "viai-a"


def test_equal_channels_stay_equal_and_silent_ones_silent(inpainter: Inpainter) -> None:
    samples = np.repeat(sound(44_100, 2.0, 1), 3, axis=1)
    samples[:, 2] = 0.0
    filled = inpainter.inpaint(samples, 44_100, [(0.8, 1.1)]).samples
    np.testing.assert_array_equal(filled[:, 0], filled[:, 1])
    assert not filled[:, 2].any()
    assert filled[35_280:48_510, 0].any()


@pytest.mark.parametrize(
    ("seconds", "method", "vocoder"),
    [(0.03, "ar", None), (0.09, "ar", None), (0.12, "ar+viai-a", "phase"), (0.5, "viai-a", "phase")],
)
def test_the_method_follows_the_length_of_the_gap(
    inpainter: Inpainter, seconds: float, method: str, vocoder: str | None
) -> None:
    report = inpainter.inpaint(sound(16_000, 2.0, 1), 16_000, [(1.0, 1.0 + seconds)]).report.gaps[0]
    assert (report.method, report.vocoder) == (method, vocoder)
    assert report.note == ("" if method == "ar" else "no video given")


def test_gaps_of_more_than_two_seconds_are_filled_with_a_warning_and_of_more_than_four_left(
    inpainter: Inpainter, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, sound(8_000, 10.0, 1), 8_000)
    repair = inpainter.inpaint_file(source, [(0.5, 4.6), (5.5, 7.6)], vocoder="phase")
    assert repair.refused == ("0.500 s to 4.600 s: more than 4 s cannot be guessed",)
    assert "longer than 2 s" in repair.report.gaps[0].note
    repair.save(target)
    before, after = (soundfile.read(path, dtype="int16")[0] for path in (source, target))
    np.testing.assert_array_equal(after[:44_000], before[:44_000])
    assert not np.array_equal(after[44_000:60_800], before[44_000:60_800])


def test_a_refused_gap_is_not_read_either(inpainter: Inpainter) -> None:
    gaps = [(0.2, 4.4), (4.6, 4.9)]
    fillings = [
        inpainter.inpaint(with_content(sound(8_000, 6.0, 1), 8_000, gaps, content), 8_000, gaps).samples[36_800:]
        for content in ("silence", "opposite")
    ]
    np.testing.assert_array_equal(*fillings)


@pytest.mark.parametrize("gap", [(0.0, 0.3), (0.7, 1.0)])
@pytest.mark.parametrize("method", ["ar", "viai-a"])
def test_gaps_at_either_end_are_filled(inpainter: Inpainter, gap: tuple[float, float], method: str) -> None:
    samples = with_content(sound(16_000, 1.0, 1), 16_000, [gap], "silence")
    filled = inpainter.inpaint(samples, 16_000, [gap], method=method).samples
    assert np.abs(filled[round(gap[0] * 16_000) : round(gap[1] * 16_000)]).max() > 0.01


@pytest.mark.parametrize("method", ["ar", "viai-a"])
@pytest.mark.parametrize("length", [2, 3, 50, 700])
def test_the_shortest_sounds_are_filled_too(inpainter: Inpainter, length: int, method: str) -> None:
    samples = sound(48_000, length / 48_000, 2)
    middle = length // 2
    result = inpainter.inpaint(samples, 48_000, [(middle / 48_000, (middle + 1) / 48_000)], method=method)
    assert np.isfinite(result.samples).all()
    np.testing.assert_array_equal(np.delete(result.samples, middle, axis=0), np.delete(samples, middle, axis=0))


@pytest.mark.parametrize("method", ["ar", "viai-a"])
def test_a_single_known_sample_between_two_gaps_is_kept(inpainter: Inpainter, method: str) -> None:
    samples = sound(96_000, 0.5, 1)
    gaps = [(0.2, 20_000 / 96_000), (20_001 / 96_000, 0.25)]
    result = inpainter.inpaint(samples, 96_000, gaps, method=method)
    assert result.samples[20_000, 0] == samples[20_000, 0]
    assert np.isfinite(result.samples).all()
    assert len(result.report.gaps) == 2


@pytest.mark.parametrize("vocoder", ["wavenet", "phase"])
def test_silence_around_a_gap_stays_quiet_and_finite(inpainter: Inpainter, vocoder: str) -> None:
    result = inpainter.inpaint(np.zeros((32_000, 2)), 16_000, [(0.8, 1.2)], vocoder=vocoder)
    assert not result.samples.any()


def test_gaps_are_found_and_joined_with_those_given(inpainter: Inpainter, tmp_path: Path) -> None:
    samples = with_content(sound(16_000, 3.0, 1), 16_000, [(1.0, 1.05)], "silence")
    source = tmp_path / "in.wav"
    soundfile.write(source, samples, 16_000, subtype="PCM_16")
    repair = inpainter.inpaint_file(source, [(1.03, 1.1), (2.0, 2.02)], detect=True)
    assert [(gap.start, gap.stop) for gap in repair.report.gaps] == [(1.0, 1.1), (2.0, 2.02)]


@pytest.mark.parametrize(
    ("gaps", "options", "message"),
    [
        ([], {}, "no gap of in.wav was given"),
        ([], {"detect": True}, "no gap was found in in.wav"),
        ([(0.9, 1.1)], {}, "beyond the end of in.wav at 1.00 s"),
        ([(1.5, 1.6)], {}, "outside in.wav, which ends at 1.00 s"),
        ([(0.2, 0.4), (0.3, 0.5)], {}, "overlap"),
        ([(0.4, 0.4)], {}, "empty"),
        ([(0.5, 0.4)], {}, "reversed"),
        ([(0.0, 1.0)], {}, "no known sound is left"),
        ([(0.4, 0.5)], {"method": "viai-av"}, "needs a video"),
        ([(0.4, 0.5)], {"method": "magic"}, "method 'magic' is unknown; choose one of auto, ar, viai-a, viai-av"),
        ([(0.4, 0.5)], {"vocoder": "magic"}, "vocoder 'magic' is unknown; choose one of auto, wavenet, phase"),
    ],
)
def test_what_cannot_be_done_is_said(
    inpainter: Inpainter, tmp_path: Path, gaps: Spans, options: dict[str, Any], message: str
) -> None:
    soundfile.write(tmp_path / "in.wav", sound(16_000, 1.0, 1), 16_000, subtype="PCM_16")
    with pytest.raises(InputError, match=re.escape(message)):
        inpainter.inpaint_file(tmp_path / "in.wav", gaps, **options)


def test_a_known_sample_that_is_not_finite_is_named(inpainter: Inpainter, tmp_path: Path) -> None:
    samples = sound(16_000, 1.0, 1)
    samples[8_000] = np.nan
    with pytest.raises(InputError, match=r"NaN or infinity at sample 8000 \(0\.500 s\)"):
        inpainter.inpaint(samples, 16_000, [(0.6, 0.7)])
    soundfile.write(tmp_path / "in.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"in\.wav holds NaN or infinity at frame 8000 \(0\.500 s\)"):
        inpainter.inpaint_file(tmp_path / "in.wav", [(0.6, 0.7)])
    assert inpainter.inpaint(samples, 16_000, [(0.5, 0.6)]).report.gaps


def test_arrays_that_are_no_sound_are_refused(inpainter: Inpainter) -> None:
    with pytest.raises(InputError, match=r"samples are float64 of shape \(0, 2\); expected floating point"):
        inpainter.inpaint(np.zeros((0, 2)), 16_000, [(0.001, 0.002)])
    # Where shapes and dtypes are checked, the check is faster.
    for samples in (np.zeros((100, 1), np.int16), np.zeros(100)):
        with pytest.raises((InputError, TypeCheckError)):
            inpainter.inpaint(samples, 16_000, [(0.001, 0.002)])


def test_a_folder_without_weights_and_broken_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"viai-a\.safetensors"):
        Inpainter.from_pretrained(tmp_path)
    (tmp_path / "viai-a.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(InputError, match=r"viai-a\.safetensors"):
        Inpainter.from_pretrained(tmp_path)


# Candidates and the intact sound -----------------------------------------------------------------


def test_candidates_begin_with_the_filling_that_is_made_alone_and_the_best_is_kept(
    inpainter: Inpainter, tmp_path: Path
) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, sound(16_000, 2.0, 1), 16_000, subtype="FLOAT")
    gaps = [(0.5, 0.53), (1.0, 1.3)]
    alone = inpainter.inpaint_file(source, gaps, seed=3)
    repair = inpainter.inpaint_file(source, gaps, seed=3, candidates=3)
    again = inpainter.inpaint_file(source, gaps, seed=3, candidates=3)
    short, long = repair.report.gaps
    # The autoregressive method draws nothing, and says so.
    assert [len(fillings) for fillings in repair.candidates] == [1, 3]
    assert short.note == "one candidate only: nothing is drawn at random here"
    assert [one.number for one in short.candidates] == [0]
    np.testing.assert_array_equal(repair.candidates[1][0], alone.patches[1][1])
    assert len({filling.tobytes() for filling in repair.candidates[1]}) == 3
    assert long.candidates[0].number == long.candidate
    np.testing.assert_array_equal(repair.patches[1][1], repair.candidates[1][long.candidate])
    clicks = [max(one.click_start or 0, one.click_stop or 0) for one in long.candidates]
    assert clicks == sorted(clicks)
    assert (long.click_start, long.click_stop) == (long.candidates[0].click_start, long.candidates[0].click_stop)
    for first, second in zip(repair.patches, again.patches, strict=True):
        np.testing.assert_array_equal(first[1], second[1])
    assert alone.report.gaps[1].candidates == ()


def test_candidates_that_are_all_alike_are_one(inpainter: Inpainter) -> None:
    report = inpainter.inpaint(np.zeros((32_000, 1)), 16_000, [(0.8, 1.2)], candidates=3).report.gaps[0]
    assert len(report.candidates) == 1
    assert "nothing is drawn at random here" in report.note


def test_the_intact_sound_is_compared_and_has_no_part_in_the_filling(inpainter: Inpainter, tmp_path: Path) -> None:
    intact, gaps = sound(16_000, 3.0, 2), [(1.0, 1.3), (1.6, 1.64)]
    soundfile.write(tmp_path / "intact.wav", intact, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "in.wav", with_content(intact, 16_000, gaps, "silence"), 16_000, subtype="FLOAT")
    alone = inpainter.inpaint_file(tmp_path / "in.wav", gaps)
    repair = inpainter.inpaint_file(tmp_path / "in.wav", gaps, reference=tmp_path / "intact.wav")
    for first, second in zip(alone.patches, repair.patches, strict=True):
        np.testing.assert_array_equal(first[1], second[1])
    assert [gap.reference for gap in alone.report.gaps] == [None, None]
    assert repair.report.reference == str(tmp_path / "intact.wav")
    for gap, (start, patch) in zip(repair.report.gaps, repair.patches, strict=True):
        assert gap.reference is not None
        target = intact[start : start + len(patch)].astype(np.float32).astype(np.float64)
        error = np.square(patch - target).sum()
        assert gap.reference.snr_gap == pytest.approx(10 * np.log10(np.square(target).sum() / error))
    # What was filled, held against itself.
    repair.save(tmp_path / "out.wav")
    same = inpainter.inpaint_file(tmp_path / "in.wav", gaps, reference=tmp_path / "out.wav").report.gaps
    assert [round(gap.reference.l1_gap, 6) for gap in same if gap.reference is not None] == [0, 0]
    assert all(gap.reference is not None and gap.reference.psnr_gap > 60 for gap in same)


@pytest.mark.parametrize(
    ("rate", "seconds", "channels"), [(8_000, 2.0, 1), (16_000, 2.1, 1), (16_000, 2.0, 2)], ids=["rate", "length", "ch"]
)
def test_another_rate_length_or_number_of_channels_cannot_be_compared(
    inpainter: Inpainter, tmp_path: Path, rate: int, seconds: float, channels: int
) -> None:
    soundfile.write(tmp_path / "in.wav", sound(16_000, 2.0, 1), 16_000)
    soundfile.write(tmp_path / "other.wav", sound(rate, seconds, channels), rate)
    with pytest.raises(
        InputError, match=r"other\.wav \(.*\) cannot be compared with .*in\.wav \(16000 Hz, 1 channel, "
    ):
        inpainter.inpaint_file(tmp_path / "in.wav", [(1.0, 1.2)], reference=tmp_path / "other.wav")


def test_a_silent_film_cannot_be_compared(inpainter: Inpainter, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", sound(16_000, 2.0, 1), 16_000)
    video.write(tmp_path / "film.mp4", [np.zeros((16, 16, 3), np.uint8)] * 5, 5)
    with pytest.raises(InputError, match=r"film\.mp4 has no sound track to compare with; .* --reference SOUND"):
        inpainter.inpaint_file(tmp_path / "in.wav", [(1.0, 1.2)], reference=tmp_path / "film.mp4")


def test_candidates_without_number_are_refused(inpainter: Inpainter) -> None:
    with pytest.raises(InputError, match="0 candidates cannot be made; ask for 1 to 64"):
        inpainter.inpaint(sound(16_000, 1.0, 1), 16_000, [(0.3, 0.6)], candidates=0)


# With a picture ----------------------------------------------------------------------------------


def test_synchrony_is_told_where_the_picture_was_used_and_beside_that_of_strangers(
    inpainter: Inpainter, film: Path
) -> None:
    samples = sound(44_100, 3.0, 2)
    report = inpainter.inpaint(samples, 44_100, [(0.5, 0.53), (1.2, 1.7)], video=film, candidates=2).report
    short, seen = report.gaps
    assert (short.synchrony, short.synchrony_shifted) == (None, None)
    assert seen.synchrony is not None
    assert seen.synchrony_shifted is not None
    assert -1 <= seen.synchrony <= 1
    assert seen.synchrony != seen.synchrony_shifted
    # Of candidates whose joins cannot be heard the one in step with the picture is kept.
    assert seen.synchrony == max(one.synchrony for one in seen.candidates if one.synchrony is not None)
    unseen = inpainter.inpaint(samples, 44_100, [(1.2, 1.7)], video=film, method="viai-a").report.gaps[0]
    assert (unseen.synchrony, unseen.synchrony_shifted) == (None, None)


def test_a_video_can_be_the_reference(inpainter: Inpainter, film: Path) -> None:
    gaps = inpainter.inpaint_file(film, [(1.2, 1.25)], method="ar", reference=film).report.gaps
    assert gaps[0].reference is not None
    assert gaps[0].reference.snr_gap is not None


def test_the_picture_is_used_where_it_shows_the_gap(inpainter: Inpainter, film: Path) -> None:
    samples = sound(44_100, 3.0, 2)
    with_picture = inpainter.inpaint(samples, 44_100, [(1.2, 1.7)], video=film)
    without = inpainter.inpaint(samples, 44_100, [(1.2, 1.7)])
    assert with_picture.report.gaps[0].method == "viai-av"
    assert with_picture.report.placement is not None
    assert "comparison" in with_picture.report.placement
    assert without.report.gaps[0].method == "viai-a"
    assert not np.array_equal(with_picture.samples, without.samples)


def test_a_picture_that_does_not_show_the_gap_is_not_used_and_the_report_says_so(
    inpainter: Inpainter, film: Path
) -> None:
    samples = sound(16_000, 8.0, 1)
    options: dict[str, Any] = {"video": film, "offset_seconds": 0.0}
    report = inpainter.inpaint(samples, 16_000, [(6.0, 6.5)], **options).report
    assert report.gaps[0].method == "viai-a"
    assert "without the picture" in report.gaps[0].note
    assert "film.mp4" in report.gaps[0].note
    with pytest.raises(InputError, match=r"film\.mp4"):
        inpainter.inpaint(samples, 16_000, [(6.0, 6.5)], method="viai-av", **options)


def test_a_video_that_cannot_be_read_is_not_used_and_the_report_says_so(inpainter: Inpainter, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    report = inpainter.inpaint(sound(16_000, 1.0, 1), 16_000, [(0.3, 0.6)], video=broken).report
    assert report.gaps[0].method == "viai-a"
    assert "broken.mp4 is no video that can be read" in report.gaps[0].note
    with pytest.raises(InputError, match="is no video that can be read"):
        inpainter.inpaint(sound(16_000, 1.0, 1), 16_000, [(0.3, 0.6)], video=broken, method="viai-av")


def test_the_methods_without_picture_do_not_look_at_the_video(inpainter: Inpainter, tmp_path: Path) -> None:
    for method in ("ar", "viai-a"):
        result = inpainter.inpaint(
            sound(16_000, 1.0, 1), 16_000, [(0.3, 0.6)], video=tmp_path / "missing.mp4", method=method
        )
        assert result.report.gaps[0].method == method


def rotated(film: Path, target: Path) -> None:
    """A copy that is to be shown turned by a quarter: the matrix of its first track, the picture, says so."""
    data = bytearray(film.read_bytes())
    matrix = data.index(b"tkhd") + 44
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    target.write_bytes(data)


def slowing_down(film: Path, target: Path) -> None:
    """A copy whose pictures are shown for longer and longer; the sound stays."""
    with av.open(str(film)) as source, av.open(str(target), "w") as output:
        copies = {stream: output.add_stream_from_template(stream) for stream in source.streams}  # type: ignore[type-var]
        for packet in source.demux():
            if not packet.size:
                continue
            if packet.stream.type == "video":
                scale = float(packet.time_base or 1)
                for name in ("pts", "dts"):
                    stamp = getattr(packet, name)
                    setattr(packet, name, round(stamp * (1 + 0.1 * stamp * scale)))
            packet.stream = copies[packet.stream]
            output.mux(packet)


@pytest.mark.parametrize("change", [rotated, slowing_down])
def test_turned_pictures_and_a_varying_frame_rate_are_no_obstacle(
    inpainter: Inpainter, film: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other.mp4"
    change(film, other)
    before, after = video.info(film), video.info(other)
    assert (after.rotation, after.duration) != (before.rotation, before.duration)
    results = []
    for path in (film, other):
        repair = inpainter.inpaint_file(path, [(1.2, 1.6)], method="viai-av", vocoder="phase")
        assert repair.report.gaps[0].method == "viai-av"
        results.append(repair.patches[0][1])
    # The networks saw something else.
    assert not np.array_equal(*results)
    target = tmp_path / "out.mp4"
    repair.save(target)
    assert video.info(target).rotation == after.rotation
    assert video.info(target).duration == pytest.approx(after.duration, abs=0.01)


def test_the_gap_does_not_decide_where_the_picture_belongs(inpainter: Inpainter, film: Path, tmp_path: Path) -> None:
    # Opposite channels in the gap would make a mid signal of the whole file choose another channel.
    gaps = [(0.5, 2.4)]
    placements = []
    for content in ("silence", "opposite"):
        source = tmp_path / f"{content}.wav"
        soundfile.write(source, with_content(sound(44_100, 3.0, 2), 44_100, gaps, content), 44_100, subtype="FLOAT")
        placements.append(inpainter.inpaint_file(source, gaps, video=film, vocoder="phase").report.placement)
    assert placements[0] == placements[1]
