"""Free running of the WaveNet after a known past, compiled or in plain PyTorch."""

import logging
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common.device import threads
from viai.mixture import sample
from viai.networks.incremental import IncrementalState
from viai.networks.wavenet import WaveNet

Engine = Literal["auto", "compiled", "eager"]

logger = logging.getLogger(__name__)

CHUNK = 512
"""Samples for which the conditioning of all layers is computed at a time."""


@torch.no_grad()
def generate(
    network: WaveNet,
    past: Float[Tensor, "batch past"],
    mel: Float[Tensor, "batch band frame"] | None,
    noise: Float[Tensor, "batch time 2"],
    *,
    start: int = 0,
    temperature: float = 1.0,
    engine: Engine = "auto",
) -> Float[Tensor, "batch time"]:
    """Continue a known past, one sample at a time.

    The result is a function of the arguments alone: one thread works on it, however many there are.

    Args:
        network: Trained decoder.
        past: Known samples in [-1, 1]; may be empty. Only the receptive field is looked at.
        mel: Levels in [0, 1] from the first sample of ``past`` to the end; None without conditioning.
        noise: Uniform numbers in [0, 1], two for each sample to generate.
        start: Position of the first sample of ``past`` in the time of the mel spectrogram.
        temperature: Factor of the scales of the mixture; less than one is quieter, and less lively.
        engine: ``compiled`` needs numba and single precision; ``auto`` uses it where that is possible.

    Returns:
        As many samples in [-1, 1] as there are pairs of noise.

    Raises:
        ImportError: ``compiled`` was asked for and numba does not work here.
    """
    samples = noise.new_empty(noise.shape[:2], dtype=past.dtype)
    _run(network, past, mel, samples, noise, start=start, temperature=temperature, engine=engine)
    return samples


@torch.no_grad()
def incremental_parameters(
    network: WaveNet,
    past: Float[Tensor, "batch past"],
    mel: Float[Tensor, "batch band frame"] | None,
    samples: Float[Tensor, "batch time"],
    *,
    start: int = 0,
    engine: Engine = "auto",
) -> Float[Tensor, "batch parameter time"]:
    """Distribution of every one of given samples, one at a time: the end of ``network(past and samples, mel)``."""
    record = samples.new_empty(samples.shape[1], len(samples), 3 * network.config.mixtures)
    _run(network, past, mel, samples, None, start=start, record=record, engine=engine)
    return record.permute(1, 2, 0)


def _run(
    network: WaveNet,
    past: Tensor,
    mel: Tensor | None,
    samples: Tensor,
    noise: Tensor | None,
    *,
    start: int,
    engine: Engine,
    temperature: float = 1.0,
    record: Tensor | None = None,
) -> None:
    was_training = network.training
    network.eval()
    try:
        with threads(1):
            state = IncrementalState(network, past, mel, start=start)
            if _use_compiled(engine, past):
                _run_compiled(state, samples, noise, temperature, record)
            else:
                _run_eager(state, samples, noise, temperature, record)
    finally:
        network.train(was_training)


def _use_compiled(engine: Engine, past: Tensor) -> bool:
    possible = past.device.type == "cpu" and past.dtype == torch.float32
    if engine == "eager" or (engine == "auto" and not possible):
        return False
    if not possible:
        raise ValueError(f"the compiled loop works in float32 on the CPU, not in {past.dtype} on {past.device}")
    try:
        import viai.networks.wavenet_kernel  # noqa: F401
    except (ImportError, OSError, SystemError) as error:
        if engine == "compiled":
            raise ImportError(f"the compiled loop needs numba, which does not work here: {error}") from error
        logger.warning("numba does not work here (%s); generating with PyTorch, about ten times slower", error)
        return False
    return True


def _run_eager(
    state: IncrementalState, samples: Tensor, noise: Tensor | None, temperature: float, record: Tensor | None
) -> None:
    min_log_scale = state.network.config.min_log_scale
    time = samples.shape[1]
    for begin in range(0, time, CHUNK):
        end = min(begin + CHUNK, time)
        signals = state.signals(begin, end)
        for step in range(begin, end):
            parameters = state.step(signals[step - begin])
            if record is not None:
                record[step] = parameters
            if noise is not None:
                samples[:, step : step + 1] = sample(
                    parameters.unsqueeze(2),
                    noise[:, step : step + 1].to(parameters.dtype),
                    temperature=temperature,
                    min_log_scale=min_log_scale,
                )
            state.newest = samples[:, step]


def _run_compiled(
    state: IncrementalState, samples: Tensor, noise: Tensor | None, temperature: float, record: Tensor | None
) -> None:
    from viai.networks import wavenet_kernel

    weights = state.weights
    matrices = [
        matrix.numpy()
        for matrix in (
            weights.first,
            weights.first_bias,
            weights.taps,
            weights.outputs,
            weights.output_biases,
            weights.hidden,
            weights.hidden_bias,
            weights.last,
            weights.last_bias,
            weights.linear,
        )
    ]
    time, batch = samples.shape[1], len(samples)
    in_time = np.ascontiguousarray(samples.numpy().T)
    uniform = np.empty((time, batch, 2), np.float32)
    if noise is not None:
        uniform[:] = noise.transpose(0, 1).numpy()
    stored = np.empty((0, batch, 3 * state.network.config.mixtures), np.float32) if record is None else record.numpy()
    newest, recent = state.newest.numpy().copy(), state.recent.numpy().copy()
    for begin in range(0, time, CHUNK):
        end = min(begin + CHUNK, time)
        arguments = (
            in_time[begin:end],
            noise is None,
            stored[begin:end],
            newest,
            begin,
            state.rings.numpy(),
            np.array(state.dilations),
            np.array(state.offsets),
            state.signals(begin, end).numpy(),
            uniform[begin:end],
            np.float32(temperature),
            np.float32(state.network.config.min_log_scale),
            *matrices,
            recent,
        )
        try:
            wavenet_kernel.run(*arguments)
        except OSError as error:
            # Before its first sample: a full disk, or a folder that cannot be written any more.
            logger.debug("the compiled loop could not be kept on disk: %s", error)
            wavenet_kernel.compile_without_cache()
            wavenet_kernel.run(*arguments)
    samples.copy_(torch.from_numpy(in_time.T))
