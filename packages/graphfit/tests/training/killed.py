"""Kill trainings as they write, fill the disk; run by a test: DATA FEATURES OUT. Prints what was not made good."""

import sys
from pathlib import Path

import torch

from graphfit.config import load_config
from graphfit.data.polyvore import read_polyvore
from graphfit.features import Features
from graphfit.training.start import train
from hr_common.testing import training_faults

CONFIG = load_config("tiny", overrides=("training.epochs=2", "training.checkpoint_every=4"))


def main(data: str, features: str, out: str) -> None:
    torch.set_num_threads(1)
    outfits, known = read_polyvore(data), Features.load(features)

    def run(folder: Path, resume: bool) -> None:
        # A run that was killed before its first state is begun anew.
        train(outfits, known, folder, CONFIG, device="cpu", resume=resume, force=not resume)

    print("\n".join(training_faults(run, Path(out), writes=(4,))))


if __name__ == "__main__":
    main(*sys.argv[1:])
