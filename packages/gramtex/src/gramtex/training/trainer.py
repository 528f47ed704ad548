"""One training step of the Gram-WAE, and what is measured between steps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gramtex.config import GramtexConfig
from gramtex.extraction import GramCache
from gramtex.losses import (
    discriminator_loss,
    hinge_discriminator_loss,
    imq_mmd,
    matching_loss,
    reconstruction_loss,
)
from gramtex.networks.gram_autoencoder import GramAutoEncoder, Reconstruction
from gramtex.networks.latent_discriminator import LatentDiscriminator, VectorDiscriminator
from gramtex.psd import clip_eigenvalues
from gramtex.training.gram_data import LevelFeatures, Rows, whole_levels
from hr_common.device import ProcessGroup

_PROJECTIONS = ("encoders", "decoders")
_NU_SAMPLES = 16


@dataclass(frozen=True)
class Schedule:
    """Numbers of one stage."""

    name: str
    steps: int
    batch: int
    learning_rate: float
    projected: bool
    """Whether the bilinear maps are fixed, so that Gram sets are projected once."""


def schedules(config: GramtexConfig) -> tuple[Schedule, ...]:
    """Stage A behind fixed projections, stage B with everything released; an fc transform has no stage B."""
    training = config.training
    first = Schedule("a", training.steps, training.batch, training.learning_rate, projected=True)
    second = Schedule("b", training.steps_b, training.batch_b, training.learning_rate_b, projected=False)
    return (first, second) if config.model.transform == "gram" and training.steps_b else (first,)


class Trainer:
    """Networks, optimisers and data of one stage.

    Everything that is drawn follows from the seed, the stage and the step, so a trainer has no random state of its own.

    Args:
        model: The auto-encoder, on its device, fitted and started.
        config: All settings.
        schedule: The stage.
        cache: Gram sets.
        train: Rows to learn from.
        val: Rows of held-out groups.
        seed: Of the run.
        group: The processes that share every batch.
    """

    def __init__(
        self,
        model: GramAutoEncoder,
        config: GramtexConfig,
        schedule: Schedule,
        *,
        cache: GramCache,
        train: Rows,
        val: Rows,
        seed: int,
        group: ProcessGroup,
    ) -> None:
        self.model, self.config, self.schedule, self.cache = model, config, schedule, cache
        self.train_rows, self.val_rows, self.seed, self.group = train, val, seed, group
        self.device = next(model.parameters()).device
        settings = config.training
        betas = (settings.beta1, 0.999)
        if config.model.transform == "gram":
            for number in range(len(config.model.levels)):
                for coder in (model.encoders[number], model.decoders[number]):
                    coder.get_parameter("basis").requires_grad_(not schedule.projected)
        self.wrapped: nn.Module = model
        if group.world_size > 1:
            # The statistics of the code norm are already those of all processes.
            self.wrapped = DistributedDataParallel(model, broadcast_buffers=False)
        learnt = [each for each in model.parameters() if each.requires_grad]
        self.optimiser = torch.optim.Adam(learnt, lr=schedule.learning_rate, betas=betas)
        self.adversaries = nn.ModuleDict()
        if settings.match == "gan":
            self.adversaries["latent"] = LatentDiscriminator(config.model.latent, settings.discriminator_width)
        if settings.gram_gan:
            inputs = len(config.model.levels) * config.model.width
            self.adversaries["vectors"] = VectorDiscriminator(inputs, settings.discriminator_width)
        self.adversaries.to(self.device)
        self.adversary_optimiser = (
            torch.optim.Adam(self.adversaries.parameters(), lr=settings.discriminator_learning_rate, betas=betas)
            if len(self.adversaries)
            else None
        )
        self.features = LevelFeatures(model, cache, train) if schedule.projected else None
        self.batches_an_epoch = len(train) // schedule.batch

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Everything with a state, for checkpoints."""
        parts: dict[str, nn.Module | torch.optim.Optimizer] = {"model": self.model, "optimiser": self.optimiser}
        if self.adversary_optimiser is not None:
            parts |= {"adversaries": self.adversaries, "adversary_optimiser": self.adversary_optimiser}
        return parts

    def run(self, start: int) -> Iterator[dict[str, float]]:
        """Train from a step to the end of the stage, and yield the figures of every step."""
        order = np.empty(0, dtype=np.int64)
        for step in range(start, self.schedule.steps):
            epoch, place = divmod(step, self.batches_an_epoch)
            if place == 0 or not len(order):
                order = self._numpy(epoch, 1).permutation(len(self.train_rows))
            # No number of numpy's: the rate is saved with the optimiser, and read without unpickling.
            rate = self.schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.schedule.steps))
            for parameters in self.optimiser.param_groups:
                parameters["lr"] = rate
            first = place * self.schedule.batch
            yield self._step(step, order[first : first + self.schedule.batch])

    def _numpy(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, ord(self.schedule.name), *numbers])

    def _normal(self, step: int, count: int, kind: int) -> Tensor:
        """Standard normal codes of a step; all processes draw the same."""
        drawn = self._numpy(step, kind).standard_normal((count, self.config.model.latent), dtype=np.float32)
        return torch.from_numpy(drawn).to(self.device)

    def _levels(self, positions: Rows) -> list[Tensor]:
        if self.features is not None:
            return self.features.batch(torch.from_numpy(positions), self.device)
        return whole_levels(self.model, self.cache, self.train_rows[positions], self.device)

    def _step(self, step: int, positions: Rows) -> dict[str, float]:
        settings, count = self.config.training, len(positions)
        share = count // self.group.world_size
        own = positions[self.group.rank * share : (self.group.rank + 1) * share]
        self.model.train()
        levels = self._levels(own)
        whole = share * self.group.world_size
        prior, noise = self._normal(step, whole, 2), self._normal(step, whole, 3) * settings.noise
        made: Reconstruction = self.wrapped(
            levels, noise if settings.noise else None, rank=self.group.rank, projected=self.schedule.projected
        )
        errors = reconstruction_loss(made.levels, levels)
        rec = errors.sum()
        figures = {"rec": float(rec.detach())}
        if settings.match == "mmd":
            match = imq_mmd(made.codes, prior)
        else:
            match = matching_loss(self.adversaries["latent"](made.codes))
        loss = rec + settings.match_weight * match
        if settings.gram_gan:
            imagined = torch.cat(self.model.structure.decode(prior), dim=1)
            loss = loss - settings.gram_gan * self.adversaries["vectors"](imagined).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        self.optimiser.step()
        figures |= {"match": float(match.detach()), "loss": float(loss.detach())}
        if self.adversary_optimiser is not None:
            figures["adversary"] = self._adversary_step(made, prior)
        return figures

    def _adversary_step(self, made: Reconstruction, prior: Tensor) -> float:
        loss = prior.new_zeros(())
        if "latent" in self.adversaries:
            latent = self.adversaries["latent"]
            loss = loss + discriminator_loss(latent(prior), latent(made.codes.detach()))
        if "vectors" in self.adversaries:
            vectors = self.adversaries["vectors"]
            with torch.no_grad():
                imagined = torch.cat(self.model.structure.decode(prior), dim=1)
                real = torch.cat(made.vectors, dim=1)
            loss = loss + hinge_discriminator_loss(vectors(real), vectors(imagined))
        assert self.adversary_optimiser is not None  # for the type checker
        self.adversary_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        self.adversary_optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def measure(self) -> dict[str, float | list[float]]:
        """Held-out reconstruction by level, the codes' distance to the prior and their spread, and ν."""
        self.model.eval()
        errors = torch.zeros(len(self.config.model.levels), device=self.device)
        codes = []
        for start in range(0, len(self.val_rows), 32):
            rows = self.val_rows[start : start + 32]
            levels = whole_levels(self.model, self.cache, rows, self.device)
            made = self.model(levels, projected=False)
            errors += reconstruction_loss(made.levels, levels) * len(rows)
            codes.append(made.codes)
        code = torch.cat(codes)
        prior = torch.from_numpy(np.random.default_rng(self.seed).standard_normal((1000, code.shape[1])))
        mmd = float(imq_mmd(code, prior.to(code)))
        decoded = self.model.decode(code[:: max(1, len(code) // _NU_SAMPLES)][:_NU_SAMPLES])
        nu = torch.stack([clip_eigenvalues(level)[1] for level in decoded]).amax(0)
        per_level = (errors / len(self.val_rows)).tolist()
        return {
            "val_rec": sum(per_level),
            "val_rec_levels": per_level,
            "val_mmd": mmd,
            "val_std": float(code.std(0).mean()),
            "val_nu": float(nu.mean()),
            "val_loss": sum(per_level) + self.config.training.match_weight * mmd,
        }
