"""The sound of a file, be it a sound file or a video: which it is, its samples on disk, what a copy may be called."""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float

from hr_common import audio, video
from hr_common.errors import InputError
from viai.detection import RELIABLE, Detection, Kind, detect_file
from viai.gaps import Gap

SOUND_SUFFIXES = frozenset(
    {
        ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3",
        ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd", ".w64", ".rf64",
    }
)  # fmt: skip
"""Files that are read as sound; everything else is taken for a video."""
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm"})
"""Videos that can be written."""
REPORT_SUFFIXES = frozenset({".json", ".html", ".htm"})
"""Reports that can be written."""
_LOSSY = frozenset({".ogg", ".oga", ".opus", ".mp3"})
_STRETCH_SECONDS = 30.0


class ScratchFolder:
    """A temporary folder that is removed with the object, or when the program ends, whichever comes first."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="viai-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def is_sound_file(path: Path) -> bool:
    """Whether a file is read as sound rather than as a video, by its suffix."""
    return path.suffix.lower() in SOUND_SUFFIXES


def output_suffix(path: Path) -> str:
    """Suffix of a repaired copy: that of the file, if it can be written without another loss.

    Otherwise it is ``.wav`` for sound, and ``.mkv`` for video.
    """
    suffix = path.suffix.lower()
    if suffix in SOUND_SUFFIXES:
        return ".wav" if suffix in _LOSSY or suffix == ".wave" else path.suffix
    return path.suffix if suffix in VIDEO_SUFFIXES else ".mkv"


def require_writable(source: Path, target: Path) -> None:
    """Refuse a name under which no repaired copy can be written, before any work is done.

    Raises:
        InputError: If the suffix is unknown or lossy, or a video was asked for where there is none.
    """
    suffix = target.suffix.lower()
    has_picture = not is_sound_file(source)
    if suffix in _LOSSY:
        raise InputError(
            f"cannot write {target}: {suffix} is lossy, so the sound around the gaps would change; "
            f"write {target.with_suffix('.wav').name} instead"
        )
    if suffix in VIDEO_SUFFIXES and not has_picture:
        raise InputError(
            f"cannot write {target}: {source.name} has no picture; write {target.with_suffix('.wav').name}, "
            "or give the video instead of the sound"
        )
    if suffix == ".wave" or suffix not in SOUND_SUFFIXES | VIDEO_SUFFIXES:
        choice = ".wav or .flac" + (", or .mp4, .mov, .mkv or .webm for the picture too" if has_picture else "")
        raise InputError(f"cannot write {target}: the suffix '{target.suffix}' is unknown; use {choice}")


def candidate_path(path: Path, number: int) -> Path:
    """Name of the file of a candidate, beside that of the repaired file."""
    return path.with_name(f"{path.stem}.candidate{number}{path.suffix}")


def require_report(path: Path) -> None:
    """Refuse a name under which no report can be written, before any work is done.

    Raises:
        InputError: If the suffix is unknown.
    """
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise InputError(f"cannot write {path}: a report ends in .json (for scripts) or .html (for people)")


def read_known(
    path: Path, start: int, stop: int, gaps: Sequence[Gap], *, check_finite: bool = True
) -> Float[np.ndarray, "time channel"]:
    """Read a stretch of a sound file without reading its gaps.

    Args:
        path: The sound file.
        start: First sample.
        stop: First sample after the stretch, at most the end of the file.
        gaps: What is missing in the file, in order of time.
        check_finite: Refuse NaN and infinity; otherwise they are given as they are.

    Returns:
        Samples in double precision, zero in the gaps.

    Raises:
        InputError: If the file cannot be read or a known sample is not finite.
    """
    samples = np.zeros((stop - start, audio.info(path).channels))
    position = start
    for gap in [*(gap for gap in gaps if gap.stop > start and gap.start < stop), Gap(stop, stop)]:
        if gap.start > position:
            known, _ = audio.read(path, start=position, stop=gap.start, dtype="float64", check_finite=check_finite)
            samples[position - start : gap.start - start] = known
        position = max(position, gap.stop)
    return samples


def extract_sound(path: Path, out: Path) -> Path:
    """Write the sound track of a video as a W64 file in floating point, which may be of any length.

    Args:
        path: The video.
        out: File to write; of no worth if this fails.

    Raises:
        InputError: If the video cannot be read or has no sound track.
    """
    header = video.info(path)
    if not header.has_sound:
        raise InputError(
            f"{path} has no sound track, only {header.codec} pictures; give the sound too: "
            f"viai inpaint SOUND {path.name}"
        )
    written = 0
    with soundfile.SoundFile(out, "w", header.sound_rate, header.sound_channels, "FLOAT", format="W64") as file:
        while True:
            start = header.sound_start + written / header.sound_rate
            samples, rate, first = video.read_sound(path, start=start, stop=start + _STRETCH_SECONDS)
            # Where a stretch begins is rounded to samples of its own.
            shift = written - round((first - header.sound_start) * rate)
            fresh = samples[max(0, shift) :]
            if not len(fresh):
                break
            file.write(np.ascontiguousarray(fresh))
            written += len(fresh)
    if written == 0:
        raise InputError(f"the sound track of {path} holds no sound")
    return out


def detect_sound(path: Path, kinds: Sequence[Kind] = RELIABLE) -> tuple[int, list[Detection]]:
    """Find damaged stretches of a sound file, or of the sound of a video.

    Returns:
        Sample rate, and what was found in order of time.

    Raises:
        InputError: If the file cannot be read.
    """
    if is_sound_file(path):
        return audio.info(path).sample_rate, detect_file(path, kinds=kinds)
    folder = ScratchFolder()
    try:
        sound = extract_sound(path, folder.path / "sound.w64")
        return audio.info(sound).sample_rate, detect_file(sound, kinds=kinds)
    finally:
        folder.remove()
