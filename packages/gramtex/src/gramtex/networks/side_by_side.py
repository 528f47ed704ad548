"""Two networks that look at the same image, as one: details from the one, long-range order from the other."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.networks.random_filters import RandomFilters
from gramtex.networks.vgg import VGG


class SideBySide(nn.Module):
    """VGG levels, and those of wide random filters behind them.

    The small receptive fields of VGG lose the grid of a plaid; wide filters keep it, also where there is no exemplar
    whose autocorrelation could be held. The pairing is ours.

    Args:
        vgg: Takes images normalised by ``mean`` and ``deviation``.
        filters: Take images from −2 to 2.
        mean: Colour that was subtracted from images in [0, 1].
        deviation: What they were then divided by.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, vgg: VGG, filters: RandomFilters, *, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.vgg, self.filters = vgg, filters
        self.widths = vgg.widths + filters.widths
        """Channels of each level."""
        self.strides = vgg.strides + filters.strides
        """Pixels between positions of each level."""
        self.reach = max(vgg.reach, filters.reach)
        """Pixels that a position sees beyond its own, at most."""
        self.register_buffer("scale", 4 * torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", 4 * torch.tensor(mean).view(1, 3, 1, 1) - 2, persistent=False)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], padding: str
    ) -> tuple[Float[Tensor, "batch _ _ _"], ...]:
        """Compute the levels of normalised images; ``padding`` is ``reflect`` or ``circular``."""
        detail: tuple[Tensor, ...] = self.vgg(images, padding)
        order: tuple[Tensor, ...] = self.filters(images * self.scale + self.shift, padding)
        return (*detail, *order)
