"""The loop over samples of the WaveNet, compiled by numba at first use.

Single precision, one thread; the interpreter lock is released. Matrices are stored (input, output), and eight inputs at
once are multiplied into a row of outputs, so that every instruction works on neighbouring numbers. Sequences side by
side share the weights while these are in the cache. The machine code is kept on disk where numba finds a writable
folder: ``NUMBA_CACHE_DIR``, the package's own, the user's.
"""

import math
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit

from viai.mixture import UNIFORM_EDGE
from viai.networks.residual_stack import HALF

_HALF = np.float32(HALF)
_EDGE = np.float32(UNIFORM_EDGE)
_REACH = np.float32(8.0)
"""Beyond this argument tanh is one to seven digits."""


def _tanh_fraction(depth: int) -> tuple[list[float], list[float]]:
    """Lambert's continued fraction x / (1 + x**2 / (3 + x**2 / (5 + ...))), as two polynomials in x**2."""
    lower, upper = np.polynomial.Polynomial([1.0]), np.polynomial.Polynomial([2.0 * depth - 1])
    for term in range(depth - 1, 0, -1):
        lower, upper = upper, (2 * term - 1) * upper + np.polynomial.Polynomial([0.0, 1.0]) * lower
    scale = upper.coef[0]
    return list(lower.coef / scale), list(upper.coef / scale)


_numerator, _denominator = _tanh_fraction(11)
_P0, _P1, _P2, _P3, _P4, _P5 = (np.float32(value) for value in _numerator)
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5 = (np.float32(value) for value in _denominator)


_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}


# What is compiled is hidden from run-time type checkers: numba cannot compile the wrapper they put around a function.
def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder to keep the machine code in
        return njit(**_OPTIONS)(function)


def compile_without_cache() -> None:
    """Compile anew at the next call and keep nothing on disk, for when writing there has failed."""
    for name in ("fast_tanh", "_add_product", "_draw", "run"):
        globals()[name] = njit(**_OPTIONS)(globals()[name].py_func)


@_compiled
@no_type_check
def fast_tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent to about 1e-6, by arithmetic alone."""
    x = min(max(x, -_REACH), _REACH)
    y = x * x
    numerator = x * (_P0 + y * (_P1 + y * (_P2 + y * (_P3 + y * (_P4 + y * _P5)))))
    return numerator / (_Q0 + y * (_Q1 + y * (_Q2 + y * (_Q3 + y * (_Q4 + y * _Q5)))))


@_compiled
@no_type_check
def _add_product(out: Any, x: Any, weights: Any) -> None:
    """Add ``x @ weights`` to ``out``."""
    batch, inputs = x.shape
    outputs = out.shape[1]
    blocks = inputs // 8 * 8
    for i in range(0, blocks, 8):
        w0, w1, w2, w3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        w4, w5, w6, w7 = weights[i + 4], weights[i + 5], weights[i + 6], weights[i + 7]
        for b in range(batch):
            row = out[b]
            x0, x1, x2, x3 = x[b, i], x[b, i + 1], x[b, i + 2], x[b, i + 3]
            x4, x5, x6, x7 = x[b, i + 4], x[b, i + 5], x[b, i + 6], x[b, i + 7]
            for o in range(outputs):
                row[o] += (x0 * w0[o] + x1 * w1[o] + x2 * w2[o] + x3 * w3[o]) + (
                    x4 * w4[o] + x5 * w5[o] + x6 * w6[o] + x7 * w7[o]
                )
    for i in range(blocks, inputs):
        w0 = weights[i]
        for b in range(batch):
            row = out[b]
            x0 = x[b, i]
            for o in range(outputs):
                row[o] += x0 * w0[o]


@_compiled
@no_type_check
def _draw(parameters: Any, choice: Any, place: Any, temperature: Any, min_log_scale: Any) -> Any:
    """Draw from one mixture, as `viai.mixture.sample` does."""
    mixtures = parameters.shape[0] // 3
    highest = parameters[0]
    for i in range(1, mixtures):
        highest = max(highest, parameters[i])
    mass = np.float32(0.0)
    for i in range(mixtures):
        mass += math.exp(parameters[i] - highest)
    chosen, reached = 0, np.float32(0.0)
    for i in range(mixtures - 1):
        reached += math.exp(parameters[i] - highest) / mass
        if reached <= choice:
            chosen = i + 1
    scale = temperature * math.exp(max(parameters[2 * mixtures + chosen], min_log_scale))
    place = min(max(place, _EDGE), np.float32(1.0) - _EDGE)
    value = parameters[mixtures + chosen] + scale * (math.log(place) - math.log1p(-place))
    return min(max(value, np.float32(-1.0)), np.float32(1.0))


@_compiled
@no_type_check
def run(
    samples: Any,
    forced: Any,
    record: Any,
    newest: Any,
    position: Any,
    rings: Any,
    dilations: Any,
    offsets: Any,
    signals: Any,
    noise: Any,
    temperature: Any,
    min_log_scale: Any,
    first: Any,
    first_bias: Any,
    taps: Any,
    outputs: Any,
    output_biases: Any,
    hidden: Any,
    hidden_bias: Any,
    last: Any,
    last_bias: Any,
    linear: Any,
    recent: Any,
) -> None:
    """Run the network over as many samples as ``samples`` has rows. All arrays are contiguous and of single precision.

    Args:
        samples: (time, batch). Written, or read as the truth if ``forced``.
        forced: Whether the samples are given.
        record: (time, batch, parameter), where the distributions are stored; or (0, batch, parameter).
        newest: (batch,), the sample before the first. Updated.
        position: Number of samples since the rings were filled.
        rings: (slot, batch, residual). Updated.
        dilations: (layer,) int64.
        offsets: (layer,) int64, the first slot of every layer's ring.
        signals: (time, layer, batch, gate), from conditioning and biases.
        noise: (time, batch, 2), uniform in [0, 1].
        temperature: Factor of the scales.
        min_log_scale: Smallest logarithm of a scale.
        first: (residual,).
        first_bias: (residual,).
        taps: (layer, tap, residual, gate), oldest tap first.
        outputs: (layer, gate / 2, residual + skip).
        output_biases: (layer, residual + skip).
        hidden: (skip, skip).
        hidden_bias: (skip,).
        last: (skip, parameter).
        last_bias: (parameter,).
        linear: (linear,), oldest tap first; may be empty.
        recent: (batch, linear), the samples before ``newest``, oldest first. Updated.
    """
    time, batch = samples.shape
    layers, kernel, channels, gates = taps.shape
    half = gates // 2
    skips = hidden.shape[0]
    reach = len(linear)
    mixtures = last.shape[1] // 3
    x = np.empty((batch, channels), np.float32)
    before = np.empty((batch, gates), np.float32)
    gated = np.empty((batch, half), np.float32)
    both = np.empty((batch, channels + skips), np.float32)
    total = np.empty((batch, skips), np.float32)
    middle = np.empty((batch, skips), np.float32)
    parameters = np.empty((batch, last.shape[1]), np.float32)
    for step in range(time):
        total[:] = np.float32(0.0)
        for b in range(batch):
            for c in range(channels):
                x[b, c] = newest[b] * first[c] + first_bias[c]
        for layer in range(layers):
            dilation, offset = dilations[layer], offsets[layer]
            size = (kernel - 1) * dilation
            before[:] = signals[step, layer]
            for tap in range(kernel - 1):
                slot = offset + (position + step + tap * dilation) % size
                _add_product(before, rings[slot], taps[layer, tap])
            _add_product(before, x, taps[layer, kernel - 1])
            rings[offset + (position + step) % size] = x
            for b in range(batch):
                row, filtered, gate = gated[b], before[b, :half], before[b, half:]
                for c in range(half):
                    opened = np.float32(0.5) * fast_tanh(np.float32(0.5) * gate[c]) + np.float32(0.5)
                    row[c] = fast_tanh(filtered[c]) * opened
            both[:] = output_biases[layer]
            _add_product(both, gated, outputs[layer])
            scale = _HALF if layer else np.float32(1.0)
            for b in range(batch):
                for c in range(channels):
                    x[b, c] = (x[b, c] + both[b, c]) * _HALF
                for c in range(skips):
                    total[b, c] = (total[b, c] + both[b, channels + c]) * scale
        np.maximum(total, np.float32(0.0), total)
        middle[:] = hidden_bias
        _add_product(middle, total, hidden)
        np.maximum(middle, np.float32(0.0), middle)
        parameters[:] = last_bias
        _add_product(parameters, middle, last)
        if reach:
            for b in range(batch):
                prediction = np.float32(0.0)
                for tap in range(reach - 1):
                    recent[b, tap] = recent[b, tap + 1]
                    prediction += recent[b, tap] * linear[tap]
                recent[b, reach - 1] = newest[b]
                prediction += newest[b] * linear[reach - 1]
                for mixture in range(mixtures):
                    parameters[b, mixtures + mixture] += prediction
        if len(record):
            record[step] = parameters
        for b in range(batch):
            if not forced:
                samples[step, b] = _draw(
                    parameters[b], noise[step, b, 0], noise[step, b, 1], temperature, min_log_scale
                )
            newest[b] = samples[step, b]
