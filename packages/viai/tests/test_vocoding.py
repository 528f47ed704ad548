"""A sound through its mel spectrogram and back."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hr_common import audio, video
from hr_common.errors import InputError
from viai.vocoding import vocode_file


def tone(rate: int, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 330 * np.arange(round(rate * seconds)) / rate)


def test_a_sound_becomes_as_long_a_one_at_the_rate_of_the_network(tiny_weights: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", tone(44_100, 0.5), 44_100)
    seconds = vocode_file(tmp_path / "in.wav", tmp_path / "out.wav", weights=tiny_weights)
    header = audio.info(tmp_path / "out.wav")
    assert seconds == 0.5
    assert (header.frames, header.sample_rate, header.channels) == (8_000, 16_000, 1)


def test_the_seed_settles_the_draws(tiny_weights: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", tone(16_000, 0.2), 16_000)
    results = []
    for seed in (0, 0, 1):
        vocode_file(tmp_path / "in.wav", tmp_path / "out.wav", weights=tiny_weights, seed=seed)
        results.append(audio.read(tmp_path / "out.wav")[0])
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_the_opening_of_a_video_is_vocoded(tiny_weights: Path, tmp_path: Path) -> None:
    pictures = [np.zeros((16, 16, 3), np.uint8)] * 10
    video.write(tmp_path / "in.mp4", pictures, 5, sound=tone(16_000, 2.0)[:, None], sound_rate=16_000)
    options = {"weights": tiny_weights, "longest_seconds": 0.25}
    assert vocode_file(tmp_path / "in.mp4", tmp_path / "out.wav", **options) == 0.25  # type: ignore[arg-type]


def test_silence_and_videos_without_sound_are_refused(tiny_weights: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros(16_000), 16_000)
    video.write(tmp_path / "in.mp4", [np.zeros((16, 16, 3), np.uint8)] * 5, 5)
    for name, message in (("in.wav", "is silent"), ("in.mp4", "has no sound track")):
        with pytest.raises(InputError, match=message):
            vocode_file(tmp_path / name, tmp_path / "out.wav", weights=tiny_weights)
    assert not (tmp_path / "out.wav").exists()


def test_only_the_weights_of_the_wavenet_are_needed(tiny_weights: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", tone(16_000, 0.1), 16_000)
    (tmp_path / "weights").mkdir()
    with pytest.raises(InputError, match=r"wavenet\.safetensors"):
        vocode_file(tmp_path / "in.wav", tmp_path / "out.wav", weights=tmp_path / "weights")
    (tmp_path / "weights" / "wavenet.safetensors").symlink_to(tiny_weights / "wavenet.safetensors")
    assert vocode_file(tmp_path / "in.wav", tmp_path / "out.wav", weights=tmp_path / "weights") == 0.1
