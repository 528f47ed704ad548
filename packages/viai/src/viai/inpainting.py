"""Fill the gaps of a recording: the main job, for arrays and for files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hr_common import audio
from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import file_digest
from viai.checkpoints import STAGES, Loaded, load_network, require_front_end, weights_folder
from viai.filling import Fillings, fill_gaps
from viai.gaps import resolve_gaps
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet
from viai.planning import (
    Choices,
    check_choices,
    check_reference,
    find_gaps,
    place,
    reference_sound,
    require_some,
)
from viai.repair import FileRepair
from viai.report import RepairReport
from viai.soundtracks import ScratchFolder, extract_sound, is_sound_file, read_known
from viai.spectrogram import MelSpectrogram
from viai.synchrony import COMPARED_SECONDS, Placement
from viai.window_painting import Networks


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
        candidates: int = 1,
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
            candidates: See :meth:`inpaint_file`.

        Raises:
            InputError: If the samples are no sound, a gap is wrong, known samples are not finite, or the method asks
                for a video that does not fit.
        """
        choices = check_choices(
            method=method,
            vocoder=vocoder,
            video=video,
            offset_seconds=offset_seconds,
            seed=seed,
            candidates=candidates,
        )
        if samples.ndim != 2 or samples.dtype.kind != "f" or not samples.size:
            raise InputError(
                f"samples are {samples.dtype} of shape {samples.shape}; expected floating point (time, channel), "
                "nominally in [-1, 1]"
            )
        resolved = resolve_gaps(gaps, rate=sample_rate, frames=len(samples), name="the sound")
        require_some(resolved, "the sound")

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
        if video is not None and choices.may_look:
            opening = read(0, min(len(samples), round(COMPARED_SECONDS * sample_rate)))
            placement = place(Path(video), opening, sample_rate, choices)
        frames, channels = samples.shape
        done = fill_gaps(self.networks, read, sample_rate, frames, resolved, choices, placement=placement)
        repaired = samples.copy()
        for start, patch in done.patches:
            repaired[start : start + len(patch)] = patch
        header = audio.AudioInfo(sample_rate, channels, frames, "", "")
        return InpaintResult(repaired, sample_rate, self._report("array", video, placement, header, choices, done))

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
        candidates: int = 1,
        reference: str | Path | None = None,
    ) -> FileRepair:
        """Fill gaps of a file; memory depends on the gaps, not on the length of the file.

        Args:
            sound: A sound file, or a video whose sound is to be mended.
            gaps: Start and end of every gap, in seconds.
            detect: Look for gaps too.
            video: Video of the same scene; by default ``sound`` itself if it is one.
            method: ``auto`` chooses by length: autoregressive under 100 ms, the networks above 200 ms, both blended
                between; VIAI-AV where the video shows the gap, VIAI-A otherwise. ``ar``, ``viai-a`` and ``viai-av`` are
                for all gaps; the first two do not look at the video.
            vocoder: ``wavenet``, ``phase`` (Griffin-Lim with the known sound put back), or ``auto``.
            offset_seconds: How much the picture is late. By default the video's own sound is compared.
            seed: Settles every random number; the same seed gives the same bytes.
            candidates: Fillings of each gap that are made and compared. Number 0 is the one that is made alone. The
                best is kept: joins that can be heard (click score above 3) come last; of the others the one wins whose
                sound fits the picture best, or without a picture the one with the lowest click score.
            reference: The intact sound, or a video with it. It is compared with the fillings once they are done, and
                has no part in them.

        Raises:
            InputError: If file, gaps, video or reference are wrong, or there is nothing to fill.
        """
        source = Path(sound)
        has_picture = not is_sound_file(source)
        video = video or (source if has_picture else None)
        choices = check_choices(
            method=method,
            vocoder=vocoder,
            video=video,
            offset_seconds=offset_seconds,
            seed=seed,
            candidates=candidates,
        )
        intact = None if reference is None else Path(reference)
        scratch = ScratchFolder() if has_picture or (intact is not None and not is_sound_file(intact)) else None
        try:
            path = extract_sound(source, scratch.path / "sound.w64") if scratch and has_picture else source
            header = audio.info(path)
            missing = find_gaps(source, path, header, gaps, detect)
            truth = None
            if intact is not None:
                truth = intact if scratch is None else reference_sound(intact, scratch.path / "reference.w64")
                check_reference(intact, truth, header, source, missing, choices)

            def read(start: int, stop: int) -> Float[np.ndarray, "time channel"]:
                return read_known(path, start, stop, missing)

            def read_intact(start: int, stop: int) -> Float[np.ndarray, "time channel"]:
                return audio.read(truth or path, start=start, stop=stop, dtype="float64")[0]

            placement = None
            if video is not None and choices.may_look:
                opening_frames = min(header.frames, round(COMPARED_SECONDS * header.sample_rate))
                opening = None if Path(video) == source else read(0, opening_frames)
                placement = place(Path(video), opening, header.sample_rate, choices)
            done = fill_gaps(
                self.networks,
                read,
                header.sample_rate,
                header.frames,
                missing,
                choices,
                placement=placement,
                intact=None if truth is None else read_intact,
            )
        except BaseException:
            # The traceback would keep the folder for as long as somebody looks at it.
            if scratch is not None:
                scratch.remove()
            raise
        report = self._report(str(source), video, placement, header, choices, done, intact)
        return FileRepair(
            source,
            path,
            tuple(missing),
            tuple(done.patches),
            report,
            reference=truth,
            candidates=tuple(done.candidates),
            scratch=scratch,
        )

    def _report(
        self,
        source: str,
        video: str | Path | None,
        placement: Placement | None,
        header: audio.AudioInfo,
        choices: Choices,
        done: Fillings,
        reference: Path | None = None,
    ) -> RepairReport:
        return RepairReport(
            source=source,
            video=None if video is None else str(video),
            placement=None if placement is None else placement.how,
            sample_rate=header.sample_rate,
            channels=header.channels,
            frames=header.frames,
            seed=choices.seed,
            weights=self.digests,
            gaps=tuple(done.reports),
            refused=tuple(done.refused),
            reference=None if reference is None else str(reference),
        )


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
