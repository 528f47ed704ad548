"""What several tests share: fixed draws, and a run of the smallest settings on the embedded digits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from openlt.config import OpenltConfig, load_config
from openlt.data import ImageSplit, LongTailData, load_data
from openlt.training.start import train

# Two threads wait for each other longer than they work on networks of this size.
torch.set_num_threads(1)

# The first example of a law loads and compiles what the others find ready.
settings.register_profile("openlt", deadline=None)
settings.load_profile("openlt")


@pytest.fixture(autouse=True)
def _fixed_draws() -> Iterator[None]:
    """Let every test draw the same weights and inputs in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _first(split: ImageSplit, count: int) -> ImageSplit:
    """Every class's first pictures, ``count`` in all where there are as many."""
    order = np.sort(np.argsort(np.arange(len(split)) % max(1, len(split) // count), kind="stable")[:count])
    arrays = None if split.arrays is None else split.arrays[order]
    return replace(split, paths=tuple(split.paths[row] for row in order), labels=split.labels[order], arrays=arrays)


@pytest.fixture(scope="session")
def digits() -> LongTailData:
    """The embedded digits with all training pictures and a few to measure on."""
    data = load_data("digits-lt", root=None)
    small = {name: split if name == "train" else _first(split, 24) for name, split in data.splits.items()}
    return replace(data, splits=small)


@pytest.fixture(scope="session")
def tiny() -> OpenltConfig:
    """The smallest settings of the paper's method: two stages of an epoch of two steps."""
    return load_config(
        "tiny", overrides=("training.batch=128", "stage1.epochs=1", "stage2.epochs=1", "training.checkpoint_every=1")
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, digits: LongTailData, tiny: OpenltConfig) -> Path:
    """Folder of a finished training."""
    folder = tmp_path_factory.mktemp("shared") / "run"
    train(digits, folder, tiny, device="cpu")
    return folder
