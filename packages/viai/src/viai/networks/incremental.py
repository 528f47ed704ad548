"""The WaveNet one sample at a time: what is kept between samples, and a loop in plain PyTorch.

A layer looks back at its own input, so the last ``(kernel - 1) * dilation`` inputs of every layer are kept in a ring.
One parallel pass over the known past fills all rings; afterwards a sample costs a few small matrix products a layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from viai.networks.residual_stack import HALF

if TYPE_CHECKING:
    from viai.networks.wavenet import WaveNet


@dataclass(frozen=True)
class PackedWeights:
    """The weights as contiguous matrices (input, output), weight norm resolved."""

    first: Float[Tensor, " residual"]
    first_bias: Float[Tensor, " residual"]
    taps: Float[Tensor, "layer tap residual gate"]
    outputs: Float[Tensor, "layer half output"]
    output_biases: Float[Tensor, "layer output"]
    hidden: Float[Tensor, "skip skip"]
    hidden_bias: Float[Tensor, " skip"]
    last: Float[Tensor, "skip parameter"]
    last_bias: Float[Tensor, " parameter"]
    linear: Float[Tensor, " linear"]
    conditioning: Float[Tensor, "layer band gate"]
    gate_biases: Float[Tensor, "layer gate"]

    @classmethod
    def of(cls, network: WaveNet) -> PackedWeights:
        """Copy the present weights of a network."""
        config = network.config
        looking_back = config.kernel * config.residual_channels
        gates, gate_biases = network.gate_matrices()
        outputs, output_biases = network.output_matrices()
        gate_matrix = gates.transpose(1, 2)
        return cls(
            first=network.first.weight.flatten().contiguous(),
            first_bias=network.first.bias.contiguous(),
            taps=gate_matrix[:, :looking_back].reshape(config.layers, config.kernel, config.residual_channels, -1),
            outputs=outputs.transpose(1, 2).contiguous(),
            output_biases=output_biases,
            hidden=network.hidden.weight.squeeze(-1).T.contiguous(),
            hidden_bias=network.hidden.bias.contiguous(),
            last=network.last.weight.squeeze(-1).T.contiguous(),
            last_bias=network.last.bias.contiguous(),
            linear=network.linear.detach().contiguous(),
            conditioning=gate_matrix[:, looking_back:].contiguous(),
            gate_biases=gate_biases,
        )


class IncrementalState:
    """Everything that has to be known between two samples.

    Args:
        network: In the mode and precision in which it shall run.
        past: Known samples in [-1, 1]; may be empty. Only the receptive field is looked at.
        mel: Levels in [0, 1] from the first sample of ``past`` to the last sample to come; None without conditioning.
        start: Position of the first sample of ``past`` in the time of the mel spectrogram.
    """

    def __init__(
        self,
        network: WaveNet,
        past: Float[Tensor, "batch past"],
        mel: Float[Tensor, "batch band frame"] | None,
        *,
        start: int = 0,
    ) -> None:
        config = network.config
        self.network = network
        self.weights = PackedWeights.of(network)
        self.dilations = config.dilations
        self.sizes = tuple((config.kernel - 1) * dilation for dilation in self.dilations)
        self.offsets = tuple(sum(self.sizes[:layer]) for layer in range(len(self.sizes)))
        self.position = 0
        self.newest = past[:, -1] if past.shape[1] else past.new_zeros(len(past))
        # What the linear prediction looks at, up to the sample before the newest.
        taps = config.linear_taps
        self.recent = functional.pad(past, (taps + 1, 0))[:, past.shape[1] : past.shape[1] + taps].contiguous()
        self.rings = past.new_zeros(sum(self.sizes), len(past), config.residual_channels)
        self._mel, self._begin = mel, start + past.shape[1]
        self._warm_up(past, mel, start)

    def _warm_up(self, past: Tensor, mel: Tensor | None, start: int) -> None:
        """Fill the rings with the inputs that every layer had for the samples of the past."""
        known = min(past.shape[1], self.network.config.receptive_field - 1)
        if known == 0:
            return
        skipped = past.shape[1] - known
        shifted = past[:, skipped - 1 : -1] if skipped else functional.pad(past, (1, 0))[:, :-1]
        condition = self.network.condition(mel, start + skipped, known)
        x: Tensor = self.network.first(shifted.unsqueeze(1))
        for layer, size, offset in zip(self.network.layers, self.sizes, self.offsets, strict=True):
            kept = min(size, known)
            # The oldest input lies where position zero of the coming samples will look for it and then overwrite it.
            self.rings[offset + size - kept : offset + size] = x[..., known - kept :].permute(2, 0, 1)
            x, _ = layer(x, condition)

    def signals(self, begin: int, end: int) -> Float[Tensor, "time layer batch gate"]:
        """What conditioning and biases add to the gate signals of the coming samples from ``begin`` to ``end``."""
        weights = self.weights
        layers, bands, gate = weights.conditioning.shape
        condition = self.network.condition(self._mel, self._begin + begin, end - begin)
        if condition is None:
            return weights.gate_biases[None, :, None].repeat(end - begin, 1, self.rings.shape[1], 1)
        matrix = weights.conditioning.transpose(0, 1).reshape(bands, layers * gate)
        together = torch.addmm(weights.gate_biases.flatten(), condition.permute(2, 0, 1).reshape(-1, bands), matrix)
        return together.view(end - begin, -1, layers, gate).transpose(1, 2).contiguous()

    def step(self, signals: Float[Tensor, "layer batch gate"]) -> Float[Tensor, "batch parameter"]:
        """Compute the distribution of the next sample from ``newest``, the one before it.

        The caller then stores the sample drawn in ``newest``.
        """
        weights = self.weights
        x = self.newest[:, None] * weights.first + weights.first_bias
        channels, half = x.shape[1], weights.outputs.shape[1]
        total = x.new_zeros(len(x), weights.hidden.shape[0])
        for layer, (dilation, size, offset) in enumerate(zip(self.dilations, self.sizes, self.offsets, strict=True)):
            inputs = [
                self.rings[offset + (self.position + tap * dilation) % size] for tap in range(weights.taps.shape[1] - 1)
            ]
            before = torch.addmm(signals[layer], torch.cat((*inputs, x), dim=1), weights.taps[layer].flatten(0, 1))
            self.rings[offset + self.position % size] = x
            gated = torch.tanh(before[:, :half]) * torch.sigmoid(before[:, half:])
            outputs = torch.addmm(weights.output_biases[layer], gated, weights.outputs[layer])
            x = (x + outputs[:, :channels]) * HALF
            total = (total + outputs[:, channels:]) * (HALF if layer else 1.0)
        self.position += 1
        hidden = torch.addmm(weights.hidden_bias, functional.relu(total), weights.hidden)
        parameters = torch.addmm(weights.last_bias, functional.relu(hidden), weights.last)
        if len(weights.linear):
            self.recent = torch.cat((self.recent[:, 1:], self.newest[:, None]), dim=1)
            mixtures = parameters.shape[1] // 3
            parameters[:, mixtures : 2 * mixtures] += (self.recent @ weights.linear)[:, None]
        return parameters
