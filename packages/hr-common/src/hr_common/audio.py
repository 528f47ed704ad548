"""Sound files as arrays: any rate, channel count and sample format that libsndfile knows.

Arrays are ``(frame, channel)``; float samples lie nominally in [-1, 1] and are never clipped on reading. An integer
sample of ``b`` bits is the float times ``2 ** (b - 1)``, both ways, so that what was read is written back to the bit.
"""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Float32, Shaped

from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable
from hr_common.flac import carry_metadata

_BLOCK = 1 << 16  # frames in memory at a time
_ALIASES = {"AIF": "AIFF", "AIFC": "AIFF", "SND": "AU", "OGA": "OGG", "OPUS": "OGG"}  # suffixes that are no format
# Bytes of a sample in the formats that lose nothing.
_WIDTHS = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_LAWS = ("ALAW", "ULAW")  # one byte each
_WAV_LIMIT = 0xFFFF_0000  # bytes of samples that fit a WAV with room for its header

_Dtype = Literal["float32", "float64", "int16", "int32"]
_Samples = Float[np.ndarray, "frame channel"]
_Patches = Sequence[tuple[int, Float[np.ndarray, "_ channel"]]]


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What a sound file says about itself: rate in Hz, samples of one channel, and libsndfile's words for the rest."""

    sample_rate: int
    channels: int
    frames: int
    format: str
    """Container: ``WAV``, ``FLAC``, ``OGG`` …"""
    subtype: str
    """Sample format: ``PCM_16``, ``FLOAT``, ``VORBIS`` …"""

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.frames / self.sample_rate


def info(path: str | Path) -> AudioInfo:
    """Read the header of a sound file.

    Raises:
        InputError: The file is missing, no sound file, or holds no sound.
    """
    with _reading(path) as (_, header):
        return header


def read(
    path: str | Path, *, start: int = 0, stop: int | None = None, dtype: _Dtype = "float32", check_finite: bool = True
) -> tuple[Shaped[np.ndarray, "frame channel"], int]:
    """Read sound at its own rate.

    Args:
        path: The file.
        start: First frame.
        stop: Frame after the last; ``None`` or more than there are stands for the end.
        dtype: Floats are nominally in [-1, 1], more where the file has more; integers are left-aligned.
        check_finite: Refuse NaN and infinity; otherwise they are given as they are.

    Returns:
        The samples, and the rate in Hz.

    Raises:
        InputError: The file cannot be read, is damaged or holds NaN or infinity (the message names the frame), or
            ``start`` lies outside it.
    """
    with _reading(path) as (file, header):
        stop = header.frames if stop is None else min(stop, header.frames)
        if not 0 <= start <= stop:
            raise InputError(f"frames {start} to {stop} lie outside {path}, which has {header.frames}")
        file.seek(start)
        try:
            samples = file.read(stop - start, dtype=dtype, always_2d=True)
        except MemoryError:
            raise InputError(f"{path} says it has {header.frames} frames, which do not fit into memory") from None
        if len(samples) < stop - start:
            raise InputError(f"{path} is damaged: it ends at frame {start + len(samples)} of {header.frames}")
    if check_finite:
        _refuse_nan(samples, path, start, header.sample_rate)
    return samples, header.sample_rate


def blocks(path: str | Path, *, size: int, overlap: int = 0) -> Iterator[Float32[np.ndarray, "frame channel"]]:
    """Read float32 in blocks of ``size`` frames (the last may be shorter) that repeat ``overlap`` of the one before.

    Raises:
        InputError: The file cannot be read or holds NaN or infinity.
        ValueError: Not ``0 <= overlap < size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"blocks of {size} frames cannot overlap by {overlap}")
    with _reading(path) as (file, header):
        for index, block in enumerate(file.blocks(size, overlap, dtype="float32", always_2d=True)):
            _refuse_nan(block, path, index * (size - overlap), header.sample_rate)
            yield block


def resample(
    samples: Float[np.ndarray, "time *trailing"], source_rate: float | int, target_rate: float | int
) -> Float[np.ndarray, "new_time *trailing"]:
    """Change the sample rate along the first axis, at soxr's very high quality.

    Rates are in Hz. The result has the dtype of the samples, ``time * target_rate / source_rate`` frames up to
    rounding, and frame 0 at the same moment; the same rate gives the very same array back.

    Raises:
        InputError: A rate is not positive.
    """
    if not (source_rate > 0 and target_rate > 0):
        raise InputError(f"sample rates have to be positive, not {source_rate} and {target_rate} Hz")
    if source_rate == target_rate:
        return samples
    if samples.size == 0:
        return np.zeros((round(len(samples) * target_rate / source_rate), *samples.shape[1:]), samples.dtype)
    flat = np.ascontiguousarray(samples.reshape(len(samples), -1))
    result = soxr.resample(flat, source_rate, target_rate, quality="VHQ")
    return np.asarray(result).reshape(-1, *samples.shape[1:])


def write(
    path: str | Path, samples: Shaped[np.ndarray, "..."], sample_rate: int, *, subtype: str | None = None
) -> None:
    """Write a sound file, atomically; the suffix settles the format.

    Args:
        path: ``.wav``, ``.flac``, ``.aiff``, ``.ogg``, ``.mp3`` or another suffix that libsndfile knows.
        samples: ``(frame,)`` or ``(frame, channel)``; floats nominally in [-1, 1], or int16 or int32.
        sample_rate: In Hz.
        subtype: Sample format in libsndfile's words. Default: floats as ``FLOAT``, int16 as ``PCM_16``, int32 as
            ``PCM_32``; FLAC, which has no floats, as ``PCM_24``. Integer formats clip at full scale, floats do not.

    Raises:
        InputError: The samples are empty, of another shape or not finite, or the format cannot hold them.
        OSError: The disk refused.
    """
    is_known = samples.dtype.kind == "f" or samples.dtype in (np.int16, np.int32)
    if not is_known or samples.ndim not in (1, 2) or samples.size == 0:
        what = f"float, int16 or int32 (frame, channel), not empty, not {samples.dtype} {samples.shape}"
        raise InputError(f"cannot write {path}: samples have to be {what}")
    columns = samples.reshape(len(samples), -1)
    _refuse_nan(columns, path, 0, sample_rate)
    format_name = _format_of(path)
    if subtype is None:
        wanted = {"int16": "PCM_16", "int32": "PCM_32"}.get(str(samples.dtype), "FLOAT")
        options = [wanted, "PCM_24", soundfile.default_subtype(format_name)]
        subtype = next(option for option in options if soundfile.check_format(format_name, option))
    full = 1.0 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
    pieces = (columns[at : at + _BLOCK] / full for at in range(0, len(columns), _BLOCK))
    header = AudioInfo(sample_rate, columns.shape[1], len(columns), format_name, subtype)
    with atomic_path(path) as temporary:
        _write_blocks(temporary, path, pieces, header, {})


def replace(source: str | Path, destination: str | Path, patches: _Patches) -> None:
    """Copy a sound file and put new frames in some places; every other sample stays the same to the bit.

    A WAV is copied byte for byte, so that its other chunks stay as well (a ``PEAK`` chunk keeps the old peak). Other
    formats are encoded anew, block by block, with the tags that libsndfile knows; from FLAC to FLAC all metadata is
    kept, pictures and cue sheets included. NaN outside the new frames stays.
    Patches go into an integer format by rounding to nearest, clipped at full scale, without dither; into a float
    format as they are. Where patches overlap, the later one wins.

    Args:
        source: The file. Lossy ones (OGG, MP3, ADPCM) are decoded.
        destination: Where the copy shall be, maybe ``source`` itself. Its suffix settles the format; the sample
            format is the source's or, where the format does not have it, the next larger one. Decoded lossy sound
            becomes ``FLOAT``, and ``PCM_24`` in FLAC.
        patches: First frame, and samples nominally in [-1, 1] with the channels of the file.

    Raises:
        InputError: The source cannot be read, a patch does not fit it or is not finite, or the destination's format
            is lossy or cannot hold the samples exactly.
        OSError: The disk refused.
    """
    with _reading(source) as (file, header), atomic_path(destination) as temporary:
        for start, patch in patches:
            if patch.ndim != 2 or patch.shape[1] != header.channels:
                raise InputError(f"a patch of shape {patch.shape} does not fit {source} of {header.channels} channels")
            stop = start + len(patch)
            if not 0 <= start <= stop <= header.frames:
                raise InputError(f"frames {start} to {stop} lie outside {source}, which has {header.frames}")
            _refuse_nan(patch, "the patch", start, header.sample_rate)
        target = dataclasses.replace(header, format=_format_of(destination))
        is_riff = header.format in ("WAV", "WAVEX", "RF64") and header.subtype in (*_WIDTHS, *_LAWS)
        if is_riff and target.format == "WAV" and _patch_riff(source, temporary, header, patches):
            return
        target = dataclasses.replace(target, subtype=_holding(header.subtype, target.format, destination))
        _write_blocks(temporary, destination, _patched(file, header, patches), target, file.copy_metadata())
        if header.format == target.format == "FLAC":
            carry_metadata(source, temporary)


@contextmanager
def _reading(path: str | Path) -> Iterator[tuple[soundfile.SoundFile, AudioInfo]]:
    """Open a sound file; whatever libsndfile has against it is an :class:`InputError`."""
    refuse_unreadable(path)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError) as error:
        reason = getattr(error, "error_string", "raw samples without a header")
        raise InputError(f"{path} is no sound file that can be read (WAV, FLAC, AIFF, OGG, MP3 …): {reason}") from None
    with file:
        try:
            frames = file.frames
            if frames >= 1 << 62:  # a stream that was never given its length
                frames = sum(len(block) for block in file.blocks(_BLOCK, dtype="int16", always_2d=True))
                file.seek(0)
            if frames <= 0:
                raise InputError(f"{path} holds no sound: it has a header and no samples")
            yield file, AudioInfo(file.samplerate, file.channels, frames, file.format, file.subtype)
        except soundfile.LibsndfileError as error:
            raise InputError(f"{path} is damaged: {error.error_string}") from None


def _refuse_nan(samples: Shaped[np.ndarray, "frame channel"], where: str | Path, start: int, sample_rate: int) -> None:
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        frame = start + int(np.argmax(~np.isfinite(samples).all(axis=1)))
        raise InputError(f"{where} holds NaN or infinity at frame {frame} ({frame / sample_rate:.3f} s)")


def _format_of(path: str | Path) -> str:
    """Choose the container by the suffix."""
    suffix = Path(path).suffix
    name = _ALIASES.get(suffix[1:].upper(), suffix[1:].upper())
    if name == "RAW" or name not in soundfile.available_formats():
        raise InputError(f"cannot write {path}: the suffix {suffix!r} is no sound format; use .wav or .flac")
    return name


def _holding(subtype: str, format_name: str, path: str | Path) -> str:
    """The smallest sample format of a container that holds every sample of another."""
    wider = [name for name in _WIDTHS if name.startswith("PCM") and _WIDTHS[name] >= _WIDTHS.get(subtype, 9)]
    options = [subtype, *wider, "DOUBLE"] if subtype in _WIDTHS else ["FLOAT", "PCM_24"]
    for option in options:
        if soundfile.check_format(format_name, option):
            return option
    raise InputError(
        f"cannot write {path}: {format_name} cannot hold {subtype} samples exactly, so the sound around the new frames "
        f"would change; write {Path(path).with_suffix('.wav').name} instead"
    )


def _encoded(samples: _Samples, subtype: str) -> Shaped[np.ndarray, "frame channel"]:
    """Turn floats into what libsndfile puts into files of this subtype unchanged: left-aligned int32, or floats."""
    if not subtype.startswith("PCM"):
        return samples.clip(-1, 1) if subtype in _LAWS else samples  # libsndfile lets these overflow
    bits = 8 * _WIDTHS[subtype]
    full = 2.0 ** (bits - 1)
    steps = np.clip(np.rint(samples.astype(np.float64) * full), -full, full - 1)
    return (steps.astype(np.int64) << (32 - bits)).astype(np.int32)


def _patched(file: soundfile.SoundFile, header: AudioInfo, patches: _Patches) -> Iterator[_Samples]:
    for at in range(0, header.frames, _BLOCK):
        wanted = min(_BLOCK, header.frames - at)
        block = file.read(wanted, dtype="float64", always_2d=True)  # holds every sample format exactly
        if len(block) < wanted:
            raise InputError(f"{file.name} is damaged: it ends at frame {at + len(block)} of {header.frames}")
        for start, patch in patches:
            first, last = max(start, at), min(start + len(patch), at + len(block))
            if first < last:
                block[first - at : last - at] = patch[first - start : last - start]
        yield block


def _write_blocks(
    temporary: Path, path: str | Path, pieces: Iterable[_Samples], header: AudioInfo, tags: Mapping[str, str]
) -> None:
    """Write blocks to a temporary file that shall become ``path``."""
    rate, channels, subtype = header.sample_rate, header.channels, header.subtype
    is_long = header.frames * channels * _WIDTHS.get(subtype, 2) > _WAV_LIMIT
    format_name = "RF64" if header.format == "WAV" and is_long else header.format
    try:
        with soundfile.SoundFile(temporary, "w", rate, channels, subtype, format=format_name) as file:
            for name, value in tags.items():
                setattr(file, name, value)
            for piece in pieces:
                file.write(_encoded(piece, subtype))
    except InputError:
        raise
    except soundfile.LibsndfileError as error:
        if error.code == 2:  # SF_ERR_SYSTEM
            raise OSError(f"cannot write {path}: {error.error_string}") from error
        what = f"{header.format} does not take {channels} channels of {subtype} at {rate} Hz"
        raise InputError(f"cannot write {path}: {what}: {error.error_string}") from None
    except ValueError as error:
        raise InputError(f"cannot write {path} as {header.format} with {subtype} samples: {error}") from None


def _patch_riff(source: str | Path, temporary: Path, header: AudioInfo, patches: _Patches) -> bool:
    """Copy a RIFF file and overwrite the bytes of the new frames; ``False`` if it does not begin like one."""
    if (offset := _data_offset(source)) is None:
        return False
    shutil.copyfile(source, temporary)
    with temporary.open("r+b") as writer:
        for start, patch in patches:
            raw, encoded = io.BytesIO(), _encoded(patch, header.subtype)
            soundfile.write(raw, encoded, header.sample_rate, header.subtype, "LITTLE", format="RAW")
            writer.seek(offset + start * header.channels * _WIDTHS.get(header.subtype, 1))
            writer.write(raw.getvalue())
    return True


def _data_offset(path: str | Path) -> int | None:
    with Path(path).open("rb") as reader:
        if reader.read(12)[:4] in (b"RIFF", b"RF64"):  # not RIFX, whose numbers are the other way round
            while len(chunk := reader.read(8)) == 8:
                if chunk[:4] == b"data":
                    return reader.tell()
                size = int.from_bytes(chunk[4:], "little")
                reader.seek(size + size % 2, os.SEEK_CUR)
    return None
