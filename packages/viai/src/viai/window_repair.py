"""The gaps of one window of sound, filled in order of time: which method fills which, and with what."""

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common.errors import InputError
from viai.config import ViaiConfig
from viai.gaps import Gap, Window
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.networks.wavenet import WaveNet
from viai.painting import Analysis, analyse, paint
from viai.picture import normalise
from viai.report import GapReport
from viai.spectrogram import MelSpectrogram
from viai.synchrony import Placement
from viai.waveform import fill_autoregressive, fill_by_network, level_difference_db

logger = logging.getLogger(__name__)

Method = Literal["auto", "ar", "viai-a", "viai-av"]
Vocoder = Literal["auto", "wavenet", "phase"]

AR_SECONDS = 0.06
"""Gaps shorter than this are filled by the autoregressive method alone: it is exact about phase."""
BLEND_SECONDS = 0.2
"""Gaps shorter than this begin and end autoregressively and take their middle from the networks."""
LONG_SECONDS = 2.0
"""Gaps longer than this are filled with a warning: twice what the networks were trained on."""


@dataclass(frozen=True)
class Networks:
    """Trained networks and the front end that they share, on one device."""

    audio: AudioInpainter
    audiovisual: AudioVisualInpainter
    wavenet: WaveNet
    front: MelSpectrogram
    config: ViaiConfig
    device: torch.device


class WindowRepair:
    """The gaps of one window, filled in order of time; what was filled is context for the next."""

    def __init__(
        self,
        networks: Networks,
        samples: Float[np.ndarray, "time channel"],
        window: Window,
        rate: int,
        *,
        placement: Placement | None,
        method: Method,
        vocoder: Vocoder,
    ) -> None:
        """Take up a window.

        Args:
            networks: What fills the longer gaps.
            samples: The window in double precision, zero in its gaps.
            window: Where it lies in the file, and its gaps.
            rate: In Hz.
            placement: The video on the time line of the file, if there is one.
            method: See :meth:`viai.inpainting.Inpainter.inpaint_file`.
            vocoder: Likewise.
        """
        self.networks = networks
        self.window = window
        self.rate = rate
        self.placement = placement
        self.method = method
        self.vocoder = vocoder
        self.gaps = [Gap(gap.start - window.start, gap.stop - window.start) for gap in window.gaps]
        self.unfilled = list(self.gaps)
        self.samples = samples.copy()
        self._analysis: Analysis | None = None
        self._painted: tuple[Float[Tensor, "1 band frame"], str, str] | None = None

    def fill(self, target: Gap, rng: np.random.Generator) -> tuple[Float[np.ndarray, "gap channel"], GapReport]:
        """Fill one gap of the file; return its samples and how it was done.

        Args:
            target: One of the window's targets, in samples of the file.
            rng: Source of all noise.
        """
        gap = Gap(target.start - self.window.start, target.stop - self.window.start)
        seconds = gap.length_seconds(self.rate)
        known = self._known_around(gap)
        vocoder: str | None = None
        if self.method == "ar" or (self.method == "auto" and seconds < AR_SECONDS):
            filling, name, note = fill_autoregressive(self.samples, gap, known, self.rate), "ar", ""
        else:
            painted, name, note = self.painting()
            analysis = self.analysis()
            blends = self.method == "auto" and seconds < BLEND_SECONDS
            # With the sound on both sides to take phases from, the phase vocoder is the better one by far (see README).
            vocoder = "wavenet" if self.vocoder == "wavenet" else "phase"
            filling = fill_by_network(
                self.samples,
                gap,
                known,
                self.rate,
                analysis,
                painted,
                place=analysis.gaps[self.gaps.index(gap)],
                unfilled=self.unfilled,
                wavenet=self.networks.wavenet if vocoder == "wavenet" else None,
                front=self.networks.front,
                blends=blends,
                rng=rng,
            )
            name = f"ar+{name}" if blends else name
        if seconds > LONG_SECONDS:
            warning = f"longer than {LONG_SECONDS:g} s: expect an impression, not a repair"
            note = f"{note}; {warning}" if note else warning
        self.samples[gap.start : gap.stop] = filling.samples
        self.unfilled.remove(gap)
        report = GapReport(
            start=target.start / self.rate,
            stop=target.stop / self.rate,
            method=name,
            vocoder=vocoder,
            note=note,
            click_start=filling.click_start,
            click_stop=filling.click_stop,
            level_difference_db=level_difference_db(self.samples, gap, self.rate),
            treble_gap_db=filling.treble_gap_db,
            treble_context_db=filling.treble_context_db,
            seconds=0.0,
        )
        return filling.samples, report

    def analysis(self) -> Analysis:
        """The window as the networks see it, with all of its gaps unknown."""
        if self._analysis is None:
            self._analysis = analyse(self.samples, self.gaps, self.rate, self.networks.front)
        return self._analysis

    def painting(self) -> tuple[Float[Tensor, "1 band frame"], str, str]:
        """The completed spectrogram of the window, the network that painted it, and what there is to say."""
        if self._painted is None:
            self._painted = self._paint()
        return self._painted

    def _paint(self) -> tuple[Float[Tensor, "1 band frame"], str, str]:
        analysis, networks = self.analysis(), self.networks
        note = ""
        if self.method != "viai-a" and self.placement is not None:
            try:
                return self._paint_with_picture(analysis, self.placement), "viai-av", ""
            except InputError as error:
                if self.method == "viai-av":
                    raise
                # Of a video that cannot be used at all the user was told once.
                if self.placement.is_usable:
                    logger.warning("%s; going on with the sound alone", error)
                note = f"without the picture: {error}"
        elif self.method == "auto":
            note = "no video given"

        def heard(mel: Float[Tensor, "1 1 band frame"]) -> Float[Tensor, "1 1 band frame"]:
            result: Tensor = networks.audio(mel)
            return result

        return paint(heard, analysis), "viai-a", note

    def _paint_with_picture(self, analysis: Analysis, placement: Placement) -> Float[Tensor, "1 band frame"]:
        networks, config = self.networks, self.networks.config
        frames = round(len(analysis.samples) / config.spectrogram.sample_rate * config.picture.frame_rate)
        picture = placement.picture(
            self.window.start / self.rate,
            frames,
            config.picture,
            [gap.seconds(self.rate) for gap in self.window.targets],
        )
        frames_in = torch.from_numpy(picture.frames).movedim(-1, 1).unsqueeze(0).to(networks.device)
        flow_in = torch.from_numpy(picture.flow).unsqueeze(0).to(networks.device)
        sight = networks.audiovisual.video_encoder(normalise(frames_in), normalise(flow_in))
        return paint(lambda mel: networks.audiovisual.paint(mel, sight), analysis)

    def _known_around(self, gap: Gap) -> tuple[int, int]:
        """From where and up to where the window is known without a break around a gap, the gap aside."""
        others = [other for other in self.unfilled if other != gap]
        first = max((other.stop for other in others if other.stop <= gap.start), default=0)
        last = min((other.start for other in others if other.start >= gap.stop), default=len(self.samples))
        return first, last
