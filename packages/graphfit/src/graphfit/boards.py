"""Boards: the garments of an outfit cut out of their photos and laid on a quiet ground, with colours and score.

A photo on a plain backdrop is divided by that backdrop, so that garment and soft shadow stay and the ground shows
through; there is no hard edge, and a white shirt on white keeps its folds. Other photos are shown as framed pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage
from skimage.color import lab2rgb

from graphfit.colour.foreground import find_foreground
from graphfit.colour.palette import Palette
from graphfit.data.items import Item
from graphfit.looks import Look, order_of
from graphfit.plots import hue_wheel
from hr_common import image
from hr_common.errors import InputError

Number = float | int  # the check of types in the tests takes no int for a float
GROUND = (247, 245, 241)
INK, QUIET, LINE = (44, 42, 40), (126, 121, 115), (222, 217, 209)
_SIDE = 560  # longest side of a photo while it is cut out, in pixels
_MASK_SIDE = 224  # the same while garment and backdrop are told apart, both of which are smooth
# Height and width, in units, that a garment may take on the board: roughly how large it is beside the others.
_SIZES = {
    "all-body": (100, 50), "outerwear": (78, 58), "tops": (56, 58), "bottoms": (84, 44), "shoes": (30, 36),
    "bags": (36, 36), "hats": (24, 32), "scarves": (44, 26), "sunglasses": (12, 28), "jewellery": (24, 22),
    "accessories": (22, 26), "unknown": (48, 40),
}  # fmt: skip
_SHORT, _LONG_COAT = ("shorts", "mini skirt"), ("coat", "trench", "parka")
_COLUMNS = (
    ("outerwear", "bags"),
    ("tops", "all-body", "bottoms"),
    ("hats", "sunglasses", "scarves", "jewellery", "accessories", "shoes"),
)


@dataclass(frozen=True, eq=False)
class _Cutout:
    """A garment ready to be laid on the ground: what remains of the light, and how much of it counts."""

    light: UInt8[np.ndarray, "height width 3"]  # 255 leaves the ground as it is; with a cover, the colour itself
    cover: UInt8[np.ndarray, "height width"] | None  # 255 where the garment hides the ground; None: it only darkens it
    item: Item

    @property
    def ratio(self) -> float:
        return float(self.light.shape[0] / self.light.shape[1])


def board(look: Look, *, width: int = 1000, index: str = "") -> UInt8[np.ndarray, "height width 3"]:
    """Draw an outfit's board: the garments, and under them colours, hue circle, score, style and margin.

    Args:
        look: The outfit; its items have pictures.
        width: Of the board in pixels; the height is a fifth more.
        index: Shown before the style, such as ``2``.

    Raises:
        InputError: A picture is missing or cannot be read.
    """
    height, panel = round(1.2 * width), round(0.23 * width)
    canvas = Image.new("RGB", (width, height), GROUND)
    _place(canvas, look, (0, 0, width, height - panel), with_names=True)
    pen = ImageDraw.Draw(canvas)
    unit = width / 1000
    top = height - panel
    pen.line([(40 * unit, top), (width - 40 * unit, top)], fill=LINE, width=max(1, round(unit)))
    wheel = round(panel - 40 * unit)
    canvas.paste(Image.fromarray(hue_wheel(look.scheme, wheel, GROUND)), (round(40 * unit), round(top + 20 * unit)))
    left = 40 * unit + wheel + 34 * unit
    style = f"{index}  {look.scheme.style}" if index else look.scheme.style
    pen.text((left, top + 24 * unit), style, INK, _font(38 * unit))
    lines = [f"{look.scheme.rule} ({look.scheme.wheel} wheel)", _margin(look)]
    for number, line in enumerate(lines):
        pen.text((left, top + (76 + 25 * number) * unit), line, QUIET, _font(18 * unit))
    strip = (left, top + 140 * unit, width - 40 * unit, top + 196 * unit)
    draw_strip(canvas, look.palettes, strip)
    if look.rating is not None:
        shown = "?" if look.rating.undetermined else f"{look.rating.score:.2f}"
        right = width - 40 * unit
        pen.text((right, top + 20 * unit), shown, INK, _font(52 * unit), anchor="ra")
        pen.text((right, top + 78 * unit), _percentile(look), QUIET, _font(17 * unit), anchor="ra")
    return np.asarray(canvas)


def sheet(
    rows: Sequence[tuple[str, Sequence[Look], str]], *, cell: int = 340, title: str = ""
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay out several answers: one row a style, with its name, its outfits side by side, or why there are none.

    Args:
        rows: Style, its outfits, and the reason where there are fewer than asked for.
        cell: Width of an outfit in pixels.
        title: Shown at the top.
    """
    columns = max([2, *(len(looks) for _, looks, _ in rows)])
    head, gap, high = round(0.62 * cell), 14, round(1.18 * cell)
    y = 64 if title else gap
    heights = [high if looks else 84 for _, looks, _ in rows]
    size = (head + columns * (cell + gap) + gap, y + sum(heights) + len(rows) * gap)
    canvas = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(canvas)
    if title:
        pen.text((24, 20), title, INK, _font(24))
    for (style, looks, reason), tall in zip(rows, heights, strict=True):
        pen.line([(24, y), (canvas.width - gap, y)], fill=LINE)
        pen.text((24, y + 20), style, INK, _font(22))
        if looks:
            canvas.paste(Image.fromarray(hue_wheel(looks[0].scheme, head - 70, GROUND)), (24, y + 60))
        if reason:
            start = (24, y + head + 10) if looks else (head + gap, y + 24)
            width = head - 34 if looks else columns * (cell + gap) - 2 * gap
            _wrapped(pen, start, reason, width, QUIET, 15 if looks else 18)
        for place, look in enumerate(looks):
            x = head + place * (cell + gap) + gap
            _place(canvas, look, (x, y + 8, x + cell, y + high - 62), with_names=False)
            draw_strip(canvas, look.palettes, (x + 16, y + high - 54, x + cell - 16, y + high - 32))
            if look.rating is not None:
                text = f"{look.rating.score:.2f}   {_percentile(look)}"
                pen.text((x + 16, y + high - 26), text, QUIET, _font(14))
        y += tall + gap
    return np.asarray(canvas)


def draw_strip(canvas: Image.Image, palettes: Sequence[Palette], box: tuple[Number, Number, Number, Number]) -> None:
    """Draw the colours of all garments side by side, each garment equally wide, with the largest colour first."""
    left, top, right, bottom = box
    gap = (right - left) * 0.012
    each = (right - left + gap) / max(len(palettes), 1) - gap
    for number, palette in enumerate(palettes):
        x = left + number * (each + gap)
        piece = Image.new("RGB", (max(round(each), 1), max(round(bottom - top), 1)))
        pen, start = ImageDraw.Draw(piece), 0.0
        for colour, weight in zip(rgb(palette), palette.weights, strict=True):
            pen.rectangle([round(start), 0, round(start + weight * piece.width), piece.height], fill=colour)
            start += float(weight) * piece.width
        mask = Image.new("L", piece.size)
        ImageDraw.Draw(mask).rounded_rectangle([0, 0, piece.width - 1, piece.height - 1], piece.height / 6, fill=255)
        canvas.paste(piece, (round(x), round(top)), mask)


def rgb(palette: Palette) -> list[tuple[int, int, int]]:
    """The colours of a palette as RGB, 0 to 255."""
    colours = (255 * lab2rgb(palette.colours[None])[0]).clip(0, 255).round().astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in colours]


def cutout(item: Item) -> UInt8[np.ndarray, "height width 3"]:
    """Trim a garment's photo to the garment and lay it on the ground of the boards."""
    piece = _cut(item)
    canvas = np.empty_like(piece.light)
    canvas[:] = GROUND
    return _laid(canvas, piece.light, piece.cover)


def _cut(item: Item) -> _Cutout:
    if item.image is None:
        raise InputError(f"item {item.id} has no picture to be shown")
    try:
        changed = item.image.stat().st_mtime_ns
    except OSError:
        changed = 0  # the reader says what is wrong
    return _Cutout(*_cut_picture(item.image, changed), item)


# A sheet and a page show what the boards have shown.
@lru_cache(maxsize=64)
def _cut_picture(
    path: Path, changed: int
) -> tuple[UInt8[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width"] | None]:
    """Cut a garment out; ``changed`` is the time of the picture, so that a newer one is read again."""
    full = Image.fromarray(image.read(path, "RGBA"))
    full.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    small = full.copy()
    small.thumbnail((_MASK_SIDE, _MASK_SIDE), Image.Resampling.BOX)
    found, pixels = find_foreground(np.asarray(small)), np.asarray(full)
    colour = np.ascontiguousarray(pixels[..., :3])
    if not found.is_plain:
        return colour, _rounded(full.width, full.height)
    margin = max(3, round(0.015 * max(full.size)))
    scale = full.width / small.width
    left, top, right, bottom = (round(scale * side) for side in found.box)
    box = (slice(max(top - margin, 0), bottom + margin), slice(max(left - margin, 0), right + margin))
    if found.backdrop is None:
        return colour[box], pixels[box][..., 3]
    backdrop = _enlarged(255 * lab2rgb(found.backdrop).clip(0.05, 1), full.size)
    near = Image.fromarray(255 * ndimage.binary_dilation(found.mask, iterations=round(margin / scale)).astype(np.uint8))
    soft = near.resize(full.size, Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(margin / 1.5))
    # What is a little lighter than the backdrop is not glare but its grain.
    light = np.minimum(colour[box] / backdrop[box], 1.0)
    light = 1 - (1 - light) * (np.asarray(soft)[box][..., None] / np.float32(255))
    return (255 * light).round().astype(np.uint8), None


def _enlarged(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an array of values from 0 to 255, smoothly."""
    picture = Image.fromarray(array.round().astype(np.uint8))
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float32)


def _rounded(width: int, height: int) -> UInt8[np.ndarray, "height width"]:
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).rounded_rectangle([0, 0, width - 1, height - 1], min(height, width) / 16, fill=255)
    return np.asarray(mask)


def _laid(
    ground: UInt8[np.ndarray, "height width 3"],
    light: UInt8[np.ndarray, "height width 3"],
    cover: UInt8[np.ndarray, "height width"] | None,
) -> UInt8[np.ndarray, "height width 3"]:
    if cover is None:
        return np.asarray(ImageChops.multiply(Image.fromarray(ground), Image.fromarray(light)))
    return np.asarray(Image.composite(Image.fromarray(light), Image.fromarray(ground), Image.fromarray(cover)))


def _place(canvas: Image.Image, look: Look, box: tuple[int, int, int, int], *, with_names: bool) -> None:
    """Lay the garments into a box: outerwear and bag to the left, small things and shoes to the right."""
    pieces = [_cut(look.items[place]) for place in order_of([item.category for item in look.items])]
    columns = _columns(pieces)
    left, top, right, bottom = box
    edge = 0.035 * (right - left)
    caption = 0.034 * (right - left) if with_names else 0.012 * (right - left)
    sizes = {id(piece): _size(piece) for piece in pieces}
    heights = [sum(sizes[id(piece)][0] for piece in column) for column in columns]
    widths = [max(sizes[id(piece)][1] for piece in column) for column in columns]
    most = max(len(column) for column in columns)
    scale = min(
        (bottom - top - 2 * edge - most * 2 * caption) / max(heights),
        (right - left - (len(columns) + 1) * edge) / sum(widths),
    )
    spare = (right - left - scale * sum(widths)) / (len(columns) + 1)
    x = left + spare
    pen = ImageDraw.Draw(canvas)
    for column, width, height in zip(columns, widths, heights, strict=True):
        gap = (bottom - top - scale * height - len(column) * caption) / (len(column) + 1)
        y = top + gap
        for piece in column:
            high, wide = (max(round(scale * side), 1) for side in sizes[id(piece)])
            at = (round(x + (scale * width - wide) / 2), round(y))
            _paste(canvas, piece, at, (wide, high))
            if with_names:
                middle = (at[0] + wide / 2, y + high + 0.3 * caption)
                _name(
                    pen, middle, piece.item, scale * width + 0.8 * spare, caption, is_query=piece.item.id in look.query
                )
            y += high + caption + gap
        x += scale * width + spare


def _columns(pieces: Sequence[_Cutout]) -> list[list[_Cutout]]:
    columns: list[list[_Cutout]] = [
        [piece for piece in pieces if piece.item.category in categories] for categories in _COLUMNS
    ]
    for piece in pieces:
        if not any(piece in column for column in columns):
            min(columns, key=len).append(piece)
    if len(columns[0]) == 0 and len(columns[2]) > 2:  # nothing to the left: take the upper half of the right
        columns[0], columns[2] = columns[2][: len(columns[2]) // 2], columns[2][len(columns[2]) // 2 :]
    return [column for column in columns if column]


def _size(piece: _Cutout) -> tuple[float, float]:
    """Height and width in units, of the picture's own proportions, inside what its category may take."""
    height, width = map(float, _SIZES[piece.item.category])
    words = f"{piece.item.fine} {piece.item.title}".lower()
    if piece.item.category == "bottoms" and any(word in words for word in _SHORT):
        height *= 0.55
    if piece.item.category == "outerwear" and any(word in words for word in _LONG_COAT):
        height *= 1.25
    high = min(height, width * piece.ratio)
    return high, high / piece.ratio


def _paste(canvas: Image.Image, piece: _Cutout, at: tuple[int, int], size: tuple[int, int]) -> None:
    def scaled(array: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.LANCZOS))

    ground = np.asarray(canvas.crop((at[0], at[1], at[0] + size[0], at[1] + size[1])))
    cover = None if piece.cover is None else scaled(piece.cover)
    canvas.paste(Image.fromarray(_laid(ground, scaled(piece.light), cover)), at)


def _name(
    pen: ImageDraw.ImageDraw, middle: tuple[Number, Number], item: Item, width: Number, size: Number, *, is_query: bool
) -> None:
    text, font = item.title or item.id, _font(0.56 * size)
    priced = text if item.price is None else f"{text} · {item.price:g}"
    if pen.textlength(priced, font) <= width:
        text = priced
    while len(text) > 4 and pen.textlength(text, font) > width:
        text = text[:-2].rstrip(" ·…") + "…"
    pen.text(middle, text, INK if is_query else QUIET, font, anchor="ma")


def _percentile(look: Look) -> str:
    assert look.rating is not None
    if look.rating.undetermined:
        return "one garment: no score"
    return f"above {look.rating.percentile_real:.0f} % of real outfits"


def _margin(look: Look) -> str:
    unit = "ΔE00" if look.scheme.margin_unit == "delta_e" else "°"
    spaced = " " if unit == "ΔE00" else ""
    return f"margin to the nearest rule {look.scheme.margin:.0f}{spaced}{unit}"


def _wrapped(
    pen: ImageDraw.ImageDraw,
    at: tuple[Number, Number],
    text: str,
    width: Number,
    fill: tuple[int, int, int],
    size: Number,
) -> None:
    font, line, y = _font(size), "", at[1]
    for word in [*text.replace("–", "-").split(), ""]:  # the font has no dash
        longer = f"{line} {word}".strip()
        if word and pen.textlength(longer, font) <= width:
            line = longer
            continue
        pen.text((at[0], y), line, fill, font)
        line, y = word, y + 1.35 * size


def _font(size: Number) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(size, 8))
