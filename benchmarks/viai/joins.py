"""Can the seams of a repair be heard? Steps at both edges of tonal gaps, and patterns at the rate of the frames.

nox -s bench -- viai joins --recordings FOLDER

A step is the largest prediction error in the eight samples after an edge over the 99th percentile of those within
50 ms; three is the limit. A pattern is a line in the spectrum of the filling's envelope at 50 or 100 Hz (frames of the
mel spectrogram and of the phase vocoder) above the median of its surroundings, in dB. The intact sound is measured too.
"""

import argparse
import sys
from itertools import cycle
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hr_common import audio
from hr_common.errors import InputError
from hr_common.tables import provenance, write_csv
from viai.baselines.extrapolation import burg, residual
from viai.inpainting import Inpainter
from viai.joins import CLICK_ORDER, click_score
from viai.metrics import mean_interval

MILLISECONDS = (50, 100, 150, 200, 400, 800)
LIMIT = 3.0
HOP_HERTZ = (50.0, 100.0)
PATTERN_SECONDS = 0.2
"""Envelopes of shorter gaps have no spectrum to speak of."""
EDGE_SECONDS = 0.25
"""No gap is nearer to an end of the recording."""
SIDE_SECONDS = 0.1
"""Sound on either side that has to be tonal."""
FLATTEST = 0.01
"""Sound is tonal if the geometric mean of its power spectrum up to 8 kHz is below this part of the arithmetic one."""
QUIETEST = 0.1
"""Sound softer than this part of the recording's RMS (-20 dB) counts as silence."""


def is_tonal(sound: np.ndarray, rate: int, level: float) -> bool:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    power = power[: round(8_000 / rate * len(sound))] + 1e-20
    flatness = float(np.exp(np.mean(np.log(power))) / np.mean(power))
    return flatness < FLATTEST and float(np.sqrt(np.mean(sound**2))) > QUIETEST * level


def place_gap(sound: np.ndarray, rate: int, length: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """Somewhere tonal on both sides; None if a hundred draws found nothing."""
    edge, side = round(EDGE_SECONDS * rate), round(SIDE_SECONDS * rate)
    level = float(np.sqrt(np.mean(sound**2)))
    if len(sound) <= 2 * edge + length:
        return None
    for _ in range(100):
        start = int(rng.integers(edge, len(sound) - edge - length))
        stop = start + length
        sides = (sound[start - side : start], sound[stop : stop + side])
        if all(is_tonal(part, rate, level) for part in sides):
            return start, stop
    return None


def placed_gaps(folder: Path, count: int, seed: int) -> list[tuple[Path, int, int, int]]:
    """File, milliseconds, start and stop; the files take turns, and so do the lengths."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".wav", ".flac", ".ogg")]
    rng, lengths = np.random.default_rng(seed), cycle(MILLISECONDS)
    sounds = {path: audio.read(path, dtype="float64") for path in paths}
    gaps: list[tuple[Path, int, int, int]] = []
    for _ in range(count):
        milliseconds = next(lengths)
        for path in [*paths]:
            samples, rate = sounds[path]
            place = place_gap(samples.mean(axis=1), rate, round(milliseconds * rate / 1000), rng)
            # To the end of the queue, found or not: the next gap is somebody else's.
            paths = [*paths[1:], path]
            if place is not None:
                gaps.append((path, milliseconds, *place))
                break
        else:
            raise InputError(
                f"{folder} holds no recording with a tonal place for {milliseconds} ms; give another folder"
            )
    return gaps


def pattern_db(sound: np.ndarray, start: int, stop: int, rate: int) -> float:
    """Strongest line of the envelope at a hop rate over the median of 25 to 150 Hz, in dB."""
    error = np.abs(residual(sound, burg(sound[max(0, start - rate // 2) : stop + rate // 2], CLICK_ORDER)))[start:stop]
    block = rate // 1_000
    envelope = np.sqrt(np.mean(error[: len(error) // block * block].reshape(-1, block) ** 2, axis=1))
    weight = np.hanning(len(envelope))
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * weight, 8_192)) ** 2
    frequency = np.fft.rfftfreq(8_192, block / rate)
    # Main lobe of the taper, to either side.
    lobe = 2 * rate / (stop - start)
    near = np.min([np.abs(frequency - hop) for hop in (*HOP_HERTZ, 150.0)], axis=0)
    floor = np.median(spectrum[(near > lobe) & (frequency > 25) & (frequency < 150)])
    lines = [spectrum[np.argmin(np.abs(frequency - hop))] for hop in HOP_HERTZ]
    return 10 * float(np.log10(max(lines) / floor))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="folder of sound files")
    parser.add_argument("--gaps", type=int, default=30)
    parser.add_argument("--vocoder", default="phase", choices=("auto", "phase", "wavenet"))
    parser.add_argument("--seed", type=int, default=0, help="of the places of the gaps")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()

    inpainter = Inpainter.from_pretrained(device="cpu")
    rows: list[dict[str, object]] = []
    for path, milliseconds, start, stop in tqdm(
        placed_gaps(arguments.recordings, arguments.gaps, arguments.seed), disable=None
    ):
        samples, rate = audio.read(path, dtype="float64")
        sound = samples.mean(axis=1)
        holed = sound.copy()
        holed[start:stop] = 0.0
        result = inpainter.inpaint(
            holed[:, None], rate, [(start / rate, stop / rate)], vocoder=arguments.vocoder, seed=arguments.seed
        )
        filled = result.samples[:, 0]
        has_pattern = stop - start >= PATTERN_SECONDS * rate
        rows.append(
            {
                "recording": path.stem,
                "rate": rate,
                "start": start,
                "milliseconds": milliseconds,
                "method": result.report.gaps[0].method,
                "step_start": click_score(filled, start, rate),
                "step_stop": click_score(filled, stop, rate),
                "intact_step_start": click_score(sound, start, rate),
                "intact_step_stop": click_score(sound, stop, rate),
                "pattern_db": pattern_db(filled, start, stop, rate) if has_pattern else "",
                "intact_pattern_db": pattern_db(sound, start, stop, rate) if has_pattern else "",
                "seed": arguments.seed,
            }
        )
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))

    def column(names: tuple[str, ...], chosen: list[dict[str, object]]) -> np.ndarray:
        return np.array([row[name] for row in chosen for name in names if row[name] != ""], dtype=float)

    steps, intact_steps = ("step_start", "step_stop"), ("intact_step_start", "intact_step_stop")
    sys.stdout.write(f"{len(rows)} tonal gaps of {len({row['recording'] for row in rows})} recordings\n\n")
    sys.stdout.write(f"| gap ms | method | largest step | mean step | edges above {LIMIT:g} | largest, mean intact |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    groups = {str(length): [row for row in rows if row["milliseconds"] == length] for length in MILLISECONDS}
    for name, chosen in (groups | {"all": rows}).items():
        if not chosen:
            continue
        here, there = column(steps, chosen), column(intact_steps, chosen)
        sys.stdout.write(
            f"| {name} | {'/'.join(sorted({str(row['method']) for row in chosen}))} "
            f"| {here.max():.2f} | {here.mean():.2f} | {int((here > LIMIT).sum())} of {len(here)} "
            f"| {there.max():.2f}, {there.mean():.2f} |\n"
        )
    filled_lines, intact_lines = column(("pattern_db",), rows), column(("intact_pattern_db",), rows)
    excess = mean_interval(filled_lines - intact_lines)
    sys.stdout.write(
        f"\nline at 50 or 100 Hz in {len(filled_lines)} gaps of {PATTERN_SECONDS:g} s and more: "
        f"{filled_lines.mean():.1f} dB, intact {intact_lines.mean():.1f} dB, "
        f"difference {excess.mean:+.1f} [{excess.low:+.1f}, {excess.high:+.1f}]\n\nwrote {arguments.csv}\n"
    )


if __name__ == "__main__":
    main()
