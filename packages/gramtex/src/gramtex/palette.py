"""Colour control: another palette for a texture, by mean and covariance."""

import re

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gramtex.bures import transport
from gramtex.encoders.encoder import image_bytes, image_tensor
from gramtex.spectrum import Colours
from hr_common.errors import InputError


def parse_palette(text: str) -> Colours:
    """Read colours like ``#aabbcc,#ddeeff``, all in equal shares.

    Raises:
        InputError: A part is no colour, or there is only one.
    """
    parts = [part.strip() for part in text.split(",")]
    if wrong := [part for part in parts if not re.fullmatch(r"#[0-9a-fA-F]{6}", part)]:
        raise InputError(f"--palette: {wrong[0]!r} is no colour; write them like #aabbcc,#ddeeff")
    if len(parts) < 2:
        raise InputError("--palette needs two colours or more, like #aabbcc,#ddeeff")
    table = torch.tensor([[int(part[at : at + 2], 16) / 255 for at in (1, 3, 5)] for part in parts])
    return Colours.of(table.T[:, :, None])


def match_colours(image: Float[Tensor, "3 height width"], colours: Colours) -> Float[Tensor, "3 height width"]:
    """Give an image the wanted mean and covariance, by the linear map that moves colours least.

    The result is not clipped to [0, 1].
    """
    own = Colours.of(image)
    change = transport(own.covariance, colours.covariance, ridge=1e-7).to(image)
    moved = torch.einsum("ij,jhw->ihw", change, image - own.mean.to(image).view(3, 1, 1))
    return moved + colours.mean.to(image).view(3, 1, 1)


def recolour(picture: UInt8[np.ndarray, "height width 3"], colours: Colours) -> UInt8[np.ndarray, "height width 3"]:
    """Give a picture another palette; what leaves the range of bytes is clipped."""
    return image_bytes(match_colours(image_tensor(picture), colours))
