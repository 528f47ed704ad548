"""CIE Lab, the colour space in which TextureGAN treats lightness and colour apart."""

import torch
from jaxtyping import Float
from torch import Tensor

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)  # D65
_KNEE = 6 / 29


def rgb_to_lab(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
    """Convert sRGB in [0, 1] to L in [0, 100] and a, b around ±100."""
    linear = torch.where(images > 0.04045, ((images.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, images / 12.92)
    matrix, white = images.new_tensor(_TO_XYZ), images.new_tensor(_WHITE)
    xyz = torch.einsum("ij,bjhw->bihw", matrix / white[:, None], linear)
    roots = torch.where(xyz > _KNEE**3, xyz.clamp(min=_KNEE**3) ** (1 / 3), xyz / (3 * _KNEE**2) + 4 / 29)
    x, y, z = roots.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
    """Convert back to sRGB, clipped to [0, 1]."""
    lightness, a, b = images.unbind(1)
    y = (lightness + 16) / 116
    roots = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(roots > _KNEE, roots**3, 3 * _KNEE**2 * (roots - 4 / 29))
    matrix, white = images.new_tensor(_TO_XYZ), images.new_tensor(_WHITE)
    linear = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(matrix), xyz * white[:, None, None])
    bent = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bent, 12.92 * linear).clamp(0, 1)
