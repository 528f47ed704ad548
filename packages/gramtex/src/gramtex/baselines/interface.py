"""What all trained baselines share: pictures in, pictures out, one file of weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hr_common import config as settings
from hr_common import weights
from hr_common.errors import InputError, refusing

Images = Float[Tensor, "batch 3 height width"]
Made = Float[Tensor, "_ 3 _ _"]
"""Images whose number and size do not follow from those given."""
CARD_FORMAT = 1


@runtime_checkable
class Baseline(Protocol):
    """A generative model of texture images in [0, 1]."""

    name: str
    config: Any
    modules: nn.ModuleDict

    def fit(self, images: Images, *, steps: int, seed: int) -> Iterator[dict[str, float]]:
        """Train on images at least as large as :attr:`crop`; yields the losses of every step."""

    def generate(self, count: int, *, seed: int, exemplars: Images | None = None) -> Made:
        """Draw images of :attr:`crop` pixels; ``exemplars`` are what a conditional model begins from."""

    @property
    def crop(self) -> int:
        """Side of what it is trained on, in pixels."""


@dataclass(frozen=True)
class BaselineEntry:
    """A baseline that can be asked for by name."""

    about: str
    """One line."""
    build: Callable[[Any], Baseline]
    """Makes it from its settings."""
    presets: dict[str, Any]
    """``paper`` and ``desk`` settings."""


def random_crops(images: Images, count: int, size: int, generator: torch.Generator) -> Made:
    """Cut squares at random places out of random images, half of them mirrored.

    Raises:
        InputError: The images are smaller.
    """
    height, width = images.shape[-2:]
    if min(height, width) < size:
        raise InputError(f"the pictures are {width} x {height}; this baseline needs {size} pixels at least")
    numbers = torch.randint(len(images), (count,), generator=generator).tolist()
    tops = torch.randint(height - size + 1, (count,), generator=generator).tolist()
    lefts = torch.randint(width - size + 1, (count,), generator=generator).tolist()
    mirrored = (torch.rand(count, generator=generator) < 0.5).tolist()
    crops = []
    for number, top, left, mirror in zip(numbers, tops, lefts, mirrored, strict=True):
        crop = images[number, :, top : top + size, left : left + size]
        crops.append(crop.flip(-1) if mirror else crop)
    return torch.stack(crops)


def small_normal(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of convolutions and linear layers from N(0, 0.02), as DCGAN does; norms start at 1."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.reset_parameters()  # and its running statistics
        if isinstance(each, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            each.weight.data.normal_(0, 0.02, generator=generator)
            if each.bias is not None:
                each.bias.data.zero_()


def save_baseline(path: Path, baseline: Baseline, *, card: dict[str, Any]) -> None:
    """Write weights and settings of a baseline."""
    whole = {
        "format": CARD_FORMAT,
        "package": "gramtex",
        "version": version("gramtex"),
        "baseline": baseline.name,
        "config": settings.to_dict(baseline.config),
        **card,
    }
    weights.save(path, baseline.modules.state_dict(), whole)


def load_baseline(path: Path) -> Baseline:
    """Rebuild a baseline from its card.

    Raises:
        InputError: The file is unreadable or holds something else.
    """
    from gramtex.baselines.registry import BASELINES

    tensors, card = weights.load(path)
    if card.get("package") != "gramtex" or card.get("baseline") not in BASELINES or card.get("format") != CARD_FORMAT:
        raise InputError(f"{path} holds no baseline that this version of gramtex reads; train one first")
    entry = BASELINES[card["baseline"]]
    with refusing(f"the model card of {path}"):
        baseline = entry.build(settings.from_dict(type(entry.presets["paper"]), card["config"]))
    weights.load_into(baseline.modules, tensors)
    return baseline
