"""Sets of pictures against each other, and a model against real cloth."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from gramtex.encoders import Encoder, load_efficientnet_lite0, load_encoder
from gramtex.encoders.encoder import image_tensor
from gramtex.gram_space import GramSpace
from gramtex.metrics import frechet_distance, kernel_distance, mean_pairwise_distance, nearest_distances, own_distances
from gramtex.sampling import SampledGrams, Sampler
from gramtex.seam import seam_score
from hr_common import image as pictures
from hr_common.errors import InputError

METRICS = ("fd", "kid", "gram", "seam", "diversity")
Picture = UInt8[np.ndarray, "_ _ 3"]
_GRAM_COMPONENTS = 64


@dataclass(frozen=True)
class Evaluation:
    """Figures by name, and what they were measured on."""

    real: int
    """Real pictures."""
    fake: int
    """Made ones."""
    used: int
    """Of each, the number that the distances were computed from: equal on both sides."""
    figures: dict[str, float]
    """Distances, scores and diversities."""
    notes: list[str] = field(default_factory=list)
    """What to keep in mind when reading them."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The figures as text."""
        head = [f"{self.real} real, {self.fake} made; distances of {self.used} against {self.used}"]
        return head + [f"{name:34} {value:12.5g}" for name, value in self.figures.items()] + self.notes


@dataclass(frozen=True)
class PooledFeatures:
    """Features of EfficientNet-Lite0, averaged over positions."""

    block10: Float[np.ndarray, "n 112"]
    head: Float[np.ndarray, "n 1280"]


@torch.no_grad()
def pooled_features(images: Sequence[Picture], *, device: torch.device | str = "cpu") -> PooledFeatures:
    """Compute the features that FD-ENLite0 and KID compare, at the size that the pictures have."""
    network = load_efficientnet_lite0(device)
    parts = [network.pooled_features(image_tensor(each)[None].to(device)) for each in images]
    early, late = (torch.cat([part[index] for part in parts]).cpu().numpy() for index in (0, 1))
    return PooledFeatures(early, late)


def compare_pictures(
    real: Sequence[Picture],
    fake: Sequence[Picture],
    *,
    encoder: Encoder | None = None,
    metrics: Sequence[str] = METRICS,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Measure made pictures against real ones.

    Distances take the same number of pictures from both sides, drawn where there are more.

    Args:
        real: Real pictures.
        fake: Made ones, best of the same size: features depend on it.
        encoder: For ``gram`` and the diversity of Gram sets.
        metrics: Of ``fd``, ``kid``, ``gram``, ``seam``, ``diversity``.
        seed: Of the draws.
        device: Where the features are computed.

    Raises:
        InputError: There are fewer than two pictures on a side, or a metric is unknown.
    """
    if unknown := [each for each in metrics if each not in METRICS]:
        raise InputError(f"unknown metric {', '.join(unknown)}; choose of {', '.join(METRICS)}")
    if min(len(real), len(fake)) < 2:
        raise InputError(f"a comparison needs two pictures on each side, not {len(real)} real and {len(fake)} made")
    draw, count = np.random.default_rng(seed), min(len(real), len(fake))
    ours = [real[number] for number in sorted(draw.permutation(len(real))[:count])]
    theirs = [fake[number] for number in sorted(draw.permutation(len(fake))[:count])]
    figures: dict[str, float] = {}
    notes = []
    if {"fd", "kid", "diversity"} & set(metrics):
        a, b = pooled_features(ours, device=device), pooled_features(theirs, device=device)
        figures |= feature_figures(a, b, metrics=metrics, seed=seed)
        if "fd" in metrics and count <= a.head.shape[1]:
            notes.append(
                f"FD-ENLite0 is strongly biased with {count} pictures and {a.head.shape[1]} features: compare it only "
                "with values of the same N, and look at KID first"
            )
    if "gram" in metrics:
        if encoder is None:
            raise InputError("the metric gram needs an encoder")
        grams_real, grams_fake = gram_batches(ours, encoder), gram_batches(theirs, encoder)
        figures |= gram_figures(grams_real, grams_fake)
    if "seam" in metrics:
        scores = np.asarray([seam_score(each).worst for each in fake])
        figures |= {"seam median": float(np.median(scores)), "seam share under 3": float((scores < 3).mean())}
    return Evaluation(len(real), len(fake), count, figures, notes)


def feature_figures(
    real: PooledFeatures, fake: PooledFeatures, *, metrics: Sequence[str] = METRICS, seed: int = 0
) -> dict[str, float]:
    """Fréchet and kernel distances of pooled features, and how varied both sides are."""
    figures: dict[str, float] = {}
    if "fd" in metrics:
        figures["FD-ENLite0 (1280)"] = frechet_distance(real.head, fake.head)
        figures["FD-ENLite0 (112)"] = frechet_distance(real.block10, fake.block10)
    if "kid" in metrics:
        # Subsets of everything would all be the same, so half of a small set is taken.
        size = max(2, min(200, len(real.head) // 2))
        kid = kernel_distance(real.head, fake.head, generator=np.random.default_rng(seed), subset=size)
        figures |= {"KID": kid.value, "KID sd": kid.deviation}
    if "diversity" in metrics:
        figures["diversity of features"] = mean_pairwise_distance(fake.head)
        figures["diversity of real features"] = mean_pairwise_distance(real.head)
    return figures


@torch.no_grad()
def gram_batches(images: Sequence[Picture], encoder: Encoder) -> list[Float[Tensor, "n _ _"]]:
    """Gram matrices of pictures, one batch for each level."""
    sets = [encoder.gram_set(each).matrices for each in images]
    return [torch.stack(list(level)).cpu() for level in zip(*sets, strict=True)]


def gram_figures(real: Sequence[Tensor], fake: Sequence[Tensor]) -> dict[str, float]:
    """Gram-FD and diversity in the first 64 principal components of the real Gram sets; no picture is made for it."""
    space = GramSpace.fit(real, _GRAM_COMPONENTS)
    a, b = space.project(real).numpy(), space.project(fake).numpy()
    return {
        "Gram-FD": frechet_distance(a, b),
        "diversity of Gram sets": mean_pairwise_distance(b),
        "diversity of real Gram sets": mean_pairwise_distance(a),
    }


def sample_figures(
    samples: Sequence[SampledGrams], training: Tensor, groups: np.ndarray[Any, np.dtype[np.int64]], *, max_nu: float
) -> dict[str, float]:
    """ν, redraws and novelty of samples, beside the novelty of training codes among themselves."""
    nus = np.asarray([each.nu for each in samples])
    codes = torch.stack([each.code for each in samples])
    distances = nearest_distances(codes, training)[0]
    plain, strict = own_distances(training).median(), own_distances(training, groups).median()
    figures = {
        "ν median": float(np.median(nus)),
        f"share with ν under {max_nu:g}": float((nus <= max_nu).mean()),
        "redraws per sample": float(np.mean([each.redraws for each in samples])),
        "nearest training code (median)": float(distances.median()),
        "the same among training codes": float(plain),
        "the same, of other groups": float(strict),
        "novelty": float(distances.median() / plain),
    }
    if len(codes) > 1:
        figures["diversity of codes"] = mean_pairwise_distance(codes.numpy())
        figures["diversity of training codes"] = mean_pairwise_distance(
            training[:: max(1, len(training) // 500)].numpy()
        )
    return figures


def html_report(evaluation: Evaluation, sheets: dict[str, Picture]) -> str:
    """One self-contained page: figures, notes and sheets of pictures."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{value:.5g}</td></tr>" for name, value in evaluation.figures.items()
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in evaluation.notes)
    shown = "".join(_figure(title, sheet) for title, sheet in sheets.items())
    size = f"{evaluation.real} real, {evaluation.fake} made; distances of {evaluation.used} against {evaluation.used}"
    style = "body{font:16px sans-serif;max-width:60em;margin:2em auto}td{padding:.2em 1em}td+td{text-align:right}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>gramtex evaluation</title><style>{style}</style>'
        f"<h1>gramtex evaluation</h1><p>{size}</p><table>{rows}</table>{notes}{shown}</html>\n"
    )


def _figure(title: str, sheet: Picture) -> str:
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<h2>{html.escape(title)}</h2><img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'


def neighbour_sheet(
    fake: Sequence[Picture], fake_codes: Tensor, real: Sequence[Picture], real_codes: Tensor, *, rows: int = 8
) -> Picture:
    """Made pictures beside the real ones whose codes are nearest: a copy would show."""
    _, nearest = nearest_distances(fake_codes, real_codes)
    return pictures.contact_sheet(list(_pairs(fake, real, nearest.tolist(), rows)), columns=2)


def _pairs(fake: Sequence[Picture], real: Sequence[Picture], nearest: Sequence[int], rows: int) -> Iterator[Picture]:
    for made, number in list(zip(fake, nearest, strict=True))[:rows]:
        yield made
        yield real[number]


def evaluate_model(
    real: Sequence[Picture],
    model: str | Path | None,
    *,
    count: int,
    temperature: float = 1.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Measure Gram sets drawn from a model against those of real pictures; no picture is made.

    Args:
        real: Real pictures.
        model: File of the model; by default the one that ships.
        count: Gram sets to draw. The distance takes as many real ones, or as there are.
        temperature: Of the draws; 1 for the distribution itself.
        seed: Of the draws.
        device: Where to compute.

    Raises:
        InputError: There are fewer than two pictures, or the file is no model.
    """
    if len(real) < 2:
        raise InputError(f"a comparison needs two real pictures, not {len(real)}")
    sampler = Sampler.from_pretrained(model, device=device)
    config = sampler.model.config.model
    encoder = load_encoder(config.encoder, device=device, levels=config.levels)
    draw = np.random.default_rng(seed)
    samples = sampler.sample(count, generator=draw, temperature=temperature)
    used = min(len(real), count)
    chosen = [real[number] for number in sorted(draw.permutation(len(real))[:used])]
    made = [
        torch.stack(list(level)) for level in zip(*(each.gram_set.matrices for each in samples[:used]), strict=True)
    ]
    training = sampler.model.training
    figures = gram_figures(gram_batches(chosen, encoder), made)
    figures |= sample_figures(samples, training.codes, training.groups, max_nu=sampler.config.max_nu)
    return Evaluation(len(real), count, used, figures)
