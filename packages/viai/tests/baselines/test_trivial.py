import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from viai.baselines.interface import Scene, SpectrogramMethod
from viai.baselines.trivial import CONTEXT_MEAN, HOLD, INTERPOLATION, ZERO
from viai.spectrogram import interpolate_unknown

METHODS = (ZERO, HOLD, INTERPOLATION, CONTEXT_MEAN)


def scene(mel: np.ndarray, unknown: np.ndarray) -> Scene:
    samples = np.zeros(320 * mel.shape[1], np.float32)
    return Scene(samples, (0, 1), mel.astype(np.float32), unknown, None, None)


def painted(method: SpectrogramMethod, levels: list[float], unknown: list[int]) -> list[float]:
    mask = np.isin(np.arange(len(levels)), unknown)
    return method.paint([scene(np.array([levels]), mask)])[0][0].tolist()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (ZERO, [0.5, 0.25, 0, 0, 0, 0.75]),
        (HOLD, [0.5, 0.25, 0.25, 0.25, 0.25, 0.75]),
        (INTERPOLATION, [0.5, 0.25, 0.375, 0.5, 0.625, 0.75]),
        (CONTEXT_MEAN, [0.5, 0.25, 0.5, 0.5, 0.5, 0.75]),
    ],
)
def test_three_unknown_frames_as_worked_by_hand(method: SpectrogramMethod, expected: list[float]) -> None:
    assert painted(method, [0.5, 0.25, 1, 1, 1, 0.75], [2, 3, 4]) == expected


@pytest.mark.parametrize("method", METHODS)
def test_every_trivial_painting_is_a_spectrogram_method_with_a_name_of_its_own(method: SpectrogramMethod) -> None:
    assert isinstance(method, SpectrogramMethod)
    assert [other.name for other in METHODS].count(method.name) == 1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1_000), st.integers(2, 30))
def test_known_frames_come_through_and_unknown_ones_are_not_read(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    mel, unknown = rng.random((4, frames)), rng.random(frames) < 0.5
    other = np.where(unknown, rng.random((4, frames)), mel)
    for method in METHODS:
        first, second = method.paint([scene(mel, unknown), scene(other, unknown)])
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first[:, ~unknown], mel.astype(np.float32)[:, ~unknown])
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1_000), st.integers(1, 30))
def test_the_interpolation_is_what_the_networks_are_given(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    mel, unknown = rng.random((4, frames), np.float32), rng.random(frames) < 0.5
    theirs = interpolate_unknown(torch.from_numpy(mel)[None], torch.from_numpy(unknown)[None])[0].numpy()
    np.testing.assert_allclose(INTERPOLATION.paint([scene(mel, unknown)])[0], theirs, atol=1e-6)


def test_a_gap_at_the_begin_holds_the_first_known_frame() -> None:
    assert painted(HOLD, [1, 1, 0.5, 0.25], [0, 1]) == [0.5, 0.5, 0.5, 0.25]
    assert painted(INTERPOLATION, [0.5, 0.25, 1, 1], [2, 3]) == [0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("method", METHODS)
def test_without_a_known_frame_there_is_silence(method: SpectrogramMethod) -> None:
    assert painted(method, [1, 1, 1], [0, 1, 2]) == [0, 0, 0]
