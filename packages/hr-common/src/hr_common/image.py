"""Pictures as arrays: orientation and colour mode settled on reading, atomic writing, contact sheets."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from hr_common.errors import InputError
from hr_common.files import atomic_path, refuse_unreadable

_GAP = 4  # pixels between the pictures of a sheet
_LABEL = 16  # pixels of height for a label


def read(
    path: str | Path, mode: Literal["RGB", "L", "RGBA"] = "RGB", *, notes: list[str] | None = None
) -> UInt8[np.ndarray, "height width *channel"]:
    """Read a picture the way it is meant to be seen.

    The EXIF orientation is applied; palettes, CMYK and the like are converted; 16 bits become 8; transparency is laid
    over white unless ``mode`` keeps it. Of an animation the first picture is taken. Colour profiles are not applied.

    Args:
        path: Any format that Pillow knows.
        mode: ``RGB`` (three channels), ``L`` (grey, no channel axis) or ``RGBA``; values from 0 to 255.
        notes: Gets what Pillow had to mend or to leave out, e.g. a broken tag; by default nobody is told.

    Raises:
        InputError: The file is missing, no picture, damaged, or has more pixels than ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    refuse_unreadable(path)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            # Pillow only warns up to twice its limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                picture = _eight_bit(ImageOps.exif_transpose(file), path)
        if notes is not None:
            notes += [str(each.message) for each in told]
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputError(f"{path} is too large: the limit is {Image.MAX_IMAGE_PIXELS} pixels") from None
    except UnidentifiedImageError:
        raise InputError(f"{path} is no picture that can be read (JPEG, PNG, WebP, TIFF …)") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    if mode != "RGBA" and picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.array(picture.convert(mode))


def find(names: Sequence[str | Path]) -> list[Path]:
    """List files: those given, and all pictures in the folders given, in the order of their names.

    Raises:
        InputError: A path does not exist, or nothing is found.
    """
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    paths: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            paths += sorted(each for each in path.rglob("*") if each.is_file() and each.suffix.lower() in suffixes)
        elif path.exists():
            paths.append(path)
        else:
            raise InputError(f"cannot read {path}: no such file or folder")
    if not paths:
        raise InputError(f"no pictures in {', '.join(map(str, names)) or 'what was given'}")
    return paths


def write(path: str | Path, array: UInt8[np.ndarray, "height width *channel"]) -> None:
    """Write a picture, atomically; the suffix settles the format.

    Args:
        path: ``.png``, ``.jpg``, ``.webp``, ``.tiff``, ``.bmp`` or another suffix that Pillow knows. JPEG and WebP
            are written at quality 95, JPEG without colour subsampling.
        array: Grey ``(h, w)`` or ``(h, w, 1)``, RGB ``(h, w, 3)`` or RGBA ``(h, w, 4)``, 0 to 255.

    Raises:
        InputError: The array is of another shape or empty, or the format is unknown or cannot hold it.
    """
    suffix = Path(path).suffix.lower()
    format_name = Image.registered_extensions().get(suffix)
    if format_name not in Image.SAVE:
        raise InputError(f"cannot write {path}: the suffix {suffix!r} is no picture format; use .png or .jpg")
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if flat.dtype != np.uint8 or flat.size == 0 or not (flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))):
        raise InputError(
            f"cannot write {path}: expected uint8 (h, w), (h, w, 3) or (h, w, 4), not {array.dtype} {array.shape}"
        )
    if format_name == "JPEG" and flat.ndim == 3 and flat.shape[2] == 4:
        raise InputError(f"cannot write {path}: JPEG has no transparency; use .png")
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(str(format_name), {})
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(flat)).save(temporary, format_name, **options)


def contact_sheet(
    images: Sequence[UInt8[np.ndarray, "..."]], columns: int, labels: Sequence[str] | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures out in a grid on white, row by row.

    Args:
        images: Grey ``(h, w)`` or RGB ``(h, w, 3)``; smaller ones are centred in cells of the largest height and width.
        columns: Pictures in a row.
        labels: One line of text to stand under each picture, cut at its width.

    Raises:
        InputError: There are no pictures, or another number of labels.
    """
    if not images or columns < 1:
        raise InputError(f"a contact sheet needs pictures and columns, not {len(images)} and {columns}")
    if labels is not None and len(labels) != len(images):
        raise InputError(f"{len(labels)} labels do not fit {len(images)} pictures")
    columns = min(columns, len(images))
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    strip = 0 if labels is None else _LABEL
    size = (columns * (width + _GAP) + _GAP, -(-len(images) // columns) * (height + strip + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    for index, image in enumerate(images):
        left = _GAP + index % columns * (width + _GAP)
        top = _GAP + index // columns * (height + strip + _GAP)
        inner = (left + (width - image.shape[1]) // 2, top + (height - image.shape[0]) // 2)
        sheet.paste(Image.fromarray(np.ascontiguousarray(image)).convert("RGB"), inner)
        if labels is not None:
            label = Image.new("RGB", (width, strip), "white")
            ImageDraw.Draw(label).text(
                (0, strip / 2), labels[index], "black", ImageFont.load_default(_LABEL - 4), anchor="lm"
            )
            sheet.paste(label, (left, top + height))
    return np.array(sheet)


def _eight_bit(picture: Image.Image, path: str | Path) -> Image.Image:
    """Turn any of Pillow's modes into RGB or RGBA of 8 bits."""
    if picture.mode == "F":
        raise InputError(f"{path} holds floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16-bit grey
        picture = Image.fromarray(np.rint(np.asarray(picture, np.float64).clip(0, 65_535) / 257).astype(np.uint8))
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
