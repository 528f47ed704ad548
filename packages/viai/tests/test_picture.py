from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hr_common import video
from hr_common.errors import InputError
from viai.config import PictureConfig
from viai.picture import WHOLE, Box, PictureUnavailableError, as_box, normalise, read_picture, salient_box

CONFIG = PictureConfig(size=32, flow="dis", flow_size=64)


def write_levels(path: Path, rate: float, count: int) -> None:
    """Picture ``k`` is grey ``20 + 2 k``."""
    video.write(path, (np.full((48, 64, 3), 20 + 2 * k, np.uint8) for k in range(count)), rate, crf=5)


def texture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).random((height, width), dtype=np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3))
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth))[..., None]


def write_block(path: Path, *, count: int = 120, rate: float = 25) -> None:
    """A bright block swings from column 60 to 180 and back every two seconds, in rows 40 to 96 of 192 x 256."""
    background, block = 20 + 80 * texture(192, 256), 130 + 120 * texture(56, 56)

    def frames() -> Iterator[np.ndarray]:
        for k in range(count):
            picture = np.repeat(background, 3, axis=2)
            left = 60 + round(32 * (1 - np.cos(np.pi * k / rate)))
            picture[40:96, left : left + 56] = block
            yield picture.astype(np.uint8)

    video.write(path, frames(), rate, crf=10)


def flow_with(*boxes: tuple[slice, slice], size: tuple[int, int] = (128, 128), step: int = 10) -> np.ndarray:
    flow = np.full((4, 2, *size), 127, np.uint8)
    for rows, columns in boxes:
        flow[:, 0, rows, columns] += step
    return flow


@pytest.mark.parametrize(("rate", "start"), [(25, 0.0), (25, 0.51), (30, 0.013), (15, 0.2), (12.5, 0.0)])
def test_every_picture_is_the_one_shown_nearest_to_its_moment(tmp_path: Path, rate: float, start: float) -> None:
    write_levels(tmp_path / "levels.mp4", rate, 90)
    picture = read_picture(tmp_path / "levels.mp4", start=start, frames=20, config=CONFIG)
    wanted = start + 0.08 * np.arange(20)
    shown = np.rint(wanted * rate)
    np.testing.assert_allclose(picture.times, shown / rate, atol=1e-3)
    # Above and below a picture of 64 x 48 there is grey padding; the middle row is picture.
    levels = picture.frames[:, 16].mean(axis=(1, 2))
    np.testing.assert_allclose(levels, 20 + 2 * shown, atol=1.5)
    assert picture.covered.all()


def test_the_crop_is_the_moving_part_for_pictures_and_flow_alike(tmp_path: Path) -> None:
    write_block(tmp_path / "block.mp4")
    config = PictureConfig(size=64, flow="dis")
    picture = read_picture(tmp_path / "block.mp4", start=0.5, frames=25, config=config)
    assert picture.frames.shape == (25, 64, 64, 3)
    assert picture.flow.shape == (25, 2, 64, 64)
    box = picture.box
    # Flow blurs the rim of the block by some pixels of 128.
    assert box.left == pytest.approx(60 / 256, abs=0.1)
    assert box.right == pytest.approx(180 / 256, abs=0.1)
    assert box.top == pytest.approx(40 / 192, abs=0.12)
    assert box.bottom == pytest.approx(96 / 192, abs=0.12)
    # Wider than high, so bars of 127 above and below, in the same rows of both.
    share = (box.bottom - box.top) * 192 / ((box.right - box.left) * 256)
    bar = int(64 * (1 - share) / 2) - 1
    assert bar >= 4
    for part in (
        picture.frames[:, :bar],
        picture.frames[:, -bar:],
        picture.flow[:, :, :bar],
        picture.flow[:, :, -bar:],
    ):
        assert (part == 127).all()
    # The block is where the motion is.
    speed = np.abs(picture.flow.astype(int) - 127).sum(axis=1)
    fastest = int(speed.sum(axis=(1, 2)).argmax())
    middle_of_motion = np.average(np.arange(64), weights=speed[fastest].sum(axis=0))
    bright = (picture.frames[fastest, bar:-bar, :, 0] > 110).sum(axis=0)
    assert middle_of_motion == pytest.approx(np.average(np.arange(64), weights=bright), abs=5)


def test_a_box_that_is_given_is_used(tmp_path: Path) -> None:
    write_block(tmp_path / "block.mp4", count=40)
    box = Box(0.5, 0.0, 1.0, 1.0)
    assert read_picture(tmp_path / "block.mp4", start=0.0, frames=5, config=CONFIG, box=box).box == box


def test_flow_of_the_first_picture_is_measured_from_the_one_before(tmp_path: Path) -> None:
    write_block(tmp_path / "block.mp4")
    config = CONFIG
    late = read_picture(tmp_path / "block.mp4", start=0.32, frames=5, config=config, box=WHOLE)
    early = read_picture(tmp_path / "block.mp4", start=0.24, frames=6, config=config, box=WHOLE)
    np.testing.assert_array_equal(late.flow, early.flow[1:])
    assert (late.flow[0] != 127).any()


def test_nothing_moves_so_everything_is_shown_or_the_clip_refused(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    still = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    video.write(path, [still] * 30, 25)
    assert read_picture(path, start=0.0, frames=10, config=CONFIG).box == WHOLE
    with pytest.raises(PictureUnavailableError, match=r"still.mp4 hardly moves between 0.00 s and 0.80 s"):
        read_picture(path, start=0.0, frames=10, config=CONFIG, needs_motion=True)


def test_a_short_video_says_which_pictures_it_has(tmp_path: Path) -> None:
    write_block(tmp_path / "short.mp4", count=50)  # 2 s
    picture = read_picture(tmp_path / "short.mp4", start=1.0, frames=50, config=CONFIG)
    # The last picture is shown at 1.96 s and stands for what is at most 0.1 s away: 1.00 to 2.04 s.
    np.testing.assert_array_equal(picture.covered, np.arange(50) <= 13)
    assert (picture.flow[14:] == 127).all()
    with pytest.raises(
        PictureUnavailableError, match=r"pictures from 0.00 s to 2.00 s, nothing between 5.00 s and 9.00 s"
    ):
        read_picture(tmp_path / "short.mp4", start=5.0, frames=50, config=CONFIG)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(b"no video at all" * 100)
    with pytest.raises(InputError, match=r"noise\.mp4"):
        read_picture(path, start=0.0, config=CONFIG)


def test_the_salient_box_is_the_moving_block() -> None:
    flow = flow_with((slice(40, 90), slice(10, 60)))
    assert salient_box(flow) == Box(10 / 128, 40 / 128, 60 / 128, 90 / 128)


def test_single_rows_and_columns_at_the_rim_are_dropped() -> None:
    # At 128 pixels a row counts if the one two further inside is marked: one alone does not.
    flow = flow_with((slice(40, 90), slice(20, 70)), (slice(2, 3), slice(40, 50)), (slice(60, 61), slice(120, 121)))
    assert salient_box(flow) == Box(20 / 128, 40 / 128, 70 / 128, 90 / 128)


@pytest.mark.parametrize(("side", "expected"), [(24, None), (25, Box(20 / 128, 40 / 128, 45 / 128, 65 / 128))])
def test_boxes_under_50_pixels_at_256_are_none(side: int, expected: Box | None) -> None:
    assert salient_box(flow_with((slice(40, 40 + side), slice(20, 20 + side)))) == expected


def test_motion_is_averaged_over_the_clip_and_scaled_with_the_size() -> None:
    block = (slice(40, 90), slice(20, 70))
    # One step at 128 pixels is two at 256, which is not above two; two steps are.
    assert salient_box(flow_with(block, step=1)) is None
    assert salient_box(flow_with(block, step=2)) is not None
    once = flow_with(block, step=4)
    once[1:] = 127
    assert salient_box(once) is None  # 4 steps in one picture of four: one step on average
    assert salient_box(np.full((3, 2, 64, 64), 127, np.uint8)) is None


def test_normalise_maps_rest_to_zero_and_bytes_to_about_one() -> None:
    values = normalise(torch.tensor([0, 127, 255], dtype=torch.uint8))
    assert values.tolist() == [-127 / 128, 0.0, 1.0]
    assert values.dtype == torch.float32


def test_a_stored_box_is_checked() -> None:
    assert as_box([0, 0.25, 1, 0.5]) == Box(0.0, 0.25, 1.0, 0.5)
    with pytest.raises(InputError, match="four numbers"):
        as_box([0, 1])
    with pytest.raises(InputError, match="left < right"):
        as_box([0.5, 0, 0.4, 1])
