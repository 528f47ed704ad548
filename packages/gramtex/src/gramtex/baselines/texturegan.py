"""TextureGAN without a sketch: extends a patch of texture over the whole frame.

How the paper used the conditional TextureGAN without its sketch is unknown; a full mask and one patch of a real texture
is what we take for fair. Every image that it makes has therefore seen a piece of a real one.

References:
    Xian et al., "TextureGAN: Controlling Deep Image Synthesis with Texture Patches", CVPR 2018.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.baselines.interface import Images, Made, random_crops
from gramtex.colour import lab_to_rgb, rgb_to_lab
from gramtex.descriptors import gram_matrix
from gramtex.encoders import Encoder, load_encoder

_LEVELS = ("relu3_1", "relu4_1")


@dataclass(frozen=True, kw_only=True)
class TextureGanConfig:
    """Sizes, and weights of the losses."""

    size: int = 128
    """Side of the images."""
    patch: int = 50
    """Side of the patch that is given."""
    local: int = 50
    """Side of the crops that the local discriminator compares in pairs."""
    width: int = 32
    """Channels of the first layer."""
    blocks: int = 5
    """Residual blocks between encoder and decoder."""
    batch: int = 16
    """Images a step."""
    learning_rate: float = 5e-4
    """Of the generator's Adam."""
    discriminator_learning_rate: float = 1e-4
    """Of the discriminators' Adam."""
    feature: float = 1.0
    """Weight of the feature loss; the published relu4_2 does not ship, relu4_1 does."""
    pixel: float = 10.0
    """Weight of the L1 loss on lightness."""
    colour: float = 10.0
    """Weight of the L1 loss on ab."""
    style: float = 1.0
    """Weight of the relative Gram losses at relu3_1 and relu4_1 (published: relu3_2 and relu4_2)."""
    adversary: float = 0.1
    """Weight of each LSGAN term."""


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.InstanceNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed


class _Generator(nn.Module):
    """Encoder, residual blocks, decoder with bilinear steps; the input comes in again before the last layers."""

    def __init__(self, config: TextureGanConfig) -> None:
        super().__init__()
        w = config.width
        self.down = nn.Sequential(
            nn.Conv2d(5, w, 5, 1, 2), nn.ReLU(),
            nn.Conv2d(w, 2 * w, 3, 2, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(),
            nn.Conv2d(2 * w, 4 * w, 3, 2, 1), nn.InstanceNorm2d(4 * w), nn.ReLU(),
            nn.Conv2d(4 * w, 8 * w, 3, 2, 1), nn.InstanceNorm2d(8 * w), nn.ReLU(),
        )  # fmt: skip
        self.middle = nn.Sequential(*(_Residual(8 * w) for _ in range(config.blocks)))
        self.up = nn.ModuleList(nn.Conv2d(2 * k, k, 3, 1, 1) for k in (4 * w, 2 * w, w))
        self.last = nn.Sequential(nn.Conv2d(w + 5, w, 3, 1, 1), nn.ReLU(), nn.Conv2d(w, 3, 3, 1, 1))

    def forward(self, given: Float[Tensor, "batch 5 height width"]) -> Float[Tensor, "batch 3 height width"]:
        """Lab, scaled to about [-1, 1]."""
        x: Tensor = self.middle(self.down(given))
        for layer in self.up:
            x = F.relu(layer(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)))
        lab: Tensor = self.last(torch.cat([x, given], dim=1))
        return lab


def _discriminator(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for factor in (1, 2):
        layers += [
            nn.Conv2d(factor * width, 2 * factor * width, 4, 2, 1), nn.InstanceNorm2d(2 * factor * width),
            nn.LeakyReLU(0.2),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, 1, 1))


def _scaled_lab(images: Images) -> Tensor:
    """Lightness and colour in about [-1, 1]."""
    lab = rgb_to_lab(images)
    return torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / 100], dim=1)


def _rgb(lab: Tensor) -> Images:
    return lab_to_rgb(torch.cat([(lab[:, :1] + 1) * 50, lab[:, 1:] * 100], dim=1))


class TextureGan:
    """Patch to texture.

    Args:
        config: Sizes and weights.
    """

    name = "texturegan"

    def __init__(self, config: TextureGanConfig) -> None:
        self.config = config
        self.modules = nn.ModuleDict(
            {
                "generator": _Generator(config),
                "whole": _discriminator(1, config.width),
                "local": _discriminator(2, config.width),
            }
        )

    @property
    def crop(self) -> int:
        """Side of the images."""
        return self.config.size

    @cached_property
    def _features(self) -> Encoder:
        return load_encoder("vgg16-hed", levels=_LEVELS)

    def given(self, images: Images, places: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 5 height width"]:
        """Input of the network: an empty sketch, L and ab of a patch, and where it is.

        Args:
            images: In [0, 1].
            places: Row and column of the patch's corner.
        """
        lab, size = _scaled_lab(images), self.config.patch
        mask = torch.zeros_like(lab[:, :1])
        for number, (top, left) in enumerate(places.long().tolist()):
            mask[number, :, top : top + size, left : left + size] = 1
        return torch.cat([torch.zeros_like(mask), lab * mask, mask], dim=1)

    def _places(self, count: int, draw: torch.Generator) -> Tensor:
        return torch.randint(self.config.size - self.config.patch + 1, (count, 2), generator=draw).float()

    def fit(self, images: Images, *, steps: int, seed: int) -> Iterator[dict[str, float]]:
        """Train on random crops; lightness and colour have their own terms, the adversaries see lightness only."""
        config, modules = self.config, self.modules
        draw = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for each in modules.modules():
                if isinstance(each, nn.Conv2d):
                    each.reset_parameters()
        modules.train()
        for_generator = torch.optim.Adam(modules["generator"].parameters(), lr=config.learning_rate)
        judges = [*modules["whole"].parameters(), *modules["local"].parameters()]
        for_judges = torch.optim.Adam(judges, lr=config.discriminator_learning_rate)
        for _ in range(steps):
            real = random_crops(images, config.batch, config.size, draw)
            target = _scaled_lab(real)
            lab: Tensor = modules["generator"](self.given(real, self._places(config.batch, draw)))
            first, second, third = (self._local(each, draw) for each in (lab, target, target))
            score_whole, score_local = modules["whole"](lab[:, :1]), modules["local"](torch.cat([first, second], 1))
            adversarial = (score_whole - 1).square().mean() + (score_local - 1).square().mean()
            feature, style = self._perceptual(lab, target)
            loss = (
                config.feature * feature
                + config.style * style
                + config.pixel * F.l1_loss(lab[:, :1], target[:, :1])
                + config.colour * F.l1_loss(lab[:, 1:], target[:, 1:])
                + config.adversary * adversarial
            )
            for_generator.zero_grad()
            loss.backward()
            for_generator.step()
            against = (
                (modules["whole"](target[:, :1]) - 1).square().mean()
                + modules["whole"](lab[:, :1].detach()).square().mean()
                # Two crops of one texture belong together, a made and a real one do not.
                + (modules["local"](torch.cat([third, second], 1)) - 1).square().mean()
                + modules["local"](torch.cat([first.detach(), second], 1)).square().mean()
            )
            for_judges.zero_grad()
            against.backward()
            for_judges.step()
            yield {"discriminator": float(against.detach()), "generator": float(loss.detach())}
        modules.eval()

    def _local(self, lab: Tensor, draw: torch.Generator) -> Tensor:
        """A crop of the lightness, at one random place for the whole batch."""
        size = self.config.local
        top, left = torch.randint(self.config.size - size + 1, (2,), generator=draw).tolist()
        return lab[:, :1, top : top + size, left : left + size]

    def _perceptual(self, lab: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Relative feature error at the coarser level, and relative Gram errors, both of lightness as grey."""
        grey = ((lab[:, :1] + 1) / 2).expand(-1, 3, -1, -1)
        wanted = ((target[:, :1] + 1) / 2).expand(-1, 3, -1, -1)
        with torch.no_grad():
            aims = self._features(wanted)
        made = self._features(grey)
        feature = (made[-1] - aims[-1]).square().mean() / aims[-1].square().mean()
        styles = [
            (gram_matrix(a) - gram_matrix(b)).square().sum() / gram_matrix(b).square().sum()
            for a, b in zip(made, aims, strict=True)
        ]
        return feature, torch.stack(styles).mean()

    @torch.no_grad()
    def generate(self, count: int, *, seed: int, exemplars: Images | None = None) -> Made:
        """Extend a patch from the middle of each exemplar; images in [0, 1].

        Raises:
            ValueError: There are no exemplars: this model is conditional.
        """
        if exemplars is None or not len(exemplars):
            raise ValueError("TextureGAN begins from patches of real textures; give exemplars")
        draw = torch.Generator().manual_seed(seed)
        real = random_crops(exemplars, count, self.config.size, draw)
        middle = torch.full((count, 2), float((self.config.size - self.config.patch) // 2))
        lab: Tensor = self.modules["generator"](self.given(real, middle))
        return _rgb(lab)
