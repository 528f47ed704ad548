from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from hr_common.errors import InputError
from hr_common.image import contact_sheet, find, read, write

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = np.array([[RED, GREEN, WHITE], [BLUE, WHITE, WHITE]], np.uint8)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, st.sampled_from([(1, 1), (3, 2), (3, 2, 1), (2, 3, 3), (2, 2, 4)])))
def test_a_png_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "round.png"
    write(path, array)
    mode = {3: "RGB", 4: "RGBA"}.get(array.shape[-1] if array.ndim == 3 else 1, "L")
    back = read(path, mode)
    np.testing.assert_array_equal(back, array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_orientation_in_the_exif_is_applied(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CORNERS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), np.rot90(CORNERS, turns))


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    array = np.zeros((1, 3, 4), np.uint8)
    array[0, :, 3] = (0, 255, 51)  # 51/255 is a fifth: black over white leaves 204
    write(tmp_path / "a.png", array)
    np.testing.assert_array_equal(read(tmp_path / "a.png")[0, :, 0], [255, 0, 204])
    np.testing.assert_array_equal(read(tmp_path / "a.png", "L")[0], [255, 0, 204])
    np.testing.assert_array_equal(read(tmp_path / "a.png", "RGBA"), array)


def test_every_mode_becomes_eight_bit_rgb(tmp_path: Path) -> None:
    colour = Image.fromarray(CORNERS)
    palette = colour.quantize(8)
    palette.save(tmp_path / "palette.png")
    colour.quantize(8).save(tmp_path / "keyed.gif", transparency=palette.getpixel((0, 0)))
    colour.convert("CMYK").save(tmp_path / "cmyk.tif")
    colour.convert("L").save(tmp_path / "grey.png")
    colour.convert("LA").save(tmp_path / "la.png")
    colour.convert("1").save(tmp_path / "bits.png")
    colour.save(tmp_path / "rgbkey.png", transparency=RED)
    np.testing.assert_array_equal(read(tmp_path / "palette.png"), CORNERS)
    np.testing.assert_array_equal(read(tmp_path / "cmyk.tif"), CORNERS)
    over_white = CORNERS.copy()
    over_white[0, 0] = WHITE
    np.testing.assert_array_equal(read(tmp_path / "keyed.gif"), over_white)
    np.testing.assert_array_equal(read(tmp_path / "rgbkey.png"), over_white)
    for name in ("grey.png", "la.png", "bits.png"):
        assert read(tmp_path / name).shape == (2, 3, 3)


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name, "L"), [[0, 1, 128, 255]])


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="floating-point pixels"):
        read(tmp_path / "a.tif")


def test_broken_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write(path, np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8))
    whole = path.read_bytes()
    for part, words in ((whole[:2000], "is damaged"), (b"text", "is no picture"), (b"", "is empty")):
        path.write_bytes(part)
        with pytest.raises(InputError, match=words):
            read(path)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "b.png")
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("limit", [90, 40])
def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    write(tmp_path / "a.png", np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # Pillow warns at 90 and refuses at 40
    with pytest.raises(InputError, match=f"a.png is too large: .*the limit is {limit}"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("a.xyz", np.zeros((2, 2), np.uint8), "no picture format"),
        ("a", np.zeros((2, 2), np.uint8), "no picture format"),
        ("a.jpg", np.zeros((2, 2, 4), np.uint8), "no transparency"),
        ("a.png", np.zeros((2, 2, 2), np.uint8), r"not uint8 \(2, 2, 2\)"),
        ("a.png", np.zeros((0, 2), np.uint8), r"not uint8 \(0, 2\)"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, array: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write(tmp_path / name, array)
    assert not list(tmp_path.iterdir())


def test_a_jpeg_stays_close(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    write(tmp_path / "a.jpg", np.stack([ramp, ramp.T, 255 - ramp], -1))
    back = read(tmp_path / "a.jpg").astype(int)
    assert np.abs(back - np.stack([ramp, ramp.T, 255 - ramp], -1)).mean() < 2


def test_a_sheet_puts_pictures_row_by_row() -> None:
    images = [np.full((10, 20, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(images, 2)
    assert sheet.shape == (4 + 10 + 4 + 10 + 4, 4 + 20 + 4 + 20 + 4, 3)
    assert [sheet[5, 5, 0], sheet[5, 30, 0], sheet[20, 5, 0], sheet[20, 30, 0]] == [10, 20, 30, 255]


def test_a_sheet_centres_small_pictures_and_takes_grey_ones() -> None:
    sheet = contact_sheet([np.zeros((10, 20, 3), np.uint8), np.full((4, 8), 7, np.uint8)], 2)
    assert sheet[4 + 3, 28 + 6].tolist() == [7, 7, 7]
    assert sheet[4 + 2, 28 + 6].tolist() == [255, 255, 255]


def test_labels_stand_below_and_long_ones_are_cut() -> None:
    images = [np.full((30, 60, 3), 200, np.uint8)] * 2
    sheet = contact_sheet(images, 2, ["one", "a very long label that does not fit"])
    strip = sheet[4 + 30 : 4 + 30 + 16]
    assert strip[:, 4:64].min() < 128
    assert strip[:, 68:128].min() < 128
    assert (strip[:, 64:68] == 255).all()
    assert (strip[:, 128:] == 255).all()


def test_a_sheet_needs_pictures_and_fitting_labels() -> None:
    with pytest.raises(InputError, match="needs pictures"):
        contact_sheet([], 3)
    with pytest.raises(InputError, match="1 labels do not fit 2 pictures"):
        contact_sheet([CORNERS, CORNERS], 1, ["x"])


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    wanted = [tmp_path / name for name in ("a/1.png", "a/2.jpg", "b.png")]
    (tmp_path / "a").mkdir()
    for path in wanted:
        write(path, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "a/notes.txt").write_text("no picture")
    assert find([tmp_path]) == wanted
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no pictures in"):
        find([tmp_path / "none"])
    with pytest.raises(InputError, match="no such file or folder"):
        find([tmp_path / "nowhere"])


def test_what_had_to_be_left_out_is_told_on_request_only(tmp_path: Path) -> None:
    # A tag that points beyond the end of the data.
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00\x0f\x01\x02\x00\xff\x00\x00\x00\xff\xff\x00\x00"
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=exif)
    notes: list[str] = []
    assert read(tmp_path / "a.jpg").shape == read(tmp_path / "a.jpg", notes=notes).shape == (4, 4, 3)
    assert any("tag" in note or "EXIF" in note.upper() for note in notes), notes
