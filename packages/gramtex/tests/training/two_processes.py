"""Train the tiny model on the Gram sets in the first folder; run by torchrun."""

import sys
from pathlib import Path

import torch

from gramtex.config import load_config
from gramtex.extraction import GramCache
from gramtex.training.start import train


def main(grams: Path, out: Path) -> None:
    torch.set_num_threads(1)
    config = load_config("tiny", overrides=sys.argv[3:])
    train(GramCache.open(grams), out, config, device="cpu")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
