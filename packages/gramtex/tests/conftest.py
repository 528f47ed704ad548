"""What several tests share: fixed draws, a quick encoder, drawn cloth with its Gram sets, and a run trained on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from gramtex.config import PRESETS, load_config
from gramtex.data.procedural import PATTERNS, draw
from gramtex.data.splits import read_collection
from gramtex.encoders import Encoder, load_encoder
from gramtex.extraction import GramCache, extract
from gramtex.training.start import train
from hr_common import image

# Two threads wait for each other longer than they work on networks of this size.
torch.set_num_threads(1)

# The first example of a law loads and compiles what the others find ready.
settings.register_profile("gramtex", deadline=None)
settings.load_profile("gramtex")


@pytest.fixture(autouse=True)
def _fixed_draws() -> Iterator[None]:
    """Let every test draw the same weights and inputs in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def quick_encoder() -> Encoder:
    """Real features that cost next to nothing."""
    return load_encoder("random-wide", levels=("wide3", "wide7"))


@pytest.fixture(scope="session")
def vgg() -> Encoder:
    """The default encoder."""
    return load_encoder()


@pytest.fixture(scope="session")
def cloth_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty-six small pieces of drawn cloth, the eight of a pattern in two groups, and a manifest with splits."""
    folder = tmp_path_factory.mktemp("cloth")
    lines = ["file,group,split"]
    for pattern in list(PATTERNS)[:7]:
        for number in range(8):
            name = f"{pattern}-{number}.png"
            image.write(folder / name, draw(pattern, (48, 48), seed=number))
            lines.append(f"{name},{pattern}-{number // 6},{'val' if number >= 6 else 'train'}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def grams(tmp_path_factory: pytest.TempPathFactory, cloth_folder: Path) -> GramCache:
    """Gram sets of these pieces by the encoder of the preset ``tiny``."""
    model = PRESETS["tiny"].model
    encoder = load_encoder(model.encoder, levels=model.levels)
    return extract(read_collection(cloth_folder), tmp_path_factory.mktemp("grams"), encoder, force=True)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, grams: GramCache) -> Path:
    """Folder of a finished training with the preset ``tiny``."""
    folder = tmp_path_factory.mktemp("shared") / "run"
    train(grams, folder, load_config("tiny"), device="cpu")
    return folder
