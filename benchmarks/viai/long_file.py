"""Memory and time of one gap in an hour of stereo sound at 48 kHz, as a whole process.

nox -s bench -- viai long_file
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 48_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "long.wav", Path(folder) / "out.wav"
        moments = np.arange(60 * RATE) / RATE
        tone = 0.2 * np.sin(2 * np.pi * 220 * moments) + 0.1 * np.sin(2 * np.pi * 440 * moments)
        minute = tone[:, None] + 0.01 * rng.standard_normal((len(tone), 2))
        with soundfile.SoundFile(source, "w", RATE, 2, "PCM_16") as file:
            for _ in range(arguments.minutes):
                file.write(minute)
        middle = 30 * arguments.minutes
        command = [sys.executable, "-m", "viai", "inpaint", str(source), "--gap", f"{middle}+0.5", "-o", str(target)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sys.stdout.write(
        f"{arguments.minutes} minutes, stereo, {RATE} Hz, one gap of 0.5 s: {peak:.0f} MiB, {seconds:.1f} s\n"
    )


if __name__ == "__main__":
    main()
