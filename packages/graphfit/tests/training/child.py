"""Train with the smallest settings; run by tests in a process of its own: DATA FEATURES OUT slow|fresh SETTING…."""

import sys
import time
from pathlib import Path

import torch

from graphfit.config import load_config
from graphfit.data.polyvore import read_polyvore
from graphfit.features import Features
from graphfit.training.loop import Training
from graphfit.training.start import train


def main(data: str, features: str, out: str, how: str, *overrides: str) -> None:
    torch.set_num_threads(1)
    if how == "slow":
        # Steps long enough for the test to end the run between two of them.
        step = Training._step

        def slowly(self: Training, *arguments: object) -> None:
            time.sleep(0.3)
            step(self, *arguments)  # type: ignore[arg-type]

        Training._step = slowly  # type: ignore[method-assign]
    train(
        read_polyvore(data), Features.load(features), Path(out), load_config("tiny", overrides=overrides), device="cpu"
    )


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
