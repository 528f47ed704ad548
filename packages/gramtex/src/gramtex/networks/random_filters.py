"""One layer of wide random filters: long-range order without any trained weights."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hr_common.errors import InputError

SIZES = (3, 5, 7, 11, 15, 23, 37, 55)
FILTERS = 64
_BY_FFT = 11  # from this size on the Fourier transform is faster


class RandomFilters(nn.Module):
    """Random filters of several sizes, each with zero mean and unit norm, and a ReLU.

    Levels are named after the size of their filters in pixels, ``wide3`` to ``wide55``; each has 64.

    Args:
        levels: What ``forward`` returns, in its order.
        seed: Settles the filters.

    Raises:
        InputError: A level does not exist.

    References:
        Ustyuzhaninov, Brendel, Gatys and Bethge, "What Does It Take to Generate Natural Textures?", ICLR 2017. Sizes
        and number of filters are ours.
    """

    levels = tuple(f"wide{size}" for size in SIZES)
    """All there are."""

    def __init__(self, levels: Sequence[str], seed: int = 0) -> None:
        super().__init__()
        if unknown := [level for level in levels if level not in self.levels]:
            raise InputError(f"unknown level {', '.join(unknown)}; choose among {', '.join(self.levels)}")
        self.sizes = tuple(SIZES[self.levels.index(level)] for level in levels)
        for size in self.sizes:
            # A seed for each size: a level is the same whichever others are asked for.
            generator = torch.Generator().manual_seed(1000 * seed + size)
            filters = torch.randn(FILTERS, 3, size, size, generator=generator)
            filters = filters - filters.mean(dim=(1, 2, 3), keepdim=True)
            filters = filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            self.register_buffer(f"filters{size}", filters)
        self.widths = (FILTERS,) * len(levels)
        """Channels of each level."""
        self.strides = (1,) * len(levels)
        """Pixels between positions of each level."""
        self.reach = max(self.sizes) // 2
        """Pixels that a position sees beyond its own, at most."""

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], padding: str
    ) -> tuple[Float[Tensor, "batch _ _ _"], ...]:
        """Compute the levels of normalised images; ``padding`` is ``reflect`` or ``circular``."""
        return tuple(F.relu(self._filtered(images, size, padding)) for size in self.sizes)

    def _filtered(self, images: Tensor, size: int, padding: str) -> Tensor:
        filters, half = self.get_buffer(f"filters{size}"), size // 2
        height, width = images.shape[-2:]
        if padding == "circular" and half > min(height, width):
            raise InputError(f"filters of {size} pixels do not fit an image of {width} x {height}; choose fewer levels")
        padded = F.pad(images, (half, half, half, half), mode=padding)
        if size < _BY_FFT:
            return F.conv2d(padded, filters)
        shape = [_fast_length(side) for side in padded.shape[-2:]]
        spectrum = torch.einsum(
            "bihw,oihw->bohw", torch.fft.rfft2(padded, s=shape), torch.fft.rfft2(filters, s=shape).conj()
        )
        # Correlation, not convolution, as F.conv2d; what wrapped around lies beyond height and width.
        filtered: Tensor = torch.fft.irfft2(spectrum, s=shape)
        return filtered[..., :height, :width]


def _fast_length(length: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
