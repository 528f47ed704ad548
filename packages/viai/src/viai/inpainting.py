"""Fill the gaps of a recording: the main job, for arrays and for files."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

import numpy as np
import torch
from jaxtyping import Float
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from hr_common import audio
from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import file_digest
from viai.checkpoints import STAGES, Loaded, load_network, require_front_end, weights_folder
from viai.detection import detect_file
from viai.fullband import mid_signal
from viai.gaps import Gap, Window, plan_windows, resolve_gaps, window_around
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet
from viai.repair import FileRepair
from viai.report import GapReport, RepairReport
from viai.soundtracks import ScratchFolder, extract_sound, is_sound_file, read_known
from viai.spectrogram import MelSpectrogram
from viai.synchrony import COMPARED_SECONDS, Placement, place_video
from viai.window_repair import LONG_SECONDS, Method, Networks, Vocoder, WindowRepair

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 4.0
"""Gaps longer than this are left as they were, except by ``ar``."""
WINDOW_SECONDS = 4.0
"""Sound that the networks see around a gap, the gap included."""

Reader = Callable[[int, int], Float[np.ndarray, "time channel"]]
"""Gives the samples from a first one up to another, in double precision, zero in the gaps."""
Patch = tuple[int, Float[np.ndarray, "_ channel"]]
"""First sample in the file, and samples."""


@dataclass(frozen=True, eq=False)
class InpaintResult:
    """A repaired sound."""

    samples: Float[np.ndarray, "time channel"]
    """The sound, equal to what was given outside the gaps."""
    sample_rate: int
    """In Hz."""
    report: RepairReport
    """How each gap was filled."""


class Inpainter:
    """Trained networks, ready to fill gaps.

    Example:
        >>> inpainter = Inpainter.from_pretrained()  # doctest: +SKIP
        >>> inpainter.inpaint_file("in.wav", [(1.2, 1.6)], video="scene.mp4").save("out.wav")  # doctest: +SKIP
    """

    def __init__(self, networks: Networks, digests: dict[str, str] | None = None) -> None:
        """Use networks that are loaded already.

        Args:
            networks: All of them.
            digests: SHA-256 of their files by name, for the report.
        """
        self.networks = networks
        self.digests = digests or {}

    @property
    def front(self) -> MelSpectrogram:
        """The spectrogram that the networks read."""
        return self.networks.front

    @classmethod
    def from_pretrained(cls, weights: str | Path | None = None, *, device: str = "auto") -> "Inpainter":
        """Load the networks.

        Args:
            weights: Folder with ``viai-a``, ``viai-av`` and ``wavenet`` as ``.safetensors``; the shipped ones by
                default.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            InputError: If a file is missing, damaged, or made for another sound front end than the others.
        """
        where = devices.resolve(device)
        folder = weights_folder(None if weights is None else Path(weights))
        paths = {stage: folder / f"{stage}.safetensors" for stage in STAGES}
        loaded = {stage: load_network(path, stage, device=where) for stage, path in paths.items()}
        for stage, path in paths.items():
            require_front_end(loaded[stage].config, loaded["viai-av"].config.spectrogram, path)
        return cls(_networks(loaded, where), {stage: file_digest(path) for stage, path in paths.items()})

    def inpaint(
        self,
        samples: Float[np.ndarray, "time channel"],
        sample_rate: int,
        gaps: Sequence[tuple[float, float]],
        *,
        video: str | Path | None = None,
        method: str = "auto",
        vocoder: str = "auto",
        offset_seconds: float | None = None,
        seed: int = 0,
    ) -> InpaintResult:
        """Fill gaps of a sound in memory.

        Args:
            samples: Amplitudes, nominally in [-1, 1]. What the gaps hold is not read.
            sample_rate: In Hz.
            gaps: Start and end of every gap, in seconds.
            video: Video of the same scene.
            method: See :meth:`inpaint_file`.
            vocoder: See :meth:`inpaint_file`.
            offset_seconds: See :meth:`inpaint_file`.
            seed: Settles every random number.

        Raises:
            InputError: If the samples are no sound, a gap is wrong, known samples are not finite, or the method asks
                for a video that does not fit.
        """
        method, vocoder = _choices(method, vocoder, video, offset_seconds)
        if samples.ndim != 2 or samples.dtype.kind != "f" or not samples.size:
            raise InputError(
                f"samples are {samples.dtype} of shape {samples.shape}; expected floating point (time, channel), "
                "nominally in [-1, 1]"
            )
        resolved = resolve_gaps(gaps, rate=sample_rate, frames=len(samples), name="the sound")
        _require_some(resolved, "the sound")

        def read(start: int, stop: int) -> Float[np.ndarray, "time channel"]:
            part = samples[start:stop].astype(np.float64)
            for gap in resolved:
                part[max(gap.start - start, 0) : max(gap.stop - start, 0)] = 0.0
            if not np.isfinite(part).all():
                place = start + int(np.argmin(np.isfinite(part).all(axis=1)))
                raise InputError(
                    f"the sound holds NaN or infinity at sample {place} ({place / sample_rate:.3f} s); "
                    "mend it or make it part of a gap"
                )
            return part

        placement = None
        if video is not None and method in ("auto", "viai-av"):
            opening = read(0, min(len(samples), round(COMPARED_SECONDS * sample_rate)))
            placement = _place(Path(video), opening, sample_rate, offset_seconds, method)
        patches, reports, refused = self._fill(
            read, sample_rate, len(samples), resolved, placement=placement, method=method, vocoder=vocoder, seed=seed
        )
        repaired = samples.copy()
        for start, patch in patches:
            repaired[start : start + len(patch)] = patch
        report = self._report("array", video, placement, sample_rate, samples.shape[1], seed, reports, refused)
        return InpaintResult(repaired, sample_rate, report)

    def inpaint_file(
        self,
        sound: str | Path,
        gaps: Sequence[tuple[float, float]] = (),
        *,
        detect: bool = False,
        video: str | Path | None = None,
        method: str = "auto",
        vocoder: str = "auto",
        offset_seconds: float | None = None,
        seed: int = 0,
    ) -> FileRepair:
        """Fill gaps of a file; memory depends on the gaps, not on the length of the file.

        Args:
            sound: A sound file, or a video whose sound is to be mended.
            gaps: Start and end of every gap, in seconds.
            detect: Look for gaps too.
            video: Video of the same scene; by default ``sound`` itself if it is one.
            method: ``auto`` chooses by length: autoregressive under 60 ms, the networks above 200 ms, both blended
                between; VIAI-AV where the video shows the gap, VIAI-A otherwise. ``ar``, ``viai-a`` and ``viai-av`` are
                for all gaps; the first two do not look at the video.
            vocoder: ``wavenet``, ``phase`` (Griffin-Lim with the known sound put back), or ``auto``.
            offset_seconds: How much the picture is late. By default the video's own sound is compared.
            seed: Settles every random number; the same seed gives the same bytes.

        Raises:
            InputError: If file, gaps or video are wrong, or there is nothing to fill.
        """
        source = Path(sound)
        has_picture = not is_sound_file(source)
        video = video or (source if has_picture else None)
        method, vocoder = _choices(method, vocoder, video, offset_seconds)
        scratch = ScratchFolder() if has_picture else None
        try:
            path = source if scratch is None else extract_sound(source, scratch.path / "sound.w64")
            header = audio.info(path)
            missing = _find(source, path, header, gaps, detect)

            def read(start: int, stop: int) -> Float[np.ndarray, "time channel"]:
                return read_known(path, start, stop, missing)

            placement = None
            if video is not None and method in ("auto", "viai-av"):
                opening_frames = min(header.frames, round(COMPARED_SECONDS * header.sample_rate))
                opening = None if Path(video) == source else read(0, opening_frames)
                placement = _place(Path(video), opening, header.sample_rate, offset_seconds, method)
            patches, reports, refused = self._fill(
                read,
                header.sample_rate,
                header.frames,
                missing,
                placement=placement,
                method=method,
                vocoder=vocoder,
                seed=seed,
            )
        except BaseException:
            # The traceback would keep the folder for as long as somebody looks at it.
            if scratch is not None:
                scratch.remove()
            raise
        report = self._report(
            str(source), video, placement, header.sample_rate, header.channels, seed, reports, refused
        )
        return FileRepair(source, path, tuple(missing), tuple(patches), report, scratch)

    def _report(
        self,
        source: str,
        video: str | Path | None,
        placement: Placement | None,
        rate: int,
        channels: int,
        seed: int,
        gaps: Sequence[GapReport],
        refused: Sequence[str],
    ) -> RepairReport:
        return RepairReport(
            source=source,
            video=None if video is None else str(video),
            placement=None if placement is None else placement.how,
            sample_rate=rate,
            channels=channels,
            seed=seed,
            weights=self.digests,
            gaps=tuple(gaps),
            refused=tuple(refused),
        )

    def _fill(
        self,
        read: Reader,
        rate: int,
        frames: int,
        gaps: Sequence[Gap],
        *,
        placement: Placement | None,
        method: Method,
        vocoder: Vocoder,
        seed: int,
    ) -> tuple[list[Patch], list[GapReport], list[str]]:
        """Fill every gap from the window around it; also say which were refused, and why."""
        refused = [gap for gap in gaps if method != "ar" and gap.length_seconds(rate) > LONGEST_SECONDS]
        reasons = [
            f"{gap.start / rate:.3f} s to {gap.stop / rate:.3f} s: more than {LONGEST_SECONDS:g} s cannot be guessed"
            for gap in refused
        ]
        wanted = [gap for gap in gaps if gap not in refused]
        patches: list[Patch] = []
        reports: list[GapReport] = []
        # One thread, in torch and in NumPy: sums in another order would give other bytes on another machine setting.
        with (
            devices.threads(1),
            threadpool_limits(1),
            torch.inference_mode(),
            tqdm(total=len(wanted), desc="fill", disable=None) as bar,
        ):
            for window in _windows(wanted, gaps, rate, frames):
                work = WindowRepair(
                    self.networks,
                    read(window.start, window.stop),
                    window,
                    rate,
                    placement=placement,
                    method=method,
                    vocoder=vocoder,
                )
                for gap in window.targets:
                    began = time.monotonic()
                    patch, report = work.fill(gap, np.random.default_rng((seed, gap.start)))
                    patches.append((gap.start, patch))
                    reports.append(replace(report, seconds=time.monotonic() - began))
                    bar.update()
        return patches, reports, reasons


def inpaint(
    samples: Float[np.ndarray, "time channel"],
    sample_rate: int,
    gaps: Sequence[tuple[float, float]],
    *,
    video: str | Path | None = None,
    method: str = "auto",
    vocoder: str = "auto",
    seed: int = 0,
    device: str = "auto",
) -> InpaintResult:
    """Fill gaps of a sound with the shipped networks; see :meth:`Inpainter.inpaint`."""
    inpainter = Inpainter.from_pretrained(device=device)
    return inpainter.inpaint(samples, sample_rate, gaps, video=video, method=method, vocoder=vocoder, seed=seed)


def _networks(loaded: dict[str, Loaded], device: torch.device) -> Networks:
    audio_network, audiovisual = loaded["viai-a"].network, loaded["viai-av"].network
    wavenet, config = loaded["wavenet"].network, loaded["viai-av"].config
    assert isinstance(audio_network, AudioInpainter)
    assert isinstance(audiovisual, AudioVisualInpainter)
    assert isinstance(wavenet, WaveNet)
    front = MelSpectrogram(config.spectrogram).to(device)
    return Networks(audio_network, audiovisual, wavenet, front, config, device)


def _choices(
    method: str, vocoder: str, video: str | Path | None, offset_seconds: float | None
) -> tuple[Method, Vocoder]:
    for name, value, choices in (("method", method, get_args(Method)), ("vocoder", vocoder, get_args(Vocoder))):
        if value not in choices:
            raise InputError(f"{name} '{value}' is unknown; choose one of {', '.join(choices)}")
    if method == "viai-av" and video is None:
        raise InputError("--method viai-av needs a video: viai inpaint SOUND VIDEO")
    if offset_seconds is not None and not math.isfinite(offset_seconds):
        raise InputError(f"an offset of {offset_seconds} is no time; give milliseconds: --offset 40")
    return cast(Method, method), cast(Vocoder, vocoder)


def _require_some(gaps: Sequence[Gap], name: str) -> None:
    if not gaps:
        raise InputError(f"no gap of {name} was given, so there is nothing to fill")


def _place(
    video: Path,
    opening: Float[np.ndarray, "time channel"] | None,
    rate: int,
    offset_seconds: float | None,
    method: Method,
) -> Placement:
    """Lay the video on the sound's time line; it is marked as unusable if that fails and the sound alone will do."""
    heard = None if opening is None else mid_signal(opening, 0, 0)
    try:
        return place_video(video, heard, rate, offset_seconds=offset_seconds)
    except InputError as error:
        if method == "viai-av":
            raise
        logger.warning("%s; going on with the sound alone", error)
        return Placement(video, 0.0, str(error), is_usable=False)


def _windows(wanted: Sequence[Gap], gaps: Sequence[Gap], rate: int, frames: int) -> list[Window]:
    """Lay windows round the gaps; what else is missing there is masked too."""
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


def _find(
    source: Path, path: Path, header: audio.AudioInfo, spans: Sequence[tuple[float, float]], detect: bool
) -> list[Gap]:
    """Gaps that were given and gaps that are found."""
    rate, frames = header.sample_rate, header.frames
    given = resolve_gaps(spans, rate=rate, frames=frames, name=source.name)
    if not detect:
        _require_some(given, source.name)
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
