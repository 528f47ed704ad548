"""The MUSIC data sets: their lists of videos, and the layout of clips that the paper's authors worked with.

The lists (github.com/roudimit/MUSIC_dataset) name YouTube videos by class. Nothing is downloaded here: put the videos
you have at ``<class>/<id>.<ext>``, find them with :func:`find_listed` and hand them to
:func:`viai.data.videos.prepare`.

Clips that were prepared for the authors' loader lie in this layout::

    <root>/train_new_split.txt           one clip a line, and test_new_split.txt alike:
                                         <clip folder>|<mel file>|<audio file>|[<class>|]<number of pictures>
    <clip folder>/image_crop/1.jpg ...   12.5 pictures a second
    <clip folder>/flow_x_crop/1.jpg ...  grey, 127 is rest
    <clip folder>/flow_y_crop/1.jpg ...
    <audio file>                         npy, mono, 16 kHz, 1,280 samples a picture

The mel file is not read: spectrograms are computed from the sound.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from hr_common import image
from hr_common.errors import InputError
from hr_common.files import read_array, read_json, read_lines
from viai.data.clips import Split, SplitTable, check_split
from viai.data.videos import VideoFile, find_videos, split_of

TRAIN_LIST = "train_new_split.txt"
TEST_LIST = "test_new_split.txt"
_LABELS = ("instrument", "class", "label", "category")
_IDS = ("id", "video_id", "youtube_id", "video", "ytid")
_VAL_FRACTION = 0.05
_SAMPLES = 1_280  # a picture


@dataclass(frozen=True, order=True)
class ListedVideo:
    """A line of a list."""

    label: str
    """Class; of a duet both names with a blank between, as in the list."""
    id: str
    """The 11 characters of the YouTube address."""

    @property
    def instruments(self) -> tuple[str, ...]:
        """The classes that play."""
        return tuple(self.label.split())


@dataclass(frozen=True)
class Matching:
    """Which videos of a list there are."""

    found: Sequence[VideoFile]
    missing: Sequence[ListedVideo]


def read_list(path: Path) -> list[ListedVideo]:
    """Read a list of videos: MUSIC, MUSIC-21 or MUSICES.

    Two forms are known: an object with ``version`` and ``videos``, the latter an object from class to an array of ids;
    and an array of records with one key for the instrument and one for the id.

    Raises:
        InputError: The file has neither form; the message names the place.
    """
    record = read_json(path)
    if isinstance(record, dict) and isinstance(record.get("videos"), dict):
        listed = _from_classes(record["videos"], path)
    elif isinstance(record, list):
        listed = [_from_record(entry, f"{path}, record {number}") for number, entry in enumerate(record, start=1)]
    else:
        raise InputError(
            f"{path} is no list of videos: expected an object with 'videos' by class, or an array of records"
        )
    return list(dict.fromkeys(listed))


def find_listed(listed: Sequence[ListedVideo], folder: Path) -> Matching:
    """Match a list with the videos ``<class>/<id>.<ext>`` of a folder.

    Raises:
        InputError: The folder holds no videos at all.
    """
    there = {video.source: video for video in find_videos(folder)}
    found, missing = [], []
    for entry in listed:
        video = there.get(f"{entry.label}/{entry.id}")
        if video is None:
            missing.append(entry)
        else:
            found.append(video)
    return Matching(found, missing)


@dataclass(frozen=True)
class OfficialClip:
    """A clip in the authors' layout; see :class:`viai.data.clips.Clip`."""

    folder: Path
    audio: Path
    name: str
    source: str
    label: str
    frames: int
    size: int

    def sound(self, start: int, stop: int) -> Float32[np.ndarray, " sample"]:
        """Samples at 16 kHz."""
        values = read_array(self.audio, mapped=True)
        if values.ndim != 1 or values.dtype.kind != "f":
            raise InputError(
                f"{self.audio} holds {values.dtype} of shape {values.shape}; expected floats of shape (sample,)"
            )
        return np.array(values[start:stop], dtype=np.float32)

    def sight(
        self, start: int, stop: int
    ) -> tuple[UInt8[np.ndarray, "frame size size 3"], UInt8[np.ndarray, "frame 2 size size"]]:
        """Pictures and flow, scaled to ``size``."""
        frames = [self._read("image_crop", number, "RGB") for number in range(start + 1, stop + 1)]
        flow = [
            np.stack([self._read(f"flow_{axis}_crop", number, "L") for axis in "xy"])
            for number in range(start + 1, stop + 1)
        ]
        return np.stack(frames), np.stack(flow)

    def _read(self, part: str, number: int, mode: Literal["RGB", "L"]) -> UInt8[np.ndarray, "size size *channel"]:
        picture = image.read(self.folder / part / f"{number}.jpg", mode)
        method = cv2.INTER_AREA if max(picture.shape[:2]) > self.size else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (self.size, self.size), interpolation=method))


def read_official(root: Path, split: Split, *, size: int) -> list[OfficialClip]:
    """Open the clips of one split in the authors' layout.

    The authors have no list for validation: 5 % of the videos of the training list are held out for it.

    Args:
        root: Folder with the two lists; paths in them are absolute or start here.
        split: ``train``, ``val`` or ``test``.
        size: Height and width to which pictures and flow are scaled.

    Raises:
        InputError: A list is missing, a line of it is malformed, a file that it names is missing, a video is in both
            lists, or the split is empty.
    """
    train, test = _read_clip_list(root, TRAIN_LIST, size), _read_clip_list(root, TEST_LIST, size)
    by_split: dict[Split, list[OfficialClip]] = {"train": [], "val": [], "test": test}
    for clip in train:
        by_split[split_of(clip.source, seed=0, test_fraction=0.0, val_fraction=_VAL_FRACTION)].append(clip)
    check_split(_table(by_split), root / TEST_LIST)
    clips = by_split[split]
    if not clips:
        raise InputError(f"{root} has no clip for split '{split}'")
    for clip in clips:
        if not clip.audio.is_file():
            raise InputError(f"{clip.audio} is missing, the sound of clip '{clip.name}'")
        for part in ("image_crop", "flow_x_crop", "flow_y_crop"):
            last = clip.folder / part / f"{clip.frames}.jpg"
            if not last.is_file():
                raise InputError(f"{last} is missing; the list gives clip '{clip.name}' {clip.frames} pictures")
    return clips


def _table(by_split: Mapping[Split, Sequence[OfficialClip]]) -> SplitTable:
    table: dict[Split, dict[str, list[str]]] = {}
    for split, clips in by_split.items():
        sources = table.setdefault(split, {})
        for clip in clips:
            sources.setdefault(clip.source, []).append(clip.name)
    return table


def _read_clip_list(root: Path, name: str, size: int) -> list[OfficialClip]:
    path = root / name
    clips = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) not in (4, 5) or not all(cells[:3]) or not cells[-1].isdecimal() or int(cells[-1]) < 1:
            raise InputError(
                f"{path}, line {number}: expected folder|mel|audio|class|pictures, of which the class may be absent; "
                f"found '{line.strip()}'"
            )
        label = cells[3] if len(cells) == 5 else ""
        folder = root / cells[0]
        clips.append(OfficialClip(folder, root / cells[2], cells[0], _source(cells[0]), label, int(cells[-1]), size))
    return clips


def _source(folder: str) -> str:
    """The video that a clip was cut from: its folder without the number of the clip."""
    parent, _, last = folder.rstrip("/").rpartition("/")
    if last.isdecimal() and parent:
        return parent
    stem = re.sub(r"[_-]\d+$", "", last)
    return f"{parent}/{stem}" if parent else stem


def _from_classes(classes: Mapping[str, Any], path: Path) -> list[ListedVideo]:
    listed = []
    for label, ids in classes.items():
        if not isinstance(ids, list) or not all(isinstance(entry, str) for entry in ids):
            raise InputError(f"{path}: class '{label}' has to be an array of ids")
        listed += [ListedVideo(label, _as_id(entry, f"{path}, class '{label}'")) for entry in ids]
    return listed


def _from_record(entry: Any, where: str) -> ListedVideo:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected an object with instrument and id")
    label = next((entry[key] for key in _LABELS if isinstance(entry.get(key), str)), None)
    identity = next((entry[key] for key in _IDS if isinstance(entry.get(key), str)), None)
    if label is None or identity is None:
        raise InputError(f"{where}: expected instrument and id, found {', '.join(entry) or 'nothing'}")
    return ListedVideo(label, _as_id(identity, where))


def _as_id(text: str, where: str) -> str:
    if not re.fullmatch(r"[\w-]{11}", text, flags=re.ASCII):
        raise InputError(f"{where}: '{text}' is no YouTube id of 11 characters")
    return text
