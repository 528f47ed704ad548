"""What a score means: a probability that comes true, and where it stands among held-out real and corrupted outfits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy import optimize, special

_SHARES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Calibration:
    """Settled on validation outfits, half of them real and half corrupted in category-preserving ways."""

    slope: float = 1.0
    """Inverse temperature."""
    intercept: float = 0.0
    """Added to the scaled logit."""
    real: tuple[float, ...] = ()
    """Logits below which 0, 1 … 100 % of the real validation outfits lie."""
    corrupted: tuple[float, ...] = ()
    """The same of the corrupted ones."""

    @classmethod
    def fit(cls, logits: Float[np.ndarray, " set"], labels: Int64[np.ndarray, " set"]) -> "Calibration":
        """Fit slope and intercept by maximum likelihood, and keep the quantiles of both kinds.

        The targets are drawn in from 0 and 1 by one imaginary case a kind, so that separable data have a finite slope.

        References:
            Platt, "Probabilistic Outputs for Support Vector Machines", 1999, section 2.2.
        """
        is_real = labels == 1
        count, rest = int(is_real.sum()), int((~is_real).sum())
        if not count or not rest:
            return cls()
        targets = np.where(is_real, (count + 1) / (count + 2), 1 / (rest + 2))

        def loss(parameters: np.ndarray) -> float:
            scaled = parameters[0] * logits + parameters[1]
            return float((np.logaddexp(0, scaled) - targets * scaled).mean())

        slope, intercept = optimize.minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
        return cls(
            # A negative slope would turn the order round; that is no calibration but another model.
            slope=max(float(slope), 1e-6),
            intercept=float(intercept),
            real=tuple(np.quantile(logits[is_real], _SHARES).tolist()),
            corrupted=tuple(np.quantile(logits[~is_real], _SHARES).tolist()),
        )

    def probability(self, logits: Float[np.ndarray, "*set"]) -> Float[np.ndarray, "*set"]:
        """Chance that an outfit is real, where as many real as corrupted ones are shown."""
        # Numbers that NumPy computes from an array without axes are no arrays any more.
        return np.asarray(special.expit(self.slope * np.asarray(logits, dtype=np.float64) + self.intercept))

    def percentile(self, logit: float, kind: str) -> float:
        """Percentage of the held-out outfits of a kind (``real`` or ``corrupted``) that score lower; NaN if unknown."""
        quantiles = self.real if kind == "real" else self.corrupted
        return float(np.interp(logit, quantiles, 100 * _SHARES)) if quantiles else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for a model card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> "Calibration":
        """Rebuild from a model card."""
        return cls(
            slope=float(numbers["slope"]),
            intercept=float(numbers["intercept"]),
            real=tuple(numbers["real"]),
            corrupted=tuple(numbers["corrupted"]),
        )
