"""The demo composes from its own drawings and says what it wrote."""

from pathlib import Path

import pytest

from graphfit import demo
from graphfit.data.items import Catalogue
from graphfit.data.wardrobe import draw_wardrobe

KINDS = ("blazer", "camisole", "shorts", "pencil skirt", "loafers", "clutch")


def test_the_demo_leaves_boards_a_sheet_and_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A part of the wardrobe: the whole takes half a minute to draw.
    def few(folder: Path) -> Catalogue:
        return draw_wardrobe(folder, KINDS)

    monkeypatch.setattr(demo, "draw_wardrobe", few)
    lines = list(demo.run_demo(tmp_path / "demo"))
    assert "garments drawn by this program, no photos" in lines[0]
    assert lines[-1].startswith(f"wrote {tmp_path / 'demo' / 'outfits.html'}, ")
    boards = list((tmp_path / "demo").glob("*-[0-9].png"))
    assert f"{len(boards)} boards" in lines[-1]
    assert len(boards) >= 6
    assert (tmp_path / "demo" / "sheet.png").is_file()
    assert "the garments are drawings" in (tmp_path / "demo" / "outfits.html").read_text(encoding="utf-8")
