"""Short gaps in recordings of solo instruments: autoregressive variants, copying, and what the tool chooses by itself.

nox -s bench -- viai ar --recordings FOLDER

Figures are SNR in dB over the gap at the recording's own rate, and seconds of processor time a gap.
"""

import argparse
import fnmatch
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from hr_common import audio
from hr_common.errors import InputError
from hr_common.tables import provenance, write_csv
from viai.baselines.autoregressive import interpolate
from viai.baselines.copying import interpolate_copy
from viai.baselines.extrapolation import interpolate_extrapolation, levinson
from viai.baselines.janssen import interpolate_framewise, interpolate_janssen, interpolate_two_models
from viai.inpainting import Inpainter
from viai.metrics import mean_interval, snr_gap

EDGE_SECONDS = 0.25
"""No gap is nearer to an end of the recording."""
QUIETEST = 0.1
"""No gap is softer than this part of the recording's RMS (-20 dB)."""
NO_SOLO_INSTRUMENTS = (
    "*speech*", "*singing*", "*carnatic*", "*vignesh*", "*bendir*", "*mridangam*", "*sugar_plum*", "*hungarian*",
)  # fmt: skip

VARIANTS: Mapping[str, Callable[[np.ndarray, int, int, int], np.ndarray]] = {
    "extrapolation, Burg": lambda sound, start, stop, rate: interpolate_extrapolation(sound, start, stop),
    "Janssen, Burg": lambda sound, start, stop, rate: interpolate_janssen(sound, start, stop),
    "Janssen, autocorrelation": lambda sound, start, stop, rate: interpolate_janssen(
        sound, start, stop, estimator=levinson
    ),
    "two models": lambda sound, start, stop, rate: interpolate_two_models(sound, start, stop),
    "frame-wise Janssen, Hann": lambda sound, start, stop, rate: interpolate_framewise(sound, start, stop),
    "copy": interpolate_copy,
    "ar": interpolate,
}
"""The first five are autoregressive variants by the book; ``ar`` is how the tool uses them."""
TOOL = "viai inpaint"
"""The tool with ``--method auto``, and what it chose."""


def recordings(folder: Path, without: list[str]) -> list[Path]:
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in (".wav", ".flac", ".ogg")
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in without)
    ]
    if not paths:
        raise InputError(f"{folder} holds no recordings (WAV, FLAC or OGG) to try; give another --recordings")
    return paths


def draw_gaps(sound: np.ndarray, rate: int, length: int, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    edge, level = round(EDGE_SECONDS * rate), float(np.sqrt(np.mean(sound**2)))
    gaps: list[tuple[int, int]] = []
    while len(gaps) < count:
        start = int(rng.integers(edge, len(sound) - edge - length))
        if np.sqrt(np.mean(sound[start : start + length] ** 2)) > QUIETEST * level:
            gaps.append((start, start + length))
    return gaps


def fillings(
    inpainter: Inpainter, holed: np.ndarray, start: int, stop: int, rate: int
) -> Iterator[tuple[str, str, np.ndarray, float]]:
    """Row of the table, what the tool chose, the samples, and the seconds they took."""
    for variant, fill in VARIANTS.items():
        begun = time.process_time()
        samples = fill(holed, start, stop, rate)
        yield variant, "", samples, time.process_time() - begun
    begun = time.process_time()
    result = inpainter.inpaint(holed[:, None], rate, [(start / rate, stop / rate)])
    yield TOOL, result.report.gaps[0].method, result.samples[start:stop, 0], time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, help="folder of sound files")
    parser.add_argument("--without", nargs="*", default=list(NO_SOLO_INSTRUMENTS), help="names to leave out")
    parser.add_argument("--milliseconds", nargs="+", type=int, default=[20, 50, 80], help="lengths of the gaps")
    parser.add_argument("--gaps", type=int, default=2, help="of each length, in every recording")
    parser.add_argument("--seed", type=int, default=0, help="of the places of the gaps")
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()

    inpainter = Inpainter.from_pretrained(device="cpu")
    paths = recordings(arguments.recordings, arguments.without)
    rows: list[dict[str, object]] = []
    with threadpool_limits(1):
        for number, path in enumerate(tqdm(paths, disable=None)):
            channels, rate = audio.read(path, dtype="float64")
            sound = channels.mean(axis=1)
            for milliseconds in arguments.milliseconds:
                rng = np.random.default_rng((arguments.seed, number, milliseconds))
                for start, stop in draw_gaps(sound, rate, round(milliseconds * rate / 1000), arguments.gaps, rng):
                    holed = sound.copy()
                    holed[start:stop] = 0.0
                    rows += [
                        {
                            "recording": path.stem,
                            "rate": rate,
                            "start": start,
                            "milliseconds": milliseconds,
                            "variant": variant,
                            "method": method,
                            "snr_gap": snr_gap(filling, sound[start:stop]),
                            "seconds": seconds,
                            "seed": arguments.seed,
                        }
                        for variant, method, filling, seconds in fillings(inpainter, holed, start, stop, rate)
                    ]
    write_csv(arguments.csv, rows, provenance("viai", "torch", folder=Path(__file__).parent))

    lengths = arguments.milliseconds
    sys.stdout.write(f"{len(paths)} recordings, {arguments.gaps} gaps of each length in each; SNR in dB over the gap, ")
    sys.stdout.write("95 % intervals over recordings, seconds a gap\n\n")
    sys.stdout.write(f"| method | {' | '.join(f'{length} ms | s' for length in lengths)} |\n")
    sys.stdout.write(f"| --- {'| --- | --- ' * len(lengths)}|\n")
    for variant in (*VARIANTS, TOOL):
        cells = []
        for length in lengths:
            chosen = [row for row in rows if row["variant"] == variant and row["milliseconds"] == length]
            values = np.array([row["snr_gap"] for row in chosen], dtype=float)
            interval = mean_interval(values, [str(row["recording"]) for row in chosen])
            seconds = float(np.mean(np.array([row["seconds"] for row in chosen], dtype=float)))
            methods = "/".join(sorted({str(row["method"]) for row in chosen} - {""}))
            figure = f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
            cells.append(f"{figure}{f' ({methods})' if methods else ''} | {seconds:.2f}")
        sys.stdout.write(f"| {variant} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"\nwrote {arguments.csv}\n")


if __name__ == "__main__":
    main()
