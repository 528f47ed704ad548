import base64
import io
import re
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from viai.evaluation.methods import METHODS
from viai.evaluation.page import draw_lengths, write_page
from viai.evaluation.results import Evaluation
from viai.evaluation.scoring import METRICS, Score


def result(methods: tuple[str, ...]) -> Evaluation:
    figures = dict.fromkeys(METRICS, 0.5)
    scores = [
        Score(
            clip=f"{place}",
            label="bell",
            source=f"{place}",
            gap_start_seconds=0.0,
            gap_seconds=seconds,
            method=method,
            **(figures | {"psnr_gap": 20.0 + place}),
        )
        for place, seconds in enumerate((0.05, 0.5, 1.2))
        for method in methods
    ]
    return Evaluation(tuple(scores), methods)


def test_the_page_holds_every_table_and_needs_no_other_file(tmp_path: Path) -> None:
    evaluation = result(("hold", "oracle"))
    write_page(tmp_path / "page.html", evaluation)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<table>") == len(evaluation.tables())
    assert "oracle (sees the answer)" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    picture = Image.open(io.BytesIO(base64.b64decode(sources[0].split(",")[1])))
    assert picture.width > 500


def test_every_method_is_drawn_in_a_colour_of_its_own() -> None:
    def colours(methods: tuple[str, ...]) -> set[tuple[int, ...]]:
        pixels = np.asarray(Image.open(io.BytesIO(draw_lengths(result(methods)))).convert("RGB")).reshape(-1, 3)
        shades = np.round(255 * np.array([colormaps["tab20"](number)[:3] for number in range(len(METHODS))])).astype(
            np.uint8
        )
        return {tuple(shade) for shade in shades.tolist() if (pixels == shade).all(axis=1).any()}

    assert colours(("hold",)) == {(31, 119, 180)}
    assert colours(("hold", "viai-a")) == {(31, 119, 180), (174, 199, 232)}
    assert len(colours(METHODS)) == len(METHODS)
