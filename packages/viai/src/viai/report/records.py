"""What was done to a file, for people and for scripts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class ReferenceScores:
    """A filling against the intact sound, inside the gap only."""

    psnr_gap: float
    """Of the mel levels in the frames that touch the gap, in dB."""
    ssim_gap: float
    """Structural similarity of the mel levels in the same frames, at most 1."""
    l1_gap: float
    """Mean absolute error of the mel levels, which lie in [0, 1], in the same frames."""
    log_spectral_distance: float
    """Root mean square of the level differences over the mel bands, averaged over the same frames, in dB."""
    snr_gap: float | None
    """Energy of the intact samples of the gap over that of the error, in dB; None if they are silent."""
    si_sdr: float | None
    """The same after the best scaling of the intact samples; None if they are silent."""


@dataclass(frozen=True, kw_only=True)
class CandidateReport:
    """One of several fillings of a gap."""

    number: int
    """0 for the one that is made without candidates."""
    click_start: float | None
    """See :class:`GapReport`; likewise below."""
    click_stop: float | None
    level_difference_db: float
    spectral_distance_db: float | None
    synchrony: float | None


@dataclass(frozen=True, kw_only=True)
class GapReport:
    """How one gap was filled. Times are seconds of the file."""

    start: float
    stop: float
    method: str
    """``ar``, ``viai-a``, ``viai-av``, or ``ar+viai-…`` where both were blended."""
    vocoder: str | None
    """``wavenet`` or ``phase``; None for the autoregressive method."""
    note: str
    """What a user should know: a fallback and its reason, a gap longer than can be expected to sound right."""
    click_start: float | None
    """Step of the prediction error at the start of the gap over the 99th percentile of its surroundings."""
    click_stop: float | None
    """The same at the end. Up to three is inconspicuous."""
    level_difference_db: float
    """Level of the filling over the mean of the levels of both sides."""
    treble_gap_db: float | None
    """Level above 7.6 kHz in the filling; None where the file holds no such frequencies."""
    treble_context_db: float | None
    """Level above 7.6 kHz around the gap."""
    seconds: float
    """Time spent."""
    spectral_distance_db: float | None = None
    """Root mean square over the mel bands of the level of the filling less that of 0.3 s on both sides."""
    agreement: float | None = None
    """How well the onsets that the picture tells go with those around the gap, -1 to 1; None where there is no picture
    or neither tells any."""
    synchrony: float | None = None
    """Cosine of the codes of picture and filling inside the gap; None where no picture was used."""
    synchrony_shifted: float | None = None
    """The same, averaged over pictures shifted by about a second and more: what a stranger would score."""
    candidate: int = 0
    """Number of the filling that was chosen."""
    candidates: tuple[CandidateReport, ...] = ()
    """All fillings that were compared, the best first; empty if only one was asked for."""
    reference: ReferenceScores | None = None
    """The filling against the intact sound, if that was given."""

    def line(self) -> str:
        """Say it in one line."""
        how = self.method if self.vocoder is None else f"{self.method}, {self.vocoder}"
        chosen = f", candidate {self.candidate} of {len(self.candidates)}" if len(self.candidates) > 1 else ""
        note = f"; {self.note}" if self.note else ""
        return f"{self.start:.3f} s to {self.stop:.3f} s: {how}{chosen} ({self.seconds:.1f} s){note}"


@dataclass(frozen=True, kw_only=True)
class RepairReport:
    """How a file was repaired."""

    source: str
    video: str | None
    placement: str | None
    """What the position of the picture rests on."""
    sample_rate: int
    channels: int
    frames: int
    """Samples of one channel."""
    seed: int
    weights: Mapping[str, str]
    """SHA-256 of the weights, by network."""
    gaps: tuple[GapReport, ...]
    refused: tuple[str, ...]
    """Gaps that were left as they were, with the reason."""
    reference: str | None = None
    """The intact sound that the fillings were compared with."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Say it in a line a gap, after one about the picture."""
        picture = [f"picture: {self.placement}"] if self.placement is not None else []
        return [*picture, *(gap.line() for gap in self.gaps), *(f"left as it was: {reason}" for reason in self.refused)]

    def weights_of(self, gap: GapReport) -> dict[str, str]:
        """SHA-256 of the weights that took part in a filling, by network; none for the autoregressive method."""
        painter = gap.method.removeprefix("ar+")
        names = [painter, *(["wavenet"] if gap.vocoder == "wavenet" else [])]
        return {name: self.weights[name] for name in names if name in self.weights}
