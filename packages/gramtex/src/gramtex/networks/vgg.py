"""VGG features: the representation of the texture works, with average pooling."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.networks.padding import halve, pad
from hr_common.errors import InputError

_WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """The convolutions of a VGG network up to the deepest level that is asked for.

    Level names are ``reluB_I``, the rectified output of convolution I of block B, and ``poolB``. ``convB_I`` is another
    name of ``reluB_I``, since Gatys et al. mean the rectified maps when they speak of conv1_1. Pooling takes the mean;
    maxima leave a fine lattice in what is synthesised.

    Args:
        convolutions: How many there are in each block: (2, 2, 3, 3, 3) for VGG-16, (2, 2, 4, 4, 4) for VGG-19.
        levels: What ``forward`` returns, in its order.

    Raises:
        InputError: A level does not exist.

    References:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015; Gatys,
        Ecker and Bethge, NeurIPS 2015, for the pooling.
    """

    def __init__(self, convolutions: Sequence[int], levels: Sequence[str]) -> None:
        super().__init__()
        steps = []
        for block, count in enumerate(convolutions, start=1):
            steps += [f"relu{block}_{index}" for index in range(1, count + 1)] + [f"pool{block}"]
        wanted = [level.replace("conv", "relu") for level in levels]
        if unknown := [level for level, name in zip(levels, wanted, strict=True) if name not in steps]:
            raise InputError(f"unknown level {', '.join(unknown)}; choose among {', '.join(steps)}")
        self.steps = steps[: max(map(steps.index, wanted)) + 1]
        self.wanted = wanted
        self.convolutions = nn.ModuleDict()
        scales, reaches, widths = {}, {}, {}
        channels, scale, reach = 3, 1, 0
        for step in self.steps:
            if step.startswith("relu"):
                width = _WIDTHS[int(step[4]) - 1]
                self.convolutions[step.replace("relu", "conv")] = nn.Conv2d(channels, width, 3)
                channels, reach = width, reach + scale
            else:
                reach, scale = reach + scale, 2 * scale
            scales[step], reaches[step], widths[step] = scale, reach, channels
        self.widths = tuple(widths[level] for level in wanted)
        """Channels of each level."""
        self.strides = tuple(scales[level] for level in wanted)
        """Pixels between positions of each level."""
        self.reach = max(reaches[level] for level in wanted)
        """Pixels that a position sees beyond its own, at most."""

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], padding: str
    ) -> tuple[Float[Tensor, "batch _ _ _"], ...]:
        """Compute the levels of normalised images; ``padding`` is ``reflect`` or ``circular``."""
        x, found = images, {}
        for step in self.steps:
            if step.startswith("relu"):
                x = F.relu(self.convolutions[step.replace("relu", "conv")](pad(x, (1, 1, 1, 1), padding)), inplace=True)
            else:
                x = halve(x)
            found[step] = x
        return tuple(found[level] for level in self.wanted)
