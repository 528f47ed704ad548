"""A way from one texture to another, in any of three spaces."""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from gramtex.bures import interpolate
from gramtex.descriptors import GramSet
from gramtex.synthesis import Synthesizer
from hr_common.errors import InputError

Space = Literal["latent", "gram", "bures"]


def between(
    synthesizer: Synthesizer,
    first: UInt8[np.ndarray, "_ _ 3"],
    last: UInt8[np.ndarray, "_ _ 3"],
    *,
    steps: int,
    space: Space = "bures",
    model: str | Path | None = None,
) -> list[GramSet]:
    """List the Gram sets on the way, both ends included.

    Args:
        synthesizer: Its encoder measures the pictures.
        first: RGB.
        last: RGB.
        steps: How many sets, 2 or more.
        space: ``latent`` decodes (1 − t) z₁ + t z₂ of the model's codes, so that its ends are reconstructions; for
            ``gram`` and ``bures`` see :func:`gramtex.bures.interpolate`.
        model: File of the model for ``latent``; by default the one that ships.

    Raises:
        InputError: A picture is too small, or the model belongs to another encoder.
    """
    if steps < 2:
        raise InputError(f"{steps} steps are no way; take 2 or more")
    ends = synthesizer.measure(first), synthesizer.measure(last)
    shares = [number / (steps - 1) for number in range(steps)]
    if space != "latent":
        return [interpolate(*ends, share, space) for share in shares]
    from gramtex.sampling import Sampler

    sampler = Sampler.from_pretrained(model, device=synthesizer.encoder.mean.device)
    codes = [sampler.encode(end) for end in ends]
    return [sampler.decode((1 - share) * codes[0] + share * codes[1])[0] for share in shares]
