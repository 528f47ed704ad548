"""From a window of sound with gaps to its completed mel spectrogram."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hr_common import audio
from viai.baselines.autoregressive import continue_sound
from viai.config import SpectrogramConfig
from viai.fullband import mid_signal
from viai.gaps import Gap, frame_mask, to_rate
from viai.spectrogram import MelSpectrogram, compose, interpolate_unknown

FRAME_MULTIPLE = 8
"""Windows are extended to this many mel frames, so that the codes of sound and picture have the same length."""
LONGEST_FRAMES = 53
"""Unknown frames of the longest gap seen in training: one second, and three more that its edge reaches into."""
INWARD_FRAMES = 12
"""Frames that are accepted at each end of a longer run before the rest is painted anew."""
SILENT_PEAK = 1e-4
"""A window whose known sound stays below this (-80 dB) is silent: there is nothing to go by."""
_BRIDGE_SECONDS = 0.01  # of sound continued into the gap, so that the resampler sees no edge

Network = Callable[[Float[Tensor, "1 1 band frame"]], Float[Tensor, "1 1 band frame"]]


@dataclass(frozen=True)
class Analysis:
    """A window as the networks see it."""

    samples: Float[np.ndarray, "time"]
    """Mono, at the networks' rate, known peak scaled to the level of analysis; zero in the gaps."""
    gain: float
    """What the sound was multiplied by; divide by it on the way back."""
    gaps: tuple[Gap, ...]
    """All that is unknown, in samples of ``samples``."""
    mel: Float[Tensor, "1 band frame"]
    """Levels of the sound with its gaps."""
    unknown: Bool[Tensor, "1 frame"]
    """Frames that touch a gap."""


def bridge(samples: Float[np.ndarray, "time"], gaps: Sequence[Gap], rate: int) -> Float[np.ndarray, "time"]:
    """Let the sound run out into its gaps, and in again, instead of breaking off.

    A resampler rings at a sudden edge, and the ringing would be taken for known sound. What the gaps hold is not
    read.
    """
    bridged = samples.astype(np.float64)
    for gap in gaps:
        bridged[gap.start : gap.stop] = 0.0
    reach = round(_BRIDGE_SECONDS * rate)
    known = bridged.copy()
    for index, gap in enumerate(gaps):
        length = min(reach, gap.length)
        fade = np.cos(0.5 * np.pi * (np.arange(length) + 0.5) / length) ** 2
        before = gaps[index - 1].stop if index else 0
        after = gaps[index + 1].start if index + 1 < len(gaps) else len(known)
        left = continue_sound(known[before : gap.start], length, order=64)
        right = continue_sound(known[gap.stop : after][::-1], length, order=64)
        bridged[gap.start : gap.start + length] += fade * left
        bridged[gap.stop - length : gap.stop] += (fade * right)[::-1]
    return bridged


def analyse(
    samples: Float[np.ndarray, "time channel"], gaps: Sequence[Gap], rate: int, front: MelSpectrogram
) -> Analysis:
    """Bring a window to the networks' rate, level and spectrogram without reading its gaps.

    Args:
        samples: The window at the file's rate.
        gaps: All that is unknown in it, in samples of the window, in order of time.
        rate: Of the file, in Hz.
        front: The spectrogram of the networks.
    """
    config: SpectrogramConfig = front.config
    resampled = resample_known(samples, gaps, rate, config.sample_rate)
    unit = FRAME_MULTIPLE * config.hop
    padded = np.zeros(max(-(-len(resampled) // unit), 1) * unit)
    padded[: len(resampled)] = resampled
    inside = tuple(to_rate(gap, rate, config.sample_rate, frames=len(padded)) for gap in gaps)
    for gap in inside:
        padded[gap.start : gap.stop] = 0.0
    peak = float(np.abs(padded).max())
    gain = config.peak / peak if peak > SILENT_PEAK else 1.0
    scaled = padded * gain
    mel = front(torch.from_numpy(scaled.astype(np.float32)).unsqueeze(0).to(front.window.device))
    unknown = torch.from_numpy(frame_mask(inside, mel.shape[-1], window=config.window, hop=config.hop))
    return Analysis(scaled, gain, inside, mel, unknown.unsqueeze(0).to(mel.device))


def resample_known(
    samples: Float[np.ndarray, "time channel"], gaps: Sequence[Gap], rate: int, target_rate: int
) -> Float[np.ndarray, "resampled"]:
    """Bring a window to one channel at another rate without reading its gaps, which are bridged."""
    silenced = samples.astype(np.float64)
    for gap in gaps:
        silenced[gap.start : gap.stop] = 0.0
    return audio.resample(bridge(mid_signal(silenced, 0, 0), gaps, rate), rate, target_rate)


def paint(network: Network, analysis: Analysis) -> Float[Tensor, "1 band frame"]:
    """Complete the spectrogram of a window; known frames come through untouched.

    Runs of unknown frames longer than anything in training are painted from both ends inwards: the outermost frames
    of each attempt are accepted and become known for the next.
    """
    mel, unknown = analysis.mel, analysis.unknown
    while True:
        painted = network(interpolate_unknown(mel, unknown).unsqueeze(1)).squeeze(1).float()
        accepted = _outer_frames(unknown)
        if not accepted.any():
            return compose(mel, painted, unknown)
        mel = compose(mel, painted, accepted)
        unknown = unknown & ~accepted


def _outer_frames(unknown: Bool[Tensor, "1 frame"]) -> Bool[Tensor, "1 frame"]:
    """Frames at both ends of every run that is too long to be painted at once."""
    mask = unknown[0].cpu().numpy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    accepted = np.zeros_like(mask)
    for start, stop in edges.reshape(-1, 2):
        if stop - start <= LONGEST_FRAMES:
            continue
        # With known sound on one side only, there is one end to start from.
        if start > 0:
            accepted[start : start + INWARD_FRAMES] = True
        if stop < len(mask):
            accepted[stop - INWARD_FRAMES : stop] = True
    return torch.from_numpy(accepted).unsqueeze(0).to(unknown.device)
