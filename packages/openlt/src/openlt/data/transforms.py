"""From a picture of any size to the square that the networks see.

For training a part of random place, size and shape, perhaps mirrored, with colours shaken; for measuring the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageEnhance

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training pictures are varied; the values are those of the published recipe."""

    min_area: float = 0.08
    """Smallest share of the picture that a crop takes; 1 for the whole."""
    max_aspect: float = 4 / 3
    """Largest ratio of the crop's sides, either way."""
    flip: float = 0.5
    """Chance of mirroring left and right; 0 where that makes another thing of it, as with digits."""
    jitter: float = 0.4
    """Brightness, contrast and colour are each scaled by 1 - jitter to 1 + jitter, in random order."""


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and spread of the three colours, of values from 0 to 1."""

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    is_bicubic: bool = False
    """Whether pictures are resized by bicubic interpolation, as some pretrained networks expect, not bilinear."""


def train_view(
    picture: UInt8[np.ndarray, "height width 3"],
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
    *,
    is_bicubic: bool = False,
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw one view of a picture for training.

    Args:
        picture: RGB.
        size: Height and width of the result, in pixels.
        augmentation: How much to vary.
        rng: All chance comes from here.
        is_bicubic: How to interpolate.
    """
    image = Image.fromarray(picture)
    box = _random_box(image.width, image.height, augmentation, rng)
    image = image.resize((size, size), _method(is_bicubic), box=box)
    if rng.random() < augmentation.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augmentation.jitter > 0:
        enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
        factors = rng.uniform(max(0.0, 1 - augmentation.jitter), 1 + augmentation.jitter, 3)
        for which in rng.permutation(3).tolist():
            image = enhancers[which](image).enhance(float(factors[which]))
    return np.array(image)


def centre_view(
    picture: UInt8[np.ndarray, "height width 3"], size: int, *, share: float = 7 / 8, is_bicubic: bool = False
) -> UInt8[np.ndarray, "size size 3"]:
    """Take the square in the middle whose side is ``share`` of the shorter one: 224 of 256 pixels by default."""
    image = Image.fromarray(picture)
    side = min(image.size) * share
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return np.array(image.resize((size, size), _method(is_bicubic), box=(left, top, left + side, top + side)))


def normalise(
    picture: UInt8[np.ndarray, "size size 3"], normalisation: Normalisation
) -> Float32[np.ndarray, "3 size size"]:
    """Scale colours to mean 0 and spread 1, channels first."""
    mean = np.asarray(normalisation.mean, np.float32) * 255
    scale = 1 / (np.asarray(normalisation.std, np.float32) * 255)
    return np.ascontiguousarray(((picture.astype(np.float32) - mean) * scale).transpose(2, 0, 1))


def _random_box(
    width: int, height: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    spread = float(np.log(augmentation.max_aspect))
    for _ in range(10):
        area = width * height * rng.uniform(augmentation.min_area, 1.0)
        aspect = float(np.exp(rng.uniform(-spread, spread)))
        wide, high = float(np.sqrt(area * aspect)), float(np.sqrt(area / aspect))
        if 1 <= wide <= width and 1 <= high <= height:
            left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
            return left, top, left + wide, top + high
    # Long narrow pictures hold no such crop: the largest one of allowed shape, in the middle.
    wide = min(width, height * augmentation.max_aspect)
    high = min(height, width * augmentation.max_aspect)
    return (width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2


def _method(is_bicubic: bool) -> Image.Resampling:
    return Image.Resampling.BICUBIC if is_bicubic else Image.Resampling.BILINEAR
