"""A video on the time line of a sound: where each sample belongs in the picture, and whether the two agree."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.signal import correlate
from torch import Tensor

from hr_common import audio, video
from hr_common.errors import InputError
from viai.config import PictureConfig
from viai.losses import rises
from viai.picture import Picture, PictureUnavailableError, read_picture

logger = logging.getLogger(__name__)

_RATE = 8_000  # enough to find a lag to an eighth of a millisecond
_LONGEST_LAG_SECONDS = 10.0
_CERTAIN = 0.5  # normalised correlation from which two tracks are taken for the same recording
LEAST_AGREEMENT = 0.2
"""Agreement of picture and sound from which the picture is used by itself. Of windows that the networks had not seen,
nine in ten reach it with their own picture and one in seven with that of another clip."""
CODE_FRAMES = 16
"""Mel frames that one step of the codes of picture and sound stands for."""
STRANGE_SECONDS = 0.9
"""A picture moved by at least this much belongs to another moment of the sound."""
COMPARED_SECONDS = 60.0
"""Length of sound that is compared with the video's own to find their offset."""


@dataclass(frozen=True)
class Placement:
    """Where a video lies on the time line of a sound."""

    path: Path
    origin_seconds: float
    """Moment on the container's time line at which sample 0 of the sound is heard."""
    how: str
    """What this rests on, in words; of a video that is not usable, why."""
    is_usable: bool = True
    """False for a video that cannot be read."""

    def picture(
        self, start_seconds: float, frames: int, config: PictureConfig, gaps: list[tuple[float, float]]
    ) -> Picture:
        """Read the pictures of a window.

        Args:
            start_seconds: Start of the window in the sound.
            frames: Pictures wanted.
            config: Rate, size and flow.
            gaps: Missing stretches in seconds of the sound, which the video has to show.

        Raises:
            PictureUnavailableError: If the video does not show all of the gaps.
            InputError: If it cannot be read.
        """
        if not self.is_usable:
            raise PictureUnavailableError(self.how)
        picture = read_picture(self.path, start=self.origin_seconds + start_seconds, frames=frames, config=config)
        moments = start_seconds + np.arange(frames) / config.frame_rate
        for start, stop in gaps:
            inside = (moments > start - 1 / config.frame_rate) & (moments < stop)
            if not picture.covered[inside].all():
                raise PictureUnavailableError(f"{self.path.name} does not show all of {start:.2f} s to {stop:.2f} s")
        return picture


def place_video(
    path: Path,
    sound: Float[np.ndarray, "time"] | None,
    rate: int,
    *,
    offset_seconds: float | None = None,
) -> Placement:
    """Find where a video lies on the time line of a sound.

    The sound of the file starts with the video's own sound track, or with its first picture if it has none. Where
    there is a track, the two are compared, and a lag between them moves the picture along.

    Args:
        path: The video.
        sound: Mono sound from its start on, gaps silenced; None if it *is* the track of the video.
        rate: Of the sound, in Hz.
        offset_seconds: How much the picture is late; nothing is compared if it is given.

    Raises:
        InputError: If the video cannot be read.
    """
    header = video.info(path)
    start = header.sound_start if header.has_sound else header.start
    if offset_seconds is not None:
        return Placement(path, start + offset_seconds, f"placed by the given offset of {1000 * offset_seconds:.0f} ms")
    if sound is None:
        return Placement(path, start, "placed by the video's own sound")
    if not header.has_sound:
        return Placement(path, start, "placed by the first picture, since the video has no sound to compare")
    try:
        track, track_rate, track_start = video.read_sound(path, stop=start + COMPARED_SECONDS)
    except InputError as error:
        logger.warning("%s: its sound cannot be compared (%s)", path.name, error)
        return Placement(path, start, "placed by the start of the video's sound, which cannot be compared")
    lag, certainty = estimate_lag(
        audio.resample(sound, rate, _RATE), audio.resample(track.mean(axis=1), track_rate, _RATE), _RATE
    )
    if certainty < _CERTAIN:
        logger.warning(
            "%s: its own sound does not resemble the given one (correlation %.2f); picture and sound may not belong "
            "together. Give --offset if they do",
            path.name,
            certainty,
        )
        return Placement(
            path, start, f"placed by the start of the video's sound, which differs (correlation {certainty:.2f})"
        )
    if abs(lag) > 0.04:
        logger.warning("%s: picture moved by %+.0f ms to fit the given sound", path.name, 1000 * lag)
    return Placement(path, track_start + lag, f"placed by comparison with the video's sound ({1000 * lag:+.1f} ms)")


def estimate_lag(sound: Float[np.ndarray, "time"], track: Float[np.ndarray, "time2"], rate: int) -> tuple[float, float]:
    """Find by how much a track is late against a sound: the peak of their cross-correlation.

    Args:
        sound: Mono samples.
        track: Mono samples of the same scene.
        rate: Of both, in Hz.

    Returns:
        Lag in seconds, such that ``sound(t)`` resembles ``track(t + lag)``, at most ten seconds either way, and the
        normalised correlation there, 0 to 1; both zero if one is silent.
    """
    first, second = sound.astype(np.float64), track.astype(np.float64)
    if not first.any() or not second.any():
        return 0.0, 0.0
    correlation = np.abs(correlate(second, first, mode="full", method="fft"))
    lags = np.arange(-(len(first) - 1), len(second))
    correlation[np.abs(lags) > _LONGEST_LAG_SECONDS * rate] = 0
    best = int(np.argmax(correlation))
    lag = int(lags[best])
    overlap = slice(max(0, -lag), min(len(first), len(second) - lag))
    shared = first[overlap], second[overlap.start + lag : overlap.stop + lag]
    energy = float(np.sqrt(np.square(shared[0]).sum() * np.square(shared[1]).sum()))
    return lag / rate, float(correlation[best]) / energy if energy > 0 else 0.0


def code_steps(frames: Bool[np.ndarray, "frame"]) -> Bool[np.ndarray, "code"]:
    """Steps of a code in whose surroundings a frame is marked: step ``k`` is centred on mel frame ``16 k``."""
    steps = -(-len(frames) // CODE_FRAMES)
    half = CODE_FRAMES // 2
    padded = np.zeros(CODE_FRAMES * (steps + 1), dtype=bool)
    padded[half : half + len(frames)] = frames
    return np.asarray(padded[: CODE_FRAMES * steps].reshape(steps, CODE_FRAMES).any(axis=1))


def synchrony(
    sight: Float[Tensor, "1 channel 1 code"], sound: Float[Tensor, "1 channel 1 code"], steps: Bool[np.ndarray, "code"]
) -> float:
    """Cosine of the codes of picture and sound over some of their steps, -1 to 1; 0 where a code is zero.

    Codes of all pictures and sounds resemble each other: the figure speaks only beside that of a picture that does not
    belong to the sound.

    Args:
        sight: Code f_v of the pictures of a window.
        sound: Code f_a of its sound.
        steps: What to look at, see :func:`code_steps`.

    References:
        Zhou et al., "Vision-Infused Deep Audio Inpainting", ICCV 2019, section 3.3, whose synchronisation loss brings
        the two together over the whole window.
    """
    chosen = torch.from_numpy(steps)
    first, second = (code[0, :, 0].cpu()[:, chosen].double().flatten() for code in (sight, sound))
    return float(torch.nn.functional.cosine_similarity(first, second, dim=0))


def agreement(
    told: Float[Tensor, "band frame"], mel: Float[Tensor, "80 frame"], unknown: Bool[Tensor, "frame"]
) -> float | None:
    """Correlate where a picture tells that notes begin with where they do, in the sound around a gap.

    Of a picture that the network knows how to read this is about one half; of another sound's picture, or of one of a
    kind that it has never seen, about zero.

    Args:
        told: Onsets that the picture tells, see :meth:`viai.networks.video_encoder.VideoEncoder.onsets`.
        mel: Levels of the sound with its gaps, as many frames.
        unknown: Frames that touch a gap; they are left out.

    Returns:
        Pearson's coefficient of the means over all bands, -1 to 1; None where sound or picture tell nothing at all.
    """
    known = ~unknown
    known[1:] &= ~unknown[:-1]  # a rise looks back to the frame before
    known[0] = False
    expected, heard = (part.double().mean(dim=0)[known] for part in (told, rises(mel.unsqueeze(0), len(told))[0]))
    expected, heard = expected - expected.mean(), heard - heard.mean()
    power = float(expected.norm() * heard.norm())
    return float(expected @ heard) / power if power > 1e-9 else None


def strange_shifts(pictures: int, frame_rate: float | int) -> list[int]:
    """Pictures by which a window is turned round to get some that do not belong to its sound.

    Quarters of the window; none where they come within :data:`STRANGE_SECONDS` of the place they belong to.

    Args:
        pictures: Number of pictures of the window.
        frame_rate: Pictures a second.
    """
    least = STRANGE_SECONDS * frame_rate
    shifts = [round(pictures * quarter / 4) for quarter in (1, 2, 3)]
    return [shift for shift in shifts if least <= shift <= pictures - least]
