"""Kill trainings as they write, fill the disk; run by a test: OUT. Prints what was not made good."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from hr_common.testing import training_faults
from openlt.config import load_config
from openlt.data import load_data
from openlt.training.start import train

CONFIG = load_config(
    "tiny",
    "digits-lt",
    overrides=("training.batch=160", "stage1.epochs=1", "stage2.epochs=1", "training.checkpoint_every=1"),
)


def main(out: str) -> None:
    torch.set_num_threads(1)
    data = load_data("digits-lt", root=None)
    few = {
        name: replace(split, paths=split.paths[:24], labels=split.labels[:24], arrays=split.arrays[:24])
        for name, split in data.splits.items()
        if name != "train" and split.arrays is not None
    }
    data = replace(data, splits={"train": data.splits["train"], **few})

    def run(folder: Path, resume: bool) -> None:
        # A run that was killed before its first state is begun anew.
        train(data, folder, CONFIG, device="cpu", resume=resume, force=not resume)

    print("\n".join(training_faults(run, Path(out), writes=(8,))))


if __name__ == "__main__":
    main(*sys.argv[1:])
