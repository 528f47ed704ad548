"""Gaussian mixture on the codes: fitted by scikit-learn's EM, its size and kind chosen on held-out codes.

That a mixture is fitted to the codes of the training set and sampled instead of the prior is the paper's; number and
kind of the components are chosen here by likelihood, since full covariances over-fit soon.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from gramtex.config import Covariance
from hr_common.errors import InputError

_FEW = 20  # codes of a component below which its own quantile says nothing
_TRIES = 100  # draws before one is pulled to the limit; only a temperature far above 1 needs that


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights, means and covariances, in single precision."""

    weights: Float[Tensor, "component"]
    means: Float[Tensor, "component latent"]
    covariances: Float[Tensor, "component latent latent"]
    limits: Float[Tensor, "component"]
    """Squared Mahalanobis distances that a share of the codes (99 %) does not exceed, for truncation."""
    kind: str
    """``full`` or ``diag``."""
    scores: dict[str, float]
    """Mean log-likelihood of the held-out codes for every candidate, by name."""

    def __len__(self) -> int:
        return len(self.weights)

    def log_probabilities(self, codes: Float[Tensor, "n latent"]) -> Float[Tensor, "n component"]:
        """Log of weight times density of every component, in double precision."""
        factors = torch.linalg.cholesky(self.covariances.double())
        constant = codes.shape[1] * math.log(2 * math.pi)
        determinants = 2 * factors.diagonal(dim1=1, dim2=2).log().sum(1)
        logs: Tensor = self.weights.double().log() - (self.mahalanobis(codes) + determinants + constant) / 2
        return logs

    def mahalanobis(self, codes: Float[Tensor, "n latent"]) -> Float[Tensor, "n component"]:
        """Squared Mahalanobis distance to every component, in double precision."""
        factors = torch.linalg.cholesky(self.covariances.double())
        difference = codes.double()[None] - self.means.double()[:, None]
        solved: Tensor = torch.linalg.solve_triangular(factors, difference.mT, upper=False)
        return solved.square().sum(1).mT

    def log_likelihood(self, codes: Float[Tensor, "n latent"]) -> float:
        """Mean log-likelihood of codes."""
        return float(self.log_probabilities(codes).logsumexp(1).mean())

    def responsible(self, codes: Float[Tensor, "n latent"]) -> Int64[Tensor, "n"]:
        """Number of the component that most likely made each code."""
        return self.log_probabilities(codes).argmax(1)

    def sample(
        self,
        count: int,
        *,
        generator: np.random.Generator,
        temperature: float = 1.0,
        component: int | None = None,
        truncated: bool = True,
    ) -> tuple[Float[Tensor, "count latent"], Int64[Tensor, "count"]]:
        """Draw codes.

        Args:
            count: How many.
            generator: Source of the draws.
            temperature: Factor of the standard deviations.
            component: Draw from this one only.
            truncated: Repeat draws that lie farther from their component than its training codes do.

        Returns:
            Codes, and the number of the component that each was drawn from.

        Raises:
            InputError: There is no such component.
        """
        if component is not None and not 0 <= component < len(self):
            raise InputError(f"--component {component}: the mixture has components 0 to {len(self) - 1}")
        factors = torch.linalg.cholesky(self.covariances.double()).numpy()
        shares = self.weights.double().numpy() / self.weights.double().sum().item()
        chosen = generator.choice(len(self), count, p=shares) if component is None else np.full(count, component)
        codes = np.empty((count, self.means.shape[1]))
        for index, number in enumerate(chosen):
            limit = float(self.limits[number]) if truncated else math.inf
            codes[index] = self._whitened(temperature, limit, generator)
            codes[index] = factors[number] @ codes[index] + self.means[number].double().numpy()
        return torch.from_numpy(codes).float(), torch.from_numpy(chosen.astype(np.int64))

    def _whitened(
        self, temperature: float, limit: float, generator: np.random.Generator
    ) -> Float[np.ndarray, "latent"]:
        """A draw with unit covariance and a squared norm below the limit."""
        drawn = temperature * generator.standard_normal(self.means.shape[1])
        for _ in range(_TRIES):
            if (drawn**2).sum() <= limit:
                return drawn
            drawn = temperature * generator.standard_normal(self.means.shape[1])
        return drawn * min(1.0, math.sqrt(limit / (drawn**2).sum()))


def fit_mixture(
    train: Float[Tensor, "n latent"],
    held_out: Float[Tensor, "m latent"],
    *,
    components: Sequence[int] = (1, 2, 5, 10, 20, 40),
    covariance: Covariance = "auto",
    ridge: float = 1e-3,
    truncation: float = 0.99,
    seed: int = 0,
) -> Mixture:
    """Fit candidates to the training codes and keep the one under which the held-out codes are likeliest.

    Args:
        train: Codes of the training set by the very model that is released.
        held_out: Codes of other groups.
        components: Numbers of components to try; those above a third of the codes are left out.
        covariance: Kind, or ``auto`` to try both.
        ridge: Added to the covariances, as a share of the mean variance of the codes.
        truncation: Quantile that the limits are set at.
        seed: Of the k-means++ starts.

    Raises:
        InputError: There are too few codes.
    """
    codes, others = train.double().numpy(), held_out.double().numpy()
    possible = [count for count in components if 3 * count <= len(codes)]
    if len(codes) < 3 or len(others) < 1 or not possible:
        raise InputError(f"a mixture needs more codes than {len(codes)} for training and {len(others)} held out")
    candidates: dict[str, GaussianMixture] = {}
    scores: dict[str, float] = {}
    for kind in ("full", "diag") if covariance == "auto" else (covariance,):
        for count in possible:
            fitted = GaussianMixture(
                count,
                covariance_type=kind,
                reg_covar=ridge * float(codes.var(0).mean()),
                init_params="k-means++",
                max_iter=200,
                random_state=seed,
            )
            with warnings.catch_warnings():
                # A candidate that is still moving after 200 rounds is judged as it is.
                warnings.simplefilter("ignore", ConvergenceWarning)
                fitted.fit(codes)
            name = f"{count} {kind}"
            candidates[name], scores[name] = fitted, float(fitted.score(others))
    best = max(scores, key=lambda name: scores[name])
    return from_scikit(candidates[best], train, truncation=truncation, scores=scores)


def from_scikit(
    fitted: GaussianMixture, codes: Float[Tensor, "n latent"], *, truncation: float = 0.99, scores: dict[str, float]
) -> Mixture:
    """Take over a fitted mixture, and set its limits by the codes that each component answers for."""
    kind = fitted.covariance_type
    full = fitted.covariances_ if kind == "full" else np.stack([np.diag(each) for each in fitted.covariances_])
    weights, means, covariances = (
        torch.from_numpy(np.asarray(each)).float() for each in (fitted.weights_, fitted.means_, full)
    )
    mixture = Mixture(weights, means, covariances, torch.full_like(weights, math.inf), kind, scores)
    if truncation >= 1:
        return mixture
    distances, owners = mixture.mahalanobis(codes), mixture.responsible(codes)
    own = distances.gather(1, owners[:, None])[:, 0]
    everywhere = own.quantile(truncation)
    limits = []
    for number in range(len(mixture)):
        mine = own[owners == number]
        limits.append(mine.quantile(truncation) if len(mine) >= _FEW else everywhere)
    return replace(mixture, limits=torch.stack(limits).float())
