"""Maps of dense correspondence: for each pixel the chart I and the coordinates U, V; files, resizing, mirroring.

On disk they are an 8-bit picture (I as it is, U and V times 255), which rounds a point of the surface away by a
millimetre or so, or our own ``.npz``, which does not and which knows its body. DensePose's tools write pictures with
OpenCV, so that the channels come out as V, U, I in any other reader; both orders are read.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from hr_common import image
from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path
from hybridmesh.body.arrays import Charts, WrongBodyError, read_archive

ChannelOrder = Literal["auto", "iuv", "vui"]
CHARTS = 24
MIRRORED_CHART = np.array([0, 1, 2, *(index + 1 if index % 2 else index - 1 for index in range(3, 25))])
"""The chart on the other side of the person: of the trunk the same, then pairs."""
PARTS = np.array([0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14])
"""DensePose's 14 mask labels (0 is the background) by chart: the halves of a limb are one part."""
PART_NAMES = (
    "background", "torso", "right hand", "left hand", "left foot", "right foot", "right upper leg", "left upper leg",
    "right lower leg", "left lower leg", "left upper arm", "right upper arm", "left lower arm", "right lower arm",
    "head",
)  # fmt: skip

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IUVMap:
    """Dense correspondence of one person."""

    index: UInt8[np.ndarray, "height width"]
    """Chart, 1 to 24; 0 is the background."""
    uv: Float[np.ndarray, "height width 2"]
    """Coordinates in the chart, [0, 1]; 0 on the background."""
    family: str | None = None
    """Whose charts these are; ``None`` if the file does not say."""

    @property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Where the person is."""
        return np.asarray(self.index > 0)

    @property
    def parts(self) -> UInt8[np.ndarray, "height width"]:
        """The 14 parts of DensePose's masks."""
        return np.asarray(PARTS[self.index], np.uint8)

    def keep(self, wanted: Bool[np.ndarray, "height width"]) -> "IUVMap":
        """Turn everything else into background."""
        return IUVMap(np.where(wanted, self.index, 0).astype(np.uint8), self.uv * wanted[..., None], self.family)

    def as_picture(self) -> UInt8[np.ndarray, "height width 3"]:
        """Round to 8 bits: I, U, V in the channels red, green, blue."""
        return np.dstack([self.index, np.rint(self.uv * 255).astype(np.uint8)])


def check_family(iuv: IUVMap, charts: Charts, body: str) -> None:
    """Refuse a map that was made for another body: the same chart numbers, but other coordinates.

    Raises:
        WrongBodyError: The message names both.
    """
    if iuv.family is not None and iuv.family != charts.family:
        raise WrongBodyError(
            f"the IUV map has the charts of {iuv.family!r}, body {body} those of {charts.family!r}: their U and V mean "
            "different places. Use the body that the map was made for"
        )


def from_picture(
    picture: UInt8[np.ndarray, "height width 3"], *, order: ChannelOrder = "auto", family: str | None = None
) -> IUVMap:
    """Read the channels of an 8-bit IUV picture.

    Args:
        picture: As any reader but OpenCV gives it (red first).
        order: ``iuv``, ``vui`` (what OpenCV wrote), or found out: I is the channel whose values end at 24 and which is
            zero exactly on the background.
        family: Whose charts these are.

    Raises:
        InputError: The channel of I cannot be told, or has values above 24.
    """
    if order == "auto":
        background = (picture == 0).all(2)
        fits = [bool(picture[..., k].max() <= CHARTS and ((picture[..., k] == 0) == background).all()) for k in (0, 2)]
        if fits == [True, True] and not background.all():
            raise InputError("both outer channels of the picture could be I; say which with --channel-order iuv|vui")
        if fits == [False, False]:
            raise InputError(
                f"no channel of the picture can be I: values must end at {CHARTS} and be zero on the background only. "
                "Is it an IUV map, and was it saved as PNG, without smoothing?"
            )
        order = "iuv" if fits[0] else "vui"
    channels = picture if order == "iuv" else picture[..., ::-1]
    if channels[..., 0].max() > CHARTS:
        raise InputError(f"the channel I has values up to {channels[..., 0].max()}; they end at {CHARTS}")
    uv = channels[..., 1:].astype(np.float64) / 255
    return IUVMap(np.ascontiguousarray(channels[..., 0]), uv * (channels[..., :1] > 0), family)


def read(path: str | Path, *, order: ChannelOrder = "auto", family: str | None = None) -> IUVMap:
    """Read a map from a PNG or from our ``.npz``.

    Raises:
        InputError: The file is damaged or no map; coordinates given as 0 to 255 are divided, with a warning.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        if path.suffix.lower() in (".jpg", ".jpeg"):
            raise InputError(f"{path} is a JPEG, whose compression mixes charts; save IUV maps as PNG or .npz")
        return from_picture(image.read(path), order=order, family=family)
    arrays = read_archive(path)
    if missing := {"I", "UV"} - set(arrays):
        raise InputError(f"{path} holds no {', '.join(sorted(missing))}; an IUV archive has I (h, w) and UV (h, w, 2)")
    with refusing(str(path)):
        index, uv = arrays["I"], arrays["UV"].astype(np.float64)
        if index.ndim != 2 or uv.shape != (*index.shape, 2):
            raise InputError(f"{path}: I has the shape {index.shape} and UV {uv.shape}; expected (h, w) and (h, w, 2)")
        if index.size and index.max() > CHARTS:
            raise InputError(f"{path}: I has values up to {index.max()}; they end at {CHARTS}")
        if uv.size and uv.max() > 1:
            _logger.warning("%s: UV reaches %.3g, so it was taken for 0 to 255 and divided", path, uv.max())
            uv = uv / 255
        if not (np.isfinite(uv).all() and (uv >= 0).all() and (uv <= 1).all()):
            raise InputError(f"{path}: UV has values outside 0 to 1")
        own = str(arrays.get("family", "")) or family
        return IUVMap(index.astype(np.uint8), uv * (index > 0)[..., None], own)


def write(path: str | Path, iuv: IUVMap) -> None:
    """Write a map: ``.png`` for other tools, ``.npz`` without the rounding and with its family."""
    if Path(path).suffix.lower() != ".npz":
        image.write(path, iuv.as_picture())
        return
    with atomic_path(path) as temporary:
        family = np.array(iuv.family or "")
        np.savez_compressed(temporary, I=iuv.index, UV=iuv.uv.astype(np.float16), family=family)


def resize(iuv: IUVMap, height: int, width: int) -> IUVMap:
    """Resize by the nearest pixel; anything smoother would mix charts."""
    rows = ((np.arange(height) + 0.5) * iuv.index.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * iuv.index.shape[1] / width).astype(int)
    at = np.ix_(rows, columns)
    return IUVMap(iuv.index[at], iuv.uv[at], iuv.family)


def crop(iuv: IUVMap, cx: float, cy: float, side: float, size: int) -> IUVMap:
    """Cut a square out, by the nearest pixel; outside the picture is background."""
    steps = (np.arange(size) + 0.5) * side / size - side / 2
    rows, columns = np.floor(cy + steps).astype(int), np.floor(cx + steps).astype(int)
    height, width = iuv.index.shape
    valid = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    at = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
    return IUVMap(iuv.index[at], iuv.uv[at], iuv.family).keep(valid)
