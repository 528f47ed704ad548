"""Video files: pictures and sound by their true times, a writer, and new sound beside untouched pictures.

Times are seconds on the container's time line, on which picture and sound may begin at different moments. Frames are
found by their presentation time, never by counting, so that variable frame rates and edit lists are right.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import Float, Float32, Float64, UInt8

from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable

logger = logging.getLogger(__name__)

_FAR = 10.0  # seconds between two wanted frames from which on seeking beats decoding
_PREROLL = 1.0  # seconds of sound decoded ahead of the wanted part, for codecs that look back
_HOLE = 0.015  # seconds; less than a lost packet of any codec, more than Vorbis in WebM is stamped late
_MP4 = (".mp4", ".m4v", ".mov")
_CODECS = dict.fromkeys(_MP4, "aac") | {".mkv": "flac", ".webm": "libopus"}
_SAMPLES = {"aac": "fltp", "flac": "s32", "libopus": "flt"}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_CHUNK = 1024  # sound frames handed to an encoder at a time

_Kind = Literal["pictures", "sound track"]
_Picture = UInt8[np.ndarray, "height width 3"]
_Sound = Float[np.ndarray, "frame channel"]
_Times = Sequence[float | int] | Float64[np.ndarray, " frame"]
_Track = Iterator[tuple[float, Any]]  # frames or lists of packets of one stream, with their times


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds; times in seconds on the container's time line, sizes as shown after rotation."""

    width: int
    height: int
    rotation: int
    """Degrees counterclockwise by which the stored pictures are turned to be shown: 0, 90, 180 or 270."""
    average_rate: Fraction
    """Pictures a second; the true rate may vary."""
    start: float
    """When the first picture is shown."""
    duration: float
    """How long pictures are shown."""
    frames: int
    """Number of pictures, as the container says."""
    codec: str
    """Codec of the pictures in FFmpeg's words: ``h264``, ``vp9`` …"""
    has_sound: bool
    sound_rate: int = 0
    """Hz; like all about sound 0 without it."""
    sound_channels: int = 0
    sound_start: float = 0.0
    """When the first sample sounds."""


def info(path: str | Path) -> VideoInfo:
    """Look at a video file, decoding the first frame of picture and sound.

    Raises:
        InputError: The file is missing, no video, or no frame of it can be decoded.
    """
    start, frame = next(_nearest(path, [-np.inf]))
    with _opened(path) as container:
        stream, has_sound = _stream(container, path, "pictures"), bool(container.streams.audio)
        rate, codec, count = stream.average_rate or Fraction(0), stream.codec_context.name, stream.frames
        duration = float(stream.duration * stream.time_base) if stream.duration else 0.0
        if not count or not duration:  # Matroska does not tell
            stamps = [(p.dts if p.pts is None else p.pts, p.duration) for p in container.demux(stream) if p.size]
            ends = [float((stamp + length) * stream.time_base) for stamp, length in stamps if stamp is not None]
            count, duration = count or len(stamps), duration or max(ends, default=start) - start
    first = next(_frames(path, "sound track"), None) if has_sound else None
    sound = (first[1].sample_rate, first[1].layout.nb_channels, first[0]) if first else ()
    size = _shown_size(frame)[::-1]
    return VideoInfo(*size, frame.rotation % 360, rate, start, duration, count, codec, first is not None, *sound)


def read_frames(
    path: str | Path, times: _Times, *, size: tuple[int, int] | None = None
) -> tuple[UInt8[np.ndarray, "frame height width 3"], Float64[np.ndarray, " frame"]]:
    """Read the pictures that are nearest to some moments.

    Decoding begins at the key frame before the first moment and goes no farther than needed. Before the first and
    after the last picture the nearest there is is given; the true times tell. What cannot be decoded is passed over.

    Args:
        path: The file.
        times: Seconds on the container's time line, in any order.
        size: Height and width wanted; shrunk by area averaging, enlarged bilinearly. Default: as stored.

    Returns:
        RGB pictures with the rotation applied, and the time at which each is shown.

    Raises:
        InputError: The file has no picture stream or none that can be decoded, or a time is not finite.
    """
    wanted = np.asarray(times, dtype=np.float64).reshape(-1)
    if not np.isfinite(wanted).all():
        raise InputError("the times of the wanted pictures have to be finite")
    if size is not None and min(size) < 1:
        raise InputError(f"pictures cannot be {size[0]} x {size[1]} pixels")
    height, width = size or _shown_size(next(_nearest(path, [-np.inf]))[1])
    pictures, true_times = np.empty((len(wanted), height, width, 3), np.uint8), np.empty(len(wanted))
    order = np.argsort(wanted, kind="stable")
    for run in np.split(order, np.flatnonzero(np.diff(wanted[order]) > _FAR) + 1) if len(order) else []:
        shown: tuple[float, Any] | None = None
        for index, (time, frame) in zip(run.tolist(), _nearest(path, wanted[run].tolist()), strict=True):
            if shown is None or shown[0] != time:
                shown = time, _to_rgb(frame, (height, width))
            true_times[index], pictures[index] = shown
    return pictures, true_times


def read_sound(
    path: str | Path, *, start: float | int | None = None, stop: float | int | None = None
) -> tuple[Float32[np.ndarray, "frame channel"], int, float]:
    """Read the sound track (of several, the first) at its own rate.

    Frames stand where their time stamps put them: where more than 15 ms are missing in between (a damaged or cut file)
    there is silence; where frames overlap by more than that the later one is cut. With ``start`` or ``stop`` only
    that part is decoded and kept in memory; codecs that make up noise as they decode (AAC) may then give slightly
    other noise than for the whole track.

    Args:
        path: The file.
        start: Seconds on the container's time line; default: where the track begins.
        stop: Seconds; default: where the track ends.

    Returns:
        Samples, nominally in [-1, 1] and never clipped, none if the track has none between ``start`` and ``stop``;
        the rate in Hz; and the time of the first sample, later than ``start`` where the track begins later.

    Raises:
        InputError: The file has no sound or none that can be decoded, or its rate or channels change on the way.
    """
    if start is not None and stop is not None and not start <= stop:
        raise InputError(f"the sound from {start:g} s to {stop:g} s of {path} ends before it begins")
    frames = _frames(path, "sound track", -np.inf if start is None else start - _PREROLL)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{path} is damaged: nothing of its sound can be decoded")
    origin, frame = first
    rate, channels = frame.sample_rate, frame.layout.nb_channels
    # Positions count samples from the first decoded one.
    begin = 0 if start is None else max(0, round((start - origin) * rate))
    end = None if stop is None else max(begin, round((stop - origin) * rate))
    pieces: list[Float32[np.ndarray, "frame channel"]] = []
    position = 0
    for time, frame in itertools.chain([first], frames):
        now = frame.sample_rate, frame.layout.nb_channels
        if now != (rate, channels):
            was = f"{rate} Hz and {channels} channels to {now[0]} Hz and {now[1]}"
            raise InputError(f"the sound of {path} changes at {time:.3f} s from {was}; convert it to one format first")
        block = _samples(frame)
        late = round((time - origin) * rate) - position
        if late > _HOLE * rate:
            block = np.concatenate([np.zeros((late, channels), np.float32), block])
        elif late < -_HOLE * rate:
            block = block[-late:]
        pieces.append(block[max(begin - position, 0) : None if end is None else max(end - position, 0)])
        position += len(block)
        if end is not None and position >= end:
            break
    sound = np.concatenate(pieces)
    if end is None or position < end:
        sound = sound[: max(0, len(sound) - _padding(frame))]
    return sound, rate, origin + begin / rate


def write(
    path: str | Path,
    frames: Iterable[_Picture],
    rate: Fraction | float | int,
    *,
    sound: _Sound | None = None,
    sound_rate: int | None = None,
    crf: int = 23,
    sound_bitrate: int = 128_000,
) -> None:
    """Write a video file that plays everywhere (H.264, 4:2:0; AAC), atomically. Picture and sound begin at time 0.

    Equal pictures and sounds give equal bytes.

    Args:
        path: ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``.
        frames: RGB pictures of one size, consumed one by one; an odd height or width is made even by repetition.
        rate: Pictures a second.
        sound: Samples, nominally in [-1, 1], of one to eight channels.
        sound_rate: Hz; comes with ``sound``. Of what AAC does not know, the next higher rate is made.
        crf: Quality from 0 (lossless) to 51; less is better and larger.
        sound_bitrate: Bits a second.

    Raises:
        InputError: There are no pictures, they differ in size, or the suffix is another.
        OSError: The disk refused.
    """
    if (suffix := Path(path).suffix.lower()) not in (*_MP4, ".mkv"):
        raise InputError(f"cannot write {path}: the suffix has to be .mp4, .m4v, .mov or .mkv, not {suffix!r}")
    if (sound is None) != (sound_rate is None):
        raise ValueError("sound and sound_rate come together")
    exact_rate = Fraction(rate).limit_denominator(1001)
    if exact_rate <= 0:
        raise InputError(f"cannot write {path}: {rate} pictures a second")
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise InputError(f"cannot write {path}: there are no pictures")
    with _writing(path) as output:
        # Without x264's macroblock tree, which gives other bytes for the same small pictures from run to run.
        options = {"crf": str(crf), "x264-params": "mbtree=0"}
        stream = output.add_stream("libx264", rate=exact_rate, options=options)
        stream.height, stream.width = (length + length % 2 for length in first.shape[:2])
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", 1 / exact_rate
        stream.colorspace, stream.color_range = Colorspace.SMPTE170M, ColorRange.MPEG
        tracks = [_encoded(stream, itertools.chain([first], remaining), first.shape, path)]
        if sound is not None and sound_rate is not None:
            tracks.append(_sound_track(output, path, "aac", sound, sound_rate, sound_bitrate, 0.0))
        _mux(output, tracks)


def replace_sound(
    source: str | Path, destination: str | Path, sound: _Sound, rate: int, *, start: float | int | None = None
) -> None:
    """Copy a video file with another sound track; the pictures are copied as they are, without being encoded anew.

    The rotation, the tags and the chapters stay as well; other sound tracks and subtitles do not. Pictures that an
    edit list hides show up in ``.mkv`` and ``.webm``, which have no edit lists; the times then shift by as much.

    Args:
        source: The file.
        destination: The copy, maybe ``source`` itself. Its suffix settles the codec: AAC in ``.mp4``, ``.m4v`` and
            ``.mov`` and Opus in ``.webm``, at the bit rate of the old track and 192 kbit/s at least; FLAC (24 bits,
            clipped at full scale) in ``.mkv``.
        sound: Samples, nominally in [-1, 1], of one to eight channels.
        rate: Hz.
        start: Time of the first sample in seconds, as :func:`read_sound` gave it. Default: where the old track begins
            or, without one, the first picture.

    Raises:
        InputError: The source cannot be read, or the container cannot hold its pictures.
        OSError: The disk refused.
    """
    suffix = Path(destination).suffix.lower()
    if suffix not in _CODECS:
        known = ", ".join(_CODECS)
        raise InputError(f"cannot write {destination}: the suffix has to be one of {known}, not {suffix!r}")
    header = info(source)
    if start is None:
        start = header.sound_start if header.has_sound else header.start
    with _opened(source) as container, _writing(destination) as output:
        pictures, old = _stream(container, source, "pictures"), next(iter(container.streams.audio), None)
        output.metadata.update(container.metadata)
        output.set_chapters(container.chapters())
        try:
            copy = output.add_stream_from_template(pictures)
        except ValueError:
            what = f"{suffix} cannot hold {header.codec} pictures"
            raise InputError(f"cannot write {destination}: {what}; use .mkv") from None
        bit_rate = max(192_000, (old.codec_context.bit_rate or 0) if old else 0)
        track = _sound_track(output, destination, _CODECS[suffix], sound, rate, bit_rate, start)
        _mux(output, [_copied(container, pictures, copy), track])


@contextmanager
def _opened(path: str | Path) -> Iterator[InputContainer]:
    """Open a container; whatever FFmpeg has against it is an :class:`InputError`."""
    refuse_unreadable(path)
    try:
        # With the protocol named, a colon in the file's name means nothing.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise InputError(f"{path} is no video that can be read, or is damaged: {error.strerror}") from None
    with container:
        yield container


def _stream(container: InputContainer, path: str | Path, kind: _Kind) -> Any:
    """Find the first stream of moving pictures or of sound; cover art is a video stream of one picture."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    found: Sequence[Any] = moving if kind == "pictures" else container.streams.audio
    if not found:
        # Streams of data have no codec.
        names = (f"{each.type} {getattr(each.codec_context, 'name', '')}".strip() for each in container.streams)
        raise InputError(f"{path} has no {kind} (streams: {', '.join(names) or 'none'})")
    found[0].thread_type = "AUTO"
    return found[0]


def _frames(path: str | Path, kind: _Kind, time: float | int = -np.inf) -> _Track:
    """Decode from a moment on or a little before, whatever can be decoded, each frame with its time."""
    # Containers index by decoding time or by byte, so that a seek may end too late; then begin farther ahead.
    for target in (time, time - 2.0, -np.inf):
        with _opened(path) as container:
            stream = _stream(container, path, kind)
            if target > -np.inf:
                try:
                    container.seek(int(target / stream.time_base), stream=stream)
                except av.error.FFmpegError:
                    continue
            frames = _decoded(container, stream)
            first = next(frames, None)
            if first is not None and (first[0] <= time or target == -np.inf):
                yield from itertools.chain([first], frames)
                return


def _decoded(container: InputContainer, stream: Any) -> _Track:
    packets = container.demux(stream)
    step = 1 / float(getattr(stream, "average_rate", None) or 25)
    broken, after = 0, 0.0
    while True:
        try:
            packet = next(packets, None)
            frames: list[Any] = [] if packet is None else packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            broken += 1
            continue
        for frame in frames:
            time = after if frame.time is None else frame.time
            after = time + (frame.samples / frame.sample_rate if isinstance(frame, AudioFrame) else step)
            yield time, frame
        if packet is None:
            break
    if broken:
        logger.warning("%s: %d damaged packets were passed over", container.name.removeprefix("file:"), broken)


def _nearest(path: str | Path, times: Sequence[float]) -> Iterator[tuple[float, VideoFrame]]:
    """For each of the ascending times, the picture that is nearest."""
    pictures = _frames(path, "pictures", times[0])
    before = after = next(pictures, None)
    for time in times:
        while after is not None and after[0] <= time:
            before, after = after, next(pictures, None)
        if before is None:
            raise InputError(f"{path} is damaged: none of its pictures can be decoded")
        yield before if after is None or time - before[0] <= after[0] - time else after


def _shown_size(frame: VideoFrame) -> tuple[int, int]:
    return (frame.width, frame.height) if frame.rotation % 180 else (frame.height, frame.width)


def _to_rgb(frame: VideoFrame, size: tuple[int, int]) -> _Picture:
    height, width = size[::-1] if frame.rotation % 180 else size
    method = Interpolation.AREA if height * width < frame.height * frame.width else Interpolation.BILINEAR
    flags = int(method | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND)
    picture = frame.reformat(width, height, "rgb24", interpolation=flags).to_ndarray()
    return np.rot90(picture, frame.rotation // 90)


def _samples(frame: AudioFrame) -> Float32[np.ndarray, "frame channel"]:
    raw = frame.to_ndarray()
    columns = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if columns.dtype.kind == "f":
        return columns.astype(np.float32)
    full = 2.0 ** (8 * columns.dtype.itemsize - 1)
    return (columns / full - (1 if columns.dtype == np.uint8 else 0)).astype(np.float32)


def _padding(frame: AudioFrame) -> int:
    """Samples at the end of the last frame that a codec of fixed frame length added, by the container's word."""
    if not frame.duration or frame.time_base is None or frame.time_base > Fraction(1, frame.sample_rate):
        return 0  # rounded time stamps, as in Matroska, cannot tell
    return max(0, frame.samples - round(frame.duration * frame.time_base * frame.sample_rate))


@contextmanager
def _writing(path: str | Path) -> Iterator[OutputContainer]:
    options = {"movflags": "+faststart"} if Path(path).suffix.lower() in _MP4 else {}
    try:
        with atomic_path(path) as temporary, av.open(f"file:{temporary}", "w", options=options) as output:
            yield output
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise InputError(f"cannot write {path}: {error.strerror}; another container may do it, try .mkv") from error


def _encoded(stream: Any, frames: Iterable[_Picture], shape: tuple[int, ...], path: str | Path) -> _Track:
    step = stream.codec_context.time_base
    for index, picture in enumerate(frames):
        if picture.shape != shape or picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            what = f"picture {index} is {picture.dtype} {picture.shape}; expected uint8 (h, w, 3), all of one size"
            raise InputError(f"cannot write {path}: {what}")
        even = np.pad(picture, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.SMPTE170M, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = index, step
        yield float(index * step), stream.encode(frame)
    yield np.inf, stream.encode(None)


def _sound_track(
    output: OutputContainer, path: str | Path, codec: str, sound: _Sound, rate: int, bits: int, start: float | int
) -> _Track:
    if sound.ndim != 2 or sound.shape[1] not in _LAYOUTS or not np.isfinite(sound).all() or rate < 1:
        what = f"finite, (frame, channel) of at most 8 channels, not {sound.shape} at {rate} Hz"
        raise InputError(f"cannot write {path}: the sound has to be {what}")
    layout, known = _LAYOUTS[sound.shape[1]], av.Codec(codec, "w").audio_rates or [rate]
    nearest = min((option for option in known if option >= rate), default=max(known))
    stream: Any = output.add_stream(codec, rate=nearest, layout=layout, format=_SAMPLES[codec])
    stream.codec_context.bit_rate = bits  # FLAC takes no heed of it

    def encoded() -> _Track:
        for at in range(0, len(sound), _CHUNK):
            chunk = np.ascontiguousarray(sound[at : at + _CHUNK].T, dtype=np.float32)
            frame = AudioFrame.from_ndarray(chunk, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate) + at, Fraction(1, rate)
            yield start + at / rate, stream.encode(frame)
        yield np.inf, stream.encode(None)

    return encoded()


def _copied(container: InputContainer, source: Stream, target: Stream) -> _Track:
    for packet in container.demux(source):
        if packet.size:
            stamp = packet.pts if packet.dts is None else packet.dts
            packet.stream = target
            yield float((stamp or 0) * packet.time_base), [packet]


def _mux(output: OutputContainer, tracks: Sequence[_Track]) -> None:
    """Write the packets of all tracks in the order of time, as players want them."""
    for _, packets in heapq.merge(*tracks, key=lambda item: item[0]):
        output.mux(packets)
