"""What others saw of the people in a photo: landmarks and masks from JSON or NPZ files of several makers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from hr_common import image
from hr_common.errors import InputError, reader
from hr_common.files import read_json
from hybridmesh.body.arrays import read_archive
from hybridmesh.joints import SETS, Keypoints, convert_keypoints

FORMAT = "hybridmesh-landmarks"
_SIZES = {17: "coco17", 23: "coco23", 25: "keypoints25", 19: "cocoplus19", 14: "lsp14", 24: "spin24", 33: "mediapipe33"}


@dataclass(frozen=True, kw_only=True)
class SeenPerson:
    """What was seen of one person, in pixels of the photo."""

    keypoints: Keypoints | None = None
    """Of the set ``keypoints25``."""
    landmarks3d: Keypoints | None = None
    """The same set in metres, camera axes."""
    mask: Bool[np.ndarray, "height width"] | None = None
    box: tuple[float, float, float, float] | None = None
    """Left, top, width and height."""
    score: float | None = None


@reader
def read_landmarks(path: Path, photo: str, size: tuple[int, int]) -> list[SeenPerson]:
    """Read the people of one photo from our own JSON, OpenPose's, COCO's, or an ``.npz`` with ``keypoints``.

    Args:
        path: The file.
        photo: Name of the photo, for files that describe several.
        size: Height and width of the photo, for masks.

    Raises:
        InputError: The file is damaged, of none of these kinds, or knows nothing of the photo.
    """
    if path.suffix.lower() == ".npz":
        return _from_archive(path)
    content = read_json(path)
    try:
        if isinstance(content, dict) and content.get("format") == FORMAT:
            return _from_own(content, path, photo, size)
        if isinstance(content, dict) and "people" in content:
            return [_from_flat(each["pose_keypoints_2d"], "openpose25") for each in content["people"]]
        if isinstance(content, dict) and "annotations" in content:
            return _from_coco(content, path, photo, size)
        if isinstance(content, list):  # COCO results, one entry a person
            return [_from_flat(each["keypoints"], None, each.get("score")) for each in content]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: a person is not written as expected: {type(error).__name__} {error}") from None
    raise InputError(
        f"{path} holds no landmarks: expected JSON of this program, OpenPose ('people') or COCO ('annotations')"
    )


def read_mask(path: Path, size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Read a mask from a picture of the photo's size: white, or anything above half, is the person.

    Raises:
        InputError: It has another size, or nothing is white.
    """
    mask = image.read(path, "L") > 127
    if mask.shape != size:
        raise InputError(f"{path} has {mask.shape[1]}×{mask.shape[0]} pixels, the photo {size[1]}×{size[0]}")
    if not mask.any():
        raise InputError(f"{path} is black all over; the person has to be white")
    return mask


def _from_own(content: dict[str, Any], path: Path, photo: str, size: tuple[int, int]) -> list[SeenPerson]:
    if content.get("version") != 1:
        raise InputError(
            f"{path} has version {content.get('version')!r} of the landmarks; this program reads version 1"
        )
    entries = {Path(name).name: people for name, people in content["photos"].items()}
    if photo not in entries:
        raise InputError(f"{path} knows nothing of {photo}; it describes {', '.join(entries) or 'no photo'}")
    people = []
    for person in entries[photo]:
        raw = np.array(person["keypoints"], float).reshape(-1, 3)
        space = None
        if person.get("landmarks3d") is not None:
            points = np.array(person["landmarks3d"], float).reshape(-1, 3)
            space = convert_keypoints(points, raw[:, 2], person["set"], "keypoints25")
        people.append(
            SeenPerson(
                keypoints=convert_keypoints(raw[:, :2], raw[:, 2], person["set"], "keypoints25"),
                landmarks3d=space,
                mask=_decode(person["mask"], size, path) if person.get("mask") else None,
                score=person.get("score"),
            )
        )
    return people


def _from_coco(content: dict[str, Any], path: Path, photo: str, size: tuple[int, int]) -> list[SeenPerson]:
    images = {each["id"]: Path(each["file_name"]).name for each in content.get("images", [])}
    # A copy of a picture often has a prefix or a suffix of its own: its number is what stays.
    wanted = [number for number, name in images.items() if name == photo or Path(name).stem in photo]
    entries = [each for each in content["annotations"] if each["image_id"] in wanted]
    if not entries:
        raise InputError(f"{path} knows nothing of {photo}; it describes {', '.join(images.values()) or 'no photo'}")
    people = []
    for each in entries:
        if not any(each.get("keypoints", [])) and not each.get("segmentation"):
            continue
        seen = _from_flat(each["keypoints"], None) if any(each.get("keypoints", [])) else SeenPerson()
        segmentation = each.get("segmentation")
        people.append(
            SeenPerson(
                keypoints=seen.keypoints,
                mask=_decode(segmentation, size, path) if segmentation else None,
                box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])) if (box := each.get("bbox")) else None,
                score=each.get("score"),
            )
        )
    return people


def _from_flat(numbers: list[Any], source: str | None, score: float | None = None) -> SeenPerson:
    raw = np.array(numbers, float).reshape(-1, 3)
    name = source or _SIZES.get(len(raw), "")
    if name not in SETS:
        raise InputError(f"{len(raw)} keypoints are of no known set; known are {', '.join(SETS)}")
    confidence = raw[:, 2]
    if name == "coco17" and confidence.max(initial=0) == 2:  # 1 means hidden, 2 visible, both were placed by a person
        confidence = np.where(confidence == 2, 1.0, np.where(confidence == 1, 0.6, 0.0))
    return SeenPerson(keypoints=convert_keypoints(raw[:, :2], confidence, name, "keypoints25"), score=score)


def _from_archive(path: Path) -> list[SeenPerson]:
    arrays = read_archive(path)
    if "keypoints" not in arrays:
        raise InputError(f"{path} holds no 'keypoints' (people, points, 3); found: {', '.join(arrays)}")
    points = arrays["keypoints"].astype(float)
    if points.ndim == 2:
        points = points[None]
    if points.ndim != 3 or points.shape[2] != 3:
        raise InputError(f"{path}: keypoints has the shape {arrays['keypoints'].shape}, expected (people, points, 3)")
    source = str(arrays["set"]) if "set" in arrays else None
    return [_from_flat(person.ravel().tolist(), source) for person in points]


def _decode(segmentation: Any, size: tuple[int, int], path: Path) -> Bool[np.ndarray, "height width"]:
    """Read a mask as COCO writes it: polygons, or uncompressed run lengths down the columns."""
    if isinstance(segmentation, list):
        canvas = Image.new("1", (size[1], size[0]))
        for polygon in segmentation:
            ImageDraw.Draw(canvas).polygon([float(each) for each in polygon], fill=1)
        return np.array(canvas, bool)
    counts = segmentation["counts"]
    if isinstance(counts, str):
        raise InputError(f"{path}: the mask has compressed run lengths; write them uncompressed, as a list of numbers")
    if tuple(segmentation["size"]) != size or sum(counts) != size[0] * size[1]:
        height, width = segmentation["size"]
        raise InputError(
            f"{path}: the mask is of a picture of {width}×{height} pixels, the photo has {size[1]}×{size[0]}"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size[1], size[0]).T
