"""Pictures as training samples. A sample depends on seed, epoch and index alone, whoever draws it in whatever order."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from hr_common import image
from hr_common.errors import InputError
from openlt.data.splits import ImageSplit
from openlt.data.transforms import Augmentation, Normalisation, centre_view, normalise, train_view

logger = logging.getLogger(__name__)

OnCorrupt = Literal["error", "skip-and-count"]
Key = tuple[int, int]
"""Epoch and index of a sample."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture, ready for the network."""

    image: Float32[Tensor, "3 size size"]
    label: int
    index: int
    """Row of the split."""


@dataclass(frozen=True)
class Damaged:
    """A picture that could not be read, in the place of a sample."""

    index: int
    reason: str


class Batch(NamedTuple):
    """Samples that are processed together."""

    images: Float32[Tensor, "batch 3 size size"]
    labels: Int64[Tensor, " batch"]
    indices: Int64[Tensor, " batch"]
    damaged: tuple[Damaged, ...] = ()
    """What was left out."""


class ImageDataset(Dataset[Sample | Damaged]):
    """The pictures of a split, decoded when asked for.

    Grey, palette and CMYK pictures become RGB and are turned as their EXIF data say.

    Args:
        split: Which pictures.
        size: Height and width that the network sees, in pixels.
        train: Draw a random view for each epoch, or take the middle.
        seed: Of the random views.
        augmentation: How training views vary.
        normalisation: What the network expects.
        centre_share: Side of the middle part that is measured on, as a share of the shorter side.
        on_corrupt: Raise an error at a damaged picture, or give :class:`Damaged` for :func:`collate` to leave out.
    """

    def __init__(
        self,
        split: ImageSplit,
        size: int,
        train: bool,
        seed: int = 0,
        *,
        augmentation: Augmentation | None = None,
        normalisation: Normalisation | None = None,
        centre_share: float = 7 / 8,
        on_corrupt: OnCorrupt = "error",
    ) -> None:
        self.split = split
        self.size = size
        self.train = train
        self.seed = seed
        self.augmentation = augmentation or Augmentation()
        self.normalisation = normalisation or Normalisation()
        self.centre_share = centre_share
        self.on_corrupt = on_corrupt
        self._labels = split.labels.tolist()
        self._has_warned = False

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, key: Key | int) -> Sample | Damaged:
        """Read a sample.

        Args:
            key: Epoch and index; an index alone belongs to epoch 0.

        Raises:
            InputError: The picture is damaged, unless that is to be counted.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} lies outside the {len(self)} pictures of {self.split.name}")
        try:
            picture = self.picture(index)
        except InputError as error:
            if self.on_corrupt == "error":
                raise
            return Damaged(index, str(error))
        bicubic = self.normalisation.is_bicubic
        if self.train:
            rng = np.random.default_rng((self.seed, epoch, index))
            view = train_view(picture, self.size, self.augmentation, rng, is_bicubic=bicubic)
        else:
            view = centre_view(picture, self.size, share=self.centre_share, is_bicubic=bicubic)
        return Sample(torch.from_numpy(normalise(view, self.normalisation)), self._labels[index], index)

    def picture(self, index: int) -> UInt8[np.ndarray, "height width 3"]:
        """Read a picture as it is, RGB.

        Raises:
            InputError: It is missing or damaged.
        """
        if self.split.arrays is not None:
            pixels = self.split.arrays[index]
            return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
        notes: list[str] = []
        pixels = image.read(self.split.paths[index], notes=notes)
        if notes and not self._has_warned:
            self._has_warned = True
            logger.warning("%s: %s (such notes on later pictures are not repeated)", self.split.paths[index], notes[0])
        return pixels


def collate(samples: Sequence[Sample | Damaged]) -> Batch:
    """Put samples together, leaving out damaged pictures, which the batch lists.

    Raises:
        InputError: All of them are damaged.
    """
    whole = [each for each in samples if isinstance(each, Sample)]
    damaged = tuple(each for each in samples if isinstance(each, Damaged))
    if not whole:
        raise InputError(f"all {len(damaged)} pictures of a batch are damaged; the first: {damaged[0].reason}")
    return Batch(
        torch.stack([each.image for each in whole]),
        torch.tensor([each.label for each in whole], dtype=torch.int64),
        torch.tensor([each.index for each in whole], dtype=torch.int64),
        damaged,
    )


class DamageCount:
    """How often each damaged picture was met, to be reported at the end of an epoch."""

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}
        self._times: Counter[int] = Counter()

    def add(self, batch: Batch) -> None:
        """Count what a batch left out."""
        for each in batch.damaged:
            self._reasons[each.index] = each.reason
            self._times[each.index] += 1

    @property
    def pictures(self) -> int:
        """Different pictures that are damaged."""
        return len(self._reasons)

    def report(self) -> str | None:
        """Say it in one line, or None if all was well."""
        if not self._reasons:
            return None
        first = "; ".join(list(self._reasons.values())[:3])
        more = f"; and {self.pictures - 3} more" if self.pictures > 3 else ""
        return f"{self.pictures} damaged pictures were left out {self._times.total()} times: {first}{more}"
