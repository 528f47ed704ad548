"""Files of outfits: pictures by suffix, one HTML file without network, the folder of a composition."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfit.collocation import Answer
from graphfit.colour.palette import garment_palette
from graphfit.colour.schemes import STYLES, classify
from graphfit.data.items import Item
from graphfit.looks import Look
from graphfit.pages import write_answers, write_boards
from graphfit.scoring import OutfitScore
from hr_common import image
from hr_common.errors import InputError


@pytest.fixture
def look(tmp_path: Path) -> Look:
    items = []
    for number, category in enumerate(("tops", "shoes")):
        picture = np.full((60, 50, 3), 230, np.uint8)
        picture[15:45, 12:38] = (200 - 160 * number, 40, 40 + 90 * number)
        Image.fromarray(picture).save(tmp_path / f"{category}.png")
        items.append(Item(category, tmp_path / f"{category}.png", category, title="<b>Nice</b>", url="https://shop/x"))
    items[1] = replace(items[1], url="javascript:alert(1)")
    palettes = tuple(garment_palette(image.read(item.image, "RGBA")) for item in items)
    rating = OutfitScore(("tops", "shoes"), 0.7, 0.9, 55.0, 80.0, False, dict.fromkeys(STYLES, 1 / 6), (0.2, -0.1))
    return Look(tuple(items), palettes, classify(palettes, ["tops", "shoes"]), rating, ("tops",))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_the_suffix_chooses_the_kind_of_picture(look: Look, tmp_path: Path, suffix: str) -> None:
    write_boards(tmp_path / f"board{suffix}", [look])
    with Image.open(tmp_path / f"board{suffix}") as picture:
        assert picture.format.lower() in (suffix[1:], "jpeg")
        assert picture.size == (1000, 1200)


def test_another_suffix_is_refused_and_nothing_written(look: Look, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a board is \.png, \.jpg, \.webp or \.html"):
        write_boards(tmp_path / "board.pdf", [look])
    assert not (tmp_path / "board.pdf").exists()


def test_a_page_needs_nothing_but_itself(look: Look, tmp_path: Path) -> None:
    write_boards(tmp_path / "page.html", [look, look])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert {source[:16] for source in re.findall(r'src="([^"]*)', page)} == {"data:image/jpeg;"}
    assert re.findall(r'(?:href|url)[=(]"?([^")]*)', page) == ["https://shop/x"] * 2  # never that of a script
    assert "&lt;b&gt;Nice" in page
    assert "<b>" not in page
    assert "score 0.70, above 55 % of real and 80 % of corrupted outfits" in page
    assert "+0.20 without" in page
    assert page.count("<h2>") == 2


def test_a_composition_is_a_folder_with_everything(look: Look, tmp_path: Path) -> None:
    answers = [Answer("other", (look, look)), Answer("triadic", (), "no item of hue 215–265° in shoes")]
    page = write_answers(tmp_path / "out", answers, title="tops", note="drawings")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "other-1.png", "other-2.png", "outfits.html", "outfits.json", "sheet.png",
    ]  # fmt: skip
    text = page.read_text(encoding="utf-8")
    assert "no item of hue 215–265° in shoes" in text
    assert "Outfits around tops" in text
    listed = json.loads((tmp_path / "out" / "outfits.json").read_text(encoding="utf-8"))
    assert [(one["style"], len(one["outfits"])) for one in listed] == [("other", 2), ("triadic", 0)]
    assert listed[1]["reason"].startswith("no item of hue")


def test_boards_of_an_earlier_call_do_not_stay(look: Look, tmp_path: Path) -> None:
    write_answers(tmp_path / "out", [Answer("other", (look, look))], title="tops")
    write_answers(tmp_path / "out", [Answer("other", (look,))], title="tops")
    assert not (tmp_path / "out" / "other-2.png").exists()
