"""Encoders: networks whose features a texture is measured by, under names that Gram sets remember."""

from gramtex.encoders.encoder import Encoder, image_bytes, image_tensor
from gramtex.encoders.registry import DEFAULT_ENCODER, ENCODERS, load_efficientnet_lite0, load_encoder

__all__ = [
    "DEFAULT_ENCODER",
    "ENCODERS",
    "Encoder",
    "image_bytes",
    "image_tensor",
    "load_efficientnet_lite0",
    "load_encoder",
]
