"""PSGAN: a fully convolutional GAN on a noise tensor with local, global and periodic parts.

References:
    Bergmann, Jetchev and Vollgraf, "Learning Texture Manifolds with the Periodic Spatial GAN", ICML 2017.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.baselines.interface import Images, Made, random_crops, small_normal


@dataclass(frozen=True, kw_only=True)
class PsganConfig:
    """The released configuration; ``desk`` has fewer layers, narrower ones and smaller crops."""

    local: int = 30
    """Numbers drawn anew at every position."""
    globals_: int = 60
    """Numbers of the whole image."""
    waves: int = 3
    """Periodic channels for each axis."""
    widths: tuple[int, ...] = (512, 256, 128, 64)
    """Channels of the generator's layers but the last, coarse to fine."""
    field: int = 6
    """Height and width of the noise tensor in training."""
    batch: int = 25
    """Crops a step."""
    learning_rate: float = 2e-4
    """Of both Adams, with β1 = 0.5."""
    weight_decay: float = 1e-8
    """Of both."""


class NoiseTensor(nn.Module):
    """Local, global and periodic parts; the wave numbers follow from the global part."""

    def __init__(self, config: PsganConfig) -> None:
        super().__init__()
        self.config = config
        self.wave_numbers = nn.Sequential(nn.Linear(config.globals_, 50), nn.ReLU(), nn.Linear(50, 2 * config.waves))
        steps = torch.arange(1, config.waves + 1) / config.waves
        self.register_buffer("start", (math.pi * (0.5 * steps + 0.5)).repeat(2))

    start: Tensor

    def forward(
        self, count: int, height: int, width: int, generator: torch.Generator
    ) -> Float[Tensor, "count channel height width"]:
        """Draw noise tensors; their first waves run along the rows, the others along the columns."""
        config = self.config
        local = torch.rand(count, config.local, height, width, generator=generator) * 2 - 1
        whole = torch.rand(count, config.globals_, generator=generator) * 2 - 1
        phases = torch.rand(count, 2 * config.waves, generator=generator) * 2 * math.pi
        numbers = (self.start + self.wave_numbers(whole))[:, :, None, None]
        across = torch.arange(width, dtype=local.dtype).expand(config.waves, height, width)
        down = torch.arange(height, dtype=local.dtype)[:, None].expand(config.waves, height, width)
        waves = torch.sin(numbers * torch.cat([across, down])[None] + phases[:, :, None, None])
        spread = whole[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([local, spread, waves], dim=1)


def _generator(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip([inputs, *widths[:-1]], widths, strict=True):
        layers += [nn.ConvTranspose2d(before, after, 5, 2, 2), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], 3, 5, 2, 2), nn.Tanh())


def _discriminator(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 5, 2, 2), nn.LeakyReLU(0.2)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 5, 2, 2), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 5, 2, 2))


class Psgan:
    """Periodic spatial GAN.

    Args:
        config: Sizes.
    """

    name = "psgan"

    def __init__(self, config: PsganConfig) -> None:
        self.config = config
        inputs = config.local + config.globals_ + 2 * config.waves
        self.modules = nn.ModuleDict(
            {
                "noise": NoiseTensor(config),
                "generator": _generator(inputs, config.widths),
                "discriminator": _discriminator(config.widths[::-1]),
            }
        )

    @property
    def crop(self) -> int:
        """Side of the training crops: 161 pixels for the released configuration."""
        return self.side(self.config.field)

    def side(self, field: int) -> int:
        """Pixels that so many positions of noise become."""
        return (field - 1 << len(self.config.widths) + 1) + 1

    def fit(self, images: Images, *, steps: int, seed: int) -> Iterator[dict[str, float]]:
        """Train on random crops of images in [0, 1], standard GAN loss averaged over positions."""
        config, modules = self.config, self.modules
        draw = torch.Generator().manual_seed(seed)
        small_normal(modules, draw)
        modules.train()
        adam = {"lr": config.learning_rate, "betas": (0.5, 0.999), "weight_decay": config.weight_decay}
        learnt = [*modules["generator"].parameters(), *modules["noise"].parameters()]
        for_generator = torch.optim.Adam(learnt, **adam)  # type: ignore[arg-type]  # a dictionary of unlike values
        for_discriminator = torch.optim.Adam(modules["discriminator"].parameters(), **adam)  # type: ignore[arg-type]
        for _ in range(steps):
            real = random_crops(images, config.batch, self.crop, draw) * 2 - 1
            noise = modules["noise"](config.batch, config.field, config.field, draw)
            fake: Tensor = modules["generator"](noise)
            judge = modules["discriminator"]
            against = F.softplus(-judge(real)).mean() + F.softplus(judge(fake.detach())).mean()
            for_discriminator.zero_grad()
            against.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            for_discriminator.step()
            pro = F.softplus(-judge(fake)).mean()
            for_generator.zero_grad()
            pro.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            for_generator.step()
            yield {"discriminator": float(against.detach()), "generator": float(pro.detach())}
        modules.eval()

    @torch.no_grad()
    def generate(
        self, count: int, *, seed: int, exemplars: Images | None = None, field: tuple[int, int] | None = None
    ) -> Made:
        """Draw images in [0, 1], of the training size or of any other ``field`` of noise (rows, columns)."""
        draw = torch.Generator().manual_seed(seed)
        rows, columns = field or (self.config.field, self.config.field)
        noise = self.modules["noise"](count, rows, columns, draw)
        images: Tensor = self.modules["generator"](noise)
        return (images + 1) / 2
