"""Dist-GAN: a GAN whose encoder keeps the distances of the latent space in the discriminator's features.

It is the "DistGAN" of the paper's table by its place in the list of references.

References:
    Tran, Bui and Cheung, "Dist-GAN: An Improved GAN using Distance Constraints", ECCV 2018.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.baselines.interface import Images, Made, random_crops, small_normal

_REAL_SHARE = 0.05  # weight with which reconstructions count as real in the first half


@dataclass(frozen=True, kw_only=True)
class DistGanConfig:
    """DCGAN bodies on 64-pixel crops."""

    latent: int = 128
    """Numbers drawn from U(-1, 1)."""
    width: int = 64
    """Channels of the first layer of encoder and discriminator."""
    size: int = 64
    """Side of the crops; a power of two."""
    batch: int = 64
    """Crops a step."""
    learning_rate: float = 2e-4
    """Of the three Adams, with β = (0.5, 0.9)."""
    penalty: float = 1.0
    """Weight of the gradient penalty."""
    distance: float = 1.0
    """Weight of the latent-data distance constraint."""


class _Trunk(nn.Module):
    """Strided convolutions down to 4 x 4 and a linear layer; the flat map before it is Φ."""

    def __init__(self, config: DistGanConfig, outputs: int, *, norm: bool) -> None:
        super().__init__()
        widths = [3] + [config.width * 2**i for i in range(int(math.log2(config.size)) - 2)]
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(before, after, 5, 2, 2))
            if norm and number:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.features = widths[-1] * 16
        self.head = nn.Linear(self.features, outputs)

    def forward(self, images: Images) -> tuple[Float[Tensor, "batch output"], Float[Tensor, "batch feature"]]:
        """Output and Φ."""
        flat: Tensor = self.body(images)
        return self.head(flat), flat


class _Generator(nn.Module):
    def __init__(self, config: DistGanConfig) -> None:
        super().__init__()
        count = int(math.log2(config.size)) - 2
        widths = [config.width * 2**i for i in reversed(range(count))]
        self.first = nn.Linear(config.latent, widths[0] * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 5, 2, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], 3, 5, 2, 2, 1), nn.Tanh())

    def forward(self, codes: Float[Tensor, "batch latent"]) -> Images:
        """Images in [-1, 1]."""
        images: Tensor = self.body(self.first(codes).unflatten(1, (-1, 4, 4)))
        return images


class DistGan:
    """Dist-GAN with the standard (cross-entropy) loss.

    Args:
        config: Sizes.
    """

    name = "distgan"

    def __init__(self, config: DistGanConfig) -> None:
        self.config = config
        self.modules = nn.ModuleDict(
            {
                "encoder": _Trunk(config, config.latent, norm=True),
                "generator": _Generator(config),
                # Without batch norm: a gradient penalty is about single samples.
                "discriminator": _Trunk(config, 1, norm=False),
            }
        )

    @property
    def crop(self) -> int:
        """Side of the training crops."""
        return self.config.size

    def fit(self, images: Images, *, steps: int, seed: int) -> Iterator[dict[str, float]]:
        """Train: an auto-encoder step, a discriminator step and a generator step on fresh batches each time."""
        config, modules = self.config, self.modules
        draw = torch.Generator().manual_seed(seed)
        small_normal(modules, draw)
        modules.train()
        optimisers = {
            name: torch.optim.Adam(modules[name].parameters(), lr=config.learning_rate, betas=(0.5, 0.9))
            for name in modules
        }

        def batch() -> tuple[Tensor, Tensor]:
            real = random_crops(images, config.batch, config.size, draw) * 2 - 1
            return real, torch.rand(config.batch, config.latent, generator=draw) * 2 - 1

        def update(name: str, loss: Tensor) -> float:
            for optimiser in optimisers.values():
                optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            optimisers[name].step()
            return float(loss.detach())

        for step in range(steps):
            # Reconstructions count as real at first; the weight falls to nothing in the second half.
            share = _REAL_SHARE * min(1.0, 2 - 2 * step / steps)
            losses = {
                "autoencoder": update("encoder", self._autoencoder_loss(*batch())),
                "discriminator": update("discriminator", self._discriminator_loss(*batch(), share=share, draw=draw)),
                "generator": update("generator", self._generator_loss(*batch())),
            }
            yield losses
        modules.eval()

    def _autoencoder_loss(self, real: Tensor, noise: Tensor) -> Tensor:
        """Φ of the reconstruction near Φ of the image, and as far from Φ(G(z)) as the codes are apart (eq. 1 and 2)."""
        modules, config = self.modules, self.config
        codes: Tensor = modules["encoder"](real)[0]
        phi_rebuilt = modules["discriminator"](modules["generator"](codes))[1]
        phi_real = modules["discriminator"](real)[1].detach()
        phi_fake = modules["discriminator"](modules["generator"](noise))[1].detach()
        balance = math.sqrt(config.latent / phi_real.shape[1])
        apart = (phi_rebuilt - phi_fake).mean() - balance * (codes - noise).mean()
        loss: Tensor = F.mse_loss(phi_rebuilt, phi_real) + config.distance * apart.square()
        return loss

    def _discriminator_loss(self, real: Tensor, noise: Tensor, *, share: float, draw: torch.Generator) -> Tensor:
        modules, config = self.modules, self.config
        judge = modules["discriminator"]
        with torch.no_grad():
            rebuilt, fake = modules["generator"](modules["encoder"](real)[0]), modules["generator"](noise)
        mixed = torch.rand(len(real), 1, 1, 1, generator=draw)
        between = (mixed * real + (1 - mixed) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(judge(between)[0].sum(), between, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        good = (1 - share) * F.softplus(-judge(real)[0]).mean() + share * F.softplus(-judge(rebuilt)[0]).mean()
        loss: Tensor = good + F.softplus(judge(fake)[0]).mean() + config.penalty * penalty
        return loss

    def _generator_loss(self, real: Tensor, noise: Tensor) -> Tensor:
        """The mean scores of real and drawn images shall be equal (eq. 7)."""
        judge = self.modules["discriminator"]
        scores = judge(self.modules["generator"](noise))[0].sigmoid().mean()
        loss: Tensor = (judge(real)[0].sigmoid().mean().detach() - scores).abs()
        return loss

    @torch.no_grad()
    def generate(self, count: int, *, seed: int, exemplars: Images | None = None) -> Made:
        """Draw images in [0, 1]."""
        draw = torch.Generator().manual_seed(seed)
        images: Tensor = self.modules["generator"](torch.rand(count, self.config.latent, generator=draw) * 2 - 1)
        return (images + 1) / 2
