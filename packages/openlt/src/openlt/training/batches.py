"""Which pictures a step sees: settled by seed, epoch and step alone, whatever the number of readers and processes."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader

from hr_common.errors import InputError
from hr_common.interrupts import leave_to_parent
from openlt.config import NetworkConfig, OpenltConfig, StageConfig
from openlt.data.images import Batch, ImageDataset, Key, collate
from openlt.data.samplers import ClassAwareSampler, ProgressiveSampler, Sampler, ShuffleSampler, SquareRootSampler
from openlt.data.splits import ImageSplit, LongTailData
from openlt.data.transforms import Augmentation, Normalisation

BLOCK = 4
"""Pictures of one class that the class-aware sampler puts in a row; a process gets whole rows of them."""


def normalisation_for(network: NetworkConfig) -> Normalisation:
    """Return how pictures reach a backbone; the weights of EfficientNet-Lite0 expect bicubic interpolation."""
    return Normalisation(is_bicubic=network.backbone == "efficientnet-lite0")


def training_pictures(data: LongTailData, config: OpenltConfig, *, seed: int) -> ImageDataset:
    """Open the training split with random views."""
    settings = config.data
    return ImageDataset(
        data.splits["train"],
        settings.size,
        train=True,
        seed=seed,
        augmentation=Augmentation(
            min_area=settings.min_area, flip=0.5 if settings.flip else 0.0, jitter=settings.jitter
        ),
        normalisation=normalisation_for(config.network),
        on_corrupt=settings.corrupt,
    )


def plain_pictures(split: ImageSplit, config: OpenltConfig) -> ImageDataset:
    """Open a split with the middle of each picture."""
    return ImageDataset(
        split,
        config.data.size,
        train=False,
        normalisation=normalisation_for(config.network),
        on_corrupt=config.data.corrupt,
    )


def build_sampler(stage: StageConfig, labels: np.ndarray, *, seed: int) -> Sampler:
    """Make the sampler that a stage names."""
    if stage.sampler == "class-aware":
        return ClassAwareSampler(labels, BLOCK, seed)
    if stage.sampler == "square-root":
        return SquareRootSampler(labels, seed)
    if stage.sampler == "progressive":
        return ProgressiveSampler(labels, stage.epochs, seed)
    return ShuffleSampler(labels, seed)


def read(dataset: ImageDataset, batches: Sequence[list[Key]], *, workers: int = 0) -> Iterator[Batch]:
    """Read lists of (draw, index) one after another, in this process or in others."""
    # Chance comes from the keys alone; without a generator of its own the loader would draw from the global one.
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=leave_to_parent,
        generator=torch.Generator(),
    )
    return iter(loader)


class TrainingBatches:
    """The batches of every epoch of a stage.

    Args:
        dataset: Training pictures, with random views.
        sampler: Order in which they come.
        batch: Pictures a step, over all processes.
        workers: Processes that read; 0 reads here.
        rank: Number of this process.
        world_size: Number of all.

    Raises:
        InputError: If there are too few pictures for a batch, or a batch cannot be dealt out.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        sampler: Sampler,
        *,
        batch: int,
        workers: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.dataset = dataset
        self.sampler = sampler
        self.batch = batch
        self.workers = workers
        self.steps = len(dataset) // batch
        self.seconds_waited = 0.0
        if self.steps < 1:
            raise InputError(
                f"training.batch={batch} is more than the {len(dataset)} training pictures; "
                f"give --set training.batch={max(1, len(dataset) // 4)}"
            )
        if world_size > 1 and batch % (BLOCK * world_size):
            raise InputError(
                f"training.batch={batch} cannot be dealt to {world_size} processes in rows of {BLOCK}; "
                f"make it a multiple of {BLOCK * world_size}"
            )
        share = batch // world_size
        self._mine = slice(rank * share, (rank + 1) * share)

    def keys(self, epoch: int, start: int = 0) -> list[list[Key]]:
        """List this process's share of every batch from step ``start`` on."""
        count = self.steps * self.batch
        order = self.sampler.indices(epoch, count).reshape(self.steps, self.batch)
        # A picture that comes twice in an epoch is seen differently, since its draw is its place in the run.
        draws = (epoch * count + np.arange(count)).reshape(self.steps, self.batch)
        return [
            list(zip(draws[step, self._mine].tolist(), order[step, self._mine].tolist(), strict=True))
            for step in range(start, self.steps)
        ]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Read the batches of an epoch from step ``start`` on, and count the seconds spent waiting for them."""
        batches = read(self.dataset, self.keys(epoch, start), workers=self.workers)
        while True:
            since = time.monotonic()
            batch = next(batches, None)
            self.seconds_waited += time.monotonic() - since
            if batch is None:
                return
            yield batch


def in_order(
    dataset: ImageDataset, *, batch: int, workers: int = 0, rank: int = 0, world_size: int = 1
) -> Iterator[Batch]:
    """Read this process's share of a split once: every ``world_size``-th picture."""
    mine = range(rank, len(dataset), world_size)
    keys = [[(0, index) for index in mine[start : start + batch]] for start in range(0, len(mine), batch)]
    return read(dataset, keys, workers=workers)
