"""A large start from a small texture: pieces of it laid side by side so that their overlaps agree."""

import torch
from jaxtyping import Float
from torch import Tensor

_CANDIDATES = 32  # places that are tried for each piece


def quilt_periodic(
    texture: Float[Tensor, "3 height width"], size: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "3 _ _"]:
    """Cover a torus with pieces of a periodic texture, blended over their overlaps.

    Plain repetition would show. Pieces are as large as half the texture, overlap by half of their side, and each is the
    one of 32 random cut-outs that agrees best with what is there already. What is left of the seams is for step two to
    mend.

    Args:
        texture: Periodic in both directions.
        size: Height and width to cover; the result is periodic too.
        generator: Draws the cut-outs.

    References:
        After Efros and Freeman, "Image Quilting for Texture Synthesis and Transfer", SIGGRAPH 2001, with a blend where
        they cut along the least error, since the optimiser that follows removes the blur.
    """
    height, width = texture.shape[-2:]
    piece = max(min(height, width) // 2, 16)
    counts = [max(round(side / (piece / 2)), 2) for side in size]
    ramp = torch.hann_window(piece, periodic=True, device=texture.device) + 1e-3
    window = ramp[:, None] * ramp
    total, weight = texture.new_zeros((3, *size)), texture.new_zeros(size)
    for row in range(counts[0]):
        for column in range(counts[1]):
            top, left = row * size[0] // counts[0], column * size[1] // counts[1]
            rows = (top + torch.arange(piece, device=texture.device))[:, None] % size[0]
            columns = (left + torch.arange(piece, device=texture.device)) % size[1]
            there, known = total[:, rows, columns], weight[rows, columns]
            mean = there / known.clamp(min=1e-6)
            cuts = [_cut(texture, piece, generator) for _ in range(_CANDIDATES)]
            misfits = torch.stack([((cut - mean).square().sum(dim=0) * known * window).sum() for cut in cuts])
            best = cuts[int(misfits.argmin())]
            # Written one by one: a torus narrower than a piece meets some of its positions twice.
            total.index_put_(
                (torch.arange(3, device=texture.device)[:, None, None], rows, columns), best * window, accumulate=True
            )
            weight.index_put_((rows, columns), window, accumulate=True)
    return total / weight


def _cut(texture: Tensor, piece: int, generator: torch.Generator) -> Tensor:
    height, width = texture.shape[-2:]
    top, left = (int(torch.randint(side, (1,), generator=generator)) for side in (height, width))
    rows = (top + torch.arange(piece, device=texture.device))[:, None] % height
    columns = (left + torch.arange(piece, device=texture.device)) % width
    return texture[:, rows, columns]
