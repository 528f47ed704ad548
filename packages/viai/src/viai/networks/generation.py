"""Free running of the WaveNet after a known past, compiled or in plain PyTorch."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from hr_common.device import threads
from viai.mixture import sample
from viai.networks.incremental import CHUNK, IncrementalState, Past
from viai.networks.wavenet import WaveNet

Engine = Literal["auto", "compiled", "eager"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Continuation:
    """A known past and the draws that continue it."""

    past: Float[Tensor, " past"]
    """Known samples in [-1, 1]; may be none. Only the receptive field is looked at."""
    mel: Float[Tensor, "band frame"] | None
    """Levels in [0, 1] from the first sample of ``past`` to the end; None without conditioning."""
    noise: Float[Tensor, "time 2"]
    """Uniform numbers in [0, 1], two for each sample to generate."""
    start: int = 0
    """Position of the first sample of ``past`` in the time of the mel spectrogram."""


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
    """Continue known pasts of one length; see `generate_together`.

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
    mels = [None] * len(past) if mel is None else list(mel)
    continuations = [Continuation(*parts, start) for parts in zip(past, mels, noise, strict=True)]
    return torch.stack(generate_together(network, continuations, temperature=temperature, engine=engine))


@torch.no_grad()
def generate_together(
    network: WaveNet,
    continuations: Sequence[Continuation],
    *,
    temperature: float = 1.0,
    engine: Engine = "auto",
) -> list[Float[Tensor, "_"]]:
    """Continue known pasts, one sample at a time, several sequences of any lengths side by side.

    The result is a function of the arguments alone: one thread works on it, however many there are. Compiled, every
    sequence becomes what it would become alone, to the bit.

    Args:
        network: Trained decoder.
        continuations: What to continue; all of one precision on one device.
        temperature: Factor of the scales of the mixture; less than one is quieter, and less lively.
        engine: ``compiled`` needs numba and single precision; ``auto`` uses it where that is possible.

    Returns:
        For each as many samples in [-1, 1] as there are pairs of noise.

    Raises:
        ImportError: ``compiled`` was asked for and numba does not work here.
    """
    if not continuations:
        return []
    pasts = [
        Past(one.past, None if one.mel is None else one.mel[None], one.start, len(one.noise)) for one in continuations
    ]
    longest = max(past.length for past in pasts)
    noise = torch.stack(
        [functional.pad(one.noise, (0, 0, 0, longest - len(one.noise))) for one in continuations], dim=1
    )
    samples = noise.new_empty(noise.shape[:2], dtype=pasts[0].samples.dtype)
    _run(network, pasts, samples, noise, temperature=temperature, engine=engine)
    return [samples[: past.length, index].clone() for index, past in enumerate(pasts)]


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
    mels = [None] * len(past) if mel is None else [*mel[:, None]]
    pasts = [Past(*parts, start, samples.shape[1]) for parts in zip(past, mels, strict=True)]
    record = samples.new_empty(samples.shape[1], len(samples), 3 * network.config.mixtures)
    _run(network, pasts, samples.T.contiguous(), None, record=record, engine=engine)
    return record.permute(1, 2, 0)


def _run(
    network: WaveNet,
    pasts: Sequence[Past],
    samples: Tensor,
    noise: Tensor | None,
    *,
    engine: Engine,
    temperature: float = 1.0,
    record: Tensor | None = None,
) -> None:
    """Draw ``samples`` (time, batch) from ``noise`` (time, batch, 2), or read them and fill ``record`` without it."""
    was_training = network.training
    network.eval()
    try:
        with threads(1):
            state = IncrementalState(network, pasts)
            run = _run_compiled if _use_compiled(engine, samples) else _run_eager
            run(state, [past.length for past in pasts], samples, noise, temperature, record)
    finally:
        network.train(was_training)


def _chunks(state: IncrementalState, lengths: Sequence[int]) -> Iterator[tuple[int, int, list[int]]]:
    """Go through the time in chunks: from where to where, and which sequences are not yet at their end."""
    active = list(range(len(lengths)))
    for begin in range(0, max(lengths), CHUNK):
        if begin:
            state.next_chunk()
            left = [place for place, index in enumerate(active) if lengths[index] > begin]
            if len(left) < len(active):
                state.keep(left)
                active = [active[place] for place in left]
        yield begin, min(begin + CHUNK, max(lengths)), active


def _use_compiled(engine: Engine, samples: Tensor) -> bool:
    possible = samples.device.type == "cpu" and samples.dtype == torch.float32
    if engine == "eager" or (engine == "auto" and not possible):
        return False
    if not possible:
        raise ValueError(f"the compiled loop works in float32 on the CPU, not in {samples.dtype} on {samples.device}")
    try:
        import viai.networks.wavenet_kernel  # noqa: F401
    except (ImportError, OSError, SystemError) as error:
        if engine == "compiled":
            raise ImportError(f"the compiled loop needs numba, which does not work here: {error}") from error
        logger.warning("numba does not work here (%s); generating with PyTorch, over twenty times slower", error)
        return False
    return True


def _run_eager(
    state: IncrementalState,
    lengths: Sequence[int],
    samples: Tensor,
    noise: Tensor | None,
    temperature: float,
    record: Tensor | None,
) -> None:
    min_log_scale = state.network.config.min_log_scale
    for begin, end, active in _chunks(state, lengths):
        signals = state.signals(state.condition(begin, end))
        for step in range(begin, end):
            parameters = state.step(step - begin, signals[step - begin])
            if record is not None:
                record[step] = parameters
            if noise is not None:
                samples[step, active] = sample(
                    parameters.unsqueeze(2),
                    noise[step, active].unsqueeze(1).to(parameters.dtype),
                    temperature=temperature,
                    min_log_scale=min_log_scale,
                ).squeeze(1)
            state.newest = samples[step, active]


def _run_compiled(
    state: IncrementalState,
    lengths: Sequence[int],
    samples: Tensor,
    noise: Tensor | None,
    temperature: float,
    record: Tensor | None,
) -> None:
    from viai.networks import wavenet_kernel

    config = state.network.config
    matrices = wavenet_kernel.Matrices.of(state.weights)
    for begin, end, active in _chunks(state, lengths):
        drawn = samples[begin:end, active].contiguous()
        uniform = drawn.new_empty(0, len(active), 2) if noise is None else noise[begin:end, active].float()
        stored = drawn.new_empty(0, len(active), 3 * config.mixtures) if record is None else record[begin:end]
        arguments = (
            drawn.numpy(),
            noise is None,
            stored.numpy(),
            state.newest.numpy(),
            state.recent.numpy(),
            state.history.flatten(0, 1).numpy(),
            np.array(state.dilations),
            np.array(state.offsets),
            state.condition(begin, end).flatten(0, 1).numpy(),
            uniform.contiguous().numpy(),
            np.float32(temperature),
            np.float32(config.min_log_scale),
            config.mixtures,
            matrices,
        )
        try:
            wavenet_kernel.run(*arguments)
        except OSError as error:
            # Before its first sample: a full disk, or a folder that cannot be written any more.
            logger.debug("the compiled loop could not be kept on disk: %s", error)
            wavenet_kernel.compile_without_cache()
            wavenet_kernel.run(*arguments)
        samples[begin:end, active] = drawn
