"""Train with the smallest settings; run by tests in processes of its own: DATA OUT [slow] [SETTING…]."""

import sys
import time
from pathlib import Path

import torch

from hybridmesh.body import BodyModel, load_body
from hybridmesh.config import load_learning
from hybridmesh.data.people import PeopleSet
from hybridmesh.training.loop import Training
from hybridmesh.training.start import train


def main(data: str, out: str, how: str, *overrides: str) -> None:
    torch.set_num_threads(1)
    if how == "slow":
        # Steps long enough for the test to end the run between two of them.
        step = Training._step

        def slowly(self: Training, *arguments: object) -> None:
            time.sleep(0.3)
            step(self, *arguments)  # type: ignore[arg-type]

        Training._step = slowly  # type: ignore[method-assign]
    body = load_body("free-lo")
    assert isinstance(body, BodyModel)
    sets = [PeopleSet.load(Path(data) / name) for name in ("studio", "wild")]
    train(sets, body, Path(out), load_learning("tiny", overrides=overrides), device="cpu", resume=how == "resume")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
