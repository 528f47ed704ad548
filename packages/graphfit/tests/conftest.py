"""What several tests share: a small made-up wardrobe whose outfits follow a hidden taste."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from graphfit.config import GraphfitConfig, load_config
from graphfit.data.items import Catalogue, Item, Outfit
from graphfit.data.splitting import split
from graphfit.data.tasks import OutfitData
from graphfit.features import Features
from graphfit.training.problem import Problem

# Two threads wait for each other longer than they work on networks of this size.
torch.set_num_threads(1)
settings.register_profile("graphfit", deadline=None, max_examples=25)
settings.load_profile("graphfit")

# Enough for the made-up taste, which takes seconds.
LEARNING = ("training.epochs=12", "training.learning_rate=0.02", "training.batch=24", "network.dropout=0")
KINDS = ("tops", "bottoms", "shoes", "bags", "hats")
TASTES = 4
EACH = 6
SIZE = 24


@pytest.fixture(autouse=True)
def same_draws() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def wardrobe() -> Catalogue:
    """120 items: of each of five kinds, six to each of four tastes."""
    return Catalogue(
        "wardrobe",
        tuple(
            Item(f"{kind}-{taste}-{number}", category=kind, fine=kind, title=f"{kind} number {number}", colour="red")
            for kind in KINDS
            for taste in range(TASTES)
            for number in range(EACH)
        ),
    )


@pytest.fixture(scope="session")
def features(wardrobe: Catalogue) -> Features:
    """Features in which the taste of an item can be seen through noise."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(len(wardrobe), SIZE)).astype(np.float32)
    for row, item in zip(values, wardrobe, strict=True):
        row[int(item.id.split("-")[1])] += 4
    palettes = np.zeros((len(wardrobe), 4, 4), dtype=np.float32)
    palettes[:, 0] = [*(50.0, 30.0, 20.0), 1.0]
    palettes[::2, 0, 1:3] = -30.0
    backgrounds = np.zeros((len(wardrobe), 3), dtype=np.float32)
    return Features(tuple(item.id for item in wardrobe), values, "lite0", palettes=palettes, backgrounds=backgrounds)


@pytest.fixture(scope="session")
def outfits(wardrobe: Catalogue) -> tuple[Outfit, ...]:
    """200 outfits of three to five kinds, each of one taste."""
    generator = np.random.default_rng(1)
    made = []
    for number in range(200):
        taste = int(generator.integers(TASTES))
        kinds = generator.permutation(len(KINDS))[: int(generator.integers(3, 6))]
        items = tuple(f"{KINDS[kind]}-{taste}-{int(generator.integers(EACH))}" for kind in kinds)
        made.append(Outfit(f"look_{number}", items))
    return tuple(made)


@pytest.fixture(scope="session")
def data(wardrobe: Catalogue, outfits: tuple[Outfit, ...]) -> OutfitData:
    return split(wardrobe, outfits, "nondisjoint", shares=(0.6, 0.2, 0.2)).data


@pytest.fixture(scope="session")
def tiny() -> GraphfitConfig:
    return load_config("tiny")


@pytest.fixture(scope="session")
def learning() -> GraphfitConfig:
    """Small settings with which the made-up taste is learnt."""
    return load_config("tiny", overrides=LEARNING)


@pytest.fixture(scope="session")
def problem(data: OutfitData, features: Features, tiny: GraphfitConfig) -> Problem:
    return Problem.build(data, features, tiny)


@pytest.fixture(scope="session")
def run(
    tmp_path_factory: pytest.TempPathFactory, data: OutfitData, features: Features, learning: GraphfitConfig
) -> Path:
    """Folder of a finished training."""
    from graphfit.training.start import train

    out = tmp_path_factory.mktemp("runs") / "tiny"
    train(data, features, out, learning)
    return out
