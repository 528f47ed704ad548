"""The demo: outfits in all six colour styles from a wardrobe that this package draws."""

from collections.abc import Iterator
from pathlib import Path

from graphfit.collocation import Collocator
from graphfit.colour.schemes import STYLES
from graphfit.data.wardrobe import NAME, draw_wardrobe
from graphfit.pages import write_answers
from graphfit.scoring import OutfitScorer

QUERY = "blazer-blue"


def run_demo(out: Path, *, query: str = QUERY, seed: int = 0) -> Iterator[str]:
    """Draw the wardrobe, compose three outfits of each style around one garment, and write boards, sheet and page.

    Args:
        out: Folder to make; the drawings are in ``wardrobe`` in it.
        query: Id of a garment of the wardrobe.
        seed: Settles every random number.

    Yields:
        Lines to print.
    """
    catalogue = draw_wardrobe(out / "wardrobe")
    yield f"{NAME}: {len(catalogue)} garments drawn by this program, no photos"
    collocator = Collocator(catalogue, OutfitScorer.from_pretrained(), cache=out / "features.sqlite")
    answers = []
    for style in STYLES:
        answer = collocator.compose(query, style=style, length=(3, 6), k=3, seed=seed)
        answers.append(answer)
        best = answer.looks[0] if answer.looks else None
        said = (
            answer.reason if best is None or best.rating is None else f"{best.rating.score:.2f} {', '.join(best.ids)}"
        )
        yield f"{style:14} {len(answer.looks)} outfits; {said}"
    page = write_answers(out, answers, title=query, note=f"From the {NAME}: the garments are drawings.")
    yield f"wrote {page}, {out / 'sheet.png'} and {sum(len(answer.looks) for answer in answers)} boards beside them"
