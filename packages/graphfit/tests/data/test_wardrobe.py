"""The drawn wardrobe: all categories, its colours as named, the same at every call."""

from pathlib import Path

import pytest

from graphfit.colour.foreground import find_foreground
from graphfit.colour.palette import garment_palette
from graphfit.colour.wheels import hues, is_achromatic
from graphfit.data.catalogue import read_catalogue
from graphfit.data.items import CATEGORIES, Catalogue
from graphfit.data.wardrobe import draw_wardrobe
from hr_common import image

KINDS = (
    "camisole", "pencil skirt", "slip dress", "trench coat", "pumps", "clutch", "necklace", "belt", "cap", "scarf",
    "sunglasses",
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return draw_wardrobe(tmp_path_factory.mktemp("drawn"), KINDS)


def test_a_drawing_is_the_same_each_time_and_kept(drawn: Catalogue, tmp_path: Path) -> None:
    again = draw_wardrobe(tmp_path, ("pumps",))
    for item in again:
        assert item.image.read_bytes() == drawn[item.id].image.read_bytes()
    before = {item.id: item.image.stat().st_mtime_ns for item in again}
    assert {item.id: item.image.stat().st_mtime_ns for item in draw_wardrobe(tmp_path, ("pumps",))} == before


def test_the_garment_stands_out_from_its_ground(drawn: Catalogue) -> None:
    for item in drawn:
        found = find_foreground(image.read(item.image)[::3, ::3])
        assert found.is_plain, item.id
        assert 0.02 < found.mask.mean() < 0.7, item.id


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("pencil-skirt-red", 340, 20), ("scarf-yellow", 90, 130), ("pumps-purple", 255, 300), ("pumps-emerald", 180, 215)],
)
def test_the_colour_in_the_picture_is_the_one_in_the_name(drawn: Catalogue, name: str, low: int, high: int) -> None:
    palette = garment_palette(image.read(drawn[name].image))
    hue = float(hues(palette.colours[:1])[0])
    assert (hue - low) % 360 <= (high - low) % 360


def test_black_is_black(drawn: Catalogue) -> None:
    assert is_achromatic(garment_palette(image.read(drawn["pumps-black"].image)).colours[:1]).all()


def test_the_catalogue_beside_the_drawings_can_be_read(drawn: Catalogue) -> None:
    folder = drawn.items[0].image.parent
    read = read_catalogue(folder / "catalogue.json")
    assert [(item.id, item.category, item.price) for item in read] == [
        (item.id, item.category, item.price) for item in drawn
    ]


def test_every_category_is_there_in_several_colours(drawn: Catalogue) -> None:
    found = drawn.by_category()
    assert set(found) == set(CATEGORIES) - {"unknown"}
    assert all(len(places) >= 2 for places in found.values())
    assert "drawn" in drawn.name
