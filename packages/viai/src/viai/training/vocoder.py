"""Training of the WaveNet on true spectrograms."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hr_common.device import autocast
from viai.checkpoints import save_network
from viai.config import TrainingConfig, ViaiConfig
from viai.data.crops import SoundBatch
from viai.mixture import discretized_mix_logistic_loss
from viai.networks.wavenet import WaveNet
from viai.spectrogram import MelSpectrogram
from viai.training.loop import MovingAverage, Stateful, learning_rate_factor


def noam_factor(step: int, config: TrainingConfig) -> float:
    """Linear rise over ``warmup_steps``, then the inverse square root of the step (Vaswani et al., 2017, eq. 3).

    One at the peak. Over the last ``decay_steps``, if any, it also falls linearly to zero.
    """
    warmup = config.warmup_steps
    rise_and_fall = min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))
    return rise_and_fall * learning_rate_factor(step, config)


class VocoderStage:
    """The WaveNet: likelihood of the next sample, given the true past and the true spectrogram."""

    name = "wavenet"

    def __init__(
        self,
        network: WaveNet,
        config: ViaiConfig,
        batches: Callable[[int], SoundBatch],
        *,
        fingerprint: Mapping[str, object],
        device: torch.device,
        wrap: Callable[[nn.Module], nn.Module],
    ) -> None:
        self.config = config
        self.batches = batches
        self.fingerprint = fingerprint
        self.device = device
        self.mel = MelSpectrogram(config.spectrogram).to(device)
        self.network = network.to(device)
        self.parallel_network = wrap(self.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), config.training.wavenet_learning_rate)
        self.average = MovingAverage(self.network, config.training.ema_decay)

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes."""
        return {"network": self.network, "optimiser": self.optimiser, "average": self.average}

    def update(self, step: int) -> Mapping[str, float]:
        """Raise the likelihood of the batch of this step."""
        training = self.config.training
        for group in self.optimiser.param_groups:
            group["lr"] = training.wavenet_learning_rate * noam_factor(step, training)
        batch = self.batches(step)
        samples = batch.samples.to(self.device)
        # Analysed with its surroundings: a frame at the edge of the crop sees the sound outside it.
        mel = self.mel(batch.surroundings.to(self.device))
        self.network.train()
        with autocast(self.device, training.autocast):
            parameters: Tensor = self.parallel_network(samples, mel, start=batch.lead)
        parameters = parameters.float()
        nll = discretized_mix_logistic_loss(parameters, samples, min_log_scale=self.config.wavenet.min_log_scale)
        loss = nll.mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.average.update()
        return {"nll": loss.item(), "gradient_norm": float(norm)}

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
