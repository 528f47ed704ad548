"""Kill trainings as they write, fill the disk; run by a test: SETS OUT. Prints what was not made good."""

import sys
from pathlib import Path

import torch

from hr_common.testing import training_faults
from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import load_learning
from hybridmesh.data.people import PeopleSet
from hybridmesh.training.start import train

CONFIG = load_learning("tiny", overrides=("training.checkpoint_every=2",))


def main(data: str, out: str) -> None:
    torch.set_num_threads(1)
    body = load_body("free-lo")
    assert isinstance(body, BodyModel)
    sets = [PeopleSet.load(Path(data) / name) for name in ("studio", "wild")]

    def run(folder: Path, resume: bool) -> None:
        # A run that was killed before its first state is begun anew.
        train(sets, body, folder, CONFIG, device="cpu", resume=resume, force=not resume)

    print("\n".join(training_faults(run, Path(out), writes=(4,))))


if __name__ == "__main__":
    main(*sys.argv[1:])
