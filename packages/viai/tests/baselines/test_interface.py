import dataclasses

import numpy as np
import pytest

from viai.baselines.autoregressive import Autoregressive
from viai.baselines.copying import Copy
from viai.baselines.interface import Scene, SoundMethod, SpectrogramMethod
from viai.baselines.trivial import ZERO


def test_paintings_and_players_are_told_apart() -> None:
    assert isinstance(ZERO, SpectrogramMethod)
    assert not isinstance(ZERO, SoundMethod)
    for method in (Autoregressive(), Copy()):
        assert isinstance(method, SoundMethod)
        assert not isinstance(method, SpectrogramMethod)


def test_a_scene_is_not_changed_by_those_who_share_it() -> None:
    scene = Scene(np.zeros(640, np.float32), (0, 320), np.zeros((80, 2), np.float32), np.ones(2, bool), None, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.gap = (0, 1)  # type: ignore[misc]
