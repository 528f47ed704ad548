"""What was done to a file, for people and for scripts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


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

    def line(self) -> str:
        """Say it in one line."""
        how = self.method if self.vocoder is None else f"{self.method}, {self.vocoder}"
        note = f"; {self.note}" if self.note else ""
        return f"{self.start:.3f} s to {self.stop:.3f} s: {how} ({self.seconds:.1f} s){note}"


@dataclass(frozen=True, kw_only=True)
class RepairReport:
    """How a file was repaired."""

    source: str
    video: str | None
    placement: str | None
    """What the position of the picture rests on."""
    sample_rate: int
    channels: int
    seed: int
    weights: Mapping[str, str]
    """SHA-256 of the weights, by network."""
    gaps: tuple[GapReport, ...]
    refused: tuple[str, ...]
    """Gaps that were left as they were, with the reason."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Say it in a line a gap, after one about the picture."""
        picture = [f"picture: {self.placement}"] if self.placement is not None else []
        return [*picture, *(gap.line() for gap in self.gaps), *(f"left as it was: {reason}" for reason in self.refused)]
