"""Kill trainings as they write, fill the disk; run by a test: GRAMS OUT. Prints what was not made good."""

import sys
from pathlib import Path

import torch

from gramtex.config import load_config
from gramtex.extraction import GramCache
from gramtex.training.start import train
from hr_common.testing import training_faults

CONFIG = load_config("tiny")


def main(grams: str, out: str) -> None:
    torch.set_num_threads(1)
    cache = GramCache.open(Path(grams))

    def run(folder: Path, resume: bool) -> None:
        # A run that was killed before its first state is begun anew.
        train(cache, folder, CONFIG, device="cpu", resume=resume, force=not resume)

    print("\n".join(training_faults(run, Path(out), writes=(4,))))


if __name__ == "__main__":
    main(*sys.argv[1:])
