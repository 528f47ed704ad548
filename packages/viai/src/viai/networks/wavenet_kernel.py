"""The loop over samples of the WaveNet, compiled by numba at first use.

Single precision, one thread; the interpreter lock is released. What costs time is to bring the weights to the
processor: they do not fit into its nearer caches. So they are read as rarely as can be. Of the taps of a dilated
convolution only the newest has to wait for the sample before; the older ones, and the conditioning, are computed for a
block of samples at once, as far as the dilation looks back. Sequences side by side share every reading. For each output
the products are added in the same order whatever else is computed beside it, so that a sequence does not depend on the
others.

Matrices are packed into tiles of 64 outputs, which stay in registers, as vectors, while the inputs run through.

The machine code is kept on disk where numba finds a writable folder: ``NUMBA_CACHE_DIR``, the package's own, or the
user's.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic
from torch import Tensor
from torch.nn import functional

from viai.mixture import UNIFORM_EDGE
from viai.networks.incremental import PackedWeights
from viai.networks.residual_stack import HALF

cgutils: Any = untyped_cgutils

LANES = 16
"""Single-precision numbers in a vector of 512 bits; where vectors are shorter, the compiler takes several."""
TILE = 4 * LANES
"""Outputs of a matrix that are computed together."""
ROWS = 4
"""Rows of a product for which a weight is used once it is in a register, if there are as many."""
BLOCK = 16
"""Samples for which what does not wait for the sample before is computed at once."""

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


class Matrices(NamedTuple):
    """The weights in tiles, and biases as long as the outputs of the tiles."""

    first: Any
    """(residual,)."""
    first_bias: Any
    """(residual,)."""
    conditioning: Any
    """(layer, tile, band, lane) to the signals before the gates; no bands without conditioning."""
    taps: Any
    """(layer, tap, tile, residual, lane), oldest tap first."""
    gate_biases: Any
    """(layer, output)."""
    outputs: Any
    """(layer, tile, gate / 2, lane) to the residual and then the skip output."""
    output_biases: Any
    """(layer, output)."""
    hidden: Any
    """(tile, skip, lane)."""
    hidden_bias: Any
    """(output,)."""
    last: Any
    """(tile, skip, lane)."""
    last_bias: Any
    """(output,)."""
    linear: Any
    """(linear,), oldest tap first; may be empty."""

    @classmethod
    def of(cls, weights: PackedWeights) -> "Matrices":
        """Cut the weights of a network into tiles."""
        return cls(
            first=weights.first.numpy(),
            first_bias=weights.first_bias.numpy(),
            conditioning=_tiles(weights.conditioning),
            taps=_tiles(weights.taps),
            gate_biases=_padded(weights.gate_biases).numpy(),
            outputs=_tiles(weights.outputs),
            output_biases=_padded(weights.output_biases).numpy(),
            hidden=_tiles(weights.hidden),
            hidden_bias=_padded(weights.hidden_bias).numpy(),
            last=_tiles(weights.last),
            last_bias=_padded(weights.last_bias).numpy(),
            linear=weights.linear.numpy(),
        )


def _padded(x: Float[Tensor, "*rest output"]) -> Float[Tensor, "*rest tiled"]:
    return functional.pad(x, (0, -x.shape[-1] % TILE))


def _tiles(matrix: Float[Tensor, "*rest input output"]) -> Float[np.ndarray, "*rest tile input lane"]:
    # PyTorch puts memory where vectors are loaded fastest: at multiples of 64 bytes.
    tiles = torch.stack(torch.split(_padded(matrix), TILE, dim=-1), dim=-3)
    result: np.ndarray = tiles.numpy()
    return result


# Nothing that changes the order of sums: what a sequence becomes must not depend on the code around it.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nnan", "nsz"}, "error_model": "numpy"}


# What is compiled is hidden from run-time type checkers: numba cannot compile the wrapper they put around a function.
def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder to keep the machine code in
        return njit(**_OPTIONS)(function)


def compile_without_cache() -> None:
    """Compile anew at the next call and keep nothing on disk, for when writing there has failed."""
    for name in ("fast_tanh", "_gate", "_fill", "_rectify", "_add_product", "_draw", "run"):
        globals()[name] = njit(**_OPTIONS)(globals()[name].py_func)


def _tile_product(rows: int) -> Any:
    """Make what adds ``x @ weights`` to ``out`` for a few rows and one tile, all sums in registers.

    Written in the compiler's own language, because numba has no vectors that stay in registers through a loop.

    Args:
        rows: Number of rows.

    Returns:
        A function of ``out`` (row, output), ``x`` (row, input), the packed ``weights`` (tile, input, lane), the first
        row and the tile. Arrays are contiguous; rows and tiles have to exist.
    """
    vector = ir.VectorType(ir.FloatType(), LANES)
    everywhere = ir.VectorType(ir.IntType(32), LANES)([0] * LANES)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, x, weights = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
        )
        row, tile = arguments[3:]
        size = row.type
        inputs, outputs = (cgutils.unpack_tuple(builder, array.shape)[1] for array in (x, out))

        def vector_at(data: Any, *parts: Any) -> Any:
            return builder.bitcast(builder.gep(data, [reduce(builder.add, parts)]), vector.as_pointer())

        column = builder.mul(tile, size(TILE))
        indices = [builder.add(row, size(r)) for r in range(rows)]
        lanes = [size(begin) for begin in range(0, TILE, LANES)]
        places = [vector_at(out.data, builder.mul(index, outputs), column, lane) for index in indices for lane in lanes]
        # The compiler turns these variables into registers.
        sums = [cgutils.alloca_once_value(builder, builder.load(place, align=4)) for place in places]
        with cgutils.for_range(builder, inputs) as loop:
            begin = builder.mul(builder.add(builder.mul(tile, inputs), loop.index), size(TILE))
            weight = [builder.load(vector_at(weights.data, begin, lane), align=4) for lane in lanes]
            for r, index in enumerate(indices):
                place = builder.gep(x.data, [builder.add(builder.mul(index, inputs), loop.index)])
                single = builder.insert_element(vector(ir.Undefined), builder.load(place), ir.IntType(32)(0))
                number = builder.shuffle_vector(single, vector(ir.Undefined), everywhere)
                for total, factor in zip(sums[r * len(lanes) :], weight, strict=False):
                    product = builder.fmul(number, factor, flags=("contract",))
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        for place, total in zip(places, sums, strict=True):
            builder.store(builder.load(total), place, align=4)
        return context.get_dummy_value()

    @intrinsic
    @no_type_check
    def add_product_of_rows(typing: Any, out: Any, x: Any, weights: Any, row: Any, tile: Any) -> Any:
        return types.void(out, x, weights, types.intp, types.intp), emit

    return add_product_of_rows


_add_product_of_rows = _tile_product(ROWS)
_add_product_of_row = _tile_product(1)


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
def _gate(gated: Any, signals: Any) -> None:
    """Multiply the hyperbolic tangent of the first half by the logistic function of the second."""
    rows, half = gated.shape
    for row in range(rows):
        for c in range(half):
            opened = np.float32(0.5) * fast_tanh(np.float32(0.5) * signals[row, half + c]) + np.float32(0.5)
            gated[row, c] = fast_tanh(signals[row, c]) * opened


@_compiled
@no_type_check
def _fill(out: Any, bias: Any) -> None:
    """Write a bias into every row."""
    rows, outputs = out.shape
    for row in range(rows):
        for o in range(outputs):
            out[row, o] = bias[o]


@_compiled
@no_type_check
def _rectify(out: Any, x: Any) -> None:
    """Write the positive part of the first outputs of every row."""
    rows, outputs = out.shape
    for row in range(rows):
        for o in range(outputs):
            out[row, o] = max(x[row, o], np.float32(0.0))


@_compiled
@no_type_check
def _add_product(out: Any, x: Any, weights: Any) -> None:
    """Add ``x @ weights`` to ``out``; a tile of weights stays in the cache while the rows go by."""
    rows = len(x)
    for tile in range(len(weights)):
        row = 0
        while row + ROWS <= rows:
            _add_product_of_rows(out, x, weights, row, tile)
            row += ROWS
        while row < rows:
            _add_product_of_row(out, x, weights, row, tile)
            row += 1


@_compiled
@no_type_check
def _draw(parameters: Any, mixtures: Any, choice: Any, place: Any, temperature: Any, min_log_scale: Any) -> Any:
    """Draw from one mixture, as `viai.mixture.sample` does."""
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
    recent: Any,
    history: Any,
    dilations: Any,
    offsets: Any,
    condition: Any,
    noise: Any,
    temperature: Any,
    min_log_scale: Any,
    mixtures: Any,
    matrices: Any,
) -> None:
    """Run the network over as many samples as ``samples`` has rows. All arrays are contiguous and of single precision.

    Args:
        samples: (time, batch). Written, or read as the truth if ``forced``.
        forced: Whether the samples are given.
        record: (time, batch, parameter), where the distributions are stored; or (0, batch, parameter).
        newest: (batch,), the sample before the first. Updated.
        recent: (batch, linear), the samples before ``newest``, oldest first. Updated.
        history: (slot * batch, residual), for every layer its inputs of the past and room for those to come. Written.
        dilations: (layer,) int64.
        offsets: (layer,) int64, the first slot of every layer.
        condition: (time * batch, band).
        noise: (time, batch, 2), uniform in [0, 1].
        temperature: Factor of the scales.
        min_log_scale: Smallest logarithm of a scale.
        mixtures: Components of a distribution.
        matrices: See `Matrices`.
    """
    time, batch = samples.shape
    channels, layers = len(matrices.first), len(dilations)
    kernel = matrices.taps.shape[1]
    half, skips = matrices.outputs.shape[2], matrices.hidden.shape[1]
    reach = len(matrices.linear)
    signals = np.empty((layers, BLOCK * batch, matrices.gate_biases.shape[1]), np.float32)
    gated = np.empty((batch, half), np.float32)
    both = np.empty((batch, matrices.output_biases.shape[1]), np.float32)
    total = np.empty((batch, skips), np.float32)
    middle = np.empty((batch, len(matrices.hidden_bias)), np.float32)
    parameters = np.empty((batch, len(matrices.last_bias)), np.float32)
    for step in range(time):
        # Places in a block, and slots, are counted in rows: one for each sequence.
        place = step % BLOCK * batch
        left = (time - step) * batch
        begin = (offsets[0] + (kernel - 1) * dilations[0] + step) * batch
        inputs = history[begin : begin + batch]
        for b in range(batch):
            for c in range(channels):
                inputs[b, c] = newest[b] * matrices.first[c] + matrices.first_bias[c]
        for layer in range(layers):
            dilation = dilations[layer]
            if place == 0:
                block = signals[layer, : min(BLOCK * batch, left)]
                _fill(block, matrices.gate_biases[layer])
                _add_product(block, condition[step * batch : step * batch + len(block)], matrices.conditioning[layer])
            for tap in range(kernel):
                # The largest power of two that the tap looks back divides the block: nothing is missing or done twice.
                ahead = 1
                while 2 * ahead <= min(BLOCK, (kernel - 1 - tap) * dilation):
                    ahead *= 2
                if place % (ahead * batch) == 0:
                    rows = min(ahead * batch, left)
                    begin = (offsets[layer] + step + tap * dilation) * batch
                    _add_product(
                        signals[layer, place : place + rows], history[begin : begin + rows], matrices.taps[layer, tap]
                    )
            _gate(gated, signals[layer, place : place + batch])
            _fill(both, matrices.output_biases[layer])
            _add_product(both, gated, matrices.outputs[layer])
            for b in range(batch):
                for c in range(skips):
                    skip = both[b, channels + c]
                    total[b, c] = (total[b, c] + skip) * _HALF if layer else skip
            if layer + 1 < layers:
                begin = (offsets[layer + 1] + (kernel - 1) * dilations[layer + 1] + step) * batch
                following = history[begin : begin + batch]
                for b in range(batch):
                    for c in range(channels):
                        following[b, c] = (inputs[b, c] + both[b, c]) * _HALF
                inputs = following
        _rectify(total, total)
        _fill(middle, matrices.hidden_bias)
        _add_product(middle, total, matrices.hidden)
        _rectify(total, middle)
        _fill(parameters, matrices.last_bias)
        _add_product(parameters, total, matrices.last)
        if reach:
            for b in range(batch):
                prediction = np.float32(0.0)
                for tap in range(reach - 1):
                    recent[b, tap] = recent[b, tap + 1]
                    prediction += recent[b, tap] * matrices.linear[tap]
                recent[b, reach - 1] = newest[b]
                prediction += newest[b] * matrices.linear[reach - 1]
                for mixture in range(mixtures):
                    parameters[b, mixtures + mixture] += prediction
        if len(record):
            for b in range(batch):
                for parameter in range(3 * mixtures):
                    record[step, b, parameter] = parameters[b, parameter]
        for b in range(batch):
            if not forced:
                samples[step, b] = _draw(
                    parameters[b], mixtures, noise[step, b, 0], noise[step, b, 1], temperature, min_log_scale
                )
            newest[b] = samples[step, b]
