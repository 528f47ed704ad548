"""Make an existing picture seamless: a band along its borders is synthesised anew, the middle stays as it is."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from gramtex.blocks import gram_energy
from gramtex.encoders.encoder import image_bytes, image_tensor
from gramtex.optimisation import minimise
from gramtex.seam import SeamScore, seam_score
from gramtex.spectrum import Colours, SpectralImage
from gramtex.synthesis import Callback, Synthesizer, refuse_small

BAND = 0.14
"""Width of the band in shares of the side: (1 − 2 · 0.14)² leaves 52 % of the pixels."""


@dataclass(frozen=True, eq=False)
class TiledPicture:
    """A picture that can be laid side by side."""

    image: UInt8[np.ndarray, "height width 3"]
    """RGB. As large as the source, but for up to ``stride − 1`` rows and columns cut off evenly."""
    kept: float
    """Share of its pixels that are the source's, to the bit."""
    before: SeamScore
    """Of the source."""
    after: SeamScore
    """Of the result."""
    relative_error: float
    """Of the Gram matrices of the result, as a tile, to those of the source."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early."""


def make_tileable(
    synthesizer: Synthesizer,
    picture: UInt8[np.ndarray, "height width 3"],
    *,
    seed: int = 0,
    iterations: int = 60,
    callback: Callback | None = None,
) -> TiledPicture:
    """Optimise a band along the borders so that the picture, taken as periodic, has the Gram matrices of the source.

    Every convolution wraps around both sides, so that the band has to fit across them. It begins with the source
    shifted by half its size, which has no seam at the border, faded into the source; what does not fit in the fade is
    mended by the optimiser. Nothing is blended afterwards.

    Args:
        synthesizer: With its encoder and settings.
        picture: RGB; sides of 32 pixels or more.
        seed: Of the little noise that the band begins with.
        iterations: Of L-BFGS.
        callback: Is told the iteration, how many there will be, and the energy.

    Raises:
        InputError: The picture is too small.
    """
    refuse_small(picture.shape[1], picture.shape[0])
    encoder, config = synthesizer.encoder, synthesizer.config
    source_bytes = _cut_to(picture, encoder.stride)
    device = encoder.mean.device
    source = image_tensor(source_bytes).to(device)
    target = synthesizer.measure(picture)
    inside = _inside(source_bytes.shape[0], source_bytes.shape[1]).to(device)
    space = SpectralImage(
        (source.shape[1], source.shape[2]), Colours.of(source.cpu()), exponent=config.exponent, device=device
    )
    noise = space.noise(torch.Generator().manual_seed(seed), 0.05)
    start = space.invert(_faded(source)) + noise
    targets = [matrix.to(device) for matrix in target.matrices]

    def render(code: Tensor) -> Tensor:
        return torch.where(inside, source, space.render(code))

    def energy(code: Tensor) -> Tensor:
        image = render(code)
        outside = (F.relu(image - 1).square() + F.relu(-image).square()).mean()
        grams = gram_energy(encoder, image, targets, padding="circular", block=config.block)
        return grams + config.range_weight * outside

    def tell(iteration: int, value: float) -> None:
        if callback is not None:
            callback(iteration, iterations, value)

    found = minimise(
        energy, start, iterations=iterations, history=config.history, enough=config.enough, patience=config.patience,
        callback=tell,
    )  # fmt: skip
    pixels = image_bytes(render(found.code))
    return TiledPicture(
        image=pixels,
        kept=float((pixels == source_bytes).all(axis=2).mean()),
        before=seam_score(picture),
        after=seam_score(pixels),
        relative_error=synthesizer.measure(pixels, tile=True).relative_error(target),
        interrupted=found.interrupted,
    )


def _cut_to(picture: UInt8[np.ndarray, "height width 3"], stride: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """Cut off evenly what the stride leaves over."""
    height, width = (side // stride * stride for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def _inside(height: int, width: int) -> Tensor:
    """True where the source stays."""
    down, right = int(BAND * height), int(BAND * width)
    inside = torch.zeros((height, width), dtype=torch.bool)
    inside[down : height - down, right : width - right] = True
    return inside


def _faded(source: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
    """Fade the source into itself shifted by half its size, towards the borders."""
    image = source
    for axis in (1, 2):
        side = image.shape[axis]
        band = int(BAND * side)
        place = torch.arange(side, device=image.device, dtype=image.dtype)
        nearness = torch.minimum(place, side - 1 - place) / band  # 0 at the border, 1 where the band ends
        weight = nearness.clamp(max=1) ** 2 * (3 - 2 * nearness.clamp(max=1))
        weight = weight[:, None] if axis == 1 else weight
        image = weight * image + (1 - weight) * image.roll(side // 2, dims=axis)
    return image
