"""Modulated attention: where in the picture the context of other places is worth adding."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class AttendedMap:
    """A feature map with what was added to it."""

    features: Float[Tensor, "batch channel height width"]
    """The map to go on with."""
    modulation: Float[Tensor, "batch 1 height width"]
    """How much each place takes of its context; sums to one over the places."""
    context: Float[Tensor, "batch channel height width"]
    """What self-attention gathered for each place."""


class ModulatedAttention(nn.Module):
    """Self-attention over places, weighted by a second attention that sees the whole map.

    The last convolution begins at zero, so a new layer changes nothing.

    Args:
        channels: Channels of the map; even.
        map_size: Its height and width. The published code is bound to 7.

    References:
        Liu et al., CVPR 2019, section 3.1: f + MA(f) ⊗ SA(f).
    """

    def __init__(self, channels: int, map_size: int) -> None:
        super().__init__()
        inner = channels // 2
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.w = nn.Conv2d(inner, channels, 1, bias=False)
        self.modulate = nn.Linear(channels * map_size * map_size, map_size * map_size)
        for conv in (self.theta, self.phi, self.g):
            nn.init.kaiming_normal_(conv.weight)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.w.weight)

    def forward(self, features: Float[Tensor, "batch channel height width"]) -> AttendedMap:
        """Add the modulated context to every place."""
        batch, _, height, width = features.shape
        query = self.theta(features).flatten(2)
        key = self.phi(features).flatten(2)
        value = self.g(features).flatten(2)
        # No division by the root of the width: the embedded Gaussian of the non-local network.
        affinity = (query.mT @ key).float().softmax(dim=-1).to(value.dtype)  # batch place place
        context = self.w((value @ affinity.mT).view(batch, -1, height, width))
        modulation = self.modulate(features.flatten(1)).float().softmax(dim=-1)
        modulation = modulation.to(features.dtype).view(batch, 1, height, width)
        return AttendedMap(features + modulation * context, modulation, context)
