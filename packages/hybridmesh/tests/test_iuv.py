from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from hybridmesh import iuv
from hybridmesh.body import Charts, WrongBodyError
from hybridmesh.iuv import MIRRORED_CHART, IUVMap, check_family, from_picture


@pytest.fixture
def small() -> IUVMap:
    rng = np.random.default_rng(0)
    index = rng.integers(0, 25, (12, 9)).astype(np.uint8)
    index[0, 0], index[1, 1] = 0, 24
    return IUVMap(index, rng.random((12, 9, 2)).clip(0.2, 1) * (index > 0)[..., None], "hand")


def test_a_picture_keeps_charts_and_rounds_coordinates(small: IUVMap, tmp_path: Path) -> None:
    iuv.write(tmp_path / "map.png", small)
    back = iuv.read(tmp_path / "map.png")
    np.testing.assert_array_equal(back.index, small.index)
    np.testing.assert_allclose(back.uv, small.uv, atol=0.5 / 255 + 1e-12)


def test_the_archive_keeps_the_family(small: IUVMap, tmp_path: Path) -> None:
    iuv.write(tmp_path / "map.npz", small)
    back = iuv.read(tmp_path / "map.npz")
    assert back.family == "hand"
    np.testing.assert_allclose(back.uv, small.uv, atol=5e-4)  # half precision


def test_what_opencv_wrote_is_read_in_its_order(small: IUVMap) -> None:
    backwards = np.ascontiguousarray(small.as_picture()[..., ::-1])
    np.testing.assert_array_equal(from_picture(backwards).index, small.index)
    np.testing.assert_array_equal(from_picture(backwards, order="vui").index, small.index)
    with pytest.raises(InputError, match="end at 24"):
        from_picture(backwards, order="iuv")


def test_two_possible_orders_are_asked_about() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = [3, 9, 5]
    with pytest.raises(InputError, match=r"--channel-order iuv\|vui"):
        from_picture(picture)
    assert from_picture(picture, order="vui").index[0, 0] == 5


def test_a_photo_is_no_map() -> None:
    photo = np.full((2, 2, 3), 200, np.uint8)
    with pytest.raises(InputError, match="Is it an IUV map"):
        from_picture(photo)


def test_a_jpeg_is_refused(tmp_path: Path) -> None:
    image.write(tmp_path / "map.jpg", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="compression mixes charts"):
        iuv.read(tmp_path / "map.jpg")


def test_coordinates_up_to_255_are_divided_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    np.savez(tmp_path / "map.npz", I=np.array([[1, 0]], np.uint8), UV=np.array([[[255.0, 51.0], [0, 0]]]))
    back = iuv.read(tmp_path / "map.npz")
    np.testing.assert_allclose(back.uv[0, 0], [1, 0.2])
    assert "divided" in caplog.text


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"I": np.zeros((2, 2), np.uint8)}, "holds no UV"),
        ({"I": np.zeros((2, 2), np.uint8), "UV": np.zeros((2, 3, 2))}, "expected"),
        ({"I": np.full((1, 1), 25, np.uint8), "UV": np.zeros((1, 1, 2))}, "end at 24"),
        ({"I": np.ones((1, 1), np.uint8), "UV": np.full((1, 1, 2), np.nan)}, "outside 0 to 1"),
    ],
)
def test_a_wrong_archive_says_what_is_wrong(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "map.npz", **arrays)
    with pytest.raises(InputError, match=message):
        iuv.read(tmp_path / "map.npz")


def test_resizing_mixes_no_charts(small: IUVMap) -> None:
    bigger = iuv.resize(small, 24, 18)
    np.testing.assert_array_equal(bigger.index, small.index.repeat(2, 0).repeat(2, 1))
    back = iuv.resize(bigger, 12, 9)
    np.testing.assert_array_equal(back.uv, small.uv)


def test_a_crop_beyond_the_picture_is_background(small: IUVMap) -> None:
    part = iuv.crop(small, 0.0, 0.0, 8.0, 8)
    assert not part.mask[:4].any()
    np.testing.assert_array_equal(part.index[4:, 4:], small.index[:4, :4])


def test_a_map_of_another_body_is_refused(small: IUVMap) -> None:
    charts = Charts("densepose", np.ones(1, int), np.zeros((1, 3, 2)))
    with pytest.raises(WrongBodyError, match=r"'hand'.*'densepose'"):
        check_family(small, charts, "smpl")


def test_mirroring_charts_twice_changes_nothing() -> None:
    np.testing.assert_array_equal(MIRRORED_CHART[MIRRORED_CHART], np.arange(25))
