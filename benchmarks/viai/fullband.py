"""What a filling has beyond the band of the networks, between its channels, and at full scale, on recordings.

    nox -s bench -- viai fullband --data recordings

Gaps are placed by seed where all of a recording's 0.3 s around them sounds. Every recording is taken at full scale, as
one channel, as two equal ones, and as two that differ (the second is later, softer and duller, and each has a tail of
its own), at 44.1 or 48 kHz.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.signal import csd, fftconvolve, firwin, welch

from hr_common import audio
from hr_common.tables import provenance, write_csv
from viai.fullband import energy_above
from viai.inpainting import Inpainter

TREBLE_HZ = 8_000.0
AROUND_SECONDS = 0.3
AUDIBLE_DB = -85.0
LIMIT_DB = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of WAV files of 44.1 kHz and more")
    parser.add_argument("--gaps", type=int, default=30)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--vocoder", default="auto")
    parser.add_argument("--weights", type=Path, help="folder with weights (default: shipped)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("fullband.csv"))
    arguments = parser.parse_args()
    inpainter = Inpainter.from_pretrained(arguments.weights, device="cpu")

    rows: list[dict[str, object]] = []
    for name, rate, mono, start, stop in placed_gaps(arguments.data, arguments.gaps, arguments.seed):
        for kind, samples in (
            ("mono", mono[:, None]),
            ("equal", np.repeat(mono[:, None], 2, axis=1)),
            ("stereo", stereo(mono, rate, arguments.seed)),
        ):
            result = inpainter.inpaint(
                samples,
                rate,
                [(start / rate, stop / rate)],
                method=arguments.method,
                vocoder=arguments.vocoder,
                seed=arguments.seed,
            )
            report = result.report.gaps[0]
            rows.append(
                {"file": name, "rate": rate, "start": start, "stop": stop, "channels": kind, "method": report.method}
                | measured(result.samples, samples, start, stop, rate)
                | {"click": max(report.click_start or 0, report.click_stop or 0)}
                | {"seed": arguments.seed}
            )
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))
    for line in table(rows):
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


def placed_gaps(folder: Path, count: int, seed: int) -> list[tuple[str, int, np.ndarray, int, int]]:
    """Gaps of 100 to 800 ms, in turn over the recordings."""
    rng = np.random.default_rng(seed)
    files = [path for path in sorted(folder.glob("*.wav")) if audio.info(path).sample_rate >= 44_100]
    gaps: list[tuple[str, int, np.ndarray, int, int]] = []
    for number in range(20 * count):
        if len(gaps) == count:
            break
        path = files[number % len(files)]
        samples, rate = audio.read(path, dtype="float64")
        mono = samples.mean(axis=1)
        if number // len(files) % 2:
            mono, rate = audio.resample(mono, rate, 48_000), 48_000
        mono = mono / np.abs(mono).max()
        length, around = round(rng.uniform(0.1, 0.8) * rate), round(AROUND_SECONDS * rate)
        if len(mono) <= length + 2 * around:
            continue
        start = int(rng.integers(around, len(mono) - length - around))
        parts = mono[start - around : start], mono[start : start + length], mono[start + length :][:around]
        if all(np.sqrt(np.mean(part**2)) > 0.01 for part in parts):
            gaps.append((path.name, rate, mono, start, start + length))
    return gaps


def stereo(mono: np.ndarray, rate: int, seed: int) -> np.ndarray:
    """Two channels at full scale: the sound from the left, and in each the tail of a room of its own."""
    rng = np.random.default_rng(seed)
    tail = rng.standard_normal((2, rate // 4)) * np.exp(-np.arange(rate // 4) / (0.05 * rate))
    tail *= 0.3 / np.sqrt(np.square(tail).sum(axis=1, keepdims=True))
    dull = np.roll(np.convolve(mono, firwin(31, 9_000, fs=rate), mode="same"), round(0.0003 * rate))
    both = np.stack([mono, 0.6 * dull], axis=1)
    both += np.stack([fftconvolve(mono, part)[: len(mono)] for part in tail], axis=1)
    return np.asarray(both / np.abs(both).max())


def measured(
    repaired: np.ndarray, intact: np.ndarray, start: int, stop: int, rate: int
) -> dict[str, float | bool | None]:
    """Figures of one filling."""
    around = round(AROUND_SECONDS * rate)
    sides = [(start - around, start), (stop, stop + around)]

    def treble(samples: np.ndarray, first: int, last: int, channel: int) -> float:
        return energy_above(samples[first:last, channel], rate, TREBLE_HZ)

    lines = [np.mean([treble(intact, *side, channel) for side in sides]) for channel in range(intact.shape[1])]
    worst = max(range(len(lines)), key=lambda channel: abs(treble(repaired, start, stop, channel) - lines[channel]))
    figures: dict[str, float | bool | None] = {
        "treble_context_db": float(lines[worst]),
        "treble_left_db": treble(intact, *sides[0], worst),
        "treble_right_db": treble(intact, *sides[1], worst),
        "treble_gap_db": treble(repaired, start, stop, worst),
        "treble_intact_db": treble(intact, start, stop, worst),
        "new_full_scale": float((np.abs(repaired[start:stop]) >= 1.0 - 1 / 32_768).sum()),
        "peak": float(np.abs(repaired[start:stop]).max()),
        "outside_equal": bool(
            np.array_equal(np.delete(repaired, np.s_[start:stop], 0), np.delete(intact, np.s_[start:stop], 0))
        ),
        "channels_equal": None,
        "image_gap_db": None,
        "image_context_db": None,
        "coherence_gap": None,
        "coherence_context": None,
    }
    if intact.shape[1] == 2:
        figures["channels_equal"] = bool((repaired[:, 0] == repaired[:, 1]).all())
        contexts = [image(intact[first:last], rate) for first, last in sides]
        figures["image_gap_db"], figures["coherence_gap"] = image(repaired[start:stop], rate)
        figures["image_context_db"], figures["coherence_context"] = (
            float(np.mean(values)) for values in zip(*contexts, strict=True)
        )
    return figures


def image(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Level of the left over the right channel in dB, and their coherence, weighted by power."""
    left, right = samples.T
    level = 10 * float(np.log10(np.square(left).sum() / np.square(right).sum()))
    size = min(1_024, len(left) // 4)
    options = {"fs": rate, "nperseg": size}
    cross = np.abs(csd(left, right, **options)[1]) ** 2
    powers = welch(left, **options)[1], welch(right, **options)[1]
    weights = powers[0] + powers[1]
    coherence = cross / np.maximum(powers[0] * powers[1], 1e-30)
    return level, float((coherence * weights).sum() / weights.sum())


def table(rows: list[dict[str, object]]) -> list[str]:
    """What a reader wants to know first."""

    def column(name: str, kind: str) -> np.ndarray:
        return np.array([row[name] for row in rows if row["channels"] == kind], dtype=float)

    lines = [
        f"{len(rows) // 3} gaps of 100 to 800 ms; level above {TREBLE_HZ / 1000:g} kHz against the mean of both sides",
        "",
        "| channels | treble: median | 5 % to 95 % | within 6 dB | the intact sound | at full scale | clicks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind in ("mono", "equal", "stereo"):
        context = column("treble_context_db", kind)
        audible = context > AUDIBLE_DB
        difference = (column("treble_gap_db", kind) - context)[audible]
        intact = (column("treble_intact_db", kind) - context)[audible]
        low, high = np.quantile(difference, [0.05, 0.95])
        lines.append(
            f"| {kind} | {np.median(difference):+.1f} | {low:+.1f} to {high:+.1f} "
            f"| {(np.abs(difference) <= LIMIT_DB).sum()} of {len(difference)} "
            f"| {(np.abs(intact) <= LIMIT_DB).sum()} of {len(intact)} "
            f"| {column('new_full_scale', kind).sum():.0f} | {(column('click', kind) > 3).sum()} |"
        )
    shift = column("image_gap_db", "stereo") - column("image_context_db", "stereo")
    moved = f"{np.median(np.abs(shift)):.1f}"
    blur = column("coherence_gap", "stereo") - column("coherence_context", "stereo")
    equal, same = column("channels_equal", "equal"), [row["outside_equal"] for row in rows]
    lines += [
        "",
        f"equal channels stay equal: {equal.sum():.0f} of {len(equal)}",
        f"level between the channels moves by {moved} dB (median), at most {np.abs(shift).max():.1f} dB",
        f"coherence moves by {np.median(blur):+.2f} (median), {blur.min():+.2f} to {blur.max():+.2f}",
        f"all other samples equal: {sum(map(bool, same))} of {len(same)}",
    ]
    return lines


if __name__ == "__main__":
    main()
