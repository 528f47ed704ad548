"""Make cloth from Gram matrices: more of a given fabric at any size, or fabric that never existed.

A rebuild of "Learning to Synthesize Fashion Textures" (Shi, Hui, Liu, Lin and Loy, arXiv 1911.07472, 2019): a texture
is a set of Gram matrices of a network's features; an auto-encoder over such sets is sampled, and an image is optimised
until its features have the sampled matrices. ``gramtex synthesize like.png -o out.png`` works without any download.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gramtex.descriptors import GramSet
    from gramtex.encoders import Encoder, load_encoder
    from gramtex.sampling import Sampler
    from gramtex.synthesis import Synthesizer

__all__ = ["Encoder", "GramSet", "Sampler", "Synthesizer", "load_encoder"]

_HOMES = {
    "Encoder": "gramtex.encoders",
    "GramSet": "gramtex.descriptors",
    "Sampler": "gramtex.sampling",
    "Synthesizer": "gramtex.synthesis",
    "load_encoder": "gramtex.encoders",
}


def __getattr__(name: str) -> Any:
    # Names are looked up on first use: torch takes seconds to import, `gramtex --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module 'gramtex' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
