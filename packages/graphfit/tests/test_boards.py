"""Boards and sheets: what is shown, where, and that garments lie on the ground without their backdrop."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfit.boards import GROUND, board, cutout, rgb, sheet
from graphfit.colour.palette import Palette, garment_palette
from graphfit.colour.schemes import STYLES, classify
from graphfit.data.items import CATEGORIES, Item
from graphfit.looks import HEAD_TO_FOOT, Look, order_of
from graphfit.scoring import OutfitScore
from hr_common import image
from hr_common.errors import InputError

COLOURS = {"tops": (200, 40, 50), "bottoms": (30, 60, 140), "shoes": (230, 190, 60), "bags": (20, 20, 22)}


def photo(path: Path, colour, ground=(226, 224, 220)) -> Path:
    picture = np.empty((160, 120, 3), np.uint8)
    picture[:] = ground
    picture[30:130, 30:90] = colour
    Image.fromarray(picture).save(path)
    return path


def look_of(items, rating=None, query=()):
    palettes = tuple(garment_palette(image.read(item.image, "RGBA")) for item in items)
    return Look(tuple(items), palettes, classify(palettes, [item.category for item in items]), rating, query)


@pytest.fixture
def outfit(tmp_path: Path) -> list[Item]:
    return [
        Item(name, photo(tmp_path / f"{name}.png", colour), name, title=f"a {name}", price=20.0)
        for name, colour in COLOURS.items()
    ]


@pytest.fixture
def rating() -> OutfitScore:
    styles = dict.fromkeys(STYLES, 1 / 6)
    return OutfitScore(tuple(COLOURS), 0.83, 1.2, 64.0, 97.0, False, styles, (0.1, -0.2, 0.0, 0.05))


def places(picture, colour):
    """Rows and columns of the pixels that are about a colour."""
    return np.argwhere(np.abs(picture.astype(int) - colour).max(2) < 12)


def test_the_backdrop_is_gone_and_the_garment_is_there(outfit):
    shown = cutout(outfit[0])
    assert np.abs(shown[0].astype(int) - GROUND).max() <= 3
    # A garment is darker by the share that the backdrop was darker than white: 200 / 226 of the ground's red.
    middle = shown[shown.shape[0] // 2, shown.shape[1] // 2]
    assert middle.tolist() == pytest.approx([247 * 200 / 226, 245 * 40 / 224, 241 * 50 / 220], abs=3)


def test_a_changed_picture_is_read_again(outfit):
    before = cutout(outfit[0])
    photo(outfit[0].image, (20, 120, 60))
    assert not np.array_equal(cutout(outfit[0]), before)


def test_transparent_and_crowded_pictures_can_be_shown(tmp_path):
    cut = np.zeros((60, 60, 4), np.uint8)
    cut[20:40, 10:50] = (200, 30, 40, 255)
    Image.fromarray(cut).save(tmp_path / "cut.png")
    shown = cutout(Item("cut", tmp_path / "cut.png"))
    assert shown.shape[0] < 40
    assert shown[shown.shape[0] // 2, shown.shape[1] // 2].tolist() == [200, 30, 40]
    assert shown[0, 0].tolist() == list(GROUND)
    noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "bed.png")
    framed = cutout(Item("bed", tmp_path / "bed.png"))
    assert framed.shape == (200, 160, 3)
    assert framed[0, 0].tolist() == list(GROUND)  # rounded corners


def test_every_garment_is_on_the_board_once_and_the_panel_under_it(outfit, rating):
    picture = board(look_of(outfit, rating), width=600)
    assert picture.shape == (720, 600, 3)
    garments, panel = picture[:582], picture[582:]
    boxes = []
    for item in outfit:
        colour = cutout(item)
        found = places(garments, colour[colour.shape[0] // 2, colour.shape[1] // 2])
        assert len(found) > 500, item.id
        boxes.append((*found.min(0), *found.max(0)))
    top, bottom, shoes, bag = boxes
    assert top[2] < bottom[0]  # head to foot
    assert bag[3] < bottom[1] < bottom[3] < shoes[1]  # bag to the left, shoes to the right
    # The strip shows the palette itself.
    for colour in COLOURS.values():
        assert len(places(panel, colour)) > 200


def test_score_and_percentile_are_written_only_where_there_is_a_score(outfit, rating):
    with_score, without = (board(look_of(outfit, one), width=600) for one in (rating, None))
    changed = np.argwhere((with_score != without).any(2))
    assert changed[:, 0].min() > 582
    assert changed[:, 1].min() > 300


@pytest.mark.parametrize("count", [1, 2, 9, 20])
def test_any_number_of_garments_of_any_category_fits(tmp_path, count):
    path = photo(tmp_path / "one.png", (120, 60, 140))
    items = [Item(f"i{n}", path, CATEGORIES[n % len(CATEGORIES)], title="a very long name " * 4) for n in range(count)]
    picture = board(look_of(items), width=300)
    edge = np.concatenate([picture[:, 0], picture[:, -1]])
    assert np.abs(edge.astype(int) - GROUND).max() == 0


def test_a_sheet_has_a_row_for_each_style_and_gives_reasons(outfit, rating):
    look = look_of(outfit, rating)
    full = sheet([("other", [look, look], ""), ("triadic", [], "no item of hue 215–265° in shoes")], title="a query")
    short = sheet([("other", [look, look], "")])
    assert full.shape[1] == short.shape[1]
    assert full.shape[0] > short.shape[0]
    shade = cutout(outfit[0])
    columns = places(full, shade[shade.shape[0] // 2, shade.shape[1] // 2])[:, 1]
    assert np.diff(np.unique(columns)).max() > 100  # two outfits side by side


def test_an_item_without_picture_is_refused_by_name():
    item = Item("bare", None, "tops")
    palette = Palette(np.array([[50.0, 0, 0]]), np.ones(1))
    with pytest.raises(InputError, match="item bare has no picture"):
        board(Look((item,), (palette,), classify([palette], ["tops"])))


def test_colours_of_a_palette_are_shown_as_they_are():
    assert rgb(Palette(np.array([[100.0, 0, 0], [0.0, 0, 0]]), np.array([0.6, 0.4]))) == [(255, 255, 255), (0, 0, 0)]


def test_garments_are_listed_head_to_foot():
    assert order_of(["shoes", "hats", "tops", "bottoms", "tops"]) == [1, 2, 4, 3, 0]
    assert set(HEAD_TO_FOOT) == set(CATEGORIES)


def test_a_look_can_be_written_as_json(outfit, rating):
    import json

    shown = look_of(outfit, rating).as_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["items"] == list(COLOURS)
    assert shown["score"] == 0.83
    assert shown["style"] in STYLES
