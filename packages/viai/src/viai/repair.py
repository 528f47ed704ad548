"""A repaired file: what is new in it, and how it is written beside what stays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hr_common import audio
from hr_common import video as videos
from hr_common.errors import InputError
from hr_common.files import write_json
from viai.fullband import mid_signal
from viai.gaps import Gap
from viai.report import RepairReport
from viai.soundtracks import ScratchFolder, is_sound_file, read_known, require_writable

_SHOWN_SECONDS = 1.0  # on either side of a gap in the picture: no more than was read to fill it
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
    patches: tuple[tuple[int, Float[np.ndarray, "_ channel"]], ...]
    """First sample and content of every gap that was filled."""
    report: RepairReport
    """How each gap was filled."""
    scratch: ScratchFolder | None = None
    """Where ``sound`` is, if it was extracted."""

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
        path = Path(path)
        require_writable(self.source, path)
        if self.scratch is None or is_sound_file(path):
            audio.replace(self.sound, path, self.patches)
        else:
            samples = self._repaired_on_disk(self.scratch.path / "repaired.samples")
            videos.replace_sound(self.source, path, samples, self.report.sample_rate)
        return path

    def save_report(self, path: str | Path) -> None:
        """Write the report as JSON."""
        write_json(path, self.report.as_dict())

    def save_picture(self, path: str | Path) -> None:
        """Draw the surroundings of the first filled gap before and after, as PNG.

        Raises:
            InputError: If nothing was filled.
        """
        from viai.plots import plot_repair

        if not self.patches:
            raise InputError(f"nothing was filled in {self.source}, so there is no picture to draw")
        rate, reach = self.report.sample_rate, round(_SHOWN_SECONDS * self.report.sample_rate)
        first, filled = self.patches[0]
        start, stop = max(0, first - reach), min(audio.info(self.sound).frames, first + len(filled) + reach)
        before = read_known(self.sound, start, stop, self.gaps)
        after = before.copy()
        _insert(after, start, self.patches)
        plot_repair(
            Path(path),
            mid_signal(before, 0, 0),
            mid_signal(after, 0, 0),
            rate,
            start_seconds=start / rate,
            gaps=[gap.seconds(rate) for gap in self.gaps if gap.stop > start and gap.start < stop],
            title=f"{self.source.name}, filled by {self.report.gaps[0].method}",
        )

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON has it."""
        return self.report.as_dict()

    def lines(self) -> list[str]:
        """Say what was done in a line a gap."""
        return self.report.lines()

    def _repaired_on_disk(self, path: Path) -> Float[np.ndarray, "time channel"]:
        """The whole repaired sound in a file that stands for memory: an hour of stereo is more than a gigabyte."""
        header = audio.info(self.sound)
        samples = np.memmap(path, np.float32, "w+", shape=(header.frames, header.channels))
        position = 0
        for block in audio.blocks(self.sound, size=_BLOCK):
            samples[position : position + len(block)] = block
            position += len(block)
        _insert(samples, 0, self.patches)
        return samples


def _insert(
    samples: Float[np.ndarray, "time channel"],
    start: int,
    patches: tuple[tuple[int, Float[np.ndarray, "_ channel"]], ...],
) -> None:
    """Put patches, whose places count from the start of the file, into a stretch of it that begins at ``start``."""
    for position, patch in patches:
        low, high = max(position, start), min(position + len(patch), start + len(samples))
        if low < high:
            samples[low - start : high - start] = patch[low - position : high - position]
