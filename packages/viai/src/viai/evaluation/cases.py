"""A gap to fill and its answer, kept apart: methods are given the scene, scores compare with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from viai.baselines.interface import Scene
from viai.data.batches import WindowBatch, collate
from viai.data.gap_lists import SILENT_DB, level_db
from viai.data.windows import EvaluationDataset
from viai.spectrogram import MelSpectrogram, interpolate_unknown


@dataclass(frozen=True, eq=False)
class Case:
    """One gap of an evaluation."""

    clip: str
    label: str
    source: str
    scene: Scene
    """All that a method may know."""
    intact: Float[np.ndarray, "time"]
    """The answer, at the level of the scene."""
    target: Float[np.ndarray, "band frame"]
    """Levels of the answer."""

    @property
    def is_silent(self) -> bool:
        """There is nothing in the gap that could be missed: below -50 dB of full scale."""
        return level_db(self.intact[slice(*self.scene.gap)]) <= SILENT_DB


@torch.inference_mode()
def read_cases(items: EvaluationDataset, indices: Sequence[int], front: MelSpectrogram) -> list[Case]:
    """Read gaps of a list with their answers.

    Args:
        items: The list on its clips.
        indices: Which gaps.
        front: The spectrogram, on the device to compute on.
    """
    batch = collate([items[index] for index in indices])
    device = front.window.device
    samples = batch.samples.to(device)
    silenced = samples.clone()
    for row, (start, stop) in zip(silenced, batch.gap.tolist(), strict=True):
        row[start:stop] = 0
    unknown = batch.unknown_frames(front.config).to(device)
    target, mel = front(samples), interpolate_unknown(front(silenced), unknown)
    cases = []
    for row, place in enumerate(batch.clip.tolist()):
        clip = items.clips[place]
        start, stop = batch.gap[row].tolist()
        scene = Scene(
            samples=silenced[row].cpu().numpy(),
            gap=(start, stop),
            mel=mel[row].cpu().numpy(),
            unknown=unknown[row].cpu().numpy(),
            frames=_picture(batch, row)[0],
            flow=_picture(batch, row)[1],
        )
        intact = samples[row].cpu().numpy()
        cases.append(Case(clip.name, clip.label, clip.source, scene, intact, target[row].cpu().numpy()))
    return cases


def _picture(batch: WindowBatch, row: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    frames, flow = batch.frames[row].numpy(), batch.flow[row].numpy()
    return (frames, flow) if len(frames) else (None, None)
