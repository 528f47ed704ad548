"""A repaired file: what is new in it, and how it is written beside what stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hr_common import audio
from hr_common import video as videos
from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json
from viai.filling import Patch
from viai.fullband import mid_signal
from viai.gaps import Gap
from viai.report import RepairReport
from viai.report.excerpts import Excerpt
from viai.soundtracks import (
    ScratchFolder,
    candidate_path,
    is_sound_file,
    read_known,
    require_report,
    require_writable,
)

SHOWN_GAPS = 20
"""Gaps that are drawn on the page of a report; of the others it gives the figures."""
_SHOWN_SECONDS = 1.0  # on either side of a gap in the picture: no more than was read to fill it
_HEARD_SECONDS = 2.0  # on either side of a gap on the page
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class FileRepair:
    """The repair of a file, not written yet."""

    source: Path
    """The file as it was given."""
    sound: Path
    """The file that holds its samples: the same, or the extracted track of a video."""
    gaps: tuple[Gap, ...]
    """All that was missing, in samples and in order of time, the refused gaps included."""
    patches: tuple[Patch, ...]
    """First sample and content of every gap that was filled."""
    report: RepairReport
    """How each gap was filled."""
    reference: Path | None = None
    """The file that holds the samples of the intact sound, if there is one."""
    candidates: tuple[tuple[Float[np.ndarray, "_ channel"], ...], ...] = ()
    """For every patch the fillings that it was chosen from, itself included, by their numbers."""
    scratch: ScratchFolder | None = None
    """Where extracted sound is, if there is any."""

    @property
    def refused(self) -> tuple[str, ...]:
        """Gaps that were left as they were, with the reason."""
        return self.report.refused

    def save(self, path: str | Path) -> Path:
        """Write the repaired file: a copy of the source in which only the gaps are new.

        From a video, a path with a video's suffix gets the picture untouched and the repaired sound; one with a
        sound's suffix gets the sound.

        Raises:
            InputError: If the suffix is unknown or lossy, or the folder does not exist.
        """
        return self._write(Path(path), self.patches)

    def save_candidates(self, path: str | Path) -> list[Path]:
        """Write one file for every candidate number, with that candidate in all gaps.

        A gap whose fillings are all alike has that one in every file.

        Args:
            path: Name of the repaired file, ``out.wav``; the candidates become ``out.candidate0.wav`` and so on.

        Raises:
            InputError: As :meth:`save`.
        """
        written = []
        for number in range(max((len(fillings) for fillings in self.candidates), default=0)):
            patches = [
                (start, fillings[min(number, len(fillings) - 1)])
                for (start, _), fillings in zip(self.patches, self.candidates, strict=True)
            ]
            written.append(self._write(candidate_path(Path(path), number), patches))
        return written

    def save_report(self, path: str | Path) -> None:
        """Write the report, as JSON or as a page to look at and to listen to, by the suffix.

        Raises:
            InputError: If the suffix is neither ``.json`` nor ``.html``, or the folder does not exist.
        """
        path = Path(path)
        require_report(path)
        if path.suffix.lower() == ".json":
            write_json(path, self.report.as_dict())
            return
        # Pictures are drawn with matplotlib, which takes a second to load.
        from viai.report.page import render

        page = render(self.report, self._excerpts())
        with atomic_path(path) as temporary:
            temporary.write_text(page, encoding="utf-8")

    def save_picture(self, path: str | Path) -> None:
        """Draw the surroundings of the first filled gap before and after, as PNG.

        Raises:
            InputError: If nothing was filled.
        """
        from viai.plots import plot_repair

        if not self.patches:
            raise InputError(f"nothing was filled in {self.source}, so there is no picture to draw")
        excerpt = self._excerpt(0, _SHOWN_SECONDS)
        plot_repair(
            Path(path),
            mid_signal(excerpt.before, 0, 0),
            mid_signal(excerpt.after, 0, 0),
            excerpt.rate,
            start_seconds=excerpt.start,
            gaps=excerpt.gaps,
            reference=None if excerpt.reference is None else mid_signal(excerpt.reference, 0, 0),
            title=f"{self.source.name}, filled by {self.report.gaps[0].method}",
        )

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON has it."""
        return self.report.as_dict()

    def lines(self) -> list[str]:
        """Say what was done in a line a gap."""
        return self.report.lines()

    def _write(self, path: Path, patches: Sequence[Patch]) -> Path:
        require_writable(self.source, path)
        if self.scratch is None or is_sound_file(self.source) or is_sound_file(path):
            audio.replace(self.sound, path, patches)
        else:
            samples = self._repaired_on_disk(self.scratch.path / "repaired.samples", patches)
            videos.replace_sound(self.source, path, samples, self.report.sample_rate)
        return path

    def _excerpts(self) -> list[Excerpt]:
        return [self._excerpt(index, _HEARD_SECONDS) for index in range(min(len(self.patches), SHOWN_GAPS))]

    def _excerpt(self, index: int, seconds: float) -> Excerpt:
        """The surroundings of a filled gap before and after, and as they were."""
        rate = self.report.sample_rate
        reach = round(seconds * rate)
        first, filled = self.patches[index]
        start, stop = max(0, first - reach), min(self.report.frames, first + len(filled) + reach)
        # Beyond what was read for the repair there may be anything: for looking and listening it counts as silence.
        before = np.nan_to_num(read_known(self.sound, start, stop, self.gaps, check_finite=False), posinf=0.0, neginf=0)
        after = before.copy()
        _insert(after, start, self.patches)
        intact = None
        if self.reference is not None:
            intact = audio.read(self.reference, start=start, stop=stop, dtype="float64", check_finite=False)[0]
            intact = np.nan_to_num(intact, posinf=0.0, neginf=0.0)
        return Excerpt(
            start=start / rate,
            rate=rate,
            gaps=tuple(gap.seconds(rate) for gap in self.gaps if gap.stop > start and gap.start < stop),
            before=before,
            after=after,
            reference=intact,
        )

    def _repaired_on_disk(self, path: Path, patches: Sequence[Patch]) -> Float[np.ndarray, "time channel"]:
        """The whole repaired sound in a file that stands for memory: an hour of stereo is more than a gigabyte."""
        header = audio.info(self.sound)
        samples = np.memmap(path, np.float32, "w+", shape=(header.frames, header.channels))
        position = 0
        for block in audio.blocks(self.sound, size=_BLOCK):
            samples[position : position + len(block)] = block
            position += len(block)
        _insert(samples, 0, patches)
        return samples


def _insert(samples: Float[np.ndarray, "time channel"], start: int, patches: Sequence[Patch]) -> None:
    """Put patches, whose places count from the start of the file, into a stretch of it that begins at ``start``."""
    for position, patch in patches:
        low, high = max(position, start), min(position + len(patch), start + len(samples))
        if low < high:
            samples[low - start : high - start] = patch[low - position : high - position]
