"""The commands: what a user types, sees, and finds on disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from hr_common import video
from viai.cli import main

RATE = 16_000
SCRIPT = Path(sys.executable).with_name("viai")


def tone(seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    """A chord and some noise, so that no stretch of it resembles another."""
    place = np.arange(round(seconds * RATE)) / RATE
    chord = sum(0.1 * np.cos(2 * np.pi * pitch * place) for pitch in (220.0, 555.0, 1_700.0))
    return np.asarray(chord + 0.05 * np.random.default_rng(seed).standard_normal(len(place)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user works: ``in.wav`` of three seconds, with silence from 1.0 s to 1.4 s."""
    work, scratch = tmp_path / "work", tmp_path / "scratch"
    work.mkdir()
    scratch.mkdir()
    samples = tone()
    samples[16_000:22_400] = 0
    soundfile.write(work / "in.wav", samples, RATE, subtype="PCM_16")
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    return work


@pytest.fixture
def film(folder: Path) -> Path:
    """``film.mp4`` with the intact sound in the folder of the user."""
    pictures = [np.roll(np.arange(32 * 32 * 3).reshape(32, 32, 3) % 251, 4 * index, axis=1) for index in range(45)]
    path = folder / "film.mp4"
    video.write(path, [one.astype(np.uint8) for one in pictures], 15, sound=tone()[:, None], sound_rate=RATE)
    return path


def viai(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_refused(result: Result, message: str) -> None:
    """One line on stderr with the message, nothing on stdout, exit code 2."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1


def test_a_gap_is_filled_and_the_last_line_says_where(folder: Path, tiny_weights: Path) -> None:
    result = viai("inpaint", "in.wav", "--gap", "1.0:1.4", "-o", "out.wav", "--weights", tiny_weights)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("1.000 s to 1.400 s: viai-a, phase (")
    assert lines[0].endswith("no video given")
    assert lines[-1] == "wrote out.wav"
    before, after = (soundfile.read(name, dtype="int16")[0] for name in ("in.wav", "out.wav"))
    changed = np.flatnonzero(before != after)
    assert changed.min() >= 16_000
    assert changed.max() < 22_400
    assert len(changed) > 6_000


def test_without_a_gap_they_are_looked_for_and_the_copy_stands_beside_the_file(
    folder: Path, tiny_weights: Path
) -> None:
    result = viai("inpaint", "in.wav", "--vocoder", "phase", "--weights", tiny_weights)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1.000 s to 1.400 s: viai-a, phase")
    assert names(folder) == {"in.wav", "in.inpainted.wav"}


def test_json_report_and_picture_are_written(folder: Path, film: Path, tiny_weights: Path) -> None:
    result = viai(
        "inpaint", "in.wav", film, "--gap", "1.0+0.4", "-o", "out.wav", "--weights", tiny_weights,
        "--report", "report.json", "--picture", "picture.png", "--json", "--seed", "7",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    written = json.loads((folder / "report.json").read_text())
    assert printed == written | {"out": "out.wav"}
    assert printed["seed"] == 7
    assert printed["gaps"][0]["method"] == "viai-av"
    assert printed["placement"].startswith("placed by comparison with the video's sound")
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_candidates_are_kept_and_a_page_is_written(folder: Path, tiny_weights: Path) -> None:
    common = ["inpaint", "in.wav", "--gap", "1.0+0.4", "--weights", tiny_weights]
    assert viai(*common, "-o", "alone.wav").exit_code == 0
    options = ["--candidates", "2", "--keep-candidates", "--reference", "in.wav", "--report", "report.html"]
    result = viai(*common, "-o", "out.wav", *options)
    assert result.exit_code == 0, result.output
    assert " of 2 (" in result.stdout.splitlines()[0]
    made = {"out.wav", "out.candidate0.wav", "out.candidate1.wav", "report.html"}
    assert names(folder) == {"in.wav", "alone.wav"} | made
    contents = [(folder / f"out.candidate{number}.wav").read_bytes() for number in (0, 1)]
    assert contents[0] == (folder / "alone.wav").read_bytes()
    assert contents[0] != contents[1]
    assert (folder / "out.wav").read_bytes() in contents
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>in.wav</h1>" in page
    assert "Against the original" in page
    assert_refused(viai(*common, "-o", "new.wav", *options), "report.html exists; add --force")
    (folder / "report.html").unlink()
    assert_refused(viai(*common, "-o", "out.wav", *options), "out.wav exists; add --force")
    (folder / "out.wav").unlink()
    assert_refused(viai(*common, "-o", "out.wav", *options), "out.candidate0.wav exists; add --force")


def test_a_video_is_repaired_into_a_video_or_a_sound(folder: Path, film: Path, tiny_weights: Path) -> None:
    for name in ("out.mp4", "out.wav"):
        result = viai("inpaint", film, "--gap", "1.0+0.4", "-o", name, "--weights", tiny_weights)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[0] == "picture: placed by the video's own sound"
        assert "viai-av" in result.stdout.splitlines()[1]
    assert video.info("out.mp4").frames == 45
    assert not list((folder.parent / "scratch").iterdir())


def test_a_video_too_short_for_the_gap_is_not_used_and_it_says_so(folder: Path, film: Path, tiny_weights: Path) -> None:
    soundfile.write("long.wav", np.concatenate([tone(), tone(3, seed=1)]), RATE)
    result = viai("inpaint", "long.wav", film, "--gap", "5:5.3", "-o", "out.wav", "--weights", tiny_weights)
    assert result.exit_code == 0, result.output
    assert "viai-a, phase" in result.stdout
    assert "without the picture: film.mp4" in result.stdout
    result = viai(
        "inpaint", "long.wav", film, "--gap", "5:5.3", "-o", "o.wav", "--weights", tiny_weights, "--method", "viai-av"
    )
    assert_refused(result, "film.mp4")
    assert "o.wav" not in names(folder)


def test_a_refused_gap_ends_with_exit_code_1_and_the_others_are_filled(folder: Path, tiny_weights: Path) -> None:
    soundfile.write("long.wav", tone(8), RATE)
    result = viai("inpaint", "long.wav", "--gap", "1:5.5", "--gap", "6+.05", "-o", "o.wav", "--weights", tiny_weights)
    assert result.exit_code == 1
    assert "left as it was: 1.000 s to 5.500 s" in result.stdout
    assert result.stdout.splitlines()[-1] == "wrote o.wav"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gap", "7:8"], "--gap 7.00:8.00 lies outside in.wav, which ends at 3.00 s"),
        (["--gap", "1:2", "--gap", "1.5:2.5"], "overlap"),
        (["--gap", "2:2"], "empty"),
        (["--gap", "2:1"], "reversed"),
        (["--gap", "abc"], "'abc' is no gap"),
        (["--gap", "0:3"], "no known sound is left"),
        (["--gap", "1:2", "--method", "viai-av"], "needs a video"),
        (["--gap", "1:2", "--method", "magic"], "'magic' is not one of"),
        (["--gap", "1:2", "-o", "in.wav"], "in.wav exists; add --force"),
        (["--gap", "1:2", "-o", "missing/out.wav"], "the folder missing does not exist"),
        (["--gap", "1:2", "-o", "out.mp3"], "lossy"),
        (["--gap", "1:2", "-o", "out.mp4"], "in.wav has no picture"),
        (["--gap", "1:2", "-o", "out.txt"], "the suffix '.txt' is unknown"),
        (["--gap", "1:2", "--picture", "p.jpg"], "let its name end in .png"),
        (["--gap", "1:2", "--report", "r.txt"], "a report ends in .json (for scripts) or .html (for people)"),
        (["--gap", "1:2", "--candidates", "0"], "0 is not in the range"),
        (["--gap", "1:2", "--keep-candidates"], "needs candidates to keep: add --candidates 4"),
        (["--gap", "1:2", "--reference", "other.wav"], "'other.wav' does not exist"),
        (["--gap", "1:2", "--offset", "nan"], "an offset of nan is no time"),
        (["--gaps", "in.wav"], "in.wav"),
        (["--gap", "1:2", "--weights", "missing"], "'missing' does not exist"),
        (["--gap", "1:2", "--weights", "."], "viai-a.safetensors"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    folder: Path, tiny_weights: Path, arguments: list[str], message: str
) -> None:
    before = (folder / "in.wav").read_bytes()
    weights = [] if "--weights" in arguments else ["--weights", str(tiny_weights)]
    assert_refused(viai("inpaint", "in.wav", *arguments, *weights), message)
    assert names(folder) == {"in.wav"}
    assert (folder / "in.wav").read_bytes() == before


def test_files_that_are_no_sound_are_refused(folder: Path, tiny_weights: Path) -> None:
    (folder / "text.wav").write_text("hello")
    (folder / "empty.wav").touch()
    (folder / "broken.mp4").write_text("hello")
    (folder / "folder").mkdir()
    soundfile.write("one.wav", np.array([0.5]), RATE)
    soundfile.write("nan.wav", np.array([np.nan, *tone(1)]), RATE, subtype="FLOAT")
    video.write("silent.mp4", [np.zeros((16, 16, 3), np.uint8)] * 5, 5)
    before = names(folder)
    for name, message in {
        "text.wav": "text.wav is no sound file",
        "empty.wav": "empty.wav is empty",
        "broken.mp4": "broken.mp4 is no video",
        "folder": "is a directory",
        "one.wav": "outside one.wav",
        "nan.wav": "nan.wav holds NaN or infinity at frame 0",
        "silent.mp4": "silent.mp4 has no sound track",
        "missing.wav": "does not exist",
    }.items():
        assert_refused(viai("inpaint", name, "--gap", "0.4:0.5", "--weights", tiny_weights), message)
    assert names(folder) == before
    assert not list((folder.parent / "scratch").iterdir())


def test_a_whole_sound_in_which_nothing_is_missing_is_refused(folder: Path, tiny_weights: Path) -> None:
    soundfile.write("whole.wav", tone(), RATE)
    assert_refused(viai("inpaint", "whole.wav", "--weights", tiny_weights), "no gap was found in whole.wav")


def test_force_overwrites_even_the_source(folder: Path, tiny_weights: Path) -> None:
    result = viai("inpaint", "in.wav", "--gap", "1:1.4", "-o", "in.wav", "--force", "--weights", tiny_weights)
    assert result.exit_code == 0, result.output
    assert soundfile.read("in.wav")[0][16_000:22_400].any()
    assert names(folder) == {"in.wav"}


def test_what_detect_finds_comes_back_as_labels_and_as_json(folder: Path, tiny_weights: Path) -> None:
    result = viai("detect", "in.wav", "--labels", "gaps.txt")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "1.000000 1.400000 silence (400.0 ms)",
        "1 found; wrote gaps.txt",
    ]
    (folder / "gaps.json").write_text(viai("detect", "in.wav", "--json").stdout)
    parsed = json.loads((folder / "gaps.json").read_text())
    assert parsed["sample_rate"] == RATE
    assert [(gap["start"], gap["end"], gap["kind"]) for gap in parsed["gaps"]] == [(1.0, 1.4, "silence")]
    for number, name in enumerate(("gaps.txt", "gaps.json")):
        result = viai(
            "inpaint", "in.wav", "--gaps", name, "-o", f"{number}.wav", "--method", "ar", "--weights", tiny_weights
        )
        assert result.stdout.startswith("1.000 s to 1.400 s: ar")
    assert (folder / "0.wav").read_bytes() == (folder / "1.wav").read_bytes()


def test_detect_says_when_there_is_nothing_and_does_not_overwrite(folder: Path) -> None:
    assert viai("detect", "in.wav", "--kind", "hold").stdout == "0 found\n"
    (folder / "gaps.txt").write_text("mine")
    assert_refused(viai("detect", "in.wav", "--labels", "gaps.txt"), "gaps.txt exists; add --force")
    assert (folder / "gaps.txt").read_text() == "mine"


def test_vocode_writes_a_mono_sound(folder: Path, tiny_weights: Path) -> None:
    soundfile.write("short.wav", tone(0.2), RATE)
    result = viai("vocode", "short.wav", "-o", "out.wav", "--weights", tiny_weights)
    assert result.stdout == "wrote out.wav (0.20 s)\n"
    assert soundfile.info("out.wav").samplerate == 16_000


def test_info_shows_settings_and_cards(tiny_weights: Path) -> None:
    result = viai("info", "--weights", tiny_weights, "--preset", "tiny", "--json", "--set", "training.steps=5")
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout)
    assert value["config"]["training"]["steps"] == 5
    assert set(value["weights"]) == {"viai-a", "viai-av", "wavenet"}
    text = viai("info", "--weights", tiny_weights).stdout
    assert "wavenet: step 0, data {'name': 'untrained'}" in text
    assert "[spectrogram]" in text


def test_unknown_settings_are_named_with_their_nearest_neighbour(tiny_weights: Path) -> None:
    assert_refused(viai("info", "--weights", tiny_weights, "--set", "training.step=5"), "training.steps")


# The installed script ----------------------------------------------------------------------------


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(SCRIPT), *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs the tests may ignore Ctrl-C, as a shell lets its background jobs do; children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "")]
)
def test_an_interrupted_fill_leaves_nothing_behind(
    folder: Path, film: Path, tiny_weights: Path, number: signal.Signals, code: int, said: str
) -> None:
    # A minute of gaps: enough to be in the middle of it.
    video.write("long.mkv", [np.zeros((16, 16, 3), np.uint8)] * 130, 2, sound=tone(65)[:, None], sound_rate=RATE)
    gaps = [argument for second in range(1, 64) for argument in ("--gap", f"{second}+0.9")]
    before, scratch = names(folder), folder.parent / "scratch"
    process = start(["inpaint", "long.mkv", *gaps, "-o", "out.mkv", "--weights", str(tiny_weights)], folder)
    while not list(scratch.glob("viai-*/sound.w64")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == code, (stdout, stderr)
    assert stderr == said
    assert stdout == ""
    assert names(folder) == before
    assert not list(scratch.iterdir())


def test_the_installed_script_fills_a_gap_and_gives_the_same_bytes_twice(folder: Path, tiny_weights: Path) -> None:
    common = ["inpaint", "in.wav", "--gap", "1:1.4", "--weights", str(tiny_weights)]
    process = start([*common, "-o", "script.wav"], folder)
    stdout, stderr = process.communicate(timeout=600)
    assert (process.returncode, stderr) == (0, ""), stderr
    assert stdout.endswith("wrote script.wav\n")
    assert viai(*common, "-o", "runner.wav").exit_code == 0
    assert (folder / "script.wav").read_bytes() == (folder / "runner.wav").read_bytes()
