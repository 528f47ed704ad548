"""What came out of an evaluation: means with intervals, paired gains, by class and by length of the gap."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hr_common.files import atomic_path
from viai.evaluation.painters import ORACLE
from viai.evaluation.scoring import METRICS, SOUND, SPECTROGRAM, Score
from viai.evaluation.tables import Table, cell
from viai.metrics import Interval, Retrieval, mean_interval

BAND_EDGES_MS = (0, 50, 100, 200, 400, 700, 1000, 1500)
"""Lengths of gaps that are told apart; a length on an edge belongs to the longer band, the last edge to the last."""
COMPARISONS = (
    ("viai-a", "interpolation"),
    ("viai-a", "context mean"),
    ("viai-a", "ar"),
    ("viai-av", "interpolation"),
    ("viai-av", "viai-a"),
    (ORACLE, "viai-av"),
    ("viai-a", "bi-visual2sound"),
    ("bi-samplernn", "samplernn"),
    ("bi-visual2sound", "visual2sound"),
    ("visual2sound", "samplernn"),
)
"""Gains that the tables show: method, and what it is compared with."""


def length_band(seconds: float) -> str:
    """Name the band of a gap's length, such as ``400-700 ms``."""
    milliseconds = round(1000 * seconds, 3)
    for low, high in pairwise(BAND_EDGES_MS):
        if milliseconds < high or milliseconds == high == BAND_EDGES_MS[-1]:
            return f"{low}-{high} ms"
    return f"over {BAND_EDGES_MS[-1]} ms"


def title_of(method: str) -> str:
    """How tables call a method; the oracle is marked as one wherever it stands."""
    return "oracle (sees the answer)" if method == ORACLE else method


@dataclass(frozen=True)
class Evaluation:
    """The figures of all methods on a list of gaps."""

    scores: tuple[Score, ...]
    """Gap by gap, the methods of each in their order."""
    methods: tuple[str, ...]
    """In the order of the tables; the oracle, which is no method, comes last."""
    silent: int = 0
    """Gaps of the list that were left out, since their target is silent."""
    frechet_mel_gap: Mapping[str, float] = field(default_factory=dict)
    """Frechet distance in dB between the columns painted in all gaps and the true ones, by method."""
    retrieval: Retrieval | None = None
    """Do the pictures of held-out windows find their sounds."""
    missing: tuple[str, ...] = ()
    """Rows that there were no weights for."""

    def select(self, method: str, *, label: str | None = None, band: str | None = None) -> list[Score]:
        """The scores of a method, of one class and one band of lengths if given, in the order of the list."""
        return [
            score
            for score in self._by_method[method]
            if label in (None, score.label) and band in (None, length_band(score.gap_seconds))
        ]

    def values(
        self, method: str, metric: str, *, label: str | None = None, band: str | None = None
    ) -> Float[np.ndarray, "gap"]:
        """One figure a gap; NaN where a gap does not have it."""
        return np.array([getattr(score, metric) for score in self.select(method, label=label, band=band)], dtype=float)

    def interval(
        self, method: str, metric: str, *, label: str | None = None, band: str | None = None
    ) -> Interval | None:
        """Mean and 95 % interval over sources, or None if no gap has the figure."""
        return self._interval(self.values(method, metric, label=label, band=band), label, band)

    def gain(
        self, method: str, over: str, metric: str, *, label: str | None = None, band: str | None = None
    ) -> Interval | None:
        """Mean paired difference and its 95 % interval over sources; positive means better."""
        sign = 1.0 if METRICS[metric].higher_is_better else -1.0
        mine, theirs = (self.values(name, metric, label=label, band=band) for name in (method, over))
        return self._interval(sign * (mine - theirs), label, band)

    @property
    def labels(self) -> list[str]:
        """Classes of the gaps."""
        return sorted({score.label for score in self.scores})

    @property
    def bands(self) -> list[str]:
        """Bands of lengths that occur, short ones first."""
        ordered = sorted(self.scores, key=lambda score: score.gap_seconds)
        return list(dict.fromkeys(length_band(score.gap_seconds) for score in ordered))

    @property
    def comparisons(self) -> list[tuple[str, str]]:
        """Those of :data:`COMPARISONS` whose methods are both there."""
        return [pair for pair in COMPARISONS if set(pair) <= set(self.methods)]

    def tables(self) -> list[Table]:
        """Everything that a reader should see."""
        tables = [
            self._means("Spectrogram inside the gap", SPECTROGRAM, frechet=True),
            self._means("Sound inside the gap", SOUND),
        ]
        if self.comparisons:
            tables.append(self._gains())
        tables += [self._split("psnr_gap", "class", self.labels), self._split("onset_f1_gap", "class", self.labels)]
        if len(self.bands) > 1:
            tables += [self._split(metric, "length", self.bands) for metric in ("psnr_gap", "snr_gap")]
        if self.retrieval is not None:
            tables.append(_retrieval_table(self.retrieval))
        return tables

    def lead(self) -> str:
        """How many gaps of how many recordings, and what was left out."""
        gaps = self._by_method[self.methods[0]]
        text = f"{len(gaps)} gaps of {len({score.source for score in gaps})} held-out recordings, "
        text += "mean and 95 % interval over recordings"
        text += f"; {self.silent} gaps left out whose target is silent" if self.silent else ""
        return text + (f"; no weights given for {', '.join(self.missing)}" if self.missing else "")

    def markdown(self) -> str:
        """All tables as Markdown."""
        return "\n\n".join([self.lead(), *(table.markdown() for table in self.tables())])

    def as_dict(self) -> dict[str, object]:
        """Means, gains and counts, for JSON; figures that no gap has are null."""
        bands, labels = self.bands, self.labels
        return {
            "gaps": len(self._by_method[self.methods[0]]),
            "sources": len({score.source for score in self.scores}),
            "silent": self.silent,
            "missing": list(self.missing),
            "no_method": [name for name in self.methods if name == ORACLE],
            "means": {
                name: {metric: _record(self.interval(name, metric)) for metric in METRICS} for name in self.methods
            },
            "gains": {
                f"{higher} over {lower}": {metric: _record(self.gain(higher, lower, metric)) for metric in METRICS}
                for higher, lower in self.comparisons
            },
            "classes": {
                name: {
                    label: {
                        metric: _record(self.interval(name, metric, label=label))
                        for metric in ("psnr_gap", "onset_f1_gap")
                    }
                    for label in labels
                }
                for name in self.methods
            },
            "lengths": {
                name: {
                    band: {
                        metric: _record(self.interval(name, metric, band=band)) for metric in ("psnr_gap", "snr_gap")
                    }
                    for band in bands
                }
                for name in self.methods
            },
            "frechet_mel_gap": dict(self.frechet_mel_gap),
            "retrieval": None if self.retrieval is None else asdict(self.retrieval),
        }

    def write_csv(self, path: Path, extra: Mapping[str, object] | None = None) -> None:
        """Write one row a gap and method; figures that a gap does not have stay empty.

        Args:
            path: File to write.
            extra: Columns that are the same in every row, such as the version.
        """
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=[*asdict(self.scores[0]), *(extra or {})])
            writer.writeheader()
            for score in self.scores:
                row = {name: "" if value != value else value for name, value in asdict(score).items()}
                writer.writerow(row | dict(extra or {}))

    @cached_property
    def _by_method(self) -> dict[str, list[Score]]:
        found: dict[str, list[Score]] = {method: [] for method in self.methods}
        for score in self.scores:
            found[score.method].append(score)
        return found

    def _interval(self, values: Float[np.ndarray, "gap"], label: str | None, band: str | None) -> Interval | None:
        there = ~np.isnan(values)
        if not there.any():
            return None
        # All methods have the same gaps in the same order.
        sources = [score.source for score in self.select(self.methods[0], label=label, band=band)]
        return mean_interval(values[there], [source for source, has in zip(sources, there, strict=True) if has])

    def _means(self, title: str, metrics: Sequence[str], *, frechet: bool = False) -> Table:
        header = ["method", *(METRICS[metric].title for metric in metrics)]
        rows = []
        for name in self.methods:
            cells = [cell(self.interval(name, metric), METRICS[metric].digits) for metric in metrics]
            if frechet:
                cells.append(f"{self.frechet_mel_gap[name]:.1f}" if name in self.frechet_mel_gap else "–")
            rows.append((title_of(name), *cells))
        if frechet:
            header.append("Fréchet distance of all gaps dB")
        note = ""
        if "sdr_bss_around" in metrics:
            note = "SDR takes in known sound on either side: read it against that of the row zero."
        if "onset_f1_gap" in metrics:
            with_onset = int((~np.isnan(self.values(self.methods[0], "onset_f1_gap"))).sum())
            note = f"Onset F1 within 50 ms, over the {with_onset} gaps whose target has an onset."
        return Table(title, tuple(header), tuple(rows), note)

    def _gains(self) -> Table:
        metrics = ("psnr_gap", "ssim_gap", "l1_gap", "onset_f1_gap", "snr_gap", "lsd_gap")
        rows = [
            (
                f"{title_of(higher)} over {title_of(lower)}",
                *(cell(self.gain(higher, lower, metric), METRICS[metric].digits, sign=True) for metric in metrics),
            )
            for higher, lower in self.comparisons
        ]
        header = ("gain", *(METRICS[metric].title for metric in metrics))
        return Table("Paired gains", header, tuple(rows), "Positive is better, whatever the figure.")

    def _split(self, metric: str, by: str, parts: Sequence[str]) -> Table:
        first = self.methods[0]
        intervals = {
            (name, part): self.interval(name, metric, label=part)
            if by == "class"
            else self.interval(name, metric, band=part)
            for name in self.methods
            for part in parts
        }
        counts = {
            part: len(self.select(first, label=part) if by == "class" else self.select(first, band=part))
            for part in parts
        }
        header = ("method", *(f"{part} ({counts[part]})" for part in parts))
        rows = tuple(
            (title_of(name), *(cell(intervals[name, part], METRICS[metric].digits) for part in parts))
            for name in self.methods
        )
        return Table(f"{METRICS[metric].title} by {by} (gaps)", header, rows)


def _retrieval_table(found: Retrieval) -> Table:
    chance = (1 / found.windows, min(5 / found.windows, 1), min(10 / found.windows, 1))
    rows = (
        (
            "viai-av",
            f"{found.recall_1:.3f}",
            f"{found.recall_5:.3f}",
            f"{found.recall_10:.3f}",
            f"{found.median_rank:.1f}",
        ),
        ("chance", *(f"{share:.3f}" for share in chance), f"{(found.windows + 1) / 2:.1f}"),
    )
    title = f"Which of {found.windows} intact sounds belongs to a picture"
    return Table(title, ("", "R@1", "R@5", "R@10", "median rank"), rows)


def _record(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else asdict(interval)
