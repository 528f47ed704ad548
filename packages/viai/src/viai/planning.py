"""What is to be done before anything is filled: which gaps, by which means, in which windows, beside which picture."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np
from jaxtyping import Float

from hr_common import audio, video
from hr_common.errors import InputError
from viai.detection import detect_file
from viai.fullband import mid_signal
from viai.gaps import Gap, Window, plan_windows, resolve_gaps, window_around
from viai.soundtracks import extract_sound, is_sound_file
from viai.synchrony import Placement, place_video
from viai.window_painting import Method
from viai.window_repair import LONG_SECONDS, Vocoder

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 4.0
"""Gaps longer than this are left as they were, except by ``ar``."""
WINDOW_SECONDS = 4.0
"""Sound that the networks see around a gap, the gap included."""
MOST_CANDIDATES = 64
"""Fillings of one gap that may be asked for."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user may choose, checked; see :meth:`viai.inpainting.Inpainter.inpaint_file`."""

    method: Method
    vocoder: Vocoder
    offset_seconds: float | None
    seed: int
    candidates: int

    @property
    def may_look(self) -> bool:
        """Whether the method looks at a video."""
        return self.method in ("auto", "viai-av")


def check_choices(
    *,
    method: str,
    vocoder: str,
    video: str | Path | None,
    offset_seconds: float | None,
    seed: int,
    candidates: int,
) -> Choices:
    """Refuse what does not exist or does not go together.

    Raises:
        InputError: If a name is unknown, the method needs a video and there is none, or a number makes no sense.
    """
    for name, value, known in (("method", method, get_args(Method)), ("vocoder", vocoder, get_args(Vocoder))):
        if value not in known:
            raise InputError(f"{name} '{value}' is unknown; choose one of {', '.join(known)}")
    if method == "viai-av" and video is None:
        raise InputError("--method viai-av needs a video: viai inpaint SOUND VIDEO")
    if offset_seconds is not None and not math.isfinite(offset_seconds):
        raise InputError(f"an offset of {offset_seconds} is no time; give milliseconds: --offset 40")
    if not 1 <= candidates <= MOST_CANDIDATES:
        raise InputError(f"{candidates} candidates cannot be made; ask for 1 to {MOST_CANDIDATES}: --candidates 4")
    return Choices(
        method=cast(Method, method),
        vocoder=cast(Vocoder, vocoder),
        offset_seconds=offset_seconds,
        seed=seed,
        candidates=candidates,
    )


def require_some(gaps: Sequence[Gap], name: str) -> None:
    """Refuse to work on nothing.

    Raises:
        InputError: If there is no gap.
    """
    if not gaps:
        raise InputError(f"no gap of {name} was given, so there is nothing to fill")


def place(
    video: Path,
    opening: Float[np.ndarray, "time channel"] | None,
    rate: int,
    choices: Choices,
) -> Placement:
    """Lay the video on the sound's time line; it is marked as unusable if that fails and the sound alone will do.

    Args:
        video: The video.
        opening: The sound from its start on, gaps silenced; None if it is the video's own.
        rate: Of the sound, in Hz.
        choices: What the user wants.

    Raises:
        InputError: If the video cannot be read and the method insists on it.
    """
    heard = None if opening is None else mid_signal(opening, 0, 0)
    try:
        return place_video(video, heard, rate, offset_seconds=choices.offset_seconds)
    except InputError as error:
        if choices.method == "viai-av":
            raise
        logger.warning("%s; going on with the sound alone", error)
        return Placement(video, 0.0, str(error), is_usable=False)


def refuse_long(gaps: Sequence[Gap], choices: Choices, rate: int) -> tuple[list[Gap], tuple[str, ...]]:
    """Part the gaps that can be filled from those that are too long, of which the reason is given.

    Args:
        gaps: All that is missing.
        choices: What the user wants.
        rate: In Hz.
    """
    refused = [gap for gap in gaps if choices.method != "ar" and gap.length_seconds(rate) > LONGEST_SECONDS]
    reasons = [
        f"{gap.start / rate:.3f} s to {gap.stop / rate:.3f} s: more than {LONGEST_SECONDS:g} s cannot be guessed"
        for gap in refused
    ]
    return [gap for gap in gaps if gap not in refused], tuple(reasons)


def lay_windows(wanted: Sequence[Gap], gaps: Sequence[Gap], rate: int, frames: int) -> list[Window]:
    """Lay windows round the gaps that are to be filled; what else is missing there is masked too.

    Args:
        wanted: Gaps to fill.
        gaps: All that is missing.
        rate: Of the file, in Hz.
        frames: Samples of the file.
    """
    longest = LONG_SECONDS * rate
    short = plan_windows([gap for gap in wanted if gap.length <= longest], rate=rate, frames=frames)
    windows = [
        window_around(window.targets, gaps, rate=rate, frames=frames, window_seconds=WINDOW_SECONDS) for window in short
    ]
    for gap in wanted:
        if gap.length > longest:
            span = WINDOW_SECONDS - 1.0 + gap.length_seconds(rate)
            windows.append(window_around([gap], gaps, rate=rate, frames=frames, window_seconds=span))
    return sorted(windows, key=lambda window: window.targets[0])


def find_gaps(
    source: Path, path: Path, header: audio.AudioInfo, spans: Sequence[tuple[float, float]], detect: bool
) -> list[Gap]:
    """Bring together the gaps that were given and those that are found.

    Args:
        source: The file as the user knows it.
        path: The file that holds its samples.
        header: Of ``path``.
        spans: Start and end of the gaps that were given, in seconds.
        detect: Look for more.

    Raises:
        InputError: If a gap is wrong, or there is none.
    """
    rate, frames = header.sample_rate, header.frames
    given = resolve_gaps(spans, rate=rate, frames=frames, name=source.name)
    if not detect:
        require_some(given, source.name)
        return given
    found = detect_file(path)
    for item in found:
        logger.info("found %s from %.3f s to %.3f s", item.kind, item.start / rate, item.stop / rate)
    both = [gap.seconds(rate) for gap in given] + [(item.start / rate, item.stop / rate) for item in found]
    if not both:
        raise InputError(
            f"no gap was found in {source.name}; say where it is with --gap START:END, or look for more kinds with "
            "viai detect --kind"
        )
    return resolve_gaps(both, rate=rate, frames=frames, name=source.name, merge=True)


def reference_sound(reference: Path, out: Path) -> Path:
    """Find the file that holds the samples of an intact sound; that of a video is extracted.

    Args:
        reference: Sound file or video.
        out: W64 file for extracted sound.

    Raises:
        InputError: If the video cannot be read or has no sound.
    """
    if is_sound_file(reference):
        return reference
    if not video.info(reference).has_sound:
        raise InputError(f"{reference} has no sound track to compare with; give the intact sound: --reference SOUND")
    return extract_sound(reference, out)


def check_reference(
    reference: Path, path: Path, header: audio.AudioInfo, source: Path, gaps: Sequence[Gap], choices: Choices
) -> None:
    """Make sure that fillings can be compared with an intact sound.

    Args:
        reference: The intact sound as the user knows it.
        path: The file that holds its samples.
        header: Of the sound that is repaired.
        source: That sound as the user knows it.
        gaps: What is missing in it.
        choices: What the user wants.

    Raises:
        InputError: If rate, channels or length differ, or a sample around the gaps is not finite.
    """
    own = audio.info(path)
    shape = (own.sample_rate, own.channels, own.frames)
    if shape != (header.sample_rate, header.channels, header.frames):
        raise InputError(
            f"{reference} ({_shape(own)}) cannot be compared with {source} ({_shape(header)}): the reference has to "
            "be the same sound before it was damaged, with equal rate, channels and length"
        )
    wanted, _ = refuse_long(gaps, choices, header.sample_rate)
    for window in lay_windows(wanted, gaps, header.sample_rate, header.frames):
        audio.read(path, start=window.start, stop=window.stop)


def _shape(header: audio.AudioInfo) -> str:
    channels = f"{header.channels} channel{'s' if header.channels > 1 else ''}"
    return f"{header.sample_rate} Hz, {channels}, {header.frames} samples"
