"""Files that boards are written to: pictures, sheets, and the folder of a composition."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphfit.boards import board, sheet
from graphfit.colour.schemes import STYLES
from graphfit.looks import Look
from graphfit.report import write_page
from hr_common import image
from hr_common.errors import InputError
from hr_common.files import write_json

if TYPE_CHECKING:  # it loads torch
    from graphfit.collocation import Answer


PAGES = (".html", ".htm")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def write_boards(path: Path, looks: Sequence[Look]) -> None:
    """Write the board of an outfit, or a sheet of several, as a picture or as an HTML page.

    Raises:
        InputError: The suffix is neither of a picture nor ``.html``.
    """
    check_suffix(path)
    if path.suffix.lower() in PAGES:
        sections = [(f"Outfit {number}", [look], "") for number, look in enumerate(looks, start=1)]
        write_page(path, sections if len(looks) > 1 else [("Outfit", looks, "")], title="Outfits")
    else:
        rows = [(look.scheme.style, [look], "") for look in looks]
        image.write(path, board(looks[0]) if len(looks) == 1 else sheet(rows))


def check_suffix(path: Path) -> None:
    """Refuse, before anything is computed, a file name that no board can have.

    Raises:
        InputError: It ends in something else.
    """
    if path.suffix.lower() not in (*PAGES, *PICTURES):
        raise InputError(f"cannot write {path}: a board is .png, .jpg, .webp or .html")


def write_answers(folder: Path, answers: "Sequence[Answer]", *, title: str, note: str = "") -> Path:
    """Write a board for each outfit, a sheet of all, an HTML page and ``outfits.json`` into a folder, which is made.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for answer in answers:
        for number, look in enumerate(answer.looks, start=1):
            file = folder / f"{answer.style}-{number}.png"
            image.write(file, board(look, index=str(number)))
            written.add(file)
    # Boards of an earlier composition would pass for results of this one.
    for style in (*STYLES, "any"):
        for file in set(folder.glob(f"{style}-*.png")) - written:
            file.unlink()
    rows = [(answer.style, answer.looks, answer.reason) for answer in answers]
    image.write(folder / "sheet.png", sheet(rows, title=title))
    write_json(folder / "outfits.json", [answer.as_dict() for answer in answers])
    page = folder / "outfits.html"
    write_page(page, rows, title=f"Outfits around {title}", note=note)
    return page
