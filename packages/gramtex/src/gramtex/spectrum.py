"""Images as decorrelated noise: what the optimiser of step two moves instead of pixels."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 0.5
"""Exponent with which the steps of the optimiser fall with frequency where a Gram set was measured."""

_FLOOR = 1e-4  # least variance of a colour direction, in squares of the range [0, 1]
# Mean and covariance of RGB over cloth: nearly grey, brightness varying four times as much as hue. Our choice, for Gram
# sets that say nothing about colour.
_MEAN = (0.5, 0.5, 0.5)
_COVARIANCE = ((0.06, 0.05, 0.045), (0.05, 0.06, 0.05), (0.045, 0.05, 0.06))


@dataclass(frozen=True, eq=False)
class Colours:
    """Mean and covariance of the colours of an image, RGB in [0, 1]."""

    mean: Float[Tensor, "3"]
    covariance: Float[Tensor, "3 3"]

    @classmethod
    def of(cls, image: Float[Tensor, "3 height width"]) -> "Colours":
        """Measure an image."""
        flat = image.detach().double().flatten(1)
        centred = flat - flat.mean(dim=1, keepdim=True)
        return cls(flat.mean(dim=1).float(), (centred @ centred.T / flat.shape[1]).float())

    @classmethod
    def of_pixel_gram(cls, gram: Float[Tensor, "4 4"]) -> "Colours":
        """Read the Gram matrix of the level ``pixels``, whose channels are 1, red, green and blue."""
        mean = gram[0, 1:]
        return cls(mean, gram[1:, 1:] - torch.outer(mean, mean))

    @classmethod
    def usual(cls) -> "Colours":
        """What cloth has on average."""
        return cls(torch.tensor(_MEAN), torch.tensor(_COVARIANCE))

    def root(self) -> Float[Tensor, "3 3"]:
        """Return the symmetric square root of the covariance, no direction of it flatter than one step in a hundred."""
        values, vectors = torch.linalg.eigh(self.covariance.double())
        root: Tensor = vectors * values.clamp(min=_FLOOR).sqrt() @ vectors.T
        return root.float()


class SpectralImage:
    """The way from a free array to an image and back: x = m + A · F⁻¹(P ⊙ F(c)).

    Two spectra, for two purposes. A synthesis *begins* with noise whose amplitudes fall as the frequency to the power
    of −0.8, as those of natural images do, so that there is no fine noise to get rid of. The optimiser *moves* in a
    space where frequencies are about as steep: P falls more slowly. Measured with ``vgg16-hed`` on garments, the second
    derivatives of the Gram energy ask for a P that grows again towards single pixels. That ends at half the error, but
    what it gains is a grain that the cloth has not. A gives the channels the covariance of the wanted colours. The
    array c is kept in space; its Fourier transform is the spectrum, and an orthogonal change of coordinates makes no
    difference to L-BFGS.

    Args:
        size: Height and width in pixels.
        colours: Of what shall be synthesised.
        exponent: With which the amplitudes of the noise fall.
        reach: Exponent with which P falls. That of the noise holds fine detail back: a Gram set that no image has, as
            a model draws them, is then not met by grain.

    References:
        Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, for optimising in decorrelated space.
    """

    def __init__(
        self, size: tuple[int, int], colours: Colours, *, exponent: float, device: torch.device, reach: float = REACH
    ) -> None:
        self.size = size
        self.mean = colours.mean.to(device).view(3, 1, 1)
        self.root = colours.root().to(device)
        vertical = torch.fft.fftfreq(size[0], device=device)
        horizontal = torch.fft.rfftfreq(size[1], device=device)
        frequency = (vertical[:, None] ** 2 + horizontal**2).sqrt().clamp(min=1 / max(size))
        # So that white noise of unit variance becomes an image of unit variance: the mean of the squares over the whole
        # plane, in which all columns but the first (and the last of an even width) stand twice.
        weight = torch.full_like(horizontal, 2.0)
        weight[0] = 1.0
        if size[1] % 2 == 0:
            weight[-1] = 1.0
        self.decay, self.step = (
            each / ((each**2 * weight).sum() / (size[0] * size[1])).sqrt()
            for each in (frequency**-exponent, frequency**-reach)
        )

    def render(self, code: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
        """Make the image, differentiably; RGB, nominally in [0, 1]."""
        shaped = torch.fft.irfft2(torch.fft.rfft2(code) * self.step, s=self.size)
        return self.mean + torch.einsum("ij,jhw->ihw", self.root, shaped)

    def invert(self, image: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
        """Find the code of an image."""
        plain = torch.einsum("ij,jhw->ihw", torch.linalg.inv(self.root), image - self.mean)
        code: Tensor = torch.fft.irfft2(torch.fft.rfft2(plain) / self.step, s=self.size)
        return code

    def noise(self, generator: torch.Generator, amplitude: float) -> Float[Tensor, "3 height width"]:
        """Draw the code of a noise image whose standard deviation is so many times that of the wanted colours."""
        drawn = torch.randn((3, *self.size), generator=generator).to(self.mean.device)
        code: Tensor = torch.fft.irfft2(torch.fft.rfft2(drawn) * (self.decay / self.step), s=self.size)
        return amplitude * code


def resize_periodic(image: Float[Tensor, "3 height width"], size: tuple[int, int]) -> Float[Tensor, "3 _ _"]:
    """Enlarge an image by zero-padding its spectrum; nothing finer is invented, and it stays periodic."""
    height = image.shape[-2]
    spectrum = torch.fft.rfft2(image, norm="forward")
    padded = spectrum.new_zeros((3, size[0], size[1] // 2 + 1))
    top, columns = (height + 1) // 2, min(spectrum.shape[2], padded.shape[2])
    padded[:, :top, :columns] = spectrum[:, :top, :columns]
    if height > top:
        padded[:, -(height - top) :, :columns] = spectrum[:, top:, :columns]
    enlarged: Tensor = torch.fft.irfft2(padded, s=size, norm="forward")
    return enlarged
