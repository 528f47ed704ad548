"""Autocorrelation: the long-range order of plaid and stripes, which Gram matrices of small receptive fields lose."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PEAK = 0.3
"""Secondary peak of the normalised autocorrelation above which a texture counts as regular."""
_DIP = 0.1  # how far the autocorrelation has to fall on the way to a peak


def autocorrelation(
    image: Float[Tensor, "channel height width"], reach: tuple[int, int], *, periodic: bool
) -> Float[Tensor, "channel lag_y lag_x"]:
    """Correlate each channel with itself, shifted; the mean is removed first.

    Args:
        image: Any channels.
        reach: Largest lag down and to the right, in pixels.
        periodic: Whether positions beyond the border are those on the other side. Otherwise the mean is over the
            positions that overlap, so that a picture that was cut out is not taken for a tile.

    Returns:
        Lags from ``-reach`` to ``reach``, down, and from 0 to ``reach``, right: the rest is the same mirrored.
    """
    height, width = image.shape[-2:]
    centred = image - image.mean(dim=(1, 2), keepdim=True)
    shape = (height, width) if periodic else (height + reach[0], width + reach[1])
    power = torch.fft.rfft2(centred, s=shape).abs().square()
    product = torch.fft.irfft2(power, s=shape)
    wanted = torch.cat([product[:, -reach[0] :], product[:, : reach[0] + 1]], dim=1)[:, :, : reach[1] + 1]
    if periodic:
        return wanted / (height * width)
    down = height - torch.arange(-reach[0], reach[0] + 1, device=image.device).abs()
    right = width - torch.arange(reach[1] + 1, device=image.device)
    return wanted / (down[:, None] * right)


def secondary_peak(image: Float[Tensor, "channel height width"]) -> float:
    """Find the highest local maximum of the normalised autocorrelation away from lag 0; 0 if there is none.

    Lags go up to half of each side, and count by the area that overlaps. A maximum counts if the autocorrelation falls
    by 0.1 or more on the straight way from lag 0 to it, so that ripples on the slope of the central peak do not.
    """
    height, width = image.shape[1:]
    reach = (height // 2, width // 2)
    total = autocorrelation(image.detach(), reach, periodic=False).sum(dim=0)
    if float(total[reach[0], 0]) < 1e-6:  # a flat picture
        return 0.0
    # Far lags are means over few positions, and high by chance: weigh them by the area that overlaps.
    down = 1 - torch.arange(-reach[0], reach[0] + 1, device=image.device).abs() / height
    right = 1 - torch.arange(reach[1] + 1, device=image.device) / width
    total = total * down[:, None] * right
    whole = total / total[reach[0], 0]
    is_peak = whole == F.max_pool2d(whole[None, None], 7, stride=1, padding=3)[0, 0]
    best = 0.0
    for row, column in is_peak.nonzero().tolist():
        down, value = row - reach[0], float(whole[row, column])
        steps = max(abs(down), column)
        if value <= best or steps < 3:
            continue
        way = torch.linspace(0, 1, steps + 1)
        path = whole[(reach[0] + down * way).round().long(), (column * way).round().long()]
        if float(path.min()) <= value - _DIP:
            best = value
    return best


@dataclass(frozen=True, eq=False)
class AutocorrelationTarget:
    """What the autocorrelation of a synthesis shall be."""

    values: Float[Tensor, "3 lag_y lag_x"]
    reach: tuple[int, int]

    @classmethod
    def of(cls, exemplar: Float[Tensor, "3 height width"], size: tuple[int, int]) -> "AutocorrelationTarget":
        """Measure an exemplar, up to a third of it or of the picture that is to be made (height, width)."""
        reach = (min(exemplar.shape[1], size[0]) // 3, min(exemplar.shape[2], size[1]) // 3)
        return cls(autocorrelation(exemplar, reach, periodic=False), reach)

    def energy(self, image: Float[Tensor, "3 height width"], *, periodic: bool) -> Float[Tensor, ""]:
        """Return ‖R(x) − R(s)‖² / ‖R(s)‖²."""
        own = autocorrelation(image, self.reach, periodic=periodic)
        return (own - self.values).square().sum() / self.values.square().sum().clamp(min=1e-12)
