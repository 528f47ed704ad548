"""Training of SampleRNN and Visual2Sound, forward or on reversed time, with truncated backpropagation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from hr_common.errors import InputError
from viai.checkpoints import save_network
from viai.config import ViaiConfig
from viai.data.clips import picture_samples, window_frames
from viai.data.windows import BatchLoader
from viai.networks.sample_rnn import quantise
from viai.picture import normalise
from viai.training.loop import MovingAverage, Stateful, learning_rate_factor

REVERSED = "-reversed"
"""Ending of the names of networks that are trained on reversed time."""


@dataclass(frozen=True)
class Stretch:
    """Pieces of sound that are learnt chunk by chunk, with what is seen meanwhile."""

    levels: Int64[Tensor, "batch lead_and_time"]
    """One coarse frame of the past, then whole chunks."""
    frames: UInt8[Tensor, "batch picture 3 height width"]
    """Pictures from the one that is seen at the first level; none at all for a network that only hears."""
    flow: UInt8[Tensor, "batch picture 2 height width"]
    """Motion that led to each; turned over in time together with the sound, but not in sign."""


class Stretches:
    """Cuts stretches out of random windows; those of number ``n`` depend on the seed and ``n`` alone.

    Args:
        windows: Random windows of the training clips.
        config: Rates and lengths.
        is_reversed: Turn the windows over in time.

    Raises:
        InputError: A stretch is longer than a window.
    """

    def __init__(self, windows: BatchLoader, config: ViaiConfig, *, is_reversed: bool) -> None:
        self.windows = windows
        self.config = config
        self.is_reversed = is_reversed
        settings = config.sample_rnn
        self.length = settings.frames[0] + settings.chunk * settings.chunks
        self.pictures = -(-self.length // picture_samples(config))
        if self.pictures > window_frames(config):
            raise InputError(
                f"{settings.chunks} chunks of {settings.chunk} samples are longer than a window of "
                f"{window_frames(config) * picture_samples(config)} samples; make sample_rnn.chunks smaller"
            )

    def __call__(self, number: int) -> Stretch:
        """Read the stretches of a number, counted from 0."""
        batch = self.windows(number)
        samples, frames, flow = batch.samples, batch.frames, batch.flow
        if self.is_reversed:
            samples, frames, flow = samples.flip(1), frames.flip(1), flow.flip(1)
        grid = picture_samples(self.config)
        places = []
        for epoch, index in self.windows.members(number):
            # The 1 keeps these draws apart from those of the window itself.
            rng = np.random.default_rng((self.windows.dataset.seed, epoch, index, 1))
            places.append(int(rng.integers(window_frames(self.config) - self.pictures + 1)))
        cut = torch.stack([row[at * grid : at * grid + self.length] for row, at in zip(samples, places, strict=True)])
        return Stretch(
            quantise(cut, self.config.sample_rnn.levels),
            torch.stack([row[at : at + self.pictures] for row, at in zip(frames, places, strict=True)]),
            torch.stack([row[at : at + self.pictures] for row, at in zip(flow, places, strict=True)]),
        )


class _Memory:
    """States of the recurrent tiers between two chunks, for the whole batch of all processes."""

    def __init__(self, batch: int, width: int, device: torch.device) -> None:
        self.states: Float32[Tensor, "batch 2 hidden"] = torch.zeros(batch, 2, width, device=device)

    def own(self, rank: int, world_size: int) -> Float32[Tensor, "part 2 hidden"]:
        return self.states[rank::world_size]

    def keep(self, states: Float32[Tensor, "part 2 hidden"], world_size: int) -> None:
        """Gather the states of all processes, so that whichever writes the checkpoint holds all of them."""
        states = states.detach().float().contiguous()
        if world_size == 1:
            self.states = states
            return
        parts = [torch.empty_like(states) for _ in range(world_size)]
        torch.distributed.all_gather(parts, states)
        self.states = torch.stack(parts, dim=1).flatten(0, 1)

    def state_dict(self) -> dict[str, Any]:
        return {"states": self.states}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.states = state_dict["states"].to(self.states.device)


class RecurrentStage:
    """Likelihood of the next level, given the true past; one optimiser step a chunk.

    Args:
        name: ``samplernn`` or ``visual2sound``, with the ending ``-reversed`` for one on reversed time.
        network: A :class:`~viai.networks.sample_rnn.SampleRNN` or :class:`~viai.networks.sample_rnn.Visual2Sound`.
        config: All settings.
        stretches: What is learnt, by number.
        fingerprint: Of the data, for the card.
        device: Where it is trained.
        wrap: Shares gradients within a group of processes.
        rank: Number of this process in the group.
        world_size: Processes in the group.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        config: ViaiConfig,
        stretches: Callable[[int], Stretch],
        *,
        fingerprint: Mapping[str, object],
        device: torch.device,
        wrap: Callable[[nn.Module], nn.Module],
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.name = name
        self.config = config
        self.stretches = stretches
        self.fingerprint = fingerprint
        self.device = device
        self.rank = rank
        self.world_size = world_size
        self.network = network.to(device)
        self.parallel_network = wrap(self.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), config.sample_rnn.learning_rate)
        self.average = MovingAverage(self.network, config.training.ema_decay)
        self.memory = _Memory(config.sample_rnn.batch, config.sample_rnn.hidden, device)
        self._number = -1
        self._current: Stretch | None = None

    def parts(self) -> Mapping[str, Stateful]:
        """Everything that training changes."""
        return {"network": self.network, "optimiser": self.optimiser, "average": self.average, "memory": self.memory}

    def update(self, step: int) -> Mapping[str, float]:
        """Raise the likelihood of the chunk of this step."""
        settings = self.config.sample_rnn
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * learning_rate_factor(step, self.config.training)
        number, chunk = divmod(step, settings.chunks)
        stretch = self._stretch(number)
        lead = settings.frames[0]
        start = chunk * settings.chunk
        levels = stretch.levels[:, start : start + lead + settings.chunk].to(self.device)
        begins = torch.full((len(levels),), chunk == 0, device=self.device)
        seen = self._seen(stretch, start + lead)
        self.network.train()
        logits, state = self.parallel_network(levels, self.memory.own(self.rank, self.world_size), begins, *seen)
        loss = functional.cross_entropy(logits.flatten(0, 1), levels[:, lead:].flatten())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.average.update()
        self.memory.keep(state, self.world_size)
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

    def _stretch(self, number: int) -> Stretch:
        if self._current is None or number != self._number:
            self._current, self._number = self.stretches(number), number
        return self._current

    def _seen(self, stretch: Stretch, start: int) -> tuple[Tensor, ...]:
        """Pictures and flow of the chunk that predicts from ``start`` on, and which coarse frame sees which."""
        if stretch.frames.shape[1] == 0:
            return ()
        settings, grid = self.config.sample_rnn, picture_samples(self.config)
        places = torch.arange(start, start + settings.chunk, settings.frames[0]) // grid
        first, stop = int(places[0]), int(places[-1]) + 1
        frames, flow = (part[:, first:stop].to(self.device) for part in (stretch.frames, stretch.flow))
        return normalise(frames), normalise(flow), (places - first).to(self.device)
