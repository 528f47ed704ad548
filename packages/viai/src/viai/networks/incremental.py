"""The WaveNet one sample at a time: what is kept between samples, and a loop in plain PyTorch.

A layer looks back at its own input, so the last ``(kernel - 1) * dilation`` inputs of every layer are kept. One pass
over the known past finds them; afterwards a sample costs a few small matrix products a layer. Several sequences go side
by side, each as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from viai.networks.residual_stack import HALF

if TYPE_CHECKING:
    from viai.networks.wavenet import WaveNet

CHUNK = 512
"""Samples for which the inputs of all layers are kept before they are moved to the front again."""
STRETCH = 16 * CHUNK
"""Samples for which the conditioning is brought to the rate of the samples at a time."""


@dataclass(frozen=True)
class Past:
    """What a sequence begins with."""

    samples: Float[Tensor, " past"]
    """Known samples in [-1, 1]; may be none. Only the receptive field is looked at."""
    mel: Float[Tensor, "1 band frame"] | None
    """Levels in [0, 1] from the first known sample to the last to come; None without conditioning."""
    start: int
    """Position of the first known sample in the time of the mel spectrogram."""
    length: int
    """Number of samples to come."""


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

    The samples to come are counted from zero, for all sequences alike. ``history`` holds for every layer, from its slot
    in ``offsets`` on, as many of its inputs as it looks back, oldest first, and then those of the present chunk.

    Args:
        network: In the mode and precision in which it shall run.
        pasts: One for each sequence, all of one precision on one device.
    """

    def __init__(self, network: WaveNet, pasts: Sequence[Past]) -> None:
        config = network.config
        self.network = network
        self.weights = PackedWeights.of(network)
        self.dilations = config.dilations
        self.sizes = tuple((config.kernel - 1) * dilation for dilation in self.dilations)
        self.offsets = tuple(sum(self.sizes[:layer]) + layer * CHUNK for layer in range(len(self.sizes)))
        # What the linear prediction looks at, up to the sample before the newest, and then that.
        taps = config.linear_taps
        latest = torch.stack([functional.pad(past.samples, (taps + 1, 0))[-taps - 1 :] for past in pasts])
        self.recent, self.newest = latest[:, :taps].contiguous(), latest[:, taps].contiguous()
        self.history = latest.new_zeros(self.offsets[-1] + self.sizes[-1] + CHUNK, len(pasts), config.residual_channels)
        self._pasts = list(pasts)
        self._conditions: list[Tensor] = []
        # One by one: how a convolution is computed, and so its last digit, may depend on the size of the batch.
        for index, past in enumerate(pasts):
            self._warm_up(index, past)

    def _warm_up(self, index: int, past: Past) -> None:
        """Find the inputs that every layer had for the samples of the past."""
        time = len(past.samples)
        known = min(time, self.network.config.receptive_field - 1)
        if known == 0:
            return
        skipped = time - known
        shifted = past.samples[skipped - 1 : -1] if skipped else functional.pad(past.samples, (1, 0))[:-1]
        condition = self.network.condition(past.mel, past.start + skipped, known)
        x: Tensor = self.network.first(shifted[None, None])
        needed = sum(self.sizes)
        for layer, size, offset in zip(self.network.layers, self.sizes, self.offsets, strict=True):
            kept = min(size, known)
            self.history[offset + size - kept : offset + size, index] = x[0, :, x.shape[2] - kept :].T
            x, _ = layer(x, condition)
            # The layers to come do not look back to the first outputs.
            needed -= size
            x = x[..., max(0, x.shape[2] - needed) :]
            condition = None if condition is None else condition[..., max(0, condition.shape[2] - needed) :]

    def condition(self, begin: int, end: int) -> Float[Tensor, "time batch band"]:
        """Conditioning of the coming samples from ``begin`` to ``end``, within one stretch; no bands without any.

        Zero beyond the end of a sequence.
        """
        start = begin // STRETCH * STRETCH
        if begin == start:
            self._conditions = [self._stretch_of(past, start) for past in self._pasts]
        parts = [whole[begin - start : end - start] for whole in self._conditions]
        return torch.stack([functional.pad(part, (0, 0, 0, end - begin - len(part))) for part in parts], dim=1)

    def _stretch_of(self, past: Past, begin: int) -> Float[Tensor, "time band"]:
        """Conditioning of one sequence from ``begin`` on, up to its end, where its mel spectrogram may end too."""
        length = min(STRETCH, past.length - begin)
        condition = self.network.condition(past.mel, past.start + len(past.samples) + begin, length)
        return past.samples.new_zeros(length, 0) if condition is None else condition[0].T.contiguous()

    def keep(self, sequences: Sequence[int]) -> None:
        """Forget all sequences but these."""
        self._pasts = [self._pasts[index] for index in sequences]
        self._conditions = [self._conditions[index] for index in sequences]
        self.newest, self.recent = self.newest[sequences], self.recent[sequences]
        self.history = self.history[:, sequences].contiguous()

    def next_chunk(self) -> None:
        """Move the last inputs of all layers to where those of the past are, after a whole chunk."""
        for size, offset in zip(self.sizes, self.offsets, strict=True):
            self.history[offset : offset + size] = self.history[offset + CHUNK : offset + CHUNK + size].clone()

    def signals(self, condition: Float[Tensor, "time batch band"]) -> Float[Tensor, "time layer batch gate"]:
        """What conditioning and biases add to the gate signals."""
        together = torch.einsum("tbi,lig->tlbg", condition, self.weights.conditioning)
        return together + self.weights.gate_biases[:, None]

    def step(self, place: int, signals: Float[Tensor, "layer batch gate"]) -> Float[Tensor, "batch parameter"]:
        """Compute the distribution of a sample from ``newest``, the one before it.

        The caller then stores the sample drawn in ``newest``.

        Args:
            place: Which sample of the present chunk.
            signals: From the conditioning.
        """
        weights = self.weights
        x = self.newest[:, None] * weights.first + weights.first_bias
        channels, half = x.shape[1], weights.outputs.shape[1]
        total = x.new_zeros(len(x), weights.hidden.shape[0])
        for layer, (dilation, size, offset) in enumerate(zip(self.dilations, self.sizes, self.offsets, strict=True)):
            present = offset + size + place
            self.history[present] = x
            inputs = [self.history[slot] for slot in range(present - size, present, dilation)]
            before = torch.addmm(signals[layer], torch.cat((*inputs, x), dim=1), weights.taps[layer].flatten(0, 1))
            gated = torch.tanh(before[:, :half]) * torch.sigmoid(before[:, half:])
            outputs = torch.addmm(weights.output_biases[layer], gated, weights.outputs[layer])
            x = (x + outputs[:, :channels]) * HALF
            total = (total + outputs[:, channels:]) * (HALF if layer else 1.0)
        hidden = torch.addmm(weights.hidden_bias, functional.relu(total), weights.hidden)
        parameters = torch.addmm(weights.last_bias, functional.relu(hidden), weights.last)
        if len(weights.linear):
            self.recent = torch.cat((self.recent[:, 1:], self.newest[:, None]), dim=1)
            mixtures = parameters.shape[1] // 3
            parameters[:, mixtures : 2 * mixtures] += (self.recent @ weights.linear)[:, None]
        return parameters
