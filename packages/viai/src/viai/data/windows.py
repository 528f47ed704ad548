"""Data sets of windows: random ones with all their variation for training, fixed ones for evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch.utils.data import DataLoader, Dataset, Sampler

from hr_common.errors import InputError
from hr_common.interrupts import leave_to_parent
from viai.config import ViaiConfig
from viai.data.batches import WindowBatch, collate, draw_gap, open_clips, read_window
from viai.data.clips import Clip, Split, picture_samples, window_frames
from viai.data.gap_lists import EvaluationItem, fixed_gaps, read_gaps, write_gaps
from viai.flow import REST, mirror

__all__ = [
    "BatchLoader",
    "EvaluationDataset",
    "EvaluationItem",
    "WindowBatch",
    "WindowDataset",
    "collate",
    "fixed_gaps",
    "open_clips",
    "read_gaps",
    "write_gaps",
]

_GAIN_DB = 6.0  # windows are made softer by up to this much in training
_SHIFT = 1 / 16  # share of height and width by which pictures are moved in training
_BRIGHTNESS = 20.0  # byte steps
_CONTRAST = 0.15


class WindowDataset(Dataset[WindowBatch]):
    """Random windows of one split, one a clip and epoch.

    Item ``(epoch, index)`` is drawn from seed, epoch and index alone, so that neither the number of workers nor the
    order changes it. A plain ``index`` stands for epoch 0. Items are batches of one; :func:`collate` joins them.

    Args:
        root: Prepared clips, or clips in the layout of :func:`viai.data.music.read_official`.
        split: ``train``, ``val`` or ``test``.
        config: Rates, size of the pictures and length of the gaps.
        seed: Settles every draw.
        picture: Read pictures and flow, and let gaps begin together with a picture.
        augment: Vary level, side, place and brightness. Default: in training only.

    Raises:
        InputError: The folder or one of its clips does not fit; the message says which.
    """

    def __init__(
        self,
        root: Path,
        split: Split,
        config: ViaiConfig,
        *,
        seed: int,
        picture: bool,
        augment: bool | None = None,
    ) -> None:
        self.clips: Sequence[Clip] = open_clips(root, split, config, picture=picture)
        self.config = config
        self.seed = seed
        self.picture = picture
        self.augment = split == "train" if augment is None else augment

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: int | tuple[int, int]) -> WindowBatch:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        rng = np.random.default_rng((self.seed, epoch, index))
        clip, config = self.clips[index], self.config
        start = int(rng.integers(clip.frames - window_frames(config) + 1))
        begin, end = draw_gap(rng, config, on_picture_grid=self.picture)
        gain = 10 ** (-rng.uniform(0, _GAIN_DB) / 20) if self.augment else 1.0
        window = read_window(clip, index, start, (begin, end), config, picture=self.picture, gain=gain)
        return _vary_picture(window, rng) if self.augment and self.picture else window

    def order(self, epoch: int) -> Int64[np.ndarray, " item"]:
        """Order in which an epoch takes the clips."""
        return np.random.default_rng((self.seed, epoch)).permutation(len(self)).astype(np.int64)


class BatchLoader:
    """Batch of any step of an endless, shuffled run through a data set.

    The windows of step ``n`` depend on the seed and ``n`` alone, so a run that is resumed sees what it would have seen.
    Steps asked for in order are read ahead by the workers.

    Args:
        dataset: Where windows come from.
        batch: Windows a step over all processes of the group.
        workers: Processes that read; 0 reads in this one.
        rank: Number of this process in the group.
        world_size: Processes in the group; the batch has to be a multiple.

    Raises:
        InputError: The batch cannot be shared evenly.
    """

    def __init__(
        self, dataset: WindowDataset, batch: int, *, workers: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        if batch < 1 or batch % world_size:
            raise InputError(
                f"a batch of {batch} windows cannot be shared by {world_size} processes; choose a multiple"
            )
        self.dataset = dataset
        self.batch = batch
        self.workers = workers
        self.rank = rank
        self.world_size = world_size
        self._next = -1
        self._stream: Iterator[WindowBatch] = iter(())

    def __call__(self, step: int) -> WindowBatch:
        """Read the batch of a step, counted from 0."""
        if step != self._next:
            loader: DataLoader[WindowBatch] = DataLoader(
                self.dataset,
                batch_sampler=_Steps(self, step),
                num_workers=self.workers,
                collate_fn=collate,
                worker_init_fn=leave_to_parent,
            )
            self._stream = iter(loader)
        batch = next(self._stream)
        self._next = step + 1
        return batch

    def members(self, step: int) -> list[tuple[int, int]]:
        """Epoch and index of the windows that this process reads for a step."""
        length = len(self.dataset)
        places = range(step * self.batch + self.rank, (step + 1) * self.batch, self.world_size)
        orders = {epoch: self.dataset.order(epoch) for epoch in {place // length for place in places}}
        return [(place // length, int(orders[place // length][place % length])) for place in places]


class _Steps(Sampler[list[tuple[int, int]]]):
    def __init__(self, loader: BatchLoader, start: int) -> None:
        self.loader = loader
        self.start = start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        step = self.start
        while True:
            yield self.loader.members(step)
            step += 1


class EvaluationDataset(Dataset[WindowBatch]):
    """The windows of a list of gaps, as they are; only the level is settled, by the peak outside the gap.

    Args:
        root: Folder of clips.
        split: Split to which the clips of the list belong.
        items: The list.
        config: Rates and size of the pictures.
        picture: Read pictures and flow.

    Raises:
        InputError: A gap belongs to no clip of the split, or lies outside its clip.
    """

    def __init__(
        self, root: Path, split: Split, items: Sequence[EvaluationItem], config: ViaiConfig, *, picture: bool
    ) -> None:
        self.clips: Sequence[Clip] = open_clips(root, split, config, picture=picture)
        self.items = list(items)
        self.config = config
        self.picture = picture
        self._places = {clip.name: index for index, clip in enumerate(self.clips)}
        grid = picture_samples(config)
        for item in self.items:
            if item.clip not in self._places:
                raise InputError(
                    f"the list of gaps names clip '{item.clip}', which is not in split '{split}' of {root}"
                )
            last = (self.clips[self._places[item.clip]].frames - window_frames(config)) * grid
            start, stop = item.gap_start, item.gap_stop
            if item.window_start_samples % grid or not 0 <= item.window_start_samples <= last:
                raise InputError(
                    f"window at sample {item.window_start_samples} of '{item.clip}': "
                    f"expected a multiple of {grid} up to {last}"
                )
            if not 0 <= start < stop <= window_frames(config) * grid:
                raise InputError(
                    f"gap {start}:{stop} of '{item.clip}' lies outside its window of "
                    f"{window_frames(config) * grid} samples"
                )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> WindowBatch:
        item = self.items[index]
        place = self._places[item.clip]
        start = item.window_start_samples // picture_samples(self.config)
        return read_window(
            self.clips[place],
            place,
            start,
            (item.gap_start, item.gap_stop),
            self.config,
            picture=self.picture,
            gain=1.0,
        )


def _vary_picture(window: WindowBatch, rng: np.random.Generator) -> WindowBatch:
    """Mirror, move and relight all pictures of a window alike.

    Moving leaves every displacement as it is, which scaling a crop would not.
    """
    frames, flow = np.moveaxis(window.frames[0].numpy(), 1, -1), window.flow[0].numpy()
    if rng.random() < 0.5:
        frames, flow = mirror(frames, flow)
    contrast, brightness = 1 + rng.uniform(-_CONTRAST, _CONTRAST), rng.uniform(-_BRIGHTNESS, _BRIGHTNESS)
    levels = np.clip((np.arange(256) - REST) * contrast + REST + brightness, 0, 255).astype(np.uint8)
    reach = round(flow.shape[-1] * _SHIFT)
    down, right = (int(shift) for shift in rng.integers(-reach, reach + 1, size=2))
    return replace(
        window,
        frames=torch.from_numpy(_moved(np.moveaxis(levels[frames], -1, 1), down, right))[None],
        flow=torch.from_numpy(_moved(flow, down, right))[None],
    )


def _moved(
    planes: UInt8[np.ndarray, "frame channel size size"], down: int, right: int
) -> UInt8[np.ndarray, "frame channel size size"]:
    size = planes.shape[-1]
    rows, columns = slice(max(0, down), size + min(0, down)), slice(max(0, right), size + min(0, right))
    source_rows, source_columns = (
        slice(rows.start - down, rows.stop - down),
        slice(columns.start - right, columns.stop - right),
    )
    result = np.full_like(planes, REST, order="C")
    result[..., rows, columns] = planes[..., source_rows, source_columns]
    return result
