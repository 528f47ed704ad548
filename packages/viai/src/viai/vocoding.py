"""A sound through its mel spectrogram and back, to hear what the vocoder costs."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hr_common import audio, video
from hr_common import device as devices
from hr_common.errors import InputError
from viai.checkpoints import load_network, weights_folder
from viai.networks.wavenet import WaveNet
from viai.painting import SILENT_PEAK, analyse
from viai.soundtracks import is_sound_file
from viai.spectrogram import MelSpectrogram
from viai.waveform import sample_gap


def vocode_file(
    sound: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    longest_seconds: float = 30.0,
) -> float:
    """Send a sound through its mel spectrogram and back by the WaveNet.

    Args:
        sound: A sound file or a video with sound; its first ``longest_seconds`` are used.
        out: File to write, mono at the network's rate.
        weights: Folder with ``wavenet.safetensors``; the shipped one by default.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: Settles the draws.
        longest_seconds: Longest sound that is vocoded.

    Returns:
        Length of the result in seconds.

    Raises:
        InputError: If the file cannot be read or is silent, or the weights do not fit.
    """
    where = devices.resolve(device)
    folder = weights_folder(None if weights is None else Path(weights))
    loaded = load_network(folder / "wavenet.safetensors", "wavenet", device=where)
    assert isinstance(loaded.network, WaveNet)
    front = MelSpectrogram(loaded.config.spectrogram).to(where)
    samples, rate = _opening(Path(sound), longest_seconds)
    if np.abs(samples).max() <= SILENT_PEAK:
        raise InputError(f"{sound} is silent: there is nothing to vocode")
    model_rate = loaded.config.spectrogram.sample_rate
    # The analysis is a whole number of mel frames; the sound need not be.
    length = max(1, round(len(samples) * model_rate / rate))
    with devices.threads(1), torch.inference_mode():
        analysis = analyse(samples, (), rate, front)
        rng = np.random.default_rng(seed)
        drawn = sample_gap(loaded.network, analysis.samples, 0, length, analysis.mel, rng)
    audio.write(out, drawn[:, None] / analysis.gain, model_rate)
    return length / model_rate


def _opening(path: Path, seconds: float) -> tuple[Float[np.ndarray, "time channel"], int]:
    if is_sound_file(path):
        stop = max(1, round(seconds * audio.info(path).sample_rate))
        return audio.read(path, stop=stop, dtype="float64")
    header = video.info(path)
    if not header.has_sound:
        raise InputError(f"{path} has no sound track, only {header.codec} pictures")
    samples, rate, _ = video.read_sound(path, stop=header.sound_start + seconds)
    return samples.astype(np.float64), rate
