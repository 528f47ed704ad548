"""How much planted damage is found, how exactly, and how often there is a false alarm on untouched recordings.

    nox -s bench -- viai detection --recordings FOLDER

Damage of each kind and of several lengths is planted at seeded places where the recording can be heard. Half of the
recordings, chosen by a hash of their names, is for choosing thresholds; the figures of the other half are the result.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hr_common import audio
from hr_common.tables import provenance, write_csv
from viai.detection import KINDS, RELIABLE, Detection, detect_gaps
from viai.metrics import mean_interval

LENGTHS_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000)
# Name in the table, kind, what is done to the stretch.
DAMAGE = {
    "silence": "silence",
    "hold": "hold",
    "repeat": "repeat",
    "repeat, noise at -50 dB": "repeat",
    "dropout by 46 dB": "dropout",
    "dropout by 60 dB": "dropout",
    "clipping": "clipping",
    "click": "click",
}
HALVES = ("choosing", "reporting")
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
AUDIBLE_DB = -45.0
MARGIN_SECONDS = 1.0

Sound = Float32[np.ndarray, "time channel"]


@dataclass(frozen=True)
class Trial:
    sound: Sound
    start: int
    stop: int


def halves(paths: list[Path]) -> dict[str, str]:
    ordered = sorted((path.name for path in paths), key=lambda name: hashlib.sha256(name.encode()).digest())
    return {name: HALVES[index % 2] for index, name in enumerate(ordered)}


def level_db(samples: Sound) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def is_audible(sound: Sound, start: int, stop: int, rate: int) -> bool:
    near = round(0.02 * rate)
    return min(level_db(sound[start - near : start]), level_db(sound[stop : stop + near])) > AUDIBLE_DB


def plant(sound: Sound, name: str, start: int, length: int, rng: np.random.Generator) -> Trial:
    damaged, stop = sound.copy(), start + length
    match name:
        case "silence":
            damaged[start:stop] = 0
        case "hold":
            damaged[start:stop] = damaged[start - 1]
        case "repeat":
            damaged[start:stop] = damaged[start - length : start]
        case "repeat, noise at -50 dB":
            copy = damaged[start - length : start]
            noise = rng.standard_normal(copy.shape) * np.sqrt(np.mean(copy.astype(np.float64) ** 2)) * 10 ** (-50 / 20)
            damaged[start:stop] = copy + noise
        case "dropout by 46 dB":
            damaged[start:stop] *= 10 ** (-46 / 20)
        case "dropout by 60 dB":
            damaged[start:stop] *= 10 ** (-60 / 20)
        case "click":
            damaged[start:stop] += 0.5 * np.abs(sound[start - length * 500 : stop + length * 500]).max()
    # As a file of 16 bits would hold it; the truth includes neighbours that happen to fit.
    damaged = (np.round(damaged * 32_768) / 32_768).astype(np.float32)
    if name in ("silence", "hold"):
        value = damaged[start]
        while (damaged[start - 1] == value).all() and name == "silence":
            start -= 1
        while (damaged[stop] == value).all():
            stop += 1
    elif name == "repeat":
        while (damaged[start - 1] == damaged[start - 1 - length]).all():
            start -= 1
        while (damaged[stop] == damaged[stop - length]).all():
            stop += 1
    return Trial(damaged, start, stop)


def clip(sound: Sound) -> Iterator[Trial]:
    """Clip a whole recording at 70 % of its peak; a trial is a stretch of four clipped samples or more."""
    limit = np.float32(0.7 * np.abs(sound).max())
    damaged = sound.clip(-limit, limit)
    above = np.abs(sound[:, 0]) >= limit
    borders = np.flatnonzero(np.diff(above.astype(np.int8), prepend=0, append=0))
    for start, stop in borders.reshape(-1, 2).tolist():
        if stop - start >= 4:
            yield Trial(damaged, start, stop)


def trials(sound: Sound, rate: int, name: str, places: int, rng: np.random.Generator) -> Iterator[tuple[int, Trial]]:
    lengths = (0,) if name == "click" else LENGTHS_MS
    for milliseconds in lengths:
        length = max(1, round(milliseconds / 1000 * rate))
        margin = length + round(0.1 * rate)
        room = len(sound) - 2 * margin
        for _ in range(places if room > 0 else 0):
            for _ in range(100):
                start = margin + int(rng.integers(room))
                if is_audible(sound, start, start + length, rate):
                    far = length + round(MARGIN_SECONDS * rate)
                    low, high = max(0, start - far), min(len(sound), start + length + far)
                    yield milliseconds, plant(sound[low:high], name, start - low, length, rng)
                    break


def match(found: list[Detection], trial: Trial) -> int | None:
    """Largest error of a boundary, in samples, of what covers half of the damage and is not twice as long."""
    errors = []
    length = trial.stop - trial.start
    for item in found:
        overlap = min(item.stop, trial.stop) - max(item.start, trial.start)
        # Clipped crests that are near each other are one finding, and a click rings in the error by which it is found.
        if overlap >= 0.5 * length and (item.stop - item.start <= 2 * length + 1 or item.kind in ("clipping", "click")):
            errors.append(max(abs(item.start - trial.start), abs(item.stop - trial.stop)))
    return min(errors, default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="folder with sound files")
    parser.add_argument("--places", type=int, default=2, help="places for each recording, kind and length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("detection.csv"))
    arguments = parser.parse_args()

    rows: list[dict[str, object]] = []
    alarms: dict[tuple[str, str], int] = {}
    minutes = dict.fromkeys(HALVES, 0.0)
    paths = sorted(path for path in arguments.recordings.iterdir() if path.suffix.lower() in SUFFIXES)
    half_of = halves(paths)
    for number, path in enumerate(paths):
        sound, rate = audio.read(path)
        half = half_of[path.name]
        minutes[half] += len(sound) / rate / 60
        for item in detect_gaps([sound], rate, kinds=KINDS):
            alarms[half, item.kind] = alarms.get((half, item.kind), 0) + 1
        for index, (name, kind) in enumerate(DAMAGE.items()):
            rng = np.random.default_rng((arguments.seed, number, index))
            if name == "clipping":
                planted = [(0, trial) for trial in clip(sound)]
                found = detect_gaps([planted[0][1].sound], rate, kinds=(kind,)) if planted else []
                results = [(length, trial, found) for length, trial in planted]
            else:
                results = [
                    (length, trial, detect_gaps([trial.sound], rate, kinds=(kind,)))
                    for length, trial in trials(sound, rate, name, arguments.places, rng)
                ]
            for milliseconds, trial, found in results:
                error = match(found, trial)
                rows.append(
                    {
                        "recording": path.name,
                        "half": half,
                        "damage": name,
                        "milliseconds": milliseconds,
                        "start": trial.start,
                        "stop": trial.stop,
                        "found": int(error is not None),
                        "boundary_error_samples": "" if error is None else error,
                        "seed": arguments.seed,
                    }
                )
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))

    for half in HALVES:
        sys.stdout.write(f"\n{half}: {minutes[half]:.1f} minutes of untouched sound\n\n")
        sys.stdout.write("| damage | planted | recall | false alarms a minute | boundary error: median, 95 %, most |\n")
        sys.stdout.write("| --- | --- | --- | --- | --- |\n")
        for name, kind in DAMAGE.items():
            chosen = [row for row in rows if row["half"] == half and row["damage"] == name]
            if not chosen:
                continue
            values = np.array([row["found"] for row in chosen], dtype=float)
            recall = mean_interval(values, [str(row["recording"]) for row in chosen])
            errors = [int(str(row["boundary_error_samples"])) for row in chosen if row["found"]]
            spread = ", ".join(f"{np.quantile(errors, level, method='higher'):.0f}" for level in (0.5, 0.95, 1.0))
            alarm = alarms.get((half, kind), 0) / minutes[half]
            sys.stdout.write(
                f"| {name} | {len(chosen)} | {recall.mean:.3f} [{recall.low:.3f}, {recall.high:.3f}] "
                f"| {alarm:.2f} | {spread if errors else '-'} |\n"
            )
        every = sum(alarms.get((half, kind), 0) for kind in RELIABLE) / minutes[half]
        sys.stdout.write(f"\nfalse alarms a minute of {', '.join(RELIABLE)} together: {every:.2f}\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
