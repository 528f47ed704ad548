"""One HTML page that shows outfits: pictures inside the file, no script, nothing from the network."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from graphfit.boards import board, cutout
from graphfit.data.items import Item
from graphfit.looks import Look
from hr_common.files import atomic_path

_STYLE = """
:root { color-scheme: light; --ink: #2c2a28; --quiet: #7e7973; --line: #ded9d1; --ground: #f7f5f1; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 84rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-weight: 500; margin: 0 0 .3rem; }
h2 { font-weight: 500; margin: 3rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
p, figcaption { color: var(--quiet); margin: .2rem 0; }
.row { display: flex; flex-wrap: wrap; gap: 1.6rem; }
figure { margin: 0; flex: 1 1 22rem; max-width: 27rem; }
figure img.board { width: 100%; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin-top: .4rem; }
td { padding: .25rem .4rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
td:last-child { text-align: right; white-space: nowrap; }
td img { height: 40px; max-width: 56px; object-fit: contain; vertical-align: middle; mix-blend-mode: multiply; }
a { color: inherit; }
"""


def write_page(
    path: str | Path, sections: Sequence[tuple[str, Sequence[Look], str]], *, title: str, note: str = ""
) -> None:
    """Write a page with a section for each style.

    Args:
        path: The HTML file.
        sections: Heading, outfits, and a remark such as the reason why there are no more.
        title: Of the page.
        note: Shown under the title, such as what the catalogue is.
    """
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(note)}</p>" if note else "",
    ]
    for heading, looks, remark in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2>")
        if remark:
            parts.append(f"<p>{html.escape(remark)}</p>")
        parts.append('<div class="row">')
        parts += [_figure(look, number) for number, look in enumerate(looks, start=1)]
        parts.append("</div>")
    parts.append("</body></html>\n")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(filter(None, parts)), encoding="utf-8")


def _figure(look: Look, number: int) -> str:
    words = f"{look.scheme.style}: " + ", ".join(item.title or item.id for item in look.items)
    rows = "".join(_row(item, look, place) for place, item in enumerate(look.items))
    picture = _inline(Image.fromarray(board(look, width=800, index=str(number))), 88)
    return (
        f'<figure><img class="board" alt="{html.escape(words)}" src="{picture}">'
        f"<figcaption>{html.escape(_summary(look))}</figcaption><table>{rows}</table></figure>"
    )


def _summary(look: Look) -> str:
    unit = " ΔE00" if look.scheme.margin_unit == "delta_e" else "°"
    said = f"{look.scheme.rule}; margin {look.scheme.margin:.0f}{unit}"
    if look.rating is None or look.rating.undetermined:
        return said
    real, corrupted = look.rating.percentile_real, look.rating.percentile_corrupted
    return (
        f"score {look.rating.score:.2f}, above {real:.0f} % of real and {corrupted:.0f} % of corrupted outfits; {said}"
    )


def _row(item: Item, look: Look, place: int) -> str:
    small = Image.fromarray(cutout(item))
    small.thumbnail((112, 80))
    name = html.escape(item.title or item.id)
    # Only addresses of the web become links.
    if item.url.startswith(("https://", "http://")):
        name = f'<a href="{html.escape(item.url)}">{name}</a>'
    price = "" if item.price is None else f"{item.price:g}"
    effect = ""
    if look.rating is not None and not look.rating.undetermined:
        effect = f"{look.rating.blame[place]:+.2f} without"
    return (
        f'<tr><td><img alt="" src="{_inline(small, 80)}"></td><td>{name}<br><small>{html.escape(item.id)}</small></td>'
        f"<td>{price}</td><td>{effect}</td></tr>"
    )


def _inline(picture: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
