"""What several tests share: a small folder of prepared clips, and untrained weights of the ``tiny`` preset."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from viai.checkpoints import STAGES, build_network, save_network
from viai.config import TINY
from viai.data.clips import ClipMeta, write_clip, write_split

# Two threads wait for each other longer than they work on networks of this size.
torch.set_num_threads(1)

# The first example of a law loads and compiles what the others find ready.
settings.register_profile("viai", deadline=None)
settings.load_profile("viai")

CLIP_FRAMES = 60
SOURCES = {
    "train": ("bell/one", "bell/two", "drum/three", "drum/four"),
    "val": ("bell/five",),
    "test": ("bell/six", "drum/seven"),
}


@pytest.fixture(autouse=True)
def _fixed_draws() -> Iterator[None]:
    """Let every test draw the same weights and inputs in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _sound(rng: np.random.Generator) -> np.ndarray:
    """Harmonics of one pitch that swell and fade, over a little noise."""
    seconds = np.arange(CLIP_FRAMES * 1_280) / 16_000
    pitch = rng.uniform(200, 400)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * seconds)
    tones = sum(np.sin(2 * np.pi * pitch * partial * seconds) / partial for partial in range(1, 6))
    return (0.1 * swell * tones + 0.003 * rng.standard_normal(len(seconds))).astype(np.float32)


@pytest.fixture(scope="session")
def clips_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared clips of 4.8 s for the ``tiny`` preset: four sources for training, one and two to test on."""
    root = tmp_path_factory.mktemp("shared") / "clips"
    size = TINY.picture.size
    for number, source in enumerate(source for sources in SOURCES.values() for source in sources):
        rng = np.random.default_rng(number)
        write_clip(
            root / f"{source}_000",
            audio=_sound(rng),
            frames=rng.integers(0, 256, (CLIP_FRAMES, size, size, 3), dtype=np.uint8),
            flow=rng.integers(0, 256, (CLIP_FRAMES, 2, size, size), dtype=np.uint8),
            meta=ClipMeta(
                source=source,
                label=source.split("/")[0],
                start=0.0,
                duration=CLIP_FRAMES * 0.08,
                sample_rate=16_000,
                frame_rate=12.5,
                frames=CLIP_FRAMES,
                size=size,
                box=(0.0, 0.0, 1.0, 1.0),
                flow="dis",
                flow_size=TINY.picture.flow_size,
                flow_limit=20.0,
                file_hash="0" * 64,
            ),
        )
    write_split(
        root,
        {
            "train": {source: [f"{source}_000"] for source in SOURCES["train"]},
            "val": {source: [f"{source}_000"] for source in SOURCES["val"]},
            "test": {source: [f"{source}_000"] for source in SOURCES["test"]},
        },
    )
    return root


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with untrained ``viai-a``, ``viai-av`` and ``wavenet`` weights of the ``tiny`` preset."""
    folder = tmp_path_factory.mktemp("shared") / "weights"
    folder.mkdir()
    for number, stage in enumerate(STAGES):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            network = build_network(stage, TINY)
        save_network(
            folder / f"{stage}.safetensors",
            network.state_dict(),
            stage=stage,
            config=TINY,
            step=0,
            seed=number,
            data={"name": "untrained"},
        )
    return folder
