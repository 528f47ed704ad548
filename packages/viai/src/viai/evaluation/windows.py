"""Held-out windows for retrieval: as many pictures as wanted, from different clips as far as possible."""

from collections.abc import Sequence

import numpy as np
import torch

from viai.config import ViaiConfig
from viai.data.clips import picture_samples, window_frames
from viai.data.gap_lists import EvaluationItem
from viai.data.windows import EvaluationDataset
from viai.evaluation.cases import read_cases
from viai.evaluation.painters import hear, look
from viai.metrics import Retrieval, retrieve
from viai.networks.inpainters import AudioVisualInpainter
from viai.spectrogram import MelSpectrogram

WINDOWS = 64
"""Windows to choose from; chance finds the right one first in one of 64."""
_TRIES = 20  # places tried for a further window of a clip; the one farthest from the others is taken


def draw_windows(
    clips: Sequence[tuple[str, int]], count: int, config: ViaiConfig, *, seed: int
) -> list[EvaluationItem]:
    """Draw windows: one of every clip in random order, then a second one, and so on.

    Args:
        clips: Name and number of pictures of each.
        count: Windows wanted.
        config: Rates.
        seed: Settles the draws.

    Returns:
        The windows, with a gap of one picture in the middle that nobody has to fill.
    """
    rng = np.random.default_rng(seed)
    grid, length = picture_samples(config), window_frames(config)
    order = rng.permutation(len(clips))
    taken: dict[int, list[int]] = {int(place): [] for place in order}
    items = []
    for number in range(count):
        place = int(order[number % len(order)])
        name, frames = clips[place]
        starts = rng.integers(frames - length + 1, size=_TRIES).tolist()
        start = max(starts, key=lambda start: min((abs(start - other) for other in taken[place]), default=0))
        taken[place].append(start)
        middle = length // 2 * grid
        items.append(EvaluationItem(name, start * grid, middle, middle + grid))
    return items


def measure_retrieval(
    network: AudioVisualInpainter,
    items: EvaluationDataset,
    front: MelSpectrogram,
    device: torch.device,
    *,
    batch: int = 8,
) -> Retrieval:
    """Rank the codes f_a of intact sounds for the code f_v of each picture, over all windows of a list."""
    seen, heard = [], []
    for first in range(0, len(items), batch):
        cases = read_cases(items, range(first, min(first + batch, len(items))), front)
        seen.append(look(network, [case.scene for case in cases], device)[0].flatten(1).float().cpu())
        heard.append(hear(network, [case.target for case in cases], device).flatten(1).float().cpu())
    return retrieve(torch.cat(seen).numpy(), torch.cat(heard).numpy())
