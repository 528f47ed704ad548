"""WaveNet: from a mel spectrogram and the sound so far to the distribution of the next sample.

Time conventions. Frame ``k`` of the mel spectrogram covers the samples ``[hop * k, hop * k + 4 * hop)``, so its middle
is sample ``hop * (k + 2)``. Output ``t`` describes sample ``t`` and depends on the samples before it only: the shift
by one sample happens in here, and the sample before the first is zero.

References:
    van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016: figures 3 and 4, and section 2.5 on local
    conditioning.
"""

import math
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from viai.config import WaveNetConfig
from viai.networks.residual_stack import HALF, residual_stack

WINDOW_HOPS = 4
"""Length of the analysis window in hops: a sample lies in this many left-aligned frames."""


class Convolution(nn.Conv1d):
    """A convolution with weight norm and a bias.

    ``gain`` is the standard deviation of the output for independent inputs of variance one. It goes into the norm of
    the weights alone: their directions start with the same size everywhere, so that the optimiser turns them all at
    the same speed.
    """

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, dilation: int = 1, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, kernel, dilation=dilation)
        nn.init.normal_(self.weight, std=1.0 / math.sqrt(inputs * kernel))
        nn.init.zeros_(self.bias)
        weight_norm(self)
        with torch.no_grad():
            self.get_parameter("parametrizations.weight.original0").mul_(gain)


class ConditioningUpsampler(nn.Module):
    """Carries mel frames to the rate of the samples.

    A convolution over the neighbouring frames first, then one transposed convolution along time for each factor, with a
    kernel of three along frequency, each followed by ReLU. Along time the kernels are twice as long as the factor, so
    that neighbouring frames blend; they start as linear interpolation of the mel spectrogram itself.

    Every frame lies around the middle of its window: its block runs from ``hop * k + 1.5 * hop`` to
    ``hop * k + 2.5 * hop``, which is sample ``t`` at the place ``(t - 1.5 * hop) / hop`` of the frames.
    """

    def __init__(self, mel_bands: int, factors: Sequence[int], context_frames: int) -> None:
        super().__init__()
        self.hop = math.prod(factors)
        # The middle of the window comes half a window, less half a block, after the beginning of the frame; one frame
        # more on either side because the kernels overlap.
        self.delay = (WINDOW_HOPS - 1) * self.hop // 2
        self.lead = -(-self.delay // self.hop) + 1
        self.pads = (self.lead + context_frames, 1 + context_frames)
        self.context = Convolution(mel_bands, mel_bands, 2 * context_frames + 1, gain=0.1)
        self.stretches = nn.ModuleList()
        for factor in factors:
            length = 2 * factor - factor % 2
            stretch = nn.ConvTranspose2d(1, 1, (3, length), stride=(1, factor), padding=(1, (length - factor) // 2))
            with torch.no_grad():
                stretch.weight.zero_()
                stretch.weight[0, 0, 1] = 1 - (torch.arange(length) - (length - 1) / 2).abs() / factor
                nn.init.zeros_(stretch.get_parameter("bias"))
            self.stretches.append(weight_norm(stretch, dim=1))
        with torch.no_grad():
            weight = self.context.weight.clone()
            weight[:, :, context_frames] += torch.eye(mel_bands)
            self.context.weight = weight

    @property
    def margin(self) -> int:
        """Frames on either side of a stretch of sound that its conditioning depends on, at most."""
        return max(self.pads) + 1

    def forward(self, mel: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch band time"]:
        """Stretch frames to samples.

        Args:
            mel: Levels in [0, 1]. The first and the last frame are repeated beyond the edges.

        Returns:
            As many samples as ``hop`` times the number of frames.
        """
        samples = mel.shape[-1] * self.hop
        picture: Tensor = self.context(functional.pad(mel, self.pads, mode="replicate")).unsqueeze(1)
        for stretch in self.stretches:
            picture = functional.relu(stretch(picture))
        early = self.lead * self.hop - self.delay
        return picture.squeeze(1)[..., early : early + samples]


class ResidualLayer(nn.Module):
    """A gated dilated causal convolution with a residual and a skip output."""

    def __init__(self, config: WaveNetConfig, layer: int, mel_bands: int) -> None:
        super().__init__()
        half = config.gate_channels // 2
        dilation = config.dilations[layer]
        self.padding = (config.kernel - 1) * dilation
        self.dropout = nn.Dropout(config.dropout)
        halvings = config.layers - max(layer, 1)
        # The gate halves a small signal, and the skip sum halves the variance at every layer; the gains make up for
        # both, so that the stream keeps its size and all layers start with an equal part in the sum.
        self.dilated = Convolution(config.residual_channels, config.gate_channels, config.kernel, dilation, gain=1.4)
        self.conditioning = Convolution(mel_bands, config.gate_channels) if mel_bands else None
        self.residual = Convolution(half, config.residual_channels, gain=1.6)
        self.skip = Convolution(half, config.skip_channels, gain=2 / math.sqrt(config.layers) / HALF**halvings)

    def forward(
        self, x: Float[Tensor, "batch residual time"], condition: Float[Tensor, "batch band time"] | None
    ) -> tuple[Float[Tensor, "batch residual time"], Float[Tensor, "batch skip time"]]:
        """Compute the next layer's input and this layer's part of the skip sum."""
        signals: Tensor = self.dilated(functional.pad(self.dropout(x), (self.padding, 0)))
        if self.conditioning is not None:
            signals = signals + self.conditioning(condition)
        filtered, gate = signals.chunk(2, dim=1)
        gated = torch.tanh(filtered) * torch.sigmoid(gate)
        return (x + self.residual(gated)) * HALF, self.skip(gated)

    def gate_matrix(self) -> tuple[Float[Tensor, "gate input"], Float[Tensor, " gate"]]:
        """Weights and biases from the taps, oldest first, and then the conditioning, to the two gate signals."""
        taps = self.dilated.weight.transpose(1, 2).flatten(1)
        if self.conditioning is None:
            return taps, self.dilated.bias
        weight = torch.cat((taps, self.conditioning.weight.squeeze(-1)), dim=1)
        return weight, self.dilated.bias + self.conditioning.bias

    def output_matrix(self) -> tuple[Float[Tensor, "output half"], Float[Tensor, " output"]]:
        """Weights and biases from the gated signal to the residual and then the skip output."""
        weight = torch.cat((self.residual.weight, self.skip.weight)).squeeze(-1)
        return weight, torch.cat((self.residual.bias, self.skip.bias))


class WaveNet(nn.Module):
    """Autoregressive decoder from mel spectrogram to waveform."""

    def __init__(self, config: WaveNetConfig, mel_bands: int = 80) -> None:
        super().__init__()
        self.config = config
        self.mel_bands = mel_bands
        self.upsampler = (
            ConditioningUpsampler(mel_bands, config.upsample_factors, config.context_frames) if mel_bands else None
        )
        # Sound has an effective value of a quarter or less; the layers like one.
        self.first = Convolution(1, config.residual_channels, gain=4.0)
        self.layers = nn.ModuleList(ResidualLayer(config, layer, mel_bands) for layer in range(config.layers))
        self.hidden = Convolution(config.skip_channels, config.skip_channels, gain=math.sqrt(2.0))
        self.last = Convolution(config.skip_channels, 3 * config.mixtures, gain=0.1)
        with torch.no_grad():
            # A broad mixture to start with: means over the range of usual samples, scales of their spacing.
            self.last.bias[config.mixtures : 2 * config.mixtures] = torch.linspace(-0.5, 0.5, config.mixtures)
            self.last.bias[2 * config.mixtures :] = -2.5
            if config.linear_taps:
                # Around the prediction everything is fifty times and e^1.5 times narrower.
                self.last.bias[config.mixtures : 2 * config.mixtures] /= 50
                self.last.bias[2 * config.mixtures :] = -4.0
        # Oldest tap first; to start with, a sample is predicted to be like the one before.
        self.linear = nn.Parameter(torch.eye(1, config.linear_taps).flip(1).flatten())

    def forward(
        self,
        samples: Float[Tensor, "batch time"],
        mel: Float[Tensor, "batch band frame"] | None,
        *,
        start: int = 0,
    ) -> Float[Tensor, "batch parameter time"]:
        """Parameters of the distribution of every sample, given those before it and the mel spectrogram.

        Args:
            samples: Amplitudes in [-1, 1].
            mel: Levels in [0, 1]; None for a network without conditioning.
            start: Position of the first sample in the time of the mel spectrogram, so that a crop can be given frames
                on both sides.

        Returns:
            Three numbers a mixture component, in single precision also under autocast; see `viai.mixture`.

        Raises:
            ValueError: The mel spectrogram does not belong to this network or is too short for the samples.
        """
        condition = self.condition(mel, start, samples.shape[1])
        past = functional.pad(samples, (1, 0))[:, :-1]
        # Fine differences between samples are lost in half precision: both ends are computed in full.
        with torch.autocast(samples.device.type, enabled=False):
            x: Tensor = self.first(past.unsqueeze(1))
        total = self._skip_sum(x, condition)
        with torch.autocast(samples.device.type, enabled=False):
            hidden: Tensor = self.hidden(functional.relu(total.to(samples.dtype)))
            parameters: Tensor = self.last(functional.relu(hidden))
            if taps := self.config.linear_taps:
                prediction = functional.conv1d(
                    functional.pad(past, (taps - 1, 0)).unsqueeze(1), self.linear[None, None]
                )
                logits, means, log_scales = parameters.chunk(3, dim=1)
                parameters = torch.cat((logits, means + prediction, log_scales), dim=1)
        return parameters

    def condition(
        self, mel: Float[Tensor, "batch band frame"] | None, start: int, length: int
    ) -> Float[Tensor, "batch band time"] | None:
        """Bring the mel spectrogram to the rate of the samples, for ``length`` samples from ``start`` on.

        Frames too far away to matter are left out of the computation.
        """
        if self.upsampler is None:
            if mel is not None:
                raise ValueError("this network was built without conditioning and takes no mel spectrogram")
            return None
        if mel is None or mel.shape[1] != self.mel_bands:
            found = "none" if mel is None else f"{mel.shape[1]} bands"
            raise ValueError(f"this network needs a mel spectrogram of {self.mel_bands} bands; found {found}")
        hop, margin = self.upsampler.hop, self.upsampler.margin
        if start < 0 or start + length > mel.shape[2] * hop:
            raise ValueError(
                f"the samples from {start} to {start + length} lie outside the {mel.shape[2]} mel frames, "
                f"which last for {mel.shape[2] * hop} samples"
            )
        first = max(0, start // hop - margin)
        begin = start - first * hop
        with torch.autocast(mel.device.type, enabled=False):
            upsampled: Tensor = self.upsampler(mel[..., first : -(-(start + length) // hop) + margin])
        return upsampled[..., begin : begin + length]

    def gate_matrices(self) -> tuple[Float[Tensor, "layer gate input"], Float[Tensor, "layer gate"]]:
        """Weights and biases before the gates of all layers; see `ResidualLayer.gate_matrix`."""
        weights, biases = zip(*(layer.gate_matrix() for layer in self._residual_layers()), strict=True)
        return torch.stack(weights), torch.stack(biases)

    def output_matrices(self) -> tuple[Float[Tensor, "layer output half"], Float[Tensor, "layer output"]]:
        """Weights and biases after the gates of all layers; see `ResidualLayer.output_matrix`."""
        weights, biases = zip(*(layer.output_matrix() for layer in self._residual_layers()), strict=True)
        return torch.stack(weights), torch.stack(biases)

    def _residual_layers(self) -> Iterable[ResidualLayer]:
        return cast(Iterable[ResidualLayer], self.layers)

    def _skip_sum(self, x: Tensor, condition: Tensor | None) -> Tensor:
        if x.device.type == "cpu" and not (self.training and self.config.dropout):
            return residual_stack(
                x.transpose(1, 2).contiguous(),
                None if condition is None else condition.transpose(1, 2).contiguous(),
                *self.gate_matrices(),
                *self.output_matrices(),
                self.config.dilations,
            ).transpose(1, 2)
        total: Tensor | None = None
        for layer in self.layers:
            x, skip = layer(x, condition)
            total = skip if total is None else (total + skip) * HALF
        assert total is not None
        return total
