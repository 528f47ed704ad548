"""The gaps of one window of sound, filled in order of time: which method fills which, and with what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from viai.candidates import ranked
from viai.gaps import Gap, Window, frame_mask
from viai.painting import Analysis, analyse, resample_known
from viai.report import CandidateReport, GapReport, ReferenceScores
from viai.scores import reference_scores, spectral_distance_to_context
from viai.synchrony import Placement, code_steps, strange_shifts, synchrony
from viai.waveform import Filling, fill_autoregressive, fill_by_network, level_difference_db
from viai.window_painting import Method, Networks, WindowPainting, paint_window

Vocoder = Literal["auto", "wavenet", "phase"]

AR_SECONDS = 0.1
"""Gaps shorter than this are filled by the autoregressive method alone: it is exact about phase."""
BLEND_SECONDS = 0.2
"""Gaps shorter than this begin and end autoregressively and take their middle from the networks."""
LONG_SECONDS = 2.0
"""Gaps longer than this are filled with a warning: twice what the networks were trained on."""


@dataclass(frozen=True, eq=False)
class GapRepair:
    """A filled gap."""

    samples: Float[np.ndarray, "gap channel"]
    """The filling that was chosen."""
    candidates: tuple[Float[np.ndarray, "gap channel"], ...]
    """All fillings in the order of their numbers, the chosen one among them."""
    report: GapReport
    """How it was done, the time aside."""


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
        self.gaps = [self._inside(gap) for gap in window.gaps]
        self.unfilled = list(self.gaps)
        self.samples = samples.copy()
        self._analysis: Analysis | None = None
        self._painted: WindowPainting | None = None

    def fill(self, target: Gap, sources: Sequence[np.random.Generator]) -> GapRepair:
        """Fill one gap of the file.

        Args:
            target: One of the window's targets, in samples of the file.
            sources: Source of all noise, one for every candidate; the best of them is kept, see
                :func:`viai.candidates.ranked`.
        """
        gap = self._inside(target)
        seconds = gap.length_seconds(self.rate)
        if self.method == "ar" or (self.method == "auto" and seconds < AR_SECONDS):
            painting, vocoder, name, notes = None, None, "ar", list[str]()
            # Nothing is drawn here: all candidates would be this one.
            fillings = [fill_autoregressive(self.samples, gap, self._known_around(gap), self.rate)]
        else:
            painting = self._painting()
            blends = self.method == "auto" and seconds < BLEND_SECONDS
            name = f"ar+{painting.network}" if blends else painting.network
            notes = [painting.note]
            # With the sound on both sides to take phases from, the phase vocoder is the better one by far (see README).
            vocoder = "wavenet" if self.vocoder == "wavenet" else "phase"
            fillings = [self._filling(gap, painting, vocoder, blends, source) for source in sources]
        if len(sources) > 1 and all(np.array_equal(fillings[0].samples, other.samples) for other in fillings[1:]):
            notes.append("one candidate only: nothing is drawn at random here")
            fillings = fillings[:1]
        if seconds > LONG_SECONDS:
            notes.append(f"longer than {LONG_SECONDS:g} s: expect an impression, not a repair")

        judged = [self._judged(gap, filling, number, painting) for number, filling in enumerate(fillings)]
        order = ranked(judged)
        best = order[0]
        filling = fillings[best.number]
        self.samples[gap.start : gap.stop] = filling.samples
        report = GapReport(
            start=target.start / self.rate,
            stop=target.stop / self.rate,
            method=name,
            vocoder=vocoder,
            note="; ".join(note for note in notes if note),
            click_start=best.click_start,
            click_stop=best.click_stop,
            level_difference_db=best.level_difference_db,
            treble_gap_db=filling.treble_gap_db,
            treble_context_db=filling.treble_context_db,
            seconds=0.0,
            spectral_distance_db=best.spectral_distance_db,
            agreement=None if painting is None else painting.agreement,
            synchrony=best.synchrony,
            synchrony_shifted=self._synchrony_of_strangers(gap, painting),
            candidate=best.number,
            candidates=tuple(order) if len(sources) > 1 else (),
        )
        self.unfilled.remove(gap)
        return GapRepair(filling.samples, tuple(filling.samples for filling in fillings), report)

    def compare(self, target: Gap, intact: Float[np.ndarray, "time channel"]) -> ReferenceScores:
        """Compare a filling with the intact sound; best once all targets of the window are filled.

        Args:
            target: A gap that was filled, in samples of the file.
            intact: The same window of the intact sound.
        """
        gap = self._inside(target)
        masked = intact.copy()
        for other in self.unfilled:
            masked[other.start : other.stop] = 0.0
        return reference_scores(
            self.samples[gap.start : gap.stop],
            masked[gap.start : gap.stop],
            self._levels(self.samples, self.unfilled)[0].cpu().numpy(),
            self._levels(masked, self.unfilled)[0].cpu().numpy(),
            self._frames_of([gap]),
            range_db=self.networks.front.config.range_db,
        )

    def analysis(self) -> Analysis:
        """The window as the networks see it, with all of its gaps unknown."""
        if self._analysis is None:
            self._analysis = analyse(self.samples, self.gaps, self.rate, self.networks.front)
        return self._analysis

    def _filling(
        self, gap: Gap, painting: WindowPainting, vocoder: str, blends: bool, source: np.random.Generator
    ) -> Filling:
        """Turn the painting into the sound of one gap."""
        analysis = self.analysis()
        return fill_by_network(
            self.samples,
            gap,
            self._known_around(gap),
            self.rate,
            analysis,
            painting.mel,
            place=analysis.gaps[self.gaps.index(gap)],
            unfilled=self.unfilled,
            wavenet=self.networks.wavenet if vocoder == "wavenet" else None,
            front=self.networks.front,
            blends=blends,
            rng=source,
        )

    def _judged(self, gap: Gap, filling: Filling, number: int, painting: WindowPainting | None) -> CandidateReport:
        """Score a filling of a gap that is still open."""
        repaired = self.samples.copy()
        repaired[gap.start : gap.stop] = filling.samples
        levels = self._levels(repaired, [other for other in self.unfilled if other != gap])
        return CandidateReport(
            number=number,
            click_start=filling.click_start,
            click_stop=filling.click_stop,
            level_difference_db=level_difference_db(repaired, gap, self.rate),
            spectral_distance_db=spectral_distance_to_context(
                levels[0].cpu().numpy(),
                self._frames_of([gap]),
                ~self._frames_of(self.unfilled),
                range_db=self.networks.front.config.range_db,
            ),
            synchrony=self._synchrony(gap, levels, painting),
        )

    def _levels(self, samples: Float[np.ndarray, "time channel"], missing: list[Gap]) -> Float[Tensor, "1 band frame"]:
        """Levels of the window at the gain of its analysis."""
        analysis, front = self.analysis(), self.networks.front
        resampled = resample_known(samples, missing, self.rate, front.config.sample_rate) * analysis.gain
        padded = np.zeros(len(analysis.samples), dtype=np.float32)
        padded[: len(resampled)] = resampled
        levels: Tensor = front(torch.from_numpy(padded).unsqueeze(0).to(front.window.device))
        return levels

    def _frames_of(self, gaps: Sequence[Gap]) -> Bool[np.ndarray, "frame"]:
        """Frames that touch any of some gaps."""
        config, analysis = self.networks.front.config, self.analysis()
        places = [analysis.gaps[self.gaps.index(gap)] for gap in gaps]
        return frame_mask(places, analysis.mel.shape[-1], window=config.window, hop=config.hop)

    def _synchrony(
        self, gap: Gap, levels: Float[Tensor, "1 band frame"], painting: WindowPainting | None, shift: int = 0
    ) -> float | None:
        """How well the sound inside a gap fits the picture, or the picture turned round by some frames."""
        if painting is None or painting.pictures is None:
            return None
        # What is still missing is heard as it was painted.
        inside = torch.from_numpy(self._frames_of([gap])).to(levels.device)
        heard = torch.where(inside, levels, painting.mel)
        network = self.networks.audiovisual
        sight = network.video_encoder.fuse(painting.pictures.roll(shift, dims=-1))
        sound = network.audio_encoder(heard.unsqueeze(1)).code
        return synchrony(sight, sound, code_steps(inside.cpu().numpy()))

    def _synchrony_of_strangers(self, gap: Gap, painting: WindowPainting | None) -> float | None:
        """The mean of the same figure, for the filling in place, over pictures that do not belong to it."""
        if painting is None or painting.pictures is None:
            return None
        levels = self._levels(self.samples, [other for other in self.unfilled if other != gap])
        shifts = strange_shifts(painting.pictures.shape[-1], self.networks.config.picture.frame_rate)
        scores = [score for shift in shifts if (score := self._synchrony(gap, levels, painting, shift)) is not None]
        return float(np.mean(scores)) if scores else None

    def _painting(self) -> WindowPainting:
        if self._painted is None:
            self._painted = paint_window(
                self.networks, self.analysis(), self.window, self.rate, placement=self.placement, method=self.method
            )
        return self._painted

    def _inside(self, gap: Gap) -> Gap:
        """A gap of the file in samples of the window."""
        return Gap(gap.start - self.window.start, gap.stop - self.window.start)

    def _known_around(self, gap: Gap) -> tuple[int, int]:
        """From where and up to where the window is known without a break around a gap, the gap aside."""
        others = [other for other in self.unfilled if other != gap]
        first = max((other.stop for other in others if other.stop <= gap.start), default=0)
        last = min((other.start for other in others if other.start >= gap.stop), default=len(self.samples))
        return first, last
