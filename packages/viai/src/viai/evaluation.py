"""Which method fills gaps best: every method on the same fixed gaps of held-out clips, inside the gap only."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from hr_common import device as devices
from hr_common.errors import InputError
from hr_common.files import atomic_path
from viai.checkpoints import load_network, require_front_end, weights_folder
from viai.data.batches import WindowBatch
from viai.data.clips import Split
from viai.data.gap_lists import kept_gaps
from viai.data.windows import EvaluationDataset
from viai.metrics import Interval, l1_gap, mean_interval, psnr_gap, ssim_gap
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.picture import normalise
from viai.spectrogram import MelSpectrogram, compose, interpolate_unknown

METRICS: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "psnr_gap": psnr_gap,
    "ssim_gap": ssim_gap,
    "l1_gap": l1_gap,
}
"""All of them over the unknown frames of the mel spectrogram."""


@dataclass(frozen=True)
class Score:
    """The figures of one method on one gap."""

    clip: str
    label: str
    source: str
    gap_seconds: float
    method: str
    psnr_gap: float
    ssim_gap: float
    l1_gap: float


@dataclass(frozen=True)
class Evaluation:
    """The figures of all methods on a list of gaps."""

    scores: tuple[Score, ...]
    methods: tuple[str, ...]

    def values(self, method: str, metric: str, label: str | None = None) -> Float[np.ndarray, "gap"]:
        """One figure a gap, in the order of the list."""
        return np.array(
            [getattr(score, metric) for score in self.scores if score.method == method and label in (None, score.label)]
        )

    def sources(self, label: str | None = None) -> list[str]:
        """Source of each gap, in the order of the list."""
        first = self.methods[0]
        return [score.source for score in self.scores if score.method == first and label in (None, score.label)]

    def gain(self, method: str, over: str, metric: str, label: str | None = None) -> Interval:
        """Mean paired difference and its 95 % interval over sources; positive means better."""
        sign = -1.0 if metric == "l1_gap" else 1.0
        difference = sign * (self.values(method, metric, label) - self.values(over, metric, label))
        return mean_interval(difference, self.sources(label))

    def table(self) -> str:
        """Means of all methods, paired gains with intervals, and gains by class, as Markdown."""
        count = len(self.values(self.methods[0], "psnr_gap"))
        lines = [f"{count} gaps of {len(set(self.sources()))} held-out videos; all figures inside the gap", ""]
        lines += ["| method | PSNR dB | SSIM | L1 |", "| --- | --- | --- | --- |"]
        for method in self.methods:
            psnr, ssim, l1 = (self.values(method, metric).mean() for metric in METRICS)
            lines.append(f"| {method} | {psnr:.2f} | {ssim:.3f} | {l1:.4f} |")
        lines += ["", "| gain | PSNR dB | SSIM | L1 |", "| --- | --- | --- | --- |"]
        for lower, higher in combinations(self.methods, 2):
            cells = [_interval(self.gain(higher, lower, metric)) for metric in METRICS]
            lines.append(f"| {higher} over {lower} | {' | '.join(cells)} |")
        labels = sorted({score.label for score in self.scores})
        best, before = self.methods[-1], self.methods[-2]
        lines += ["", f"| class | gaps | {before} PSNR dB | {best} over {before} | {before} over interpolation |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for label in labels:
            number = len(self.values(before, "psnr_gap", label))
            mean = self.values(before, "psnr_gap", label).mean()
            gains = [
                _interval(self.gain(best, before, "psnr_gap", label)),
                _interval(self.gain(before, "interpolation", "psnr_gap", label)),
            ]
            lines.append(f"| {label} | {number} | {mean:.2f} | {' | '.join(gains)} |")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """Means and paired gains, for JSON."""
        return {
            "means": {
                method: {metric: float(self.values(method, metric).mean()) for metric in METRICS}
                for method in self.methods
            },
            "gains": {
                f"{higher} over {lower}": {metric: asdict(self.gain(higher, lower, metric)) for metric in METRICS}
                for lower, higher in combinations(self.methods, 2)
            },
        }

    def write_csv(self, path: Path) -> None:
        """Write one row a gap and method."""
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(asdict(self.scores[0])))
            writer.writeheader()
            writer.writerows(asdict(score) for score in self.scores)


def _interval(interval: Interval) -> str:
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def context_mean(
    mel: Float[Tensor, "batch band frame"], unknown: Bool[Tensor, "batch frame"]
) -> Float[Tensor, "batch band frame"]:
    """Fill the unknown frames with the mean of the known ones of the window: a trivial baseline."""
    known = (~unknown)[:, None].to(mel.dtype)
    mean = (mel * known).sum(dim=2, keepdim=True) / known.sum(dim=2, keepdim=True).clamp(min=1)
    return torch.where(unknown[:, None], mean.expand_as(mel), mel)


@torch.inference_mode()
def evaluate(
    data: Path,
    split: str,
    gap_list: Path,
    *,
    per_clip: int = 4,
    weights: Path | None = None,
    device: str = "auto",
) -> Evaluation:
    """Score interpolation, context mean, VIAI-A and VIAI-AV.

    Args:
        data: Prepared clips.
        split: ``val`` or ``test``.
        gap_list: Fixed gaps as JSON; drawn once and kept there if the file is missing.
        per_clip: Gaps a clip of a new list.
        weights: Folder with ``viai-a`` and ``viai-av``; the shipped ones by default.
        device: Where to compute.

    Raises:
        InputError: If data, list and weights do not fit together.
    """
    if split not in ("val", "test"):
        raise InputError(f"split '{split}' cannot be evaluated on; choose val or test")
    held_out = cast(Split, split)
    where = devices.resolve(device)
    folder = weights_folder(weights)
    audio = load_network(folder / "viai-a.safetensors", "viai-a", device=where)
    both = load_network(folder / "viai-av.safetensors", "viai-av", device=where)
    require_front_end(both.config, audio.config.spectrogram, folder / "viai-av.safetensors")
    config = both.config
    gaps = kept_gaps(gap_list, data, held_out, per_clip, config=config)
    items = EvaluationDataset(data, held_out, gaps, config, picture=True)
    front = MelSpectrogram(config.spectrogram).to(where)
    assert isinstance(audio.network, AudioInpainter)
    assert isinstance(both.network, AudioVisualInpainter)

    scores: list[Score] = []
    methods = ("interpolation", "context mean", "viai-a", "viai-av")
    for index in tqdm(range(len(items)), desc="evaluate", disable=None):
        batch = items[index]
        target, unknown, painted = _paint(batch, front, audio.network, both.network, where)
        clip = items.clips[int(batch.clip[0])]
        start, stop = batch.gap[0].tolist()
        for method, mel in zip(methods, painted, strict=True):
            scores.append(
                Score(
                    clip=clip.name,
                    label=clip.label,
                    source=clip.source,
                    gap_seconds=(stop - start) / config.spectrogram.sample_rate,
                    method=method,
                    **{name: metric(mel, target, unknown) for name, metric in METRICS.items()},
                )
            )
    if not scores:
        raise InputError(f"{gap_list} holds no gaps; delete it to draw new ones")
    return Evaluation(tuple(scores), methods)


def _paint(
    batch: WindowBatch,
    front: MelSpectrogram,
    audio: AudioInpainter,
    both: AudioVisualInpainter,
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray, Sequence[np.ndarray]]:
    """Target, mask, and the painting of every method, of the first window of a batch."""
    samples = batch.samples.to(device)
    unknown = batch.unknown_frames(front.config).to(device)
    target = front(samples)
    silenced = samples.clone()
    for row, (start, stop) in zip(silenced, batch.gap.tolist(), strict=True):
        row[start:stop] = 0
    known = interpolate_unknown(front(silenced), unknown)
    heard: Tensor = audio(known.unsqueeze(1))
    seen: Tensor = both(known.unsqueeze(1), normalise(batch.frames.to(device)), normalise(batch.flow.to(device)))
    paintings = (
        known,
        context_mean(known, unknown),
        compose(known, heard.squeeze(1), unknown),
        compose(known, seen.squeeze(1), unknown),
    )
    return (
        target[0].cpu().numpy(),
        unknown[0].cpu().numpy(),
        [painting[0].float().cpu().numpy() for painting in paintings],
    )
