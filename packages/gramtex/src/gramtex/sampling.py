"""Gram sets of cloth that never existed: codes drawn, decoded, made valid, and refused where they left the manifold."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gramtex.baselines.neighbour import neighbour_codes
from gramtex.checkpoints import LoadedModel, load_model
from gramtex.config import Kind, SamplingConfig
from gramtex.descriptors import GramSet
from gramtex.metrics import nearest_distances, typical_distance
from gramtex.psd import clip_eigenvalues, negative_share
from hr_common.errors import InputError

logger = logging.getLogger(__name__)

_CANDIDATES = 256  # draws from which a fine part is chosen that fits a given coarse one
_FITTING = 8


@dataclass(frozen=True, eq=False)
class SampledGrams:
    """A drawn Gram set and what is known of it."""

    gram_set: GramSet
    """Positive semi-definite."""
    nu: float
    """Share of negative eigenvalues that was clipped, in the worst level."""
    code: Float[Tensor, "latent"]
    """What it was decoded from."""
    component: int | None
    """Of the mixture; None for other samplers."""
    redraws: int
    """Draws that were refused."""
    novelty: float
    """Distance to the nearest training code, relative to the median of that among training codes."""


class Sampler:
    """Draws Gram sets from a trained model.

    Args:
        model: As :func:`gramtex.checkpoints.load_model` gives it.
        config: How to draw; by default as the model was trained with.
    """

    def __init__(self, model: LoadedModel, config: SamplingConfig | None = None) -> None:
        self.model = model
        self.config = model.config.sampling if config is None else config

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, *, device: torch.device | str = "cpu") -> Sampler:
        """Open a model file; by default the model that ships.

        Raises:
            InputError: The file is no model.
        """
        return cls(load_model(path, device=device))

    @functools.cached_property
    def _typical(self) -> float:
        return typical_distance(self.model.training.codes, self.model.training.groups)

    def novelty(self, code: Float[Tensor, "latent"]) -> float:
        """Distance of a code to the nearest training code, relative to the median of that among different groups."""
        return float(nearest_distances(code[None], self.model.training.codes)[0]) / self._typical

    @property
    def _device(self) -> torch.device:
        return next(self.model.network.parameters()).device

    def encode(self, grams: GramSet) -> Float[Tensor, "latent"]:
        """Code of a Gram set.

        Raises:
            InputError: It belongs to another encoder, or lacks levels.
        """
        config = self.model.config.model
        if grams.encoder != config.encoder or grams.weights_hash != self.model.weights_hash:
            raise InputError(
                f"the Gram set was measured with {grams.encoder} ({grams.weights_hash}), the model needs "
                f"{config.encoder} ({self.model.weights_hash})"
            )
        if missing := [level for level in config.levels if level not in grams.levels]:
            raise InputError(f"the Gram set has no level {', '.join(missing)} (found: {', '.join(grams.levels)})")
        code: Tensor = self.model.network.encode([grams[level][None].to(self._device) for level in config.levels])[0]
        return code.cpu()

    def decode(self, code: Float[Tensor, "latent"]) -> tuple[GramSet, float]:
        """Gram set of a code, and its ν before clipping (worst level)."""
        return self._valid(self.model.network.decode(code[None].to(self._device)))

    def _valid(self, levels: list[Float[Tensor, "1 _ _"]]) -> tuple[GramSet, float]:
        clipped = [clip_eigenvalues(level[0], keep_trace=True) for level in levels]
        config = self.model.config.model
        matrices = tuple(matrix.cpu() for matrix, _ in clipped)
        nu = max(float(share) for _, share in clipped)
        return GramSet(config.encoder, config.levels, self.model.weights_hash, matrices), nu

    def codes(
        self,
        count: int,
        *,
        generator: np.random.Generator,
        kind: Kind | None = None,
        temperature: float | None = None,
        component: int | None = None,
        truncated: bool = True,
    ) -> tuple[Float[Tensor, "count latent"], list[int | None]]:
        """Draw codes without decoding them.

        Args:
            count: How many.
            generator: Source of the draws.
            kind: ``mixture``; ``prior``, the standard normal; or ``neighbours``, combinations of a training code and
                its nearest ones of other sources. By default as configured, or the mixture if a component is asked for.
            temperature: Factor of the standard deviations of mixture and prior; by default the configured one.
            component: Of the mixture, to draw from this one only.
            truncated: Repeat mixture draws that lie farther out than training codes.

        Raises:
            InputError: The model has no mixture, or no such component.
        """
        if kind is None:
            kind = self.config.sampler if component is None else "mixture"
        heat = self.config.temperature if temperature is None else temperature
        if kind == "neighbours":
            training = self.model.training
            codes = neighbour_codes(
                training.codes, count, generator, nearest=self.config.neighbours, groups=training.groups
            )
            return codes, [None] * count
        if kind == "prior":
            drawn = heat * generator.standard_normal((count, self.model.config.model.latent))
            return torch.from_numpy(drawn).float(), [None] * count
        if self.model.mixture is None:
            raise InputError("the model has no mixture; fit one with gramtex fit-gmm, or sample with --prior")
        codes, chosen = self.model.mixture.sample(
            count, generator=generator, temperature=heat, component=component, truncated=truncated
        )
        return codes, [int(number) for number in chosen]

    def sample(
        self,
        count: int,
        *,
        generator: np.random.Generator,
        kind: Kind | None = None,
        temperature: float | None = None,
        component: int | None = None,
        near: GramSet | None = None,
        keep_coarse: GramSet | None = None,
        coarse_levels: int = 1,
    ) -> list[SampledGrams]:
        """Draw Gram sets; those with too many negative eigenvalues, or too near to a training code, are drawn again.

        Args:
            count: How many.
            generator: Source of the draws.
            kind: Which sampler; see :meth:`codes`.
            temperature: Factor of the standard deviations; by default the configured one.
            component: Of the mixture, to draw from this one only.
            near: Draw from the component that most likely made this Gram set.
            keep_coarse: Take the coarsest levels from this Gram set, and from drawn codes only the finer ones. Of many
                draws one is taken whose own coarse levels are near, so that both parts fit.
            coarse_levels: How many levels are kept.

        Raises:
            InputError: Options contradict each other, or a given Gram set does not fit the model.
        """
        if near is not None:
            if component is not None or kind not in (None, "mixture") or self.model.mixture is None:
                raise InputError("--near chooses a component of the mixture; leave --component and other samplers out")
            component = int(self.model.mixture.responsible(self.encode(near)[None])[0])
        levels = len(self.model.config.model.levels)
        if not 1 <= coarse_levels < levels:
            raise InputError(f"--coarse-levels {coarse_levels}: the model has {levels} levels; keep 1 to {levels - 1}")
        kept = None if keep_coarse is None else self._vectors(self.encode(keep_coarse)[None])[-coarse_levels:]
        drawn = []
        for _ in range(count):
            best, excess, tries = None, math.inf, -1
            while excess > 1 and tries + 1 < self.config.redraws:
                tries += 1
                one, numbers = self.codes(
                    1 if kept is None else _CANDIDATES,
                    generator=generator,
                    kind=kind,
                    temperature=temperature,
                    component=component,
                )
                place = 0 if kept is None else self._fitting(one, kept, generator)
                vectors = self._vectors(one[place : place + 1])
                if kept is not None:
                    vectors[-coarse_levels:] = kept
                nearness = _ratio(self.config.min_novelty, self.novelty(one[place]))
                if nearness >= excess:
                    continue  # no need to decode it
                made = self.model.network.decode_vectors(vectors)
                nu = max(float(negative_share(each[0])) for each in made)
                if (beyond := max(nearness, _ratio(nu, self.config.max_nu))) < excess:
                    best, excess = (made, one[place], numbers[place]), beyond
            assert best is not None  # there is at least one draw
            made, code, chosen = best
            drawn.append(SampledGrams(*self._valid(made), code, chosen, tries, self.novelty(code)))
        config = self.config
        if refused := sum(each.nu > config.max_nu or each.novelty < config.min_novelty for each in drawn):
            logger.warning(
                "%d of %d samples stayed above ν = %g or below novelty %g after %d draws; the best draws were kept",
                refused, count, config.max_nu, config.min_novelty, config.redraws,
            )  # fmt: skip
        return drawn

    def _vectors(self, codes: Float[Tensor, "n latent"]) -> list[Float[Tensor, "n width"]]:
        return self.model.network.structure.decode(codes.to(self._device))

    def _fitting(
        self, codes: Float[Tensor, "n latent"], kept: list[Float[Tensor, "1 width"]], generator: np.random.Generator
    ) -> int:
        """Number of a code among those whose coarse vectors are nearest to the kept ones."""
        coarse = torch.cat(self._vectors(codes)[-len(kept) :], dim=1)
        nearest = torch.cdist(torch.cat(kept, dim=1), coarse)[0].topk(min(_FITTING, len(codes)), largest=False).indices
        return int(nearest[int(generator.integers(len(nearest)))])


def _ratio(value: float, limit: float) -> float:
    """How far a value is beyond its limit, as a factor: 1 and less is well."""
    return 0.0 if value <= 0 else min(value / max(limit, 1e-12), 1e12)
