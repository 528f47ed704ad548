"""Does a picture repeat without a visible seam? A score for both directions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

_LEAST = 1e-3  # of the range [0, 1]: a deviation no eye can see, so that a ramp's is not zero


@dataclass(frozen=True)
class SeamScore:
    """How much larger the step across the border is than steps inside, in standard deviations of those."""

    horizontal: float
    """Between the last and the first column."""
    vertical: float
    """Between the last and the first row."""

    @property
    def worst(self) -> float:
        """The larger absolute value."""
        return max(abs(self.horizontal), abs(self.vertical))


def seam_score(image: Shaped[np.ndarray, "height width *channel"]) -> SeamScore:
    """Compare the step across the border with those between neighbours inside.

    z = (mean |x_0 − x_{W−1}| − mean over interior neighbours) / standard deviation over interior columns. Below 3 in
    both directions a picture counts as seamless. The definition is ours.

    Args:
        image: Bytes, or floats in [0, 1]; grey or with channels.

    Raises:
        ValueError: A side has less than three pixels.
    """
    if min(image.shape[:2]) < 3:
        raise ValueError(f"a seam score needs sides of 3 pixels or more, not {image.shape[1]} x {image.shape[0]}")
    values = image.astype(np.float64) / (255 if image.dtype == np.uint8 else 1)
    return SeamScore(horizontal=_score(np.moveaxis(values, 1, 0)), vertical=_score(values))


def _score(values: Float[np.ndarray, "line *rest"]) -> float:
    steps = np.abs(np.diff(values, axis=0)).reshape(len(values) - 1, -1).mean(axis=1)
    across = np.abs(values[0] - values[-1]).mean()
    return float((across - steps.mean()) / max(steps.std(), _LEAST))
