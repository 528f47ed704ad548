"""What every data set comes down to: named splits of pictures with labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8

from hr_common.errors import InputError

SplitName = Literal["train", "val", "test", "open", "open_val"]
Verify = Literal["off", "sample", "full"]
OPEN = -1
"""Label of a picture whose class was never trained on."""


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """Pictures of one split, on disk or in memory."""

    name: SplitName
    paths: tuple[str, ...]
    """Absolute paths, or names of the rows of ``arrays``."""
    labels: Int64[np.ndarray, "item"]
    """From 0 to classes - 1; -1 for pictures of unknown classes."""
    arrays: UInt8[np.ndarray, "item height width channel"] | None = None
    """The pixels of embedded sets, grey or RGB."""

    def __post_init__(self) -> None:
        if len(self.paths) != len(self.labels):
            raise ValueError(f"{len(self.paths)} paths do not fit {len(self.labels)} labels")
        if self.arrays is not None and len(self.arrays) != len(self.labels):
            raise ValueError(f"{len(self.arrays)} pictures do not fit {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class LongTailData:
    """A data set: what is learnt from, what is measured on, what is unknown."""

    name: str
    classes: tuple[str, ...]
    """Names in the order of the labels."""
    splits: Mapping[SplitName, ImageSplit]
    """``train`` always; the others where there are any."""
    digests: Mapping[SplitName, str]
    """SHA-256 of every list, or of what stands for one, by split."""

    @cached_property
    def counts(self) -> Int64[np.ndarray, "class"]:
        """Training pictures of each class."""
        return np.bincount(self.splits["train"].labels, minlength=len(self.classes)).astype(np.int64)

    @property
    def num_classes(self) -> int:
        """Known classes."""
        return len(self.classes)

    @property
    def has_open(self) -> bool:
        """Whether there are pictures of unknown classes to test on."""
        return "open" in self.splits


def load_data(
    name: str,
    *,
    root: Path | None,
    lists: Path | None = None,
    verify: Verify = "sample",
    need_open: bool = False,
    imbalance: float = 100.0,
) -> LongTailData:
    """Find a data set, check it, and read its lists; pictures are opened only to check them.

    Args:
        name: One of :data:`openlt.data.registry.DATASETS`.
        root: Folder of the data set, or one that holds it under its name. Embedded sets need none.
        lists: Folder of the list files where it is not ``<root>/<Set>/`` or ``<root>/`` itself.
        verify: Pictures of each split that have to be there and decode: 200 drawn ones, all, or none.
        need_open: Whether a missing open set is an error rather than a figure that is not evaluated.
        imbalance: Largest over smallest training count; of the sets that are cut on loading (CIFAR) only.

    Raises:
        InputError: The name is unknown, or the data are incomplete; the message says what was looked for and where,
            what was found instead, where to get each part, and what to type to check again.
    """
    # Imported here: the readers need the classes above.
    from openlt.data import cifar, digits, folders, inaturalist, listed
    from openlt.data.registry import dataset_info

    info = dataset_info(name)
    readers: Mapping[str, Callable[[], LongTailData]] = {
        "listed": lambda: listed.load(info, root=root, lists=lists, verify=verify, need_open=need_open),
        "folder": lambda: folders.load(info, root=root, verify=verify, need_open=need_open),
        "cifar": lambda: cifar.load(info, root=root, imbalance=imbalance, need_open=need_open),
        "inaturalist": lambda: inaturalist.load(info, root=root, verify=verify, need_open=need_open),
        "digits": digits.load,
    }
    data = readers[info.form]()
    if len(data.classes) < 2:
        raise InputError(f"{name} has {len(data.classes)} class; a classifier needs two at least")
    return data
