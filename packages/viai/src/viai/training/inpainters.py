"""Training of VIAI-A and VIAI-AV against a patch discriminator."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hr_common.device import autocast
from viai.checkpoints import save_network
from viai.config import ViaiConfig
from viai.data.batches import WindowBatch
from viai.losses import (
    adversarial_loss,
    discriminator_loss,
    eta,
    onset_loss,
    reconstruction_loss,
    synchronisation_loss,
)
from viai.networks.discriminator import PatchDiscriminator
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.picture import normalise
from viai.spectrogram import MelSpectrogram, interpolate_unknown
from viai.training.loop import MovingAverage, Stateful, learning_rate_factor

BatchSource = Callable[[int], WindowBatch]


class _InpainterStage:
    """What both stages share: front end, discriminator, optimisers, average."""

    name: str

    def __init__(
        self,
        network: nn.Module,
        config: ViaiConfig,
        batches: BatchSource,
        *,
        fingerprint: Mapping[str, object],
        device: torch.device,
        seed: int,
        wrap: Callable[[nn.Module], nn.Module],
    ) -> None:
        self.config = config
        self.batches = batches
        self.fingerprint = fingerprint
        self.device = device
        self.seed = seed
        self.mel = MelSpectrogram(config.spectrogram).to(device)
        # Channels last: two to three times faster on a CPU.
        self.network = network.to(device).to(memory_format=torch.channels_last)
        discriminator = PatchDiscriminator(config.network.discriminator_channels)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.parallel_network = wrap(self._training_pass())
        self.parallel_discriminator = wrap(self.discriminator)
        training = config.training
        self.optimiser = torch.optim.Adam(self._groups(), training.learning_rate, training.betas)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), training.learning_rate, training.betas
        )
        self.average = MovingAverage(self.network, training.ema_decay)

    def _training_pass(self) -> nn.Module:
        """Module whose call holds all that needs gradients of the network."""
        return self.network

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters with the multiple of the step size at which they learn."""
        return [{"params": list(self.network.parameters()), "rate": 1.0}]

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes."""
        return {
            "network": self.network,
            "discriminator": self.discriminator,
            "optimiser": self.optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
            "average": self.average,
        }

    def export(self, path: Path, *, step: int, seed: int) -> None:
        """Write the averaged weights with their card."""
        save_network(
            path,
            self.average.average,
            stage=self.name,
            config=self.config,
            step=step,
            seed=seed,
            data=self.fingerprint,
        )

    def _spectrograms(
        self, batch: WindowBatch
    ) -> tuple[Float[Tensor, "batch 1 band frame"], Float[Tensor, "batch 1 band frame"], Bool[Tensor, "batch frame"]]:
        """Target, input with straight lines over the gap, and mask of the unknown frames."""
        samples = batch.samples.to(self.device)
        unknown = batch.unknown_frames(self.config.spectrogram).to(self.device)
        target = self.mel(samples)
        known = interpolate_unknown(target, unknown)
        return target.unsqueeze(1), known.unsqueeze(1), unknown

    def _autocast(self) -> AbstractContextManager[None]:
        return autocast(self.device, self.config.training.autocast)

    def _step_sizes(self, step: int) -> None:
        factor = learning_rate_factor(step, self.config.training)
        for optimiser in (self.optimiser, self.discriminator_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = self.config.training.learning_rate * factor * group.get("rate", 1.0)

    def _update_discriminator(
        self, step: int, target: Float[Tensor, "batch 1 band frame"], painted: Float[Tensor, "batch 1 band frame"]
    ) -> float:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        smoothing = 0.1 * torch.rand((), generator=generator).to(self.device)
        self.discriminator.train()
        self.discriminator.requires_grad_(True)
        with self._autocast():
            real, fake = self.parallel_discriminator(target), self.parallel_discriminator(painted.detach())
        loss = discriminator_loss(real.float(), fake.float(), smoothing)
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator_optimiser.step()
        # Frozen, and in eval mode: while the generator learns, batch statistics would see fakes only.
        self.discriminator.eval()
        self.discriminator.requires_grad_(False)
        return loss.item()

    def _generator_loss(
        self,
        step: int,
        painted: Float[Tensor, "batch 1 band frame"],
        target: Float[Tensor, "batch 1 band frame"],
        unknown: Bool[Tensor, "batch frame"],
    ) -> tuple[Float[Tensor, ""], float, float]:
        """L_gen of the paper: adversarial term plus weighted reconstruction; both also as plain numbers."""
        training = self.config.training
        eta1 = eta(step, decay=training.eta_decay, floor=training.eta_floor)
        rec = reconstruction_loss(painted.squeeze(1), target.squeeze(1), unknown, whole=training.lambda_whole * eta1)
        if step < training.gan_start:
            return training.lambda_rec * rec, rec.item(), 0.0
        with self._autocast():
            judged = self.discriminator(painted)
        gan = adversarial_loss(judged.float())
        return training.lambda_gan * gan + training.lambda_rec * rec, rec.item(), gan.item()

    def _apply(self, loss: Float[Tensor, ""]) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.average.update()


class AudioStage(_InpainterStage):
    """VIAI-A: sound alone."""

    name = "viai-a"
    network: AudioInpainter

    def update(self, step: int) -> Mapping[str, float]:
        """Teach the discriminator, then the network, on the batch of this step."""
        self._step_sizes(step)
        target, known, unknown = self._spectrograms(self.batches(step))
        self.network.train()
        with self._autocast():
            painted: Tensor = self.parallel_network(known)
        painted = painted.float()
        judge = self._update_discriminator(step, target, painted) if step >= self.config.training.gan_start else 0.0
        loss, rec, gan = self._generator_loss(step, painted, target, unknown)
        self._apply(loss)
        return {"reconstruction": rec, "adversarial": gan, "discriminator": judge}


class _AudioVisualPass(nn.Module):
    """One call for everything that needs gradients, so that DistributedDataParallel sees all of it."""

    def __init__(self, network: AudioVisualInpainter) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        target: Float[Tensor, "batch 1 band frame"],
        known: Float[Tensor, "batch 1 band frame"],
        frames: Float[Tensor, "batch time 3 h w"],
        flow: Float[Tensor, "batch time 2 h w"],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Return painting, painting of the probe, visual code, intact audio code, and onsets told by the picture."""
        network, encoder = self.network, self.network.video_encoder
        described = encoder.describe(frames, flow)
        sight, detail = encoder.fuse(described), encoder.detail(described)
        # The probe reads the answer's code without teaching the encoder to smuggle more into it.
        with torch.no_grad():
            intact = network.audio_encoder(target).code
        if detail is None:
            return network.paint(known, sight, None), network.paint(known, intact, None), sight, intact, None
        # The probe teaches nobody but those who read the intact code.
        probed = network.paint(known, intact, detail.detach())
        return network.paint(known, sight, detail), probed, sight, intact, encoder.onsets(detail)


class AudioVisualStage(_InpainterStage):
    """VIAI-AV: sound and sight, with the synchronisation loss and the probe VIAI-AA'."""

    name = "viai-av"
    network: AudioVisualInpainter

    def _training_pass(self) -> nn.Module:
        return _AudioVisualPass(self.network)

    def _groups(self) -> list[dict[str, Any]]:
        seeing = list(self.network.video_encoder.parameters())
        hearing = [*self.network.audio_encoder.parameters(), *self.network.decoder.parameters()]
        return [{"params": hearing, "rate": 1.0}, {"params": seeing, "rate": self.config.training.picture_rate}]

    def update(self, step: int) -> Mapping[str, float]:
        """Teach the discriminator, then the network, on the batch of this step."""
        training = self.config.training
        self._step_sizes(step)
        batch = self.batches(step)
        target, known, unknown = self._spectrograms(batch)
        frames, flow = normalise(batch.frames.to(self.device)), normalise(batch.flow.to(self.device))
        self.network.train()
        with self._autocast():
            outputs = self.parallel_network(target, known, frames, flow)
        painted, probed, sight, intact = (output.float() for output in outputs[:4])
        told = outputs[4]
        judge = self._update_discriminator(step, target, painted) if step >= training.gan_start else 0.0
        loss, rec, gan = self._generator_loss(step, painted, target, unknown)
        probe, probe_rec, _ = self._generator_loss(step, probed, target, unknown)
        eta2 = eta(step, decay=training.eta_decay, floor=training.eta_floor)
        sync = synchronisation_loss(sight, intact, training.sync_margin)
        onset = sync.new_zeros(()) if told is None else onset_loss(told.float(), target.squeeze(1))
        self._apply(loss + eta2 * probe + training.lambda_sync * sync + training.lambda_onset * onset)
        return {
            "reconstruction": rec,
            "probe": probe_rec,
            "adversarial": gan,
            "discriminator": judge,
            "synchronisation": sync.item(),
            "onset": onset.item(),
        }
