from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hr_common.video import write

RATE = 44_100


@pytest.fixture(scope="session")
def pictures() -> Callable[..., Iterator[np.ndarray]]:
    """Pictures whose red tells their number (five a step), with a green left and a blue upper half."""

    def make(count: int = 50, height: int = 48, width: int = 64) -> Iterator[np.ndarray]:
        for index in range(count):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[..., 0] = 5 * index
            picture[:, : width // 2, 1] = 200
            picture[: height // 2, :, 2] = 100
            yield picture

    return make


@pytest.fixture(scope="session")
def clicks() -> Callable[..., np.ndarray]:
    """Two seconds of silence with one click."""

    def make(at: float = 1.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
        sound = np.zeros((2 * rate, channels), np.float32)
        sound[round(at * rate)] = 0.9
        return sound

    return make


@pytest.fixture(scope="session")
def clip(
    tmp_path_factory: pytest.TempPathFactory,
    pictures: Callable[..., Iterator[np.ndarray]],
    clicks: Callable[..., np.ndarray],
) -> Path:
    """Two seconds at 25 pictures a second, with a click at one second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write(path, pictures(), 25, sound=clicks(), sound_rate=RATE, crf=5)
    return path
