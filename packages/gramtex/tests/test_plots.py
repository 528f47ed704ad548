import numpy as np

from gramtex.plots import comparison_sheet, repeated, texture_sheet


def test_sheets_hold_all_pictures() -> None:
    pictures = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 60, 110, 160)]
    sheet = texture_sheet(pictures)
    assert all((sheet == shade).all(axis=2).sum() == 600 for shade in (10, 60, 110, 160))
    sheet = comparison_sheet(pictures[:2], pictures[2:], ["a", "b"])
    assert all((sheet == shade).all(axis=2).sum() >= 600 for shade in (10, 60, 110, 160))


def test_a_repeated_picture_is_laid_side_by_side() -> None:
    tile = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert (repeated(tile)[2:, 4:] == tile).all()
