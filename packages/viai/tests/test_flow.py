import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import registration

from hr_common.errors import InputError
from viai.config import FlowMethod
from viai.flow import REST, flow_sequence, flow_shape, from_bytes, mirror, optical_flow, to_bytes

METHODS: tuple[FlowMethod, ...] = ("dis", "farneback", "tvl1")
flows = arrays.arrays(np.uint8, (3, 2, 4, 6), elements=st.integers(0, 254))


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.5))
    return np.asarray(255 * (smooth - smooth.min()) / np.ptp(smooth), np.uint8)


def walk(steps: int, right: int = 3, down: int = -2, height: int = 72, width: int = 96) -> np.ndarray:
    """A camera passes over a texture, which so moves by (right, down) pixels a picture."""
    large = texture(height + 2 * steps * 4, width + 2 * steps * 4)
    middle = steps * 4
    rows = [middle - down * step for step in range(steps)]
    columns = [middle - right * step for step in range(steps)]
    return np.stack([large[y : y + height, x : x + width] for y, x in zip(rows, columns, strict=True)])


@pytest.mark.parametrize("method", METHODS)
def test_a_shifted_texture_moves_by_its_shift_to_the_right_and_up(method: FlowMethod) -> None:
    first, second = walk(2, right=3, down=-2)
    flow = optical_flow(first, second, method)
    assert flow.shape == (2, 72, 96)
    inner = flow[:, 12:-12, 12:-12]
    np.testing.assert_allclose(np.median(inner, axis=(1, 2)), [3, -2], atol=0.15)


def test_tvl1_agrees_with_scikit_image() -> None:
    first, second = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in walk(2, right=1, down=1))
    outside: Callable[..., tuple[np.ndarray, np.ndarray]] = registration.optical_flow_tvl1
    down, right = outside(first.astype(np.float32) / 255, second.astype(np.float32) / 255)
    ours = optical_flow(first, second, "tvl1")
    difference = np.abs(ours - np.stack([right, down]))[:, 8:-8, 8:-8]
    # Both stop their iterations early, in different places.
    assert np.median(difference) < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_threads_changes_nothing_and_stays_as_it_was(method: FlowMethod) -> None:
    first, second = walk(2)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            results.append(optical_flow(first, second, method))
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_bytes_are_clipped_before_they_are_scaled() -> None:
    # 127 / 20 = 6.35 steps a pixel: 1 px is 133.35, and beyond 20 px nothing wraps around.
    pixels = np.array([0, 1, -1, 20, -20, 30, -1000], np.float32)
    np.testing.assert_array_equal(to_bytes(pixels), [127, 133, 121, 254, 0, 254, 0])


@given(arrays.arrays(np.float32, 20, elements=st.floats(-20, 20, width=32)))
def test_bytes_hold_displacements_to_half_a_step(pixels: np.ndarray) -> None:
    np.testing.assert_allclose(from_bytes(to_bytes(pixels)), pixels, atol=20 / 254 + 1e-5)


@given(flows)
def test_bytes_survive_a_round_trip(values: np.ndarray) -> None:
    np.testing.assert_array_equal(to_bytes(from_bytes(values)), values)


@given(flows)
def test_two_mirrors_show_the_original(flow: np.ndarray) -> None:
    frames = np.arange(3 * 8 * 12 * 3, dtype=np.uint8).reshape(3, 8, 12, 3)
    twice = mirror(*mirror(frames, flow))
    np.testing.assert_array_equal(twice[0], frames)
    np.testing.assert_array_equal(twice[1], flow)


def test_the_flow_of_mirrored_pictures_is_the_mirrored_flow() -> None:
    frames = walk(3, right=4, down=1)
    flow = flow_sequence(frames, method="dis", longer=96)
    flipped, expected = mirror(frames, flow)
    measured = flow_sequence(flipped, method="dis", longer=96)
    assert np.median(measured[1:, 0]) < REST < np.median(flow[1:, 0])
    # The search is not symmetric to the last bit; one step is 0.16 px.
    difference = np.abs(measured.astype(int) - expected.astype(int))[..., 12:-12, 12:-12]
    assert np.median(difference) <= 1


def test_the_first_picture_rests_unless_the_one_before_is_known() -> None:
    frames = walk(4, right=2, down=0)
    alone = flow_sequence(frames[1:], method="dis", longer=96)
    led = flow_sequence(frames[1:], method="dis", longer=96, before=frames[0])
    assert (alone[0] == REST).all()
    # 2 px are 12.7 steps.
    assert np.median(led[0, 0]) == pytest.approx(REST + 13, abs=1)
    np.testing.assert_array_equal(alone[1:], led[1:])


def test_a_picture_shown_twice_is_at_rest() -> None:
    frames = walk(2)[[0, 1, 1]]
    flow = flow_sequence(frames, method="farneback", longer=96)
    assert (flow[1] != REST).any()
    assert (flow[2] == REST).all()


def test_displacements_count_pixels_of_the_flow_and_not_of_the_picture() -> None:
    frames = walk(2, right=4, down=0)
    small = flow_sequence(frames, method="dis", longer=48)
    assert small.shape == (2, 2, 36, 48)
    assert np.median(from_bytes(small[1, 0])) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("picture", "flow"),
    [((720, 1280), (72, 128)), ((1280, 720), (128, 72)), ((48, 64), (96, 128)), ((20, 400), (16, 128))],
)
def test_the_longer_side_settles_the_size(picture: tuple[int, int], flow: tuple[int, int]) -> None:
    assert flow_shape(*picture, 128) == flow


def test_kept_flow_is_used_and_a_damaged_file_is_measured_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = walk(3)
    flow = flow_sequence(frames, method="dis", longer=48, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    np.save(kept, flow[::-1])
    np.testing.assert_array_equal(flow_sequence(frames, method="dis", longer=48, cache=tmp_path), flow[::-1])
    kept.write_bytes(kept.read_bytes()[:200])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(flow_sequence(frames, method="dis", longer=48, cache=tmp_path), flow)
    assert "measured again" in caplog.text
    flow_sequence(frames, method="farneback", longer=48, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_no_picture_is_named() -> None:
    first, second = walk(2)
    with pytest.raises(InputError, match="8 x 72 pixels are too small"):
        optical_flow(first[:, :8], second[:, :8], "dis")
    with pytest.raises(InputError, match=r"not \(72, 96, 2\)"):
        optical_flow(first[..., :2], second[..., :2], "dis")
