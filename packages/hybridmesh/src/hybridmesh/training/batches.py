"""Where batches come from: tensors that lie in memory, or pictures that are read while the network learns."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader

from hr_common.interrupts import leave_to_parent
from hybridmesh.body.model import BodyModel
from hybridmesh.config import AugmentConfig, LearningConfig
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.people import PeopleSet

_PICTURES = ("image", "iuv", "segment")
_BLOCK = 256  # people that are made into tensors at once
_MEMORY = 1 << 30  # bytes of pictures that may be kept


class KeptBatches:
    """Everybody as tensors, plain and mirrored; what is left to do in a step is to pick.

    Rotation, scale and gain are not for this. Pictures are kept with 16 bits, which hold the 8 of a file.
    """

    def __init__(self, people: PeopleSet, body: BodyModel, config: LearningConfig, *, flip: float, seed: int) -> None:
        self.flip, self.seed = flip, seed
        kinds: list[AugmentConfig | None] = [None]
        if flip > 0:
            kinds.append(AugmentConfig(flip=1.0))
        parts = []
        for kind in kinds:
            dataset = PeopleDataset(
                people, body, size=config.network.size, inputs=config.network.input, augment=kind,
                dense_points=config.training.dense_points, seed=seed,
            )  # fmt: skip
            blocks = [
                _halved(dataset.batch(range(start, min(start + _BLOCK, len(people)))))
                for start in range(0, len(people), _BLOCK)
            ]
            parts.append({name: torch.cat([block[name] for block in blocks]) for name in blocks[0]})
        self.people = len(people)
        self.tensors = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def epoch(self, epoch: int, rows: Sequence[Int[np.ndarray, " row"]]) -> Iterator[dict[str, Tensor]]:
        """Give the batches of these rows."""
        mirrored = np.random.default_rng([self.seed, epoch, 5]).random(self.people) < self.flip
        for each in rows:
            picked = torch.from_numpy(each + self.people * mirrored[each])
            yield {
                name: value[picked].float() if name in _PICTURES else value[picked]
                for name, value in self.tensors.items()
            }


class ReadBatches:
    """Reads and augments in other processes while the network learns."""

    def __init__(self, people: PeopleSet, body: BodyModel, config: LearningConfig, *, seed: int) -> None:
        self.workers = config.training.workers
        self.dataset = PeopleDataset(
            people, body, size=config.network.size, inputs=config.network.input, augment=config.augment,
            dense_points=config.training.dense_points, seed=seed,
        )  # fmt: skip

    def epoch(self, epoch: int, rows: Sequence[Int[np.ndarray, " row"]]) -> Iterator[dict[str, Tensor]]:
        """Give the batches of these rows."""
        self.dataset.set_epoch(epoch)
        yield from DataLoader(
            self.dataset, batch_sampler=[each.tolist() for each in rows], num_workers=self.workers,
            collate_fn=self.dataset.collate, worker_init_fn=leave_to_parent,
        )  # fmt: skip


Batches = KeptBatches | ReadBatches


def open_batches(people: PeopleSet, body: BodyModel, config: LearningConfig, *, seed: int) -> Batches:
    """Keep everybody in memory where that is possible, and read them otherwise."""
    augment = config.augment
    only_flips = augment.rotation == augment.scale == augment.gain == 0
    kinds = len(config.network.input.split("+"))
    size = len(people) * kinds * 3 * config.network.size**2 * 2 * (2 if augment.flip > 0 else 1)
    if only_flips and size <= _MEMORY:
        return KeptBatches(people, body, config, flip=augment.flip, seed=seed)
    return ReadBatches(people, body, config, seed=seed)


def _halved(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.half() if name in _PICTURES else value for name, value in batch.items()}
