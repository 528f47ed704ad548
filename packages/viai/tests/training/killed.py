"""Kill trainings as they write, fill the disk; run by a test: CLIPS OUT. Prints what was not made good."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from hr_common.testing import training_faults
from viai.config import TINY
from viai.training.start import train_stage

CONFIG = replace(TINY, training=replace(TINY.training, steps=2, checkpoint_every=1, log_every=1))


def main(clips: str, out: str) -> None:
    torch.set_num_threads(1)

    def run(folder: Path, resume: bool) -> None:
        train_stage("viai-a", Path(clips), folder, config=CONFIG, device="cpu", resume=resume, force=not resume)

    print("\n".join(training_faults(run, Path(out), "viai-a.safetensors", writes=(3,))))


if __name__ == "__main__":
    main(*sys.argv[1:])
