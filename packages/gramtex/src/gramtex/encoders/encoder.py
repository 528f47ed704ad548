"""What all encoders share: normalisation, identity, and the way from images to Gram sets."""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from gramtex.descriptors import GramSet, gram_matrix
from hr_common.errors import InputError

Padding = Literal["reflect", "circular"]
PIXELS = "pixels"
"""Name of the level that any encoder can have in front: 1, red, green, blue."""


class Backbone(Protocol):
    """A network with named levels; see :class:`gramtex.networks.vgg.VGG`."""

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    reach: int

    def __call__(self, images: Tensor, padding: str) -> tuple[Tensor, ...]:
        """Compute the levels of normalised images."""


class Encoder(nn.Module):
    """A frozen network and its identity.

    Args:
        name: What Gram sets call it.
        backbone: Computes the levels, but for ``pixels``.
        levels: Names, fine to coarse. The level ``pixels``, if there is one, comes first: its Gram matrix holds the
            mean and the second moments of the colours.
        weights_hash: Digest of the weights.
        mean: Colour subtracted from images in [0, 1].
        deviation: What they are then divided by.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        backbone: nn.Module,
        *,
        levels: Sequence[str],
        weights_hash: str,
        mean: Sequence[float],
        deviation: Sequence[float],
    ) -> None:
        super().__init__()
        self.name = name
        self.levels = tuple(levels)
        self.weights_hash = weights_hash
        self.backbone = backbone
        self.has_pixels = self.levels[0] == PIXELS
        layers: Backbone = backbone  # type: ignore[assignment]  # modules say nothing of their call's arguments
        extra = (True,) * self.has_pixels
        self.widths = tuple(4 for _ in extra) + layers.widths
        """Channels of each level."""
        self.strides = tuple(1 for _ in extra) + layers.strides
        """Pixels between positions of each level."""
        self.stride = math.lcm(*self.strides)
        """Sides have to be multiples of this where images are periodic."""
        self.reach = layers.reach
        """Pixels that a position of a level sees beyond its own, at most."""
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], *, padding: Padding = "reflect"
    ) -> tuple[Float[Tensor, "batch _ _ _"], ...]:
        """Compute the features of every level.

        Args:
            images: RGB in [0, 1].
            padding: ``circular`` if they are to be looked at as periodic in both directions.

        Raises:
            ValueError: A periodic image has sides that are no multiples of :attr:`stride`.
        """
        height, width = images.shape[-2:]
        if padding == "circular" and (height % self.stride or width % self.stride):
            raise ValueError(
                f"a periodic image needs sides that are multiples of {self.stride}, not {width} x {height}"
            )
        features: tuple[Tensor, ...] = self.backbone((images - self.mean) / self.deviation, padding)
        if not self.has_pixels:
            return features
        return (torch.cat([torch.ones_like(images[:, :1]), images], dim=1), *features)

    def grams(
        self, images: Float[Tensor, "batch 3 height width"], *, padding: Padding = "reflect"
    ) -> list[Float[Tensor, "batch _ _"]]:
        """Compute the Gram matrices of every level, with gradients where ``images`` have them."""
        return [gram_matrix(features) for features in self(images, padding=padding)]

    @torch.no_grad()
    def gram_set(
        self,
        image: Float[Tensor, "3 height width"] | UInt8[np.ndarray, "height width 3"],
        *,
        padding: Padding = "reflect",
    ) -> GramSet:
        """Measure one image, RGB in [0, 1] or in bytes."""
        tensor = image_tensor(image) if isinstance(image, np.ndarray) else image
        grams = self.grams(tensor[None].to(self.mean.device), padding=padding)
        return self.wrap([gram[0] for gram in grams])

    def wrap(self, matrices: Sequence[Tensor]) -> GramSet:
        """Make a Gram set of this encoder from matrices in the order of the levels."""
        return GramSet(self.name, self.levels, self.weights_hash, tuple(matrices))

    def refuse_other(self, grams: GramSet) -> None:
        """Check that a Gram set was measured with this very encoder.

        Raises:
            InputError: It was not; the message says what differs.
        """
        for what, own, theirs in (
            ("encoder", self.name, grams.encoder),
            ("levels", ", ".join(self.levels), ", ".join(grams.levels)),
            ("weights", self.weights_hash, grams.weights_hash),
        ):
            if own != theirs:
                raise InputError(
                    f"the Gram set has {what} {theirs}, the encoder {own}; use the encoder it was made with"
                )


def image_tensor(image: UInt8[np.ndarray, "height width 3"]) -> Float[Tensor, "3 height width"]:
    """Turn bytes into RGB in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def image_bytes(image: Float[Tensor, "3 height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """Turn RGB in [0, 1] into bytes, to the nearest; what lies outside is clipped."""
    whole = image.detach().mul(255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(whole.permute(1, 2, 0).cpu().numpy())
