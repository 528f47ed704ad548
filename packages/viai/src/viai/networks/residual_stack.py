"""All residual layers of the WaveNet in one differentiable step, for processors with caches.

The same mathematics as a chain of convolutions, but worked off in pieces of a few thousand samples that stay in the
cache from the gathering of the taps to the gated output. Only the input and the two gate signals of a layer are kept
for the way back. Under autocast matrices are multiplied in the lower precision; sums along the layers stay in the
precision of the input.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

HALF = math.sqrt(0.5)
"""Keeps the variance of a sum of two equals."""
PIECE = 2_048
"""Samples worked off at a time: about a megabyte of gathered taps at 64 channels."""

_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def residual_stack(
    x: Float[Tensor, "batch time residual"],
    condition: Float[Tensor, "batch time band"] | None,
    gate_weights: Float[Tensor, "layer gate input"],
    gate_biases: Float[Tensor, "layer gate"],
    output_weights: Float[Tensor, "layer output half"],
    output_biases: Float[Tensor, "layer output"],
    dilations: Sequence[int],
) -> Float[Tensor, "batch time skip"]:
    """Run the layers and return the running sum of their skip outputs.

    Args:
        x: Input of the first layer; before its beginning there are zeros, in every layer.
        condition: Conditioning at the rate of the samples, the same for all layers; None without.
        gate_weights: From the taps, oldest first, and then the conditioning, to the signals before tanh and before
            the sigmoid.
        gate_biases: Added to those.
        output_weights: From the gated signal to the residual and then the skip output.
        output_biases: Added to those.
        dilations: Distance of the taps of every layer, in samples.
    """
    low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    if condition is None:
        condition = x.new_zeros(*x.shape[:2], 0)
    total: Tensor = _Stack.apply(
        x, condition, gate_weights, gate_biases, output_weights, output_biases, tuple(dilations), low
    )
    return total


def _pieces(batch: int, time: int) -> Iterator[tuple[int, int, int]]:
    for sequence in range(batch):
        for begin in range(0, time, PIECE):
            yield sequence, begin, min(begin + PIECE, time)


def _gather(columns: Tensor, past: Tensor, condition: Tensor, dilation: int, begin: int, end: int) -> Tensor:
    """Lay the taps and the conditioning of the samples from ``begin`` to ``end`` side by side."""
    channels = past.shape[1]
    taps = (columns.shape[1] - condition.shape[1]) // channels
    padding = past.shape[0] - condition.shape[0]
    rows = columns[: end - begin]
    for tap in range(taps):
        shift = padding - (taps - 1 - tap) * dilation
        rows[:, tap * channels : (tap + 1) * channels] = past[begin + shift : end + shift]
    rows[:, taps * channels :] = condition[begin:end]
    return rows


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        condition: Tensor,
        gate_weights: Tensor,
        gate_biases: Tensor,
        output_weights: Tensor,
        output_biases: Tensor,
        dilations: tuple[int, ...],
        low: torch.dtype,
    ) -> Tensor:
        batch, time, channels = x.shape
        half = output_weights.shape[2]
        taps = (gate_weights.shape[2] - condition.shape[2]) // channels
        padding = (taps - 1) * max(dilations)
        condition = condition.to(low)
        gate_weights, gate_biases = gate_weights.to(low), gate_biases.to(low)
        output_weights, output_biases = output_weights.to(low), output_biases.to(low)
        inputs = x.new_zeros(len(dilations), batch, padding + time, channels, dtype=low)
        gates = x.new_empty(len(dilations), batch, time, 2 * half, dtype=low)
        columns = x.new_empty(min(PIECE, time), gate_weights.shape[2], dtype=low)

        stream = x.clone()
        total = x.new_zeros(batch, time, output_weights.shape[1] - channels)
        for layer, dilation in enumerate(dilations):
            # The first skip output stands alone; only sums of two are scaled.
            scale = HALF if layer else 1.0
            inputs[layer, :, padding:] = stream
            for sequence, begin, end in _pieces(batch, time):
                rows = _gather(columns, inputs[layer, sequence], condition[sequence], dilation, begin, end)
                before = torch.addmm(gate_biases[layer], rows, gate_weights[layer].T)
                kept = gates[layer, sequence, begin:end]
                torch.tanh(before[:, :half], out=kept[:, :half])
                torch.sigmoid(before[:, half:], out=kept[:, half:])
                gated = kept[:, :half] * kept[:, half:]
                outputs = torch.addmm(output_biases[layer], gated, output_weights[layer].T)
                stream[sequence, begin:end].add_(outputs[:, :channels]).mul_(HALF)
                total[sequence, begin:end].add_(outputs[:, channels:]).mul_(scale)
        ctx.save_for_backward(inputs, gates, condition, gate_weights, output_weights)
        ctx.dilations = dilations
        ctx.precision = x.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, gates, condition, gate_weights, output_weights = ctx.saved_tensors
        layers, batch, _, channels = inputs.shape
        time, half = gates.shape[2], gates.shape[3] // 2
        padding = inputs.shape[2] - time
        taps = (gate_weights.shape[2] - condition.shape[2]) // channels
        columns = condition.new_empty(min(PIECE, time), gate_weights.shape[2])
        outputs_gradient = condition.new_empty(len(columns), output_weights.shape[1])
        before_gradient = condition.new_empty(len(columns), 2 * half)

        total = gradients[0].clone()
        stream = total.new_zeros(batch, padding + time, channels)
        condition_gradient = torch.zeros_like(condition, dtype=ctx.precision)
        gate_weights_gradient = torch.zeros_like(gate_weights, dtype=ctx.precision)
        gate_biases_gradient = total.new_zeros(layers, 2 * half)
        output_weights_gradient = torch.zeros_like(output_weights, dtype=ctx.precision)
        output_biases_gradient = total.new_zeros(layers, output_weights.shape[1])
        for layer in reversed(range(layers)):
            scale = HALF if layer else 1.0
            # Pieces in the order of time: what a piece adds through its older taps falls on samples whose own
            # gradient has been used already.
            for sequence, begin, end in _pieces(batch, time):
                upstream = stream[sequence, padding + begin : padding + end].mul_(HALF)
                skipped = total[sequence, begin:end].mul_(scale)
                right = outputs_gradient[: end - begin]
                right[:, :channels] = upstream
                right[:, channels:] = skipped
                kept = gates[layer, sequence, begin:end]
                filtered, gate = kept[:, :half], kept[:, half:]
                output_weights_gradient[layer] += right.T @ (filtered * gate)
                output_biases_gradient[layer] += right.sum(0)
                gated_gradient = right @ output_weights[layer]
                middle = before_gradient[: end - begin]
                _tanh_backward(gated_gradient * gate, filtered, grad_input=middle[:, :half])
                _sigmoid_backward(gated_gradient * filtered, gate, grad_input=middle[:, half:])

                rows = _gather(columns, inputs[layer, sequence], condition[sequence], ctx.dilations[layer], begin, end)
                gate_weights_gradient[layer] += middle.T @ rows
                gate_biases_gradient[layer] += middle.sum(0)
                left = middle @ gate_weights[layer]
                for tap in range(taps):
                    shift = padding - (taps - 1 - tap) * ctx.dilations[layer]
                    stream[sequence, begin + shift : end + shift] += left[:, tap * channels : (tap + 1) * channels]
                condition_gradient[sequence, begin:end] += left[:, taps * channels :]
        return (
            stream[:, padding:],
            condition_gradient,
            gate_weights_gradient,
            gate_biases_gradient,
            output_weights_gradient,
            output_biases_gradient,
            None,
            None,
        )
